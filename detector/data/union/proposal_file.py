"""A proposed union as the text of its file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from maenas.blocks.files.dump import flow
from maenas.detector.data.union.proposal import Place, Proposal
from maenas.detector.data.union.union_file import FORMAT, IGNORE, SPLIT

HEADER = """\
# {command}
# Each class of a data set is mapped to a class of the union, to `ignore` (its boxes are regions to
# ignore), to `split` (a class of its own, named with its data set) or to a list of the classes that
# it may be. Lines with "review:" need a decision: write one name in both data sets to merge them.
"""


def union_text(proposal: Proposal, path: Path, command: str) -> str:
    """The text of the file.

    Args:
        proposal: proposed union.
        path: path that the file will have; relative paths of data sets are written relative to it.
        command: command that made the proposal, for the first line.
    """
    return "".join(f"{line}\n" for line in _lines(proposal, path, command))


def _lines(proposal: Proposal, path: Path, command: str) -> Iterator[str]:
    yield HEADER.format(command=" ".join(command.split())).rstrip()
    yield f"format: {FORMAT}"
    if proposal.labels:
        yield f"labels: {proposal.labels}"
    yield "sources:"
    reviews = _reviews(proposal)
    for index, each in enumerate(proposal.candidates):
        yield f"  {_scalar(each.name)}:"
        yield f"    data: {_scalar(_relative(each.path, path))}"
        if proposal.labels and proposal.published[index]:
            yield f"    labels: {proposal.published[index]}"
        yield "    classes:"
        for name in each.classes:
            place = index, name
            note = f"  # review: {reviews[place]}" if place in reviews else ""
            yield f"      {_entry(name, _value(proposal, place))}{note}"


def _value(proposal: Proposal, place: Place) -> object:
    if place in proposal.apart:
        return SPLIT
    target = proposal.targets[place]
    return [target] if target in (IGNORE, SPLIT) else target  # the name of a class, not the word


def _reviews(proposal: Proposal) -> dict[Place, str]:
    """For each class in question what is asked, and the other classes of the question."""
    found = {}
    for question in proposal.questions:
        for place in question.places:
            others = [proposal.named(each) for each in question.places if each[0] != place[0]]
            also = f"; see {', '.join(others)}" if others else ""
            found[place] = f"{question.what}{also}"
    return found


def _relative(data: Path, path: Path) -> str:
    if data.is_absolute():
        return data.as_posix()
    return Path(os.path.relpath(data, path.parent)).as_posix()


def _entry(name: str, value: object) -> str:
    return flow({name: value})[1:-1]


def _scalar(text: str) -> str:
    return flow({"key": text})[len("{key: ") : -1]
