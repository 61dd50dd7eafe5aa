"""Latency models that come with the package, one YAML file a device."""
