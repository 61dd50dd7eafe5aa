"""`python -m maenas`."""

from maenas.cli import run

run()
