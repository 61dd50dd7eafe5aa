"""A search space: the fields that vary in each stage and their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Any

from maenas.blocks import Backbone, Block, Shape, SpecError
from maenas.blocks.files.strict import parse
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.search_spaces.stage import BLOCK, AnyStage, Genome, Value, is_category
from maenas.search_spaces.stage_file import parse_stage

FORMAT = "maenas/space@1"


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene: a field of a stage that varies, or its block, and the possible values.

    Attributes:
        stage: index of the stage.
        field: name of the field, or "block".
        values: numbers, ascending, or values without an order: words, or true and false.
    """

    stage: int
    field: str
    values: tuple[Value, ...]

    @property
    def is_category(self) -> bool:
        """Whether the values have no order."""
        return is_category(self.values)

    def __str__(self) -> str:
        return f"stages[{self.stage}].{self.field}"


@dataclass(frozen=True, slots=True)
class Space:
    """All backbones that a search may propose.

    A genome has one index into `values` for each of `genes`; `decode` turns it into a backbone.

    Attributes:
        name: name of the space file.
        stages: stage spaces in order, the stem first.
        features: indices of the stages whose outputs the neck receives.
        in_shape: (channels, height, width) of the image in pixels.
        widths_never_shrink: whether `out_channels` may only grow from stage to stage.
    """

    name: str
    stages: tuple[AnyStage, ...]
    features: tuple[int, ...]
    in_shape: Shape
    widths_never_shrink: bool = True

    @property
    def genes(self) -> tuple[Gene, ...]:
        """The fields that vary, in order of the stages."""
        return tuple(
            Gene(index, field, values)
            for index, stage in enumerate(self.stages)
            for field, values in stage.choices.items()
        )

    @property
    def origin(self) -> Genome:
        """The genome of the first value of each gene; of a choice of blocks, of the first block.

        It is a network of the space's shape: strides and levels are those of all others. Its
        bottleneck ratio may be out of range.
        """
        return tuple(index for stage in self.stages for index in stage.origin)

    @property
    def size(self) -> float:
        """Number of genomes, illegal ones included; each block has only its own choices."""
        return float(prod(stage.size for stage in self.stages))

    @property
    def depth_caps(self) -> tuple[int, ...]:
        """Largest number of units of each stage; this and the layer budget affect a search most."""
        return tuple(stage.depth_cap for stage in self.stages)

    def decode(self, genome: Sequence[int]) -> Backbone:
        """The backbone of a genome.

        Raises:
            SpecError: if a value is invalid for its block.
        """
        values: list[dict[str, Value]] = [{} for _ in self.stages]
        for gene, index in zip(self.genes, genome, strict=True):
            values[gene.stage][gene.field] = gene.values[index]
        blocks = (stage.build(chosen) for stage, chosen in zip(self.stages, values, strict=True))
        return Backbone(tuple(blocks), self.features, self.in_shape)

    def encode(self, backbone: Backbone) -> Genome:
        """The genome of a backbone.

        Raises:
            SpecError: if the backbone is not in the space; names what differs.
        """
        if len(backbone.stages) != len(self.stages):
            raise SpecError(
                f"space {self.name}: has {len(self.stages)} stages, got {len(backbone.stages)}."
            )
        kinds = [self._kind_of(index, block) for index, block in enumerate(backbone.stages)]
        genome = tuple(self._index_of(gene, backbone, kinds[gene.stage]) for gene in self.genes)
        self._check_same(self.decode(genome), backbone)
        return genome

    def _kind_of(self, index: int, block: Block) -> int:
        """Which of the blocks of a stage a block is."""
        blocks = [one.block for one in self.stages[index].alternatives]
        for kind, known in enumerate(blocks):
            if isinstance(block, known):
                return kind
        names = [known.kind for known in blocks]
        known_as = f"a {names[0]}" if len(names) == 1 else f"one of {', '.join(names)}"
        raise SpecError(f"space {self.name}: stages[{index}] is {known_as}, got {block.kind}.")

    def _index_of(self, gene: Gene, backbone: Backbone, kind: int) -> int:
        """The index of a gene's value in a backbone; 0 if the chosen block has no such field."""
        if gene.field == BLOCK:
            return kind
        own = self.stages[gene.stage].alternatives[kind].values_of(gene.field)
        if not own:
            return 0
        value = getattr(backbone.stages[gene.stage], gene.field)
        if len(own) == 1:  # not a choice of this block; `_check_same` compares it
            return gene.values.index(own[0])
        if value not in own:
            several = (
                ", ".join(map(str, own)) if is_category(own) else f"from {own[0]} to {own[-1]}"
            )
            raise SpecError(
                f"space {self.name}: {gene} = {value} is not among its {len(own)} values {several}."
            )
        return gene.values.index(value)

    def _check_same(self, ours: Backbone, backbone: Backbone) -> None:
        """Raise `SpecError` if a backbone differs in a field that does not vary."""
        for index, (mine, other) in enumerate(zip(ours.stages, backbone.stages, strict=True)):
            for field in fields(mine):  # type: ignore[arg-type]
                if getattr(mine, field.name) != getattr(other, field.name):
                    raise SpecError(
                        f"space {self.name}: stages[{index}].{field.name} is "
                        f"{getattr(mine, field.name)}, got {getattr(other, field.name)}."
                    )
        for name in ("features", "in_shape"):
            if getattr(ours, name) != getattr(backbone, name):
                raise SpecError(
                    f"space {self.name}: {name} is {list(getattr(ours, name))}, "
                    f"got {list(getattr(backbone, name))}."
                )

    def legal_codes(self, stage: int) -> Iterator[Genome]:
        """Every legal combination of one stage's choices, as indices in lexicographic order."""
        return self.stages[stage].legal_codes()


