"""`python -m maenas`."""

from maenas.cli.app import run

run()
