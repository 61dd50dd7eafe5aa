"""Latency models bundled with the package, one YAML file per device."""
