"""`maenas checks`: what works on this machine."""

from __future__ import annotations

from maenas.cli.options import Json, Ray


def checks(ray: Ray = None, as_json: Json = False) -> None:
    """Report what works on this machine and on a cluster, and what to install for the rest."""
    from maenas.terminal.checks import print_checks

    print_checks(as_json, ray)
