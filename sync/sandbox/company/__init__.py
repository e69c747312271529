"""The seeded company: every document of an invented group of buying entities, as columns, from one seed."""
