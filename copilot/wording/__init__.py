"""Figures, periods and names of the data as people read them: the one place where a value becomes text."""
