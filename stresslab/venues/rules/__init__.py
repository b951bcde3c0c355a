"""The switches of a venue's margin rules: small pure functions, each looked up by the name that a rule pack states."""
