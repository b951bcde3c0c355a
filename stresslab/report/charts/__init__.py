"""Charts: one figure a function, each drawn from the dataset alone, on its own figure or on axes that are given."""
