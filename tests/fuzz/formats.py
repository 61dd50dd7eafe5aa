"""Every format that a command reads: a sound file, how it is damaged, and what reads it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image

from maenas.backbone_search.sweep import LIST_FILE, _names
from maenas.blocks import load_backbone
from maenas.blocks.backbone_file import zoo_path
from maenas.budgets.graph.model import load_graph
from maenas.budgets.pricing.operator_file import load_operator_file
from maenas.budgets.pricing.roofline import load_roofline
from maenas.budgets.pricing.table import load_table
from maenas.budgets.profiling.partial_profile import Unfinished
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, WEIGHTS_FILE, load_folder
from maenas.detector.checkpoints.state_dict import read_state_dict
from maenas.detector.data import read_dataset
from maenas.detector.data.sizes import size_of
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.media.images import read_image
from maenas.detector.model.spec import load_detector
from maenas.detector.predict.results import load_ids
from maenas.detector.runtimes.onnx_runtime import OnnxRuntime
from maenas.detector.runtimes.openvino_runtime import OpenVinoRuntime
from maenas.detector.runtimes.sidecar import sidecar_metadata
from maenas.detector.train.recipe import load_recipe, recipe_lines
from maenas.detector.train.state import load_state
from maenas.nas.history.journal import Journal
from maenas.runs.config import SearchConfig, load_config, save_config
from maenas.search_spaces import load_space
from maenas.training.family import Family, continued
from tests.fuzz.mutations import mutated, mutated_json, mutated_yaml
from tests.small_detector import small_folder
from tests.trainings import small_training, write_data

ROOT = Path(__file__).parents[2]
Damage = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: of the format.
        file: name of the file in the folder that `made` fills.
        made: writes sound files into an empty folder.
        read: what a command does with the file.
        damage: how the content is changed.
        is_binary: whether a library in C reads it, which no limit of memory may meet.
    """

    name: str
    file: str
    made: Callable[[Path], None]
    read: Callable[[Path], object]
    damage: Damage = mutated
    is_binary: bool = False


def copied(source: Path, name: str) -> Callable[[Path], None]:
    """Puts a copy of a file of ours into a folder."""

    def made(folder: Path) -> None:
        shutil.copyfile(source, folder / name)

    return made


def both(*writers: Callable[[Path], None]) -> Callable[[Path], None]:
    """Several writers, one after the other."""

    def made(folder: Path) -> None:
        for writer in writers:
            writer(folder)

    return made


def priced(path: Path) -> object:
    """What `maenas show` asks of a backbone."""
    backbone = load_backbone(path)
    return backbone.layers, backbone.levels, sum(op.macs + op.params for op in backbone.ops())


def walked(path: Path) -> object:
    """What `maenas search` asks of a space before it starts."""
    space = load_space(str(path))
    return space.size, space.depth_caps, space.decode([0] * len(space.genes)).layers


def rehashed(rng: random.Random, content: bytes) -> bytes:
    """A damaged latency table whose digest is right all the same, as of a table written by hand."""
    damaged = mutated_json(rng, content)
    try:
        data = json.loads(damaged)
        data.pop("digest")
        data["digest"] = table_digest(data)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return damaged
    return json.dumps(data).encode()


def table_digest(data: Any) -> str:
    """The digest that `load_table` expects."""
    from maenas.budgets.pricing.table import _digest

    return _digest(data)


def mutated_lines(rng: random.Random, content: bytes) -> bytes:
    """Lines of JSON, one of them damaged."""
    lines = content.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    lines[place] = mutated_json(rng, lines[place]) + rng.choice((b"\n", b"\n", b""))
    return b"".join(lines)


def bitten(rng: random.Random, content: bytes) -> bytes:
    """Damage to the bytes, most of it in the first kilobyte: the headers of binary files."""
    if rng.random() < 0.5:
        return mutated(rng, content)
    return mutated(rng, content[:1024]) + content[1024:]


