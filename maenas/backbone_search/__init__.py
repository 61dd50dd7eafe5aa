"""Backbone search: plan, run, certificate, report."""
