"""A stage of a space file: its block or blocks, and the values of their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from math import inf, prod
from typing import Any

from maenas.blocks import SpecError
from maenas.blocks.backbone import block_class
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean, name_of, shown
from maenas.search_spaces.stage import (
    BLOCK,
    AnyOf,
    AnyStage,
    StageSpace,
    Values,
    is_category,
)

MAX_VALUES = 10_000  # values of one gene; genomes hold 16-bit indices
MAX_COMBINATIONS = 1_000_000  # combinations of one stage's choices; each of them is built
MAX_CODES = 20_000_000  # codes of a stage with several blocks, illegal ones included
ALTERNATIVES = "any_of"


@dataclass(frozen=True, slots=True)
class ValueRange:
    """A range of values.

    Attributes:
        min: smallest value.
        max: largest value.
        step: distance of two values.
    """

    min: int | float
    max: int | float
    step: int | float = 1


def parse_stage(data: Mapping[str, Any], ratio: tuple[float, float], where: str) -> AnyStage:
    """The space of a stage from plain data.

    Args:
        data: the fields of a block, or `any_of` with the fields of each block to choose from;
            fields beside `any_of` are those of all blocks.
        ratio: smallest and largest `bottleneck_channels` divided by `out_channels`.
        where: file and key, for messages.
    Raises:
        SpecError: if something is invalid; names the key, what it must be and what came.
    """
    if ALTERNATIVES not in data:
        stage: AnyStage = _parse_block(data, ratio, where)
    else:
        stage = _parse_alternatives(data, ratio, where)
    _check_size(stage, where)
    return stage


def _parse_alternatives(data: Mapping[str, Any], ratio: tuple[float, float], where: str) -> AnyOf:
    several = data[ALTERNATIVES]
    shared = {key: value for key, value in data.items() if key != ALTERNATIVES}
    if not isinstance(several, list | tuple) or len(several) < 2:
        raise SpecError(
            f"{where}.{ALTERNATIVES}: must be a list of at least two blocks with their fields, "
            f"got {shown(several)} ({name_of(several)})."
        )
    if BLOCK in shared:
        raise SpecError(
            f"{where}.{BLOCK}: must be in each item of {ALTERNATIVES}, not beside the list."
        )
    found: list[StageSpace] = []
    for index, item in enumerate(several):
        at = f"{where}.{ALTERNATIVES}[{index}]"
        if not isinstance(item, Mapping):
            raise SpecError(f"{at}: must be a mapping of keys, got {shown(item)}.")
        twice = next((key for key in shared if key in item), None)
        if twice is not None:
            raise SpecError(
                f"{at}.{twice}: is also given for all blocks of the stage; give it in one place."
            )
        found.append(_parse_block({**shared, **item}, ratio, at))
    _check_alternatives(found, where)
    return AnyOf(tuple(found))


def _check_alternatives(found: Sequence[StageSpace], where: str) -> None:
    """Raise `SpecError` if later stages could not follow each of some blocks alike."""
    for index, one in enumerate(found):
        at = f"{where}.{ALTERNATIVES}[{index}]"
        kind, first = one.block.kind, found[0]
        if kind in [other.block.kind for other in found[:index]]:
            raise SpecError(
                f"{at}: {kind} is given twice; give one {kind} several values of its fields."
            )
        if _stride(one) != _stride(first):
            raise SpecError(
                f"{at}: stride must be {_stride(first)}, as in {first.block.kind}, got "
                f"{_stride(one)}: the resolution of all later stages depends on it."
            )
        if bool(one.values_of("out_channels")) != bool(first.values_of("out_channels")):
            raise SpecError(
                f"{at}: {kind} and {first.block.kind} cannot be alternatives: only one of them "
                "has out_channels."
            )


def _stride(stage: StageSpace) -> int:
    first = {field: values[0] for field, values in stage.choices.items()}
    return stage.build(first).stride


def _check_size(stage: AnyStage, where: str) -> None:
    """Raise `SpecError` if a stage has too many combinations, or none that is legal."""
    combinations, most = stage.size, MAX_COMBINATIONS
    codes = prod(len(values) for values in stage.choices.values())
    if combinations <= most and isinstance(stage, AnyOf) and codes > MAX_CODES:
        combinations, most = codes, MAX_CODES
    if combinations > most:
        raise SpecError(
            f"{where}: {combinations:,.0f} combinations of its values are too "
            f"many (at most {most:,}); take larger steps."
        )
    for index, one in enumerate(stage.alternatives):
        at = f"{where}.{ALTERNATIVES}[{index}]" if isinstance(stage, AnyOf) else where
        if next(one.legal_codes(), None) is None:
            raise SpecError(f"{at}: no combination of its values is legal.")


def _parse_block(data: Mapping[str, Any], ratio: tuple[float, float], where: str) -> StageSpace:
    kind = data.get(BLOCK)
    if isinstance(kind, list | tuple):
        raise SpecError(
            f"{where}.{BLOCK}: no such block {list(kind)}; a stage with a choice of blocks has the "
            f"key {ALTERNATIVES}, a list with the fields of each block."
        )
    block = block_class(kind, where)
    known = {field.name: field for field in fields(block) if field.init}  # type: ignore[arg-type]
    fixed: dict[str, object] = {}
    choices: dict[str, Values] = {}
    for key, value in data.items():
        if key == BLOCK:
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


def _parse_values(data: object, where: str) -> Values:
    """The values of a list, or of {min, max, step}; numbers ascend, other values stay in order."""
    if isinstance(data, dict):
        return _parse_range(data, where)
    values = tuple(data) if isinstance(data, list | tuple) else ()
    kinds = {_kind_of_value(value) for value in values}
    if len(kinds) != 1 or None in kinds:
        came = list(data) if isinstance(data, tuple) else data
        raise SpecError(
            f"{where}: must be a list of numbers, a list of words, a list of true and false, or "
            f"min, max, step; got {shown(came)}."
        )
    if is_category(values):
        if len(set(values)) < len(values):
            raise SpecError(f"{where}: values must not repeat, got {shown(list(values))}.")
    elif list(values) != sorted(set(values)):
        raise SpecError(f"{where}: values must ascend without repeats, got {list(values)}.")
    return values


def _kind_of_value(value: object) -> type | None:
    """The kind of a value that may be a choice; None for any other."""
    if isinstance(value, bool | str):
        return type(value)
    return float if isinstance(value, int | float) else None


def _parse_range(data: Mapping[str, Any], where: str) -> Values:
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
