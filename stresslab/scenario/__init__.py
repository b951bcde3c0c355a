"""The whole question of a review, read, checked and resolved."""
