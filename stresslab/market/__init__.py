"""Where prices go: one file per price process."""
