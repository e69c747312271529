"""Mirrors Coupa into a published DuckDB file. See worker.py for the whole story."""
