"""One folder per kind, all of one shape; `KINDS` is the explicit table."""
