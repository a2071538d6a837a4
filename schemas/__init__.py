"""One JSON Schema per kind, made from the kinds' field tables by `docs/generate.py`."""
