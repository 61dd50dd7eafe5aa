"""Every format that a command reads: a sound file, how it is damaged, and what reads it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from maenas.backbone_search.run_folder import LIST_FILE
from maenas.backbone_search.sweep import listed_names
from maenas.blocks.backbone_file import zoo_path
from maenas.budgets.graph.model import load_graph
from maenas.budgets.pricing.operator_file import load_operator_file
from maenas.budgets.pricing.roofline_file import load_roofline
from maenas.budgets.pricing.table import load_table
from maenas.budgets.profiling.partial_profile import PartialProfile
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, WEIGHTS_FILE, load_folder
from maenas.detector.checkpoints.state_dict import read_state_dict
from maenas.detector.model.spec import load_detector
from maenas.detector.predict.results import load_ids
from maenas.detector.runtimes.onnx_runtime import OnnxRuntime
from maenas.detector.runtimes.openvino_runtime import OpenVinoRuntime
from maenas.detector.runtimes.sidecar import sidecar_metadata
from maenas.detector.train.recipe import (
    load_recipe,
    recipe_lines,
)
from maenas.detector.train.state import load_state
from maenas.runs.config import load_config
from maenas.training.family import Family, continued
from tests.fuzz.damage import bitten, mutated_lines, rebuilt_graph, rehashed
from tests.fuzz.data_sets import (
    beside,
    checked,
    made_coco,
    made_csv,
    made_data,
    made_list,
    made_openimages,
    made_union,
    made_visdrone,
    made_voc,
)
from tests.fuzz.mutations import mutated, mutated_json, mutated_yaml
from tests.fuzz.sound_files import (
    BLOCKS,
    FAMILY,
    SPACE,
    both,
    copied,
    looked_at,
    made_args,
    made_checkpoint,
    made_detector,
    made_export,
    made_image,
    made_profile,
    made_search,
    made_sidecar,
    made_table,
    made_training,
    priced,
    read_args,
    saved_config,
    searched,
    walked,
    written,
)

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
    Format("data.yaml", "data.yaml", made_data, checked, mutated_yaml),
    Format(
        "labels",
        "labels/0.txt",
        made_data,
        lambda path: checked(path.parents[1] / "data.yaml"),
    ),
    Format("list", "train.txt", made_list, lambda path: checked(path.parent)),
    Format("csv-list", "list.csv", made_csv, checked),
    Format("voc", "Annotations/0.xml", made_voc, lambda path: checked(path.parents[1])),
    Format("voc-list", "ImageSets/Main/train.txt", made_voc, lambda p: checked(p.parents[2])),
    Format("openimages", "train-annotations-bbox.csv", made_openimages, beside),
    Format("openimages-labels", "train-annotations-human-imagelabels.csv", made_openimages, beside),
    Format("openimages-classes", "class-descriptions-boxable.csv", made_openimages, beside),
    Format("hierarchy", "bbox_labels_600_hierarchy.json", made_openimages, beside, mutated_json),
    Format("visdrone", "annotations/0.txt", made_visdrone, lambda p: checked(p.parents[1])),
    Format("union", "both.yaml", made_union, checked, mutated_yaml),
    Format("coco", "annotations.json", made_coco, checked, mutated_json),
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
        lambda path: PartialProfile(path, {"device": "mine"}).load(),
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
        listed_names,
        mutated_yaml,
    ),
    Format(
        "family",
        "family.yaml",
        written("family.yaml", FAMILY),
        lambda path: continued(Family(), path.parent),
        mutated_yaml,
    ),
    Format("args", "args.yaml", made_args, read_args, mutated_yaml),
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
