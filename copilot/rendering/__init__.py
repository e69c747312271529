"""Answer to what a surface shows: pure functions, one module per surface. Each escapes data in its own way."""
