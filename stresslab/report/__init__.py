"""Charts and the typeset report."""
