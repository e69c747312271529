"""Governed simulations: each returns a frozen outcome with its assumptions, seed, bands and checks."""
