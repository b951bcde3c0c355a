"""The commands, one a module: arguments and messages, and calls into the packages that do the work."""
