"""Editing the served company while it is read: records come, change and go, as in a real instance in use."""
