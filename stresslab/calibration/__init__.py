"""From price history to a market model."""
