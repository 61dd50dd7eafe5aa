"""Sound files of every other format, and what a command reads of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from maenas.blocks import load_backbone
from maenas.budgets.profiling.partial_profile import PartialProfile
from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.data.sizes import size_of
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.media.images import read_image
from maenas.detector.train.recipe import (
    Recipe,
    parse_recipe,
    recipe_data,
)
from maenas.nas.history.journal import Journal
from maenas.runs.config import SearchConfig, save_config
from maenas.search_spaces import load_space
from maenas.training.setup import SCHEMA as ARGS_FORMAT
from maenas.training.setup import kept_args
from tests.small_detector import small_folder
from tests.trainings import small_training, write_data


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
    return space.size, space.depth_caps, space.decode(space.origin).layers


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
    act: [relu, silu]
  - stride: 2
    out_channels: [16, 24]
    depth: {min: 1, max: 2}
    any_of:
      - {block: res_k1kx, bottleneck_channels: {min: 8, max: 32, step: 8}}
      - {block: mob, expand_ratio: [2, 3.5], spp: [false, true]}
"""


def made_table(folder: Path) -> None:
    from maenas.budgets.pricing.op_rows import priced as as_priced
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.budgets.pricing.table_sample import LayerSample, TableSample
    from tests.cpu_table import FIELDS

    ops = tuple(dict.fromkeys(as_priced(op) for op in load_backbone(folder / "b.yaml").ops()))
    indices = tuple(range(len(ops)))
    layers = tuple(LayerSample(f"{index}", (index,), 7.5) for index in indices)
    times, reference = (1.5, 1.6), (3.0, 3.0)
    samples = (
        TableSample("network", "fit", indices, times, reference, layers),
        TableSample("operator", "operator", indices[:1], times, reference, layers[:1]),
        TableSample("held-out", "held-out", indices, times, reference, ()),
    )
    table = LatencyTable(name="mine", **FIELDS, ops=ops, samples=samples)
    table.save(folder / "table.json")


def made_profile(folder: Path) -> None:
    from maenas.budgets.profiling.partial_profile import Measured
    from tests.cpu_table import cpu_table

    table = cpu_table()
    partial = PartialProfile(folder / "partial.jsonl", {"device": "mine"})
    for sample in [sample for sample in table.samples if sample.role == "operator"][:3]:
        partial.append(Measured(tuple(table.ops[index] for index in sample.ops), sample))


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


def made_args(folder: Path) -> None:
    """The file in which a training keeps its options and its recipe."""
    recipe = recipe_data(Recipe())
    del recipe["format"]
    content = {"format": ARGS_FORMAT, "data": "d.yaml", "recipe": recipe}
    (folder / "args.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def read_args(path: Path) -> object:
    """What `maenas train --resume` reads beside the state."""
    return parse_recipe(kept_args(path)["recipe"], str(path))


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
