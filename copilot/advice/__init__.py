"""Opportunities told as answers: one form for all of them, from the typed outcome to sentences and a table."""
