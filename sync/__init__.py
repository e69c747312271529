"""Mirrors Coupa into a published DuckDB file. See worker.py for the whole story.

Imports nothing, so that `sync.sandbox` loads alone.
"""
