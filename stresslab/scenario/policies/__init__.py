"""Policies as files state them: one file a kind, with its table and its checks, and one row in `policy_reading`."""