def rebuilt_graph(rng: random.Random, content: bytes) -> bytes:
    """An ONNX file with an attribute, a shape or a name changed, or damaged bytes."""
    if rng.random() < 0.5:
        return bitten(rng, content)
    model = onnx.load_from_string(content)
    graph = model.graph
    node = rng.choice(graph.node)
    numbers = (0, -1, 3, 2**31, 2**62, -(2**62))
    match rng.randrange(6):
        case 0:
            node.op_type = rng.choice(("Conv", "Reshape", "Loop", "Concat", "Resize", "Nothing"))
        case 1 if node.attribute:
            attribute = rng.choice(node.attribute)
            attribute.i = rng.choice(numbers)
            attribute.ints.extend(rng.choices(numbers, k=2))
        case 2:
            dims = graph.input[0].type.tensor_type.shape.dim
            rng.choice(dims).dim_value = rng.choice(numbers)
        case 3 if graph.initializer:
            rng.choice(graph.initializer).dims.append(rng.choice(numbers))
        case 4 if node.input:
            node.input[0] = rng.choice(("", "none", node.output[0]))
        case _:
            graph.node.remove(node)
    return model.SerializeToString()


def made_detector(folder: Path) -> None:
    """A small detector with weights, in the folder `d`."""
    small_folder(folder / "d")


def made_search(folder: Path) -> None:
    """A search of two hundred networks, its history and state."""
    (folder / "space.yaml").write_text(SPACE)
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / "run").mkdir()
    searched(folder, resume=False)


def searched(folder: Path, resume: bool) -> object:
    """The search, begun or resumed."""
    from maenas.budgets import parse_budgets
    from maenas.nas import Evaluator, MaxEntropy, Problem, Settings, search

    space = load_space(str(folder / "space.yaml"))
    evaluator = Evaluator(Problem(space, parse_budgets(["30MMACs"]), score=MaxEntropy((1.0, 4.0))))
    start = np.zeros((1, len(space.genes)), dtype=np.int16)
    settings = Settings(200, 0, (30e6,))
    return search(evaluator, settings, start, Journal(folder / "run", space), resume)


SPACE = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [0, 1]
bottleneck_ratio: [0.1, 2.0]
stages:
  - block: conv_stem
    out_channels: {min: 8, max: 16, step: 8}
  - block: res_k1kx
    out_channels: [16, 24]
    bottleneck_channels: {min: 8, max: 32, step: 8}
    stride: 2
    depth: {min: 1, max: 2}
