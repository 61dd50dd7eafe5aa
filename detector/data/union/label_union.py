"""Published unions of the classes of several data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.data.union.name_key import name_key

FORMAT = "maenas/label-union@1"
PUBLISHED = ("coco-objects365-openimages-701",)
ALIASES = ("also", "mid")  # further texts by which a data set may name a class


@dataclass(frozen=True, slots=True)
class LabelUnion:
    """A published list of classes, and which class of each data set belongs to which of them.

    Attributes:
        name: name of the list.
        names: names of the classes, in the published order.
        columns: for each data set, the names of its classes with the index in `names`.
        aliases: for each data set, further names of its classes, by `name_key`, with the index.
    """

    name: str
    names: tuple[str, ...]
    columns: Mapping[str, Mapping[str, int]]
    aliases: Mapping[str, Mapping[str, int]]

    def index_of(self, source: str, name: str) -> int | None:
        """Index of the class that a data set names so; None if the data set has none."""
        return self.aliases[source].get(name_key(name))

    def shared(self) -> Iterator[dict[str, str]]:
        """Classes of two data sets or more: the name in each data set."""
        for index in range(len(self.names)):
            found = {
                source: name
                for source, column in self.columns.items()
                for name, place in column.items()
                if place == index
            }
            if len(found) > 1:
                yield found


@cache
def label_union(name: str) -> LabelUnion:
    """The published union of a name.

    Raises:
        SpecError: if there is none of this name.
    """
    if name not in PUBLISHED:
        raise SpecError(f"labels: no published union {name!r}{did_you_mean(name, PUBLISHED)}")
    with_path = Path(str(files("maenas.detector.data.union") / f"{name}.yaml"))
    data = read_yaml(with_path, FORMAT)
    rows = data["classes"]
    columns: dict[str, dict[str, int]] = {source: {} for source in data["sources"]}
    aliases: dict[str, dict[str, int]] = {source: {} for source in columns}
    for index, row in enumerate(rows):
        for source in columns:
            if source not in row:
                continue
            columns[source][row[source]] = index
            aliases[source].setdefault(name_key(row[source]), index)
    for index, row in enumerate(rows):  # an alias never replaces a name
        for alias in (row[key] for key in ALIASES if key in row):
            aliases[data["sources"][-1]].setdefault(name_key(alias), index)
    return LabelUnion(name, tuple(row["name"] for row in rows), columns, aliases)
