"""The use case of a search: plan, run, certificate, report."""
