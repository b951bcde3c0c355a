"""Margin rules of venues, as dated and sourced data."""
