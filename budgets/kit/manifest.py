"""The manifest of a kit, `kit.json`: graphs with their operators, and checksums of the files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maenas.blocks.errors import SpecError
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.strict import parse
from maenas.blocks.op import Op
from maenas.budgets.graph.layer import Layer
from maenas.budgets.latency import Precision
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.pricing.op_rows import op_row, priced, row_op

FORMAT = "maenas/kit@1"
FILE = "kit.json"
NO_KIT = "is not the manifest of a kit"
HINT = "copy it from where `maenas profile --kit` wrote it"


@dataclass(frozen=True, slots=True)
class KitLayer:
    """A layer of a graph: its ONNX nodes, and indices of its operators in the manifest's list."""

    name: str
    nodes: tuple[str, ...]
    ops: tuple[int, ...]
    source: int | None = None


@dataclass(frozen=True, slots=True)
class KitGraph:
    """A graph of a kit.

    Attributes:
        name: name of its file and its log, without suffix.
        sample: name of its sample in the table, such as "held-out/csp/s/3".
        role: purpose of the measurement.
        layers: layers of the graph.
    """

    name: str
    sample: str
    role: Role
    layers: tuple[KitLayer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a kit holds.

    Attributes:
        name: name of the table that its logs make.
        runtime: name of the kit's runtime.
        precision: number format that its script asks for; None for the tool's own.
        created: date and time, UTC.
        maenas: version of maenas that wrote it.
        ops: list of distinct operators.
        graphs: graphs in the order of measuring, without the reference graph.
        files: SHA-256 of each file by its path in the kit.
    """

    name: str
    runtime: str
    precision: Precision | None
    created: str
    maenas: str
    ops: tuple[Op, ...]
    graphs: tuple[KitGraph, ...]
    files: Mapping[str, str]

    def layers_of(self, graph: KitGraph) -> tuple[Layer, ...]:
        """Return the layers of a graph with their operators."""
        return tuple(
            Layer(one.name, tuple(self.ops[index] for index in one.ops), one.nodes, one.source)
            for one in graph.layers
        )

    def save(self, path: Path) -> None:
        """Write the file."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["ops"] = [op_row(op) for op in self.ops]
        data["graphs"] = [asdict(graph) for graph in self.graphs]
        text = json.dumps({"format": FORMAT, **data}, separators=(",", ":"))
        text = text.replace('{"name":', '\n{"name":').replace('"files":', '\n"files":')
        path.write_text(text + "\n", encoding="utf-8")


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a kit.

    Raises:
        SpecError: if the folder is no kit, or the file is damaged.
    """
    path = folder / FILE
    if not folder.is_dir():
        raise SpecError(f"{folder}: no such folder; --from names the folder of a kit.")
    data = read_json(
        path,
        missing="no such file: the folder is not a kit of `maenas profile --kit`.",
        wrong=NO_KIT,
        hint=HINT,
    )
    check_format(path, data.pop("format", None), FORMAT)
    with parsing(path, wrong=NO_KIT, hint=HINT):
        data["ops"] = tuple(row_op(row) for row in data["ops"])
        data["graphs"] = tuple(_graph(graph, str(path)) for graph in data["graphs"])
    manifest = parse(Manifest, data, str(path))
    indices = [index for graph in manifest.graphs for one in graph.layers for index in one.ops]
    if indices and not 0 <= min(indices) <= max(indices) < len(manifest.ops):
        raise SpecError(f"{path}: graphs: name operators that are not in the list `ops`.")
    return manifest


def _graph(data: Mapping[str, Any], where: str) -> KitGraph:
    layers = tuple(parse(KitLayer, layer, f"{where}: layers") for layer in data["layers"])
    return parse(KitGraph, {**data, "layers": layers}, f"{where}: {data.get('name')}")


def kit_layers(layers: tuple[Layer, ...], indices: dict[Op, int]) -> tuple[KitLayer, ...]:
    """Return layers for the manifest; new operators get the next indices."""
    return tuple(
        KitLayer(
            one.name,
            one.nodes,
            tuple(indices.setdefault(priced(op), len(indices)) for op in one.ops),
            one.source,
        )
        for one in layers
    )


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def identifier(files: Mapping[str, str]) -> str:
    """Return the identifier of a kit, which depends on the content of its graphs."""
    return checksum(json.dumps(sorted(files.items())).encode())[:12]
