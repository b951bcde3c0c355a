"""Labeled results: the data set, its tables and its folder."""
