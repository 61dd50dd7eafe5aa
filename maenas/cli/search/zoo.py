"""`maenas zoo`: the published models."""

from __future__ import annotations

from maenas.cli.options import Json


def zoo(as_json: Json = False) -> None:
    """List the published models, usable as zoo:NAME wherever a spec is expected."""
    from maenas.detection.zoo import print_zoo

    print_zoo(as_json)
