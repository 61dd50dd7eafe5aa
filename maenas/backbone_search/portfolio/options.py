"""The options of a portfolio, which its folder keeps so that it can be resumed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import all_fields, plain_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets.image_size import InputSize, shown_size
from maenas.runs.config import SearchConfig, differences
from maenas.runs.named_files import found_options, kept_options, named_as_in

FORMAT = "maenas/portfolio@1"
OPTIONS_FILE = "portfolio.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The number of networks of a portfolio and the variants that it spans.

    Attributes:
        portfolio: number of networks.
        space: search spaces; None for that of the template.
        template: scales of neck and head; None to choose by budget.
        input_size: sides of the input image in pixels; None for that of a space of the user's own,
            else that of the template.
    """

    portfolio: int = 3
    space: tuple[str | None, ...] = (None,)
    template: tuple[str | None, ...] = (None,)
    input_size: tuple[InputSize, ...] = (None,)

    def __post_init__(self) -> None:
        if self.portfolio < 2:
            raise SpecError(f"portfolio: must have at least 2 networks, got {self.portfolio}.")
        wide = [size for size in self.input_size if isinstance(size, tuple)]
        if wide:  # results state one side
            raise SpecError(
                "portfolio: input sizes must be sides of squares, got "
                f"{shown_size(wide[0])}; search for a rectangle without --portfolio."
            )


SPANNED = frozenset(field.name for field in fields(Span))


@dataclass(frozen=True, slots=True)
class PortfolioOptions:
    """The options of `maenas search --portfolio` that decide its result.

    Attributes:
        search: options that all searches share; its score gives the first network.
        span: number of networks, and the variants that they span.
    """

    search: SearchConfig
    span: Span

    def __post_init__(self) -> None:
        if any(".." in budget for budget in self.search.budgets):
            raise SpecError(
                "portfolio: all networks meet the same budgets; give one limit such as --budget "
                "3ms, not a range."
            )

    def differences(self, saved: PortfolioOptions, asked: Collection[str] | None) -> Sequence[str]:
        """Differences from the options of a run as texts.

        Args:
            saved: options of the run.
            asked: names of the options that are compared; None for all.
        """
        names = {field.name for field in fields(SearchConfig)} if asked is None else set(asked)
        search = named_as_in(saved.search, self.search)
        return [
            *differences(named_as_in(saved.span, self.span), saved.span, asked),
            *differences(search, saved.search, names - SPANNED),
        ]


@dataclass(frozen=True, slots=True)
class PortfolioFile:
    """The options of a portfolio in its folder.

    Attributes:
        span: number of networks, and the variants that they span.
        search: options that all searches share.
        fingerprint: digest of spaces, templates, devices and scores.
    """

    span: dict[str, Any]
    search: dict[str, Any]
    fingerprint: str = ""


def is_portfolio(folder: Path) -> bool:
    """Whether a folder holds a portfolio to resume, damaged or not."""
    return (folder / OPTIONS_FILE).is_file()


def save_options(options: PortfolioOptions, fingerprint: str, folder: Path) -> None:
    """Write `portfolio.yaml`; the fingerprint is a digest of spaces, devices and scores."""
    span, search = kept_options(options.span, folder), kept_options(options.search, folder)
    search = replace(search, space=None, template=None, input_size=None)  # in the span
    data = PortfolioFile(plain_fields(span), plain_fields(search), fingerprint)
    write_text(folder / OPTIONS_FILE, all_fields(data, FORMAT))


def load_options(path: Path) -> tuple[PortfolioOptions, str]:
    """The options and the fingerprint in a file `portfolio.yaml`.

    Raises:
        SpecError: if it is missing or damaged.
    """
    data = parse(PortfolioFile, read_yaml(path, FORMAT), str(path))
    search = found_options(parse(SearchConfig, data.search, f"{path}: search"), path.parent)
    span = found_options(parse(Span, data.span, f"{path}: span"), path.parent)
    return PortfolioOptions(search, span), data.fingerprint
