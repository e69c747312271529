"""The front end: a question becomes a typed plan, validated SQL or a simulation, and a narrated answer."""
