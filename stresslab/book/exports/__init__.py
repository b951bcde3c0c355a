"""Positions as venues export them: tables of columns, one module a venue, and their way into a book."""
