"""`python -m maenas`."""

from maenas.cli import main

main()
