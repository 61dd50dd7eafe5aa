"""Write a kit: graphs, the script that times them, a manifest, and a page for the person there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from maenas.blocks import MaenasError, SpecError

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.budgets.kit.manifest import KitGraph, Manifest
    from maenas.budgets.kit.runtime import KitRuntime
    from maenas.budgets.latency import Precision
    from maenas.budgets.profiling.profile import Item

SCHEMA = "maenas/kit-written@1"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(frozen=True, slots=True)
class KitRequest:
    """The options of a kit.

    Attributes:
        runtime: name of the runtime.
        precision: number format that the script asks for; the default of the runtime if None.
        threads: number of CPU threads; all of the device if None.
        name: name of the table; that of the folder if None.
        models: more networks to fit prices to.
        seed: random seed of the networks.
        input_size: input size of `models`.
    """

    runtime: str
    precision: str | None = None
    threads: int | None = None
    name: str | None = None
    models: tuple[str, ...] = ()
    seed: int = 0
    input_size: InputSize = None


@dataclass(frozen=True, slots=True)
class KitResult:
    """A kit that was written.

    Attributes:
        folder: folder of the kit.
        manifest: what it holds.
        size: bytes of all files.
        notes: graphs that the runtime has no form of.
    """

    folder: Path
    manifest: Manifest
    size: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "schema": SCHEMA,
            "kit": str(self.folder),
            "name": self.manifest.name,
            "runtime": self.manifest.runtime,
            "precision_asked": self.manifest.precision,
            "graphs": len(self.manifest.graphs) + 1,
            "bytes": self.size,
            "left_out": list(self.notes),
        }


def write_kit(
    folder: Path,
    request: KitRequest,
    exist_ok: bool = False,
    graphs: Sequence[Item] | None = None,
) -> KitResult:
    """Write a kit into a new folder.

    Args:
        folder: folder of the kit.
        request: options of the kit.
        exist_ok: whether to replace a kit in the folder, with its logs.
        graphs: graphs to time instead of those of a table.
    Raises:
        MaenasError: if the folder exists, or an option is wrong; nothing is written then.
    """
    from maenas.budgets.kit.load import kit_runtime

    runtime = kit_runtime(request.runtime)
    precision = _precision(request.precision, runtime)
    if request.threads is not None and request.threads < 1:
        raise SpecError(f"threads: must be at least 1, got {request.threads}.")
    name = table_name(request.name or folder.resolve().name)
    _check_room(folder, exist_ok)
    from maenas.kit.graphs import kit_items

    items = (
        kit_items(runtime, request.seed, request.models, request.input_size)
        if graphs is None
        else list(graphs)
    )
    with _new_folder(folder) as new:
        manifest, notes = _write_files(new, name, runtime, precision, request.threads, items)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return KitResult(folder, manifest, size, tuple(notes))


def table_name(name: str) -> str:
    """A valid name of a table, as `--device` takes it.

    Raises:
        SpecError: if it is none.
    """
    from maenas.budgets.backends.load import NAMES

    if not NAME.fullmatch(name):
        raise SpecError(
            f"name: must be letters, digits and . _ + -, such as jetson-nano-f16, got {name!r}; "
            "--name gives one."
        )
    if name.lower() in NAMES:
        raise SpecError(f"name: {name} is a device of this machine; --name gives another.")
    return name


def _precision(asked: str | None, runtime: KitRuntime) -> Precision | None:
    """The number format that the script asks for; None where the tool decides."""
    known = runtime.precisions
    if asked is None:
        return known[0] if known else None
    if not known:
        raise SpecError(
            f"precision: {runtime.tool} decides it by the device; leave --precision out."
        )
    found = next((one for one in known if one == asked), None)
    if found is None:
        raise SpecError(
            f"precision: {runtime.tool} is asked for {', '.join(known)}, got {asked!r}."
        )
    return found


def _check_room(folder: Path, exist_ok: bool) -> None:
    from maenas.budgets.kit.manifest import FILE

    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / FILE).is_file():
        raise SpecError(f"{folder}: exists and is no kit; --kit names a new folder.")
    if not exist_ok:
        raise SpecError(f"{folder}: a kit is there; --exist-ok replaces it with its logs.")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, which takes its place if the block ends well."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise SpecError(f"{folder}: cannot be written: {error.strerror or error}.") from None
    try:
        yield new
        new.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(new, folder)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write_files(
    folder: Path,
    name: str,
    runtime: KitRuntime,
    precision: Precision | None,
    threads: int | None,
    items: Sequence[Item],
) -> tuple[Manifest, list[str]]:
    """Write all files of a kit; returns its manifest and a note on each graph left out."""
    from maenas import __version__
    from maenas.budgets.graph.operator_graph import reference_graph
    from maenas.budgets.kit.manifest import FILE, Manifest, checksum, identifier
    from maenas.budgets.kit.onnx_files import NAME as WEIGHTS
    from maenas.budgets.kit.onnx_files import SharedWeights
    from maenas.budgets.kit.script import REFERENCE, SCRIPT, script
    from maenas.kit.readme import README, readme
    from maenas.terminal.progress import ItemLine

    weights = SharedWeights()
    (folder / "graphs").mkdir()
    files: dict[str, str] = {}

    def save(path: str, content: bytes) -> None:
        (folder / path).write_bytes(content)
        files[path] = checksum(content)

    for file, content in runtime.graph_files(
        REFERENCE, reference_graph(), precision, weights
    ).items():
        save(f"graphs/{file}", content)
    ops: dict[Any, int] = {}
    graphs: list[KitGraph] = []
    notes: list[str] = []
    with ItemLine("kit", len(items), "graphs") as line:
        for index, item in enumerate(items, 1):
            try:
                graph, contents = _graph(item, runtime, precision, weights, ops)
            except MaenasError as error:
                notes.append(f"{item.name} left out: {error}")
                continue
            for file, content in contents.items():
                save(f"graphs/{file}", content)
            graphs.append(graph)
            line.show(index, item.name)
    if runtime.graph_suffix == ".onnx":
        save(f"graphs/{WEIGHTS}", weights.content())
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(
        name=name, runtime=runtime.name, precision=precision, created=created, maenas=__version__,
        ops=tuple(ops), graphs=tuple(graphs), files=dict(files),
    )  # fmt: skip
    listed = [(one.name, one.role != "held-out") for one in graphs]
    text = script(runtime, identifier(files), listed, precision, threads)
    (folder / SCRIPT).write_text(text, encoding="utf-8", newline="\n")
    (folder / SCRIPT).chmod(0o755)
    (folder / README).write_text(readme(manifest, runtime), encoding="utf-8")
    manifest.save(folder / FILE)
    return manifest, notes


def _graph(
    item: Item,
    runtime: KitRuntime,
    precision: Precision | None,
    weights: Any,
    ops: dict[Any, int],
) -> tuple[KitGraph, dict[str, bytes]]:
    """A graph for the manifest, and the content of its files."""
    from maenas.budgets.graph.layers import graph_layers
    from maenas.budgets.kit.manifest import KitGraph, kit_layers

    model = item.graph()
    name = re.sub(r"[^A-Za-z0-9]+", "-", item.name).strip("-")
    layers = graph_layers(model)
    contents = runtime.graph_files(name, model, precision, weights)
    return KitGraph(name, item.name, item.role, kit_layers(layers.layers, ops)), contents
