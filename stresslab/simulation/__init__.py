"""Market and margin together, path by path."""
