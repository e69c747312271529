"""A question in plain words becomes a typed plan, or a question back, or a refusal."""
