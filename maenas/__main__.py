"""`python -m maenas`."""

from maenas.cli.entry import run

run()
