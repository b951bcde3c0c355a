"""Collateral as a decision: how much each position needs, how to split a budget, and what to pool."""
