"""Reading of YAML files as mappings, with a one-line error for invalid content."""

from __future__ import annotations

import logging
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

LOG = logging.getLogger(__name__)

LIMIT = 8 * MIB


def read_yaml(path: Path, schema: str) -> dict[str, Any]:
    """The mapping in a YAML file of this project; checks and removes its `format` line.

    Args:
        path: path of the file.
        schema: required format, such as "maenas/space@1".
    Raises:
        SpecError: if it cannot be read, is not a YAML mapping, or has another or a newer format.
    """
    return read_versioned(path, (schema,))[0]


def read_versioned(path: Path, schemas: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The mapping in a YAML file whose format has several versions, and the version found.

    Args:
        path: path of the file.
        schemas: readable versions, newest first.
    Raises:
        SpecError: for the same reasons as `read_yaml`.
    """
    data = read_mapping(path)
    found = data.pop("format", None)
    if found not in schemas:
        check_format(path, found, schemas[0])
    return data, str(found)


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in any YAML file.

    Raises:
        SpecError: if it cannot be read, is not a YAML mapping, or contains a key twice.
    """
    LOG.debug("read %s", path)
    data = parse_yaml(read_text(path, limit=LIMIT), path)
    if not isinstance(data, dict):
        raise SpecError(f"{path}: must be a mapping of keys, got {name_of(data)}.")
    return data


def parse_yaml(text: str, where: Path | str) -> Any:
    """The value in a YAML text: mappings, lists, texts, numbers, true, false and null.

    Raises:
        SpecError: if it is not YAML, contains a key twice, or exceeds the limits of `check_limits`.
    """
    with parsing(where, wrong="not valid YAML"):
        try:
            check_limits(yaml.parse(text, YamlLoader))
            return yaml.load(text, _StrictLoader)
        except yaml.YAMLError as error:
            raise ValueError(str(error).replace('in "<unicode string>", ', "at ")) from None


class _StrictLoader(YamlLoader):
    """Safe loader that refuses duplicate keys; PyYAML silently keeps the last one.

    Dates are read as text: no format contains dates, and the name of a class may look like one.
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
