"""From figures to sentences: formatting, templates, and the scanner that rejects a number nobody computed."""
