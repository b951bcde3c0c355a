"""Forecasts of the past, held against what happened: the score of a market model."""