def load_space(name: str) -> Space:
    """A bundled space by name, or the space in a file by path.

    Raises:
        SpecError: if the space cannot be used; names file, key and cause.
    """
    if name in space_names():
        path = Path(str(files("maenas.search_spaces") / f"{name}.yaml"))
    elif is_yaml(name):
        path = Path(name)
    else:
        raise SpecError(
            f"space: no bundled space {name!r}{did_you_mean(name, space_names())}; "
            "a file of your own ends in .yaml."
        )
    return parse_space(read_yaml(path, FORMAT), path)


def own_size(space: str | Space | None) -> tuple[int, int] | None:
    """(height, width) that a space of the user's own states; None for a bundled one, or none.

    Templates of several sizes are searched in a bundled space, so it leaves the size to them.

    Raises:
        SpecError: if the file of the space cannot be used.
    """
    if space is None:
        return None
    if isinstance(space, str):
        if space in space_names():
            return None
        space = load_space(space)
    elif space.name in space_names() and space == load_space(space.name):
        return None
    return space.in_shape[1:]


def space_names() -> list[str]:
    """Names of the bundled spaces."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files("maenas.search_spaces").iterdir()
        if path.name.endswith(".yaml")
    )


@dataclass(frozen=True, slots=True)
class SpaceFile:
    """A search space: the stages of a backbone, and the values that vary in each.

    Attributes:
        stages: blocks in order; a field has one value, a list of values, or min, max and step; a
            stage with a choice of blocks has a list of them as `any_of`.
        features: indices of the stages whose outputs the neck receives.
        in_shape: (channels, height, width) of the image in pixels; `--input-size` and `--channels`
            change it, and a bundled space has the size of the template.
        about: description for users.
        widths_never_shrink: whether `out_channels` may only grow from stage to stage.
        bottleneck_ratio: smallest and largest `bottleneck_channels` divided by `out_channels`.
    """

    stages: tuple[dict[str, Any], ...]
    features: tuple[int, ...]
    in_shape: Shape
    about: str = ""
    widths_never_shrink: bool = True
    bottleneck_ratio: tuple[float, float] = (0.0, float("inf"))


def parse_space(data: dict[str, Any], path: Path) -> Space:
    """A space from the plain data of its file; builds its smallest network as a check."""
    file = parse(SpaceFile, data, str(path))
    stages = tuple(
        parse_stage(stage, file.bottleneck_ratio, f"{path}: stages[{index}]")
        for index, stage in enumerate(file.stages)
    )
    space = Space(path.stem, stages, file.features, file.in_shape, file.widths_never_shrink)
    try:
        space.decode(space.origin)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    if not space.genes:
        raise SpecError(f"{path}: stages: nothing varies; give a field several values.")
    _check_sizes(space, path)
    if space.widths_never_shrink:
        _check_widths(space, path)
    return space


def _check_sizes(space: Space, path: Path) -> None:
    """Raise `SpecError` if the blocks of a stage leave maps of different sizes."""
    smallest = space.decode(space.origin)
    shape = space.in_shape
    for index, (stage, ops) in enumerate(zip(space.stages, smallest.stage_ops(), strict=True)):
        for one in stage.alternatives[1:]:
            first = {field: values[0] for field, values in one.choices.items()}
            *_, last = one.build(first).ops(shape)
            if last.out_shape[1:] != ops[-1].out_shape[1:]:
                raise SpecError(
                    f"{path}: stages[{index}].any_of: all blocks must leave maps of one size, got "
                    f"{list(ops[-1].out_shape[1:])} of {smallest.stages[index].kind} and "
                    f"{list(last.out_shape[1:])} of {one.block.kind}."
                )
        shape = ops[-1].out_shape


def _check_widths(space: Space, path: Path) -> None:
    """Raise `SpecError` if all widths of a stage are smaller than all its input widths."""
    narrowest: Value = 0
    for index, stage in enumerate(space.stages):
        fixed = stage.fixed.get("out_channels")
        widths = stage.choices.get("out_channels", () if fixed is None else (fixed,))
        wide_enough = [width for width in widths if width >= narrowest]  # type: ignore[operator]
        if widths and not wide_enough:
            raise SpecError(
                f"{path}: stages[{index}].out_channels: must reach {narrowest}, the least width of "
                f"the stages before; got at most {max(widths)}."  # type: ignore[type-var]
            )
        narrowest = min(wide_enough, default=narrowest)  # type: ignore[type-var,assignment]
