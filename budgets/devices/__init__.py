"""The bundled device models."""
