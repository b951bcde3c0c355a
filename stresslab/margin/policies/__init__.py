"""Policies in the loop: one file a kind. What a policy is, `stresslab.book.policies` says; here is what it does."""
