"""Numbered migrations of the state store, run by Alembic when the store is opened."""
