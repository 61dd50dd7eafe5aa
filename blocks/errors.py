"""The errors that all packages raise for unusable input."""

from maenas.blocks.files.words import cut, shortened


class MaenasError(Exception):
    """An error that the user can correct: prints one line and exits with `exit_code`."""

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message))


class SpecError(MaenasError):
    """A spec, a search space or another file of this project has invalid content."""


# Above these values a network cannot be built, and listing its operators would take too long.
LARGEST = {
    "out_channels": 65_536,
    "bottleneck_channels": 65_536,
    "kernel_size": 255,
    "depth": 10_000,
    "num_classes": 100_000,
    "hidden_channels": 65_536,
    "tower_channels": 65_536,
    "reg_max": 1_000,
    "stacked_convs": 1_000,
}


def positive(where: str, **values: int) -> None:
    """Raise `SpecError` unless every named value is at least 1 and at most its `LARGEST`."""
    for name, value in values.items():
        if value < 1:
            raise SpecError(f"{where}: {name} must be at least 1, got {value}.")
        at_most(where, name, value)


def not_negative(where: str, **values: int) -> None:
    """Raise `SpecError` unless every named value is at least 0."""
    for name, value in values.items():
        if value < 0:
            raise SpecError(f"{where}: {name} must be at least 0, got {value}.")


def at_most(where: str, name: str, value: int) -> None:
    """Raise `SpecError` if a value exceeds its `LARGEST`."""
    largest = LARGEST.get(name)
    if largest is not None and value > largest:
        raise SpecError(f"{where}: {name} must be at most {largest:,}, got {value}.")


def one_of(where: str, name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise `SpecError` unless `value` is one of `allowed`."""
    if value not in allowed:
        options = ", ".join(map(str, allowed))
        raise SpecError(f"{where}: {name} must be one of {options}, got {cut(str(value))}.")


def one_word(where: str, name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The one of the allowed words, all in small letters, that a user wrote in any case.

    Raises:
        SpecError: if it is none of them.
    """
    word = value.lower()
    one_of(where, name, word if word in allowed else value, allowed)
    return word


def odd(where: str, **values: int) -> None:
    """Raise `SpecError` unless every named value is an odd number of at least 1."""
    for name, value in values.items():
        if value < 1 or value % 2 == 0:
            raise SpecError(f"{where}: {name} must be odd and at least 1, got {value}.")
        at_most(where, name, value)
