"""The space of one stage: its block, or several to choose from, and the values of their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from itertools import product
from math import prod

from maenas.blocks import Block, SpecError

Value = int | float | str | bool
Values = tuple[Value, ...]
Genome = tuple[int, ...]
BLOCK = "block"  # the choice of a block among those of a stage


def is_category(values: Sequence[Value]) -> bool:
    """Whether values have no order: words, or true and false."""
    return any(isinstance(value, str | bool) for value in values)


@dataclass(frozen=True, slots=True)
class StageSpace:
    """The space of one stage: its block class, its fixed fields and the values of the others.

    Attributes:
        block: block class of the stage.
        fixed: fields with the same value in every network.
        choices: values of the fields that vary, such as `depth` and widths; numbers ascend.
        bottleneck_ratio: smallest and largest `bottleneck_channels` divided by `out_channels`.
    """

    block: type[Block]
    fixed: Mapping[str, object]
    choices: Mapping[str, Values]
    bottleneck_ratio: tuple[float, float]

    @property
    def alternatives(self) -> tuple[StageSpace, ...]:
        """The blocks to choose from: this one."""
        return (self,)

    @property
    def size(self) -> float:
        """Number of combinations of its choices, illegal ones included."""
        return float(prod(len(values) for values in self.choices.values()))

    @property
    def origin(self) -> Genome:
        """The code of the first value of each choice."""
        return (0,) * len(self.choices)

    def chosen(self, values: Mapping[str, Value]) -> StageSpace:
        """The space of the block that some values choose: this one."""
        del values
        return self

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

    def legal_codes(self) -> Iterator[Genome]:
        """Every legal combination of the choices, as indices in lexicographic order."""
        for code in product(*(range(len(values)) for values in self.choices.values())):
            values = {
                field: values[index]
                for (field, values), index in zip(self.choices.items(), code, strict=True)
            }
            if self.is_legal(values):
                yield code

    def values_of(self, field: str) -> Values:
        """All values of a field: its choices, its fixed value, its default; () without the field.

        A value is fixed or a default only in a field of a number, a word or a truth value.
        """
        if field in self.choices:
            return self.choices[field]
        for known in fields(self.block):  # type: ignore[arg-type]
            if known.name == field and known.init:
                value = self.fixed.get(field, known.default)
                return () if value is MISSING else (value,)  # type: ignore[return-value]
        return ()

    @property
    def depth_cap(self) -> int:
        """Largest number of units of this stage."""
        if "depth" in self.choices:
            return int(max(self.choices["depth"]))
        return int(self.fixed.get("depth", 1))  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class AnyOf:
    """The space of a stage with a choice of blocks; it has the interface of `StageSpace`.

    Its first choice, `block`, is the kind of the block. A field that varies in one of the blocks is
    a choice whose values are those of all blocks that have it. Each block has one legal code: a
    choice that it does not have, or that has one value in it, cannot move.

    Attributes:
        alternatives: spaces of the blocks, each of another kind.
    """

    alternatives: tuple[StageSpace, ...]

    @cached_property
    def choices(self) -> Mapping[str, Values]:
        """Values of what varies: the kind of the block, then fields; numbers ascend."""
        named = dict.fromkeys(field for one in self.alternatives for field in one.choices)
        if len({one.values_of("out_channels") for one in self.alternatives}) > 1:
            named.setdefault("out_channels")  # later stages need to know the width
        found: dict[str, Values] = {BLOCK: tuple(one.block.kind for one in self.alternatives)}
        for field in named:
            vary_first = sorted(self.alternatives, key=lambda one: field not in one.choices)
            every = dict.fromkeys(v for one in vary_first for v in one.values_of(field))
            values = tuple(every) if is_category(tuple(every)) else tuple(sorted(every))
            found[field] = values
        return found

    @cached_property
    def fixed(self) -> Mapping[str, object]:
        """Fields with the same value in every network, whatever its block."""
        first, *others = self.alternatives
        return {
            field: value
            for field, value in first.fixed.items()
            if field not in self.choices
            and all(other.fixed.get(field, MISSING) == value for other in others)
        }

    @property
    def size(self) -> float:
        """Number of combinations of the choices of each block, illegal ones included."""
        return sum(one.size for one in self.alternatives)

    @cached_property
    def _indices(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The indices of the values that each choice but the first may have, for each block."""
        choices = [(field, values) for field, values in self.choices.items() if field != BLOCK]
        return tuple(
            tuple(
                tuple(sorted(values.index(value) for value in one.values_of(field))) or (0,)
                for field, values in choices
            )
            for one in self.alternatives
        )

    def nearest(self, kind: int, field: str) -> list[int]:
        """For each index of a choice, the nearest one that a block can have.

        Args:
            kind: index of the block.
            field: name of the choice.
        """
        values = self.choices[field]
        if field == BLOCK:
            return list(range(len(values)))
        allowed = self._indices[kind][[*self.choices].index(field) - 1]
        if is_category(values):
            return [index if index in allowed else allowed[0] for index in range(len(values))]
        return [
            min(allowed, key=lambda other: abs(values[other] - value))  # type: ignore[operator]
            for value in values
        ]

    def allowed(self, kind: int, field: str) -> tuple[int, ...]:
        """Indices of the values of a choice that a block can have."""
        return self._indices[kind][[*self.choices].index(field) - 1]

    def chosen(self, values: Mapping[str, Value]) -> StageSpace:
        """The space of the block that some values choose."""
        return self.alternatives[self.choices[BLOCK].index(values[BLOCK])]

    def build(self, values: Mapping[str, Value]) -> Block:
        """The block that these values choose, with its own of them.

        Raises:
            SpecError: if it is invalid, or cannot have one of the values.
        """
        kind = self.choices[BLOCK].index(values[BLOCK])
        one, indices = self.alternatives[kind], self._indices[kind]
        fields = (field for field in self.choices if field != BLOCK)
        for field, possible in zip(fields, indices, strict=True):
            if self.choices[field].index(values[field]) not in possible:
                raise SpecError(f"{one.block.kind}: {field} cannot be {values[field]}.")
        return one.build(own_values(one, values))

    def is_legal(self, values: Mapping[str, Value]) -> bool:
        """Whether the chosen block can have these values and is legal with them."""
        try:
            self.build(values)
        except SpecError:
            return False
        one = self.chosen(values)
        return one.is_legal(own_values(one, values))

    def legal_codes(self) -> Iterator[Genome]:
        """Every legal combination of the choices, as indices in lexicographic order."""
        names = [field for field in self.choices if field != BLOCK]
        for kind, (one, indices) in enumerate(zip(self.alternatives, self._indices, strict=True)):
            for code in product(*indices):
                values = {
                    field: self.choices[field][index]
                    for field, index in zip(names, code, strict=True)
                }
                if one.is_legal(own_values(one, values)):
                    yield (kind, *code)

    @property
    def origin(self) -> Genome:
        """The code of the first block with the first value of each of its choices."""
        return (0, *(indices[0] for indices in self._indices[0]))

    @property
    def depth_cap(self) -> int:
        """Largest number of units of this stage."""
        return max(one.depth_cap for one in self.alternatives)


def own_values(stage: StageSpace, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of a block's own choices, each as the block has it: 2, where another has 2.0."""
    return {field: known[known.index(values[field])] for field, known in stage.choices.items()}


AnyStage = StageSpace | AnyOf
