"""Facts of named crashes, one file each, with their sources."""