"""
COCO = {
    "images": [
        {"id": 1, "file_name": "images/0.png", "height": 64, "width": 64},
        {"id": 7, "file_name": "images/1.png", "height": 64, "width": 64},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 3,
            "bbox": [1, 2, 30.5, 20],
            "area": 610.0,
            "iscrowd": 0,
            "segmentation": [[1, 2, 31, 2, 31, 22]],
        },
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [0, 0, 9, 9]},
        {
            "id": 3,
            "image_id": 7,
            "category_id": 3,
            "bbox": [4, 4, 9, 9],
            "iscrowd": 1,
            "segmentation": {"size": [64, 64], "counts": [100, 20, 3976]},
        },
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
}


def made_coco(folder: Path) -> None:
    write_data(folder, images=2)
    (folder / "annotations.json").write_text(json.dumps(COCO))


def made_data(folder: Path) -> None:
    write_data(folder, images=2)
    with (folder / "labels" / "0.txt").open("a") as file:
        # rows of several lengths can only be polygons
        file.write("1 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.2 0.2 0.6 0.2 0.7 0.6 0.4 0.8 0.2 0.6\n")


def made_table(folder: Path) -> None:
    from maenas.budgets.pricing.op_rows import priced as as_priced
    from maenas.budgets.pricing.table import LatencyTable, LayerSample, TableSample
    from tests.cpu_table import FIELDS

    ops = tuple(dict.fromkeys(as_priced(op) for op in load_backbone(folder / "b.yaml").ops()))
    places = tuple(range(len(ops)))
    layers = tuple(LayerSample(f"{place}", (place,), 7.5) for place in places)
    times, reference = (1.5, 1.6), (3.0, 3.0)
    samples = (
        TableSample("network", "fit", places, times, reference, layers),
        TableSample("operator", "operator", places[:1], times, reference, layers[:1]),
        TableSample("held-out", "held-out", places, times, reference, ()),
    )
    table = LatencyTable(name="mine", **FIELDS, ops=ops, samples=samples)
    table.save(folder / "table.json")


def made_profile(folder: Path) -> None:
    from maenas.budgets.profiling.partial_profile import Measured
    from tests.cpu_table import cpu_table

    table = cpu_table()
    partial = Unfinished(folder / "partial.jsonl", {"device": "mine"})
    for sample in [sample for sample in table.samples if sample.role == "operator"][:3]:
        partial.append(Measured(tuple(table.ops[place] for place in sample.ops), sample))


def made_export(kind: str) -> Callable[[Path], None]:
    """Exports a small detector."""

    def made(folder: Path) -> None:
        spec, weights = load_folder(small_folder(folder / "detector"))
        network = spec.build().eval()
        network.load_state_dict(weights or {})
        path = folder / {"onnx": "model.onnx", "openvino": "model.xml"}[kind]
        image = np.zeros((1, 3, 64, 64), np.float32)
        export_detector(spec, network, path, ExportOptions(format=kind), image)  # type: ignore[arg-type]

    return made


def made_sidecar(folder: Path) -> None:
    from maenas.detector.runtimes.metadata import Metadata

    text = Metadata(names=("a", "b"), in_shape=(3, 64, 64), resize="stretch", stride=(8, 16, 32))
    (folder / "model.engine.json").write_text(json.dumps(text.to_text()))


def made_checkpoint(legacy: bool) -> Callable[[Path], None]:
    """Saves a state dict by torch, in the format of today or the one before 1.6."""

    def made(folder: Path) -> None:
        state = {"model": {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}}
        torch.save(state, folder / "model.pth", _use_new_zipfile_serialization=not legacy)

    return made


def made_training(folder: Path) -> None:
    from maenas.detector.train import train

    for _ in train(small_training(folder / "run", write_data(folder))):
        if (folder / "run" / "resume.pt").exists():
            break


def made_image(suffix: str, mode: str = "RGB") -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).convert(mode)
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif} if suffix in ("jpg", "png", "webp", "tiff") else {}
        image.save(folder / f"image.{suffix}", **options)

    return made


def looked_at(path: Path) -> object:
    """An image read whole, and its header alone as a data set does."""
    return size_of(path), read_image(path), read_image(path, least=(8, 8))


def saved_config(folder: Path) -> None:
    save_config(
        SearchConfig(budgets=("3.8ms",), device="t4", seed=3), "00ff", folder / "config.yaml"
    )


def written(name: str, text: str) -> Callable[[Path], None]:
    """Writes a text into a file."""

    def made(folder: Path) -> None:
        (folder / name).write_text(text)

    return made


BLOCKS = """\
format: maenas/backbone@1
in_shape: [3, 64, 64]
stages:
  - {block: focus_stem, out_channels: 8, act: silu}
  - {block: csp, out_channels: 16, bottleneck_channels: 8, depth: 2, stride: 2, spp: true}
  - {block: mob, out_channels: 16, expand_ratio: 3.0, depth: 2}
  - {block: res_k1kx, out_channels: 16, bottleneck_channels: 8, kernel_size: 5, rep: true}
  - {block: res_kxkx, out_channels: 16, bottleneck_channels: 8}
  - {block: res_k1kxk1, out_channels: 16, bottleneck_channels: 8, stride: 2}
  - {block: res_k1dwk1, out_channels: 16, bottleneck_channels: 8}
  - {block: res_k1dwsek1, out_channels: 16, bottleneck_channels: 8}
