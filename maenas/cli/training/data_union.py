"""`maenas data union`: propose the union of several data sets."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import A_DATA_SET, Json

if TYPE_CHECKING:
    from maenas.detector.data.union.proposal import Proposal

LOG = logging.getLogger(__name__)
MOST_MERGED = 20  # merged classes that are listed


def union_data(
    sources: Annotated[
        list[Path],
        typer.Argument(help=f"Data sets, each a {A_DATA_SET}.", metavar="DATA"),
    ],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("union.yaml"),
    labels: Annotated[
        str | None,
        typer.Option(
            help="Published union whose classes come first: coco-objects365-openimages-701. (none)"
        ),
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the file if it exists.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Propose which classes of several data sets are one class, to train one detector on all.

    Names that differ in case, separators or plural, and synonyms, become one class. Names with
    several meanings, such as mouse, are kept apart: the file marks them, and a person decides.
    """
    import maenas
    from maenas.terminal.console import OUT, print_json

    proposal = maenas.union_data(sources, out, labels=labels, exist_ok=exist_ok)
    if as_json:
        print_json(proposal.to_json())
        return
    for line in _lines(proposal):
        OUT.print(line)
    for question in proposal.questions:
        places = ", ".join(proposal.named(place) for place in question.places)
        LOG.warning(f"review: {question.what} ({places})")
    OUT.print(f"written: {out}; edit it, then: maenas data check {out}")


def _lines(proposal: Proposal) -> list[str]:
    """Data sets, number of classes, and merged classes."""
    from maenas.terminal.console import count_of

    lines = []
    for index, each in enumerate(proposal.candidates):
        known = proposal.published[index]
        note = f", those of {known}" if known else ""
        lines.append(f"{each.name}: {count_of(len(each.classes), 'class')}{note}")
    merged = proposal.merged()
    lines.append(
        f"union: {count_of(len(proposal.names()), 'class')}, "
        f"{len(merged):,} of them in several data sets"
    )
    for target, places in list(merged.items())[:MOST_MERGED]:
        lines.append(f"  {target} = {', '.join(proposal.named(place) for place in places)}")
    if len(merged) > MOST_MERGED:
        lines.append(f"  and {len(merged) - MOST_MERGED:,} more")
    return lines
