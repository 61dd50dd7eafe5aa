"""A search space: the fields that vary in each stage and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from itertools import product
from math import inf, prod
from pathlib import Path
from typing import Any

from maenas.blocks import Backbone, Block, Shape, SpecError
from maenas.blocks.backbone import block_class
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml

FORMAT = "maenas/space@1"
MAX_VALUES = 10_000  # values of one gene; genomes hold 16-bit indices
MAX_COMBINATIONS = 1_000_000  # combinations of one stage's choices; each of them is built
Value = int | float
Genome = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StageSpace:
    """The space of one stage: its block class, its fixed fields and the values of the others.

    Attributes:
        block: block class of the stage.
        fixed: fields with the same value in every network.
        choices: ascending values of the fields that vary, such as `depth` and widths.
        bottleneck_ratio: smallest and largest `bottleneck_channels` divided by `out_channels`.
    """

    block: type[Block]
    fixed: Mapping[str, object]
    choices: Mapping[str, tuple[Value, ...]]
    bottleneck_ratio: tuple[float, float]

    def build(self, values: Mapping[str, Value]) -> Block:
        """The block with these values for its varying fields."""
        return self.block(**self.fixed, **values)

    def is_legal(self, values: Mapping[str, Value]) -> bool:
        """Whether the block is valid and its bottleneck ratio is within the range."""
        try:
            block = self.build(values)
        except SpecError:
            return False
        bottleneck = getattr(block, "bottleneck_channels", None)
        if bottleneck is None:
            return True
        low, high = self.bottleneck_ratio
        out_channels: int = block.out_channels  # type: ignore[attr-defined]
        return bool(low * out_channels <= bottleneck <= high * out_channels)

    @property
    def depth_cap(self) -> int:
        """Largest number of units of this stage."""
        if "depth" in self.choices:
            return int(max(self.choices["depth"]))
        return int(self.fixed.get("depth", 1))  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True, slots=True)
class Gene:
    """A gene: a field of a stage that varies, and its possible values, ascending."""

    stage: int
    field: str
    values: tuple[Value, ...]

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
    stages: tuple[StageSpace, ...]
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
    def size(self) -> float:
        """Number of genomes, illegal ones included."""
        return float(prod(len(gene.values) for gene in self.genes))

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
        for index, (stage, block) in enumerate(zip(self.stages, backbone.stages, strict=True)):
            if not isinstance(block, stage.block):
                raise SpecError(
                    f"space {self.name}: stages[{index}] is a {stage.block.kind}, got {block.kind}."
                )
        genome = []
        for gene in self.genes:
            value = getattr(backbone.stages[gene.stage], gene.field)
            if value not in gene.values:
                raise SpecError(
                    f"space {self.name}: {gene} = {value} is not among its {len(gene.values)} "
                    f"values from {gene.values[0]} to {gene.values[-1]}."
                )
            genome.append(gene.values.index(value))
        self._check_same(self.decode(genome), backbone)
        return tuple(genome)

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
        choices = self.stages[stage].choices
        for code in product(*(range(len(values)) for values in choices.values())):
            values = {
                field: choices[field][index] for field, index in zip(choices, code, strict=True)
            }
            if self.stages[stage].is_legal(values):
                yield code


def load_space(name: str) -> Space:
    """A bundled space by name, or the space in a file by path.

    Raises:
        SpecError: if the space cannot be used; names file, key and cause.
    """
    if name in space_names():
        path = Path(str(files("maenas.search_spaces") / f"{name}.yaml"))
    elif Path(name).suffix in (".yaml", ".yml"):
        path = Path(name)
    else:
        raise SpecError(
            f"space: no bundled space {name!r}{did_you_mean(name, space_names())}; "
            "a file of your own ends in .yaml."
        )
    return parse_space(read_yaml(path, FORMAT), path)


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
        stages: blocks in order; a field has one value, a list of values, or min, max and step.
        features: indices of the stages whose outputs the neck receives.
        in_shape: (channels, height, width) of the image in pixels.
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


@dataclass(frozen=True, slots=True)
class ValueRange:
    """A range of values.

    Attributes:
        min: smallest value.
        max: largest value.
        step: distance of two values.
    """

    min: Value
    max: Value
    step: Value = 1


def parse_space(data: dict[str, Any], path: Path) -> Space:
    """A space from the plain data of its file; builds its smallest network as a check."""
    file = parse(SpaceFile, data, str(path))
    stages = tuple(
        _parse_stage(stage, file.bottleneck_ratio, f"{path}: stages[{index}]")
        for index, stage in enumerate(file.stages)
    )
    space = Space(path.stem, stages, file.features, file.in_shape, file.widths_never_shrink)
    for index, stage in enumerate(stages):
        combinations = prod(len(values) for values in stage.choices.values())
        if combinations > MAX_COMBINATIONS:
            raise SpecError(
                f"{path}: stages[{index}]: {combinations:,} combinations of its values are too "
                f"many (at most {MAX_COMBINATIONS:,}); take larger steps."
            )
        if next(space.legal_codes(index), None) is None:
            raise SpecError(f"{path}: stages[{index}]: no combination of its values is legal.")
    try:
        space.decode([0] * len(space.genes))
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    if not space.genes:
        raise SpecError(f"{path}: stages: nothing varies; give a field several values.")
    if space.widths_never_shrink:
        _check_widths(space, path)
    return space


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


def _parse_stage(data: Mapping[str, Any], ratio: tuple[float, float], where: str) -> StageSpace:
    block = block_class(data.get("block"), where)
    known = {field.name: field for field in fields(block) if field.init}  # type: ignore[arg-type]
    fixed: dict[str, object] = {}
    choices: dict[str, tuple[Value, ...]] = {}
    for key, value in data.items():
        if key == "block":
            continue
        if key not in known:
            raise SpecError(f"{where}.{key}: no such field{did_you_mean(key, [*known])}")
        if isinstance(value, dict | list | tuple):
            values = _parse_values(value, f"{where}.{key}")
            if len(values) > 1:
                choices[key] = values
            else:
                fixed[key] = values[0]
        else:
            fixed[key] = value
    for name, field in known.items():
        if field.default is MISSING and name not in data:
            raise SpecError(f"{where}.{name}: is missing.")
    if "stride" in choices:
        raise SpecError(
            f"{where}.stride: cannot vary: the resolution of all later stages depends on it."
        )
    # Check each value with the first values of all other fields: the strict parser checks its type
    # and the block checks its range.
    first = {key: values[0] for key, values in choices.items()}
    parse(block, {**fixed, **first}, where)
    for key, values in choices.items():
        for value in values[1:]:
            parse(block, {**fixed, **first, key: value}, where)
    return StageSpace(block, fixed, choices, ratio)


def _parse_values(data: object, where: str) -> tuple[Value, ...]:
    """Ascending values from a list or {min, max, step}."""
    if isinstance(data, dict):
        steps = parse(ValueRange, data, where)
        if not (-inf < steps.min <= steps.max < inf and 0 < steps.step < inf):
            raise SpecError(
                f"{where}: min must not exceed max and step must be positive, "
                f"got min {steps.min}, max {steps.max}, step {steps.step}."
            )
        last = (steps.max - steps.min) / steps.step + 1e-9
        if last >= MAX_VALUES:
            raise SpecError(f"{where}: more than {MAX_VALUES:,} values; take a larger step.")
        # Rounding makes a step of 0.1 give 1.2 instead of 1.2000000000000002.
        return tuple(round(steps.min + index * steps.step, 9) for index in range(int(last) + 1))
    values = tuple(data) if isinstance(data, list | tuple) else ()
    if not values or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        came = list(data) if isinstance(data, tuple) else data
        raise SpecError(f"{where}: must be a list of numbers or min, max, step; got {came}.")
    if list(values) != sorted(set(values)):
        raise SpecError(f"{where}: values must ascend without repeats, got {list(values)}.")
    return values
