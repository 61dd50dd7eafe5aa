"""YAML files: a mapping of keys, or one clear line saying what is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from maenas.blocks.errors import SpecError
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.plain_file import MIB, read_text
from maenas.blocks.files.words import name_of, shown
from maenas.blocks.files.yaml_limits import check_limits

try:
    from yaml import CSafeLoader as YamlLoader
except ImportError:  # a PyYAML built without libyaml
    from yaml import SafeLoader as YamlLoader  # type: ignore[assignment]

LIMIT = 8 * MIB


def read_yaml(path: Path, schema: str) -> dict[str, Any]:
    """The mapping in a YAML file of ours, its `format` line checked and taken off.

    Args:
        path: the file.
        schema: what it must be, such as "maenas/space@1".
    Raises:
        SpecError: if it cannot be read, is not YAML, not a mapping, of another kind or newer.
    """
    return read_versioned(path, (schema,))[0]


def read_versioned(path: Path, schemas: Sequence[str]) -> tuple[dict[str, Any], str]:
    """`read_yaml` for a format of several versions; also returns the version found.

    Args:
        path: the file.
        schemas: the versions that can be read, newest first.
    Raises:
        SpecError: as `read_yaml` does.
    """
    data = read_mapping(path)
    found = data.pop("format", None)
    if found not in schemas:
        check_format(path, found, schemas[0])
    return data, str(found)


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in any YAML file.

    Raises:
        SpecError: if it cannot be read, is not YAML, not a mapping, or gives a key twice.
    """
    data = parse_yaml(read_text(path, limit=LIMIT), path)
    if not isinstance(data, dict):
        raise SpecError(f"{path}: must be a mapping of keys, got {name_of(data)}.")
    return data


def parse_yaml(text: str, where: Path | str) -> Any:
    """What a text of YAML holds: mappings, lists, texts, numbers, true, false and nothing.

    Raises:
        SpecError: if it is not YAML, gives a key twice, or is beyond what a file of ours can be.
    """
    with parsing(where, wrong="not valid YAML"):
        try:
            check_limits(yaml.parse(text, YamlLoader))
            return yaml.load(text, _StrictLoader)
        except yaml.YAMLError as error:
            raise ValueError(str(error).replace('in "<unicode string>", ', "at ")) from None


class _StrictLoader(YamlLoader):
    """Safe loader that refuses a key given twice, where PyYAML keeps the last in silence.

    Dates are text: no file has a place for a date, and the name of a class may look like one.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # a list or mapping as a key is refused below
            if key.value in seen:
                raise _at(key, f"key {shown(key.value)} is given twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def number(self, node: yaml.ScalarNode) -> int | float:
        """A number that fits 64 bits."""
        whole = node.tag.endswith(":int")
        try:
            value = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        except (ValueError, IndexError, OverflowError):
            raise _at(node, f"{shown(node.value)} is not a number that can be used") from None
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise _at(node, f"{shown(value)} is beyond what a number can be")
        return value


def _at(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in YamlLoader.yaml_implicit_resolvers.items()
}
for _tag in ("int", "float"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _StrictLoader.number)