features: [2, 3, 5]
"""
FAMILY = (
    "format: maenas/family@1\nsources: [a.yaml, b]\ndata: d.yaml\nepochs: 3\nchanges: [epochs=3]\n"
)
DEVICES = ROOT / "budgets" / "devices"
RECIPES = ROOT / "detector" / "train" / "recipes"

FORMATS = (
    Format("backbone", "b.yaml", written("b.yaml", BLOCKS), priced, mutated_yaml),
    Format(
        "zoo", "zoo.yaml", copied(zoo_path("zoo:damo-yolo-ns"), "zoo.yaml"), priced, mutated_yaml
    ),
    Format(
        "detector",
        f"d/{SPEC_FILE}",
        made_detector,
        lambda path: len(load_detector(path).ops()),
        mutated_yaml,
    ),
    Format("space", "space.yaml", written("space.yaml", SPACE), walked, mutated_yaml),
    Format(
        "recipe",
        "recipe.yaml",
        copied(RECIPES / "t-from-s.yaml", "recipe.yaml"),
        lambda path: recipe_lines(load_recipe(path)),
        mutated_yaml,
    ),
    Format("data.yaml", "data.yaml", made_data, read_dataset, mutated_yaml),
    Format(
        "labels",
        "labels/0.txt",
        made_data,
        lambda path: read_dataset(path.parents[1] / "data.yaml"),
    ),
    Format("coco", "annotations.json", made_coco, read_dataset, mutated_json),
    Format(
        "coco-ids", "annotations.json", made_coco, lambda path: load_ids(path, ()), mutated_json
    ),
    Format(
        "table", "table.json", both(written("b.yaml", BLOCKS), made_table), load_table, rehashed
    ),
    Format(
        "profile",
        "partial.jsonl",
        made_profile,
        lambda path: Unfinished(path, {"device": "mine"}).load(),
        mutated_lines,
    ),
    Format(
        "operators",
        "intel.yaml",
        copied(DEVICES / "intel-8163.yaml", "intel.yaml"),
        load_operator_file,
        mutated_yaml,
    ),
    Format(
        "roofline", "t4.yaml", copied(DEVICES / "t4.yaml", "t4.yaml"), load_roofline, mutated_yaml
    ),
    Format(
        "config", "config.yaml", saved_config, lambda p: load_config(p)[0].command(), mutated_yaml
    ),
    Format(
        "searches",
        LIST_FILE,
        written(LIST_FILE, "format: maenas/searches@1\nsearches: [res-t4, csp-t4]\n"),
        _names,
        mutated_yaml,
    ),
    Format(
        "family",
        "family.yaml",
        written("family.yaml", FAMILY),
        lambda path: continued(Family(), path.parent),
        mutated_yaml,
    ),
    Format(
        "history",
        "run/history.jsonl",
        made_search,
        lambda path: searched(path.parents[1], resume=True),
        mutated_lines,
    ),
    Format(
        "state",
        "run/state.json",
        made_search,
        lambda path: searched(path.parents[1], resume=True),
        mutated_json,
    ),
    Format(
        "sidecar",
        "model.engine.json",
        made_sidecar,
        lambda p: sidecar_metadata(p.with_suffix("")),
        mutated_json,
    ),
    Format(
        "weights",
        f"d/{WEIGHTS_FILE}",
        made_detector,
        lambda path: load_folder(path.parent),
        bitten,
        is_binary=True,
    ),
    Format("resume", "run/resume.pt", made_training, load_state, bitten, is_binary=True),
    Format("checkpoint", "model.pth", made_checkpoint(False), read_state_dict, bitten, True),
    Format("old-checkpoint", "model.pth", made_checkpoint(True), read_state_dict, bitten, True),
    Format("graph", "model.onnx", made_export("onnx"), load_graph, rebuilt_graph, True),
    Format("onnx", "model.onnx", made_export("onnx"), OnnxRuntime, rebuilt_graph, True),
    Format("openvino", "model.xml", made_export("openvino"), OpenVinoRuntime, mutated, True),
    *(
        Format(
            f"image-{suffix}", f"image.{suffix}", made_image(suffix, mode), looked_at, bitten, True
        )
        for suffix, mode in (
            *(("jpg", "RGB"), ("png", "RGBA"), ("gif", "P"), ("bmp", "RGB"), ("tiff", "I;16")),
            *(("webp", "RGB"), ("ppm", "RGB")),
        )
    ),
)
