"""Vetted metrics: YAML in, correct SQL out. See layer.py for the whole story."""
