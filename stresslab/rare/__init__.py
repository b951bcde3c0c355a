"""Liquidations too rare to be counted: likeliest breach, pilot run, weighted estimate."""
