"""Networks of a search as compact columns, which the page decodes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import Block
from maenas.blocks.backbone_file import FORMAT, block_data
from maenas.report.networks import PlainNetwork
from maenas.search_spaces import AnyOf, Space, StageSpace
from maenas.search_spaces.stage import AnyStage

BYTE_VALUES = 256  # values of a gene that fit into one byte


@dataclass(frozen=True, slots=True)
class Column:
    """One cost of many networks.

    Attributes:
        label: name of the cost.
        unit: unit of the values shown.
        values: (n,), costs divided by `divisor` when they are shown.
        divisor: number of base units in the unit shown.
        digits: decimals shown.
    """

    label: str
    unit: str
    values: NDArray[np.float64]
    divisor: float = 1.0
    digits: int = 3


@dataclass(frozen=True, slots=True)
class Candidates:
    """Networks of one space, by index.

    Attributes:
        space: space that decodes the genomes.
        genomes: (n, genes), indices into the values of the genes.
        scores: (n,), score of each network.
        counts: (n,), number of networks that each stands for in a chart; 0 for itself alone.
        columns: costs, the one that charts have as their axis first.
        score_name: name of the score, with its unit.
        names: names of some networks by index; the others are candidates.
        against: network that each of them is drawn beside; None for none.
    """

    space: Space
    genomes: NDArray[np.integer[Any]]
    scores: NDArray[np.float64]
    counts: NDArray[np.integer[Any]]
    columns: Sequence[Column]
    score_name: str
    names: Mapping[int, str] = field(default_factory=dict)
    against: PlainNetwork | None = None

    def coded(self) -> dict[str, Any]:
        """The networks as the page reads them: numbers as base64, each choice of the space once."""
        largest = max((len(gene.values) for gene in self.space.genes), default=0)
        kind = "<u1" if largest <= BYTE_VALUES else "<u2"
        return {
            "coding": coding(self.space),
            "score": self.score_name,
            "columns": [
                {
                    "label": column.label,
                    "unit": column.unit,
                    "digits": column.digits,
                    "values": packed(np.asarray(column.values) / column.divisor, "<f4"),
                }
                for column in self.columns
            ],
            "names": {str(index): name for index, name in self.names.items()},
            "against": None if self.against is None else self.against.coded(),
            "wide": kind == "<u2",
            "genes": packed(self.genomes, kind),
            "scores": packed(self.scores, "<f4"),
            "counts": packed(self.counts, "<u4"),
        }


def coding(space: Space) -> dict[str, Any]:
    """What the page needs to turn a genome into stages and into the text of a spec."""
    example = space.decode(space.origin)
    return {
        "format": FORMAT,
        "in_shape": list(space.in_shape),
        "features": list(space.features),
        "stages": [_coded_stage(space.stages[i], b) for i, b in enumerate(example.stages)],
        "genes": [[gene.stage, gene.field, list(gene.values)] for gene in space.genes],
        "sizes": [list(ops[-1].out_shape[1:]) for ops in example.stage_ops()],
    }


def _coded_stage(stage: AnyStage, example: Block) -> dict[str, object]:
    """The fields of a stage that do not vary; with a choice of blocks also the genes of each."""
    if not isinstance(stage, AnyOf):
        return _fixed(stage, example)
    return {
        "any_of": [
            {"fixed": _fixed(one, _first(one)), "genes": list(one.choices)}
            for one in stage.alternatives
        ]
    }


def _first(stage: StageSpace) -> Block:
    return stage.build({field: values[0] for field, values in stage.choices.items()})


def _fixed(stage: StageSpace, block: Block) -> dict[str, object]:
    """The fields of a block that do not vary."""
    return {key: value for key, value in block_data(block).items() if key not in stage.choices}


def packed(values: NDArray[Any], kind: str) -> str:
    """Numbers as little-endian bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")
