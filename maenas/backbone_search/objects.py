"""Scores, searchers, spaces and blocks that a caller of the Python API hands in as objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial

from maenas.blocks import Block, SpecError
from maenas.blocks.backbone import register_block
from maenas.nas import Score, SearcherFactory
from maenas.nas.scores.load import register_score
from maenas.nas.searchers.load import register_factory
from maenas.search_spaces import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchObjects:
    """The objects that replace what the options of a search name; None to load it by its name.

    Attributes:
        score: score to maximise.
        searcher: factory of the searcher: its class, or `functools.partial` of it with options.
        space: search space.
    """

    score: Score | None = None
    searcher: SearcherFactory | None = None
    space: Space | None = None

    def digests(self) -> list[str]:
        """Texts of what the names in the options do not tell, for the fingerprint of a run."""
        options = "" if self.searcher is None else options_of(self.searcher)
        return [options] if options else []


def take_blocks(blocks: Sequence[type[Block]]) -> None:
    """Register blocks, so that spaces and specs may name them.

    Raises:
        SpecError: if one is no block, or another block has its name.
    """
    for block in blocks:
        register_block(block)


def take_score(
    score: str | Score, weights: Sequence[float] | None
) -> tuple[str, tuple[float, ...] | None, Score | None]:
    """Name, weights and object of a score; the class of an object is registered under its name.

    Args:
        score: name of a score, which gives no object, or a score, whose options join its name.
        weights: weights of the resolution levels; None for the score's own.
    Raises:
        SpecError: if it is no score, or another score has its name.
    """
    chosen = None if weights is None else tuple(weights)
    if isinstance(score, str):
        return score, chosen, None
    if not isinstance(score, Score):
        raise SpecError(f"score: must be a name or a Score, got {score!r}.")
    register_score(type(score))
    if chosen is not None:
        score = replace(score, weights=chosen)  # type: ignore[type-var]
    usual = {field.name: field.default for field in fields(score)}  # type: ignore[arg-type]
    return score.text, None if score.weights == usual["weights"] else score.weights, score


def take_searcher(searcher: str | SearcherFactory) -> tuple[str, SearcherFactory | None]:
    """Name and factory of a searcher; a factory is registered under its name.

    Raises:
        SpecError: if it makes no searchers, or another searcher has its name.
    """
    if isinstance(searcher, str):
        return searcher, None
    return register_factory(searcher), searcher


def take_space(space: str | Space | None) -> tuple[str | None, Space | None]:
    """Name of a space, and the space itself if it was handed in."""
    return (space.name, space) if isinstance(space, Space) else (space, None)


def options_of(searcher: SearcherFactory) -> str:
    """The options of a factory as text; "" for a class, whose name tells all."""
    if isinstance(searcher, partial):
        return repr((searcher.args, sorted(searcher.keywords.items())))
    return repr(searcher) if is_dataclass(searcher) and not isinstance(searcher, type) else ""
