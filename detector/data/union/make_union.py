"""Writing of a proposed union of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.detector.data.dataset import DataError
from maenas.detector.data.paths import source_names
from maenas.detector.data.readers.read import names_of
from maenas.detector.data.union.label_union import PUBLISHED, label_union
from maenas.detector.data.union.proposal import Candidate, Proposal, propose
from maenas.detector.data.union.proposal_file import union_text


def proposed_union(paths: Sequence[Path], labels: str | None = None) -> Proposal:
    """A proposal for the union of data sets.

    Args:
        paths: data sets, as in `read_dataset`.
        labels: published union whose classes come first.
    Raises:
        DataError: if there are fewer than two data sets, one is given twice or cannot be read.
        SpecError: if there is no such published union.
    """
    if len(paths) < 2:
        raise DataError(f"union: needs at least two data sets, got {len(paths)}.")
    first: dict[Path, Path] = {}
    for path in paths:
        same = first.setdefault(path.resolve(), path)
        if same is not path:
            raise DataError(f"union: {path} is given twice; name each data set once.")
    known = label_union(labels or PUBLISHED[0])
    names = source_names(paths)
    candidates = [
        Candidate(name, path, names_of(path)) for name, path in zip(names, paths, strict=True)
    ]
    return propose(candidates, known, labels is not None)


def write_union(proposal: Proposal, out: Path, command: str, exist_ok: bool = False) -> None:
    """Write the file of a union.

    Raises:
        DataError: if the file exists and `exist_ok` is false.
        SpecError: if it cannot be written.
    """
    if out.is_dir():
        raise SpecError(
            f"--out: {out} is a folder; name a file in it, such as {out / 'union.yaml'}."
        )
    if out.exists() and not exist_ok:
        raise DataError(f"{out}: exists; choose another --out, or replace it with --exist-ok.")
    write_text(out, union_text(proposal, out, command))
