"""Text in, documents out: strict YAML with positions, JSON Schema, references and profiles."""
