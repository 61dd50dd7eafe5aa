"""`maenas schema`: every file is valid by its schema, and what a reader refuses is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from maenas.backbone_search.portfolio.options import load_options as load_portfolio
from maenas.backbone_search.sweep import listed_names
from maenas.blocks.backbone import BLOCKS
from maenas.blocks.backbone_file import load_spec
from maenas.blocks.errors import MaenasError
from maenas.blocks.files.yaml_file import read_mapping
from maenas.budgets.device import load_bundled
from maenas.budgets.kit.manifest import load_manifest
from maenas.budgets.pricing.operator_file import load_operator_file
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.origin import Origin
from maenas.budgets.pricing.roofline_file import load_roofline
from maenas.budgets.pricing.table import load_table
from maenas.detector.data.paths import class_names, find_entries, root_of
from maenas.detector.data.readers.yolo.rows import row_form
from maenas.detector.data.union.union_file import load_union
from maenas.detector.train.recipe import load_recipe
from maenas.evidence.options import load_options
from maenas.evidence.race_options import load_options as load_race
from maenas.file_formats.formats import FORMATS
from maenas.latency.calibration_rows import cells_of
from maenas.nas.scores.load import read_score
from maenas.pipeline.record import load_record
from maenas.runs.config import load_config
from maenas.search_spaces import load_space
from maenas.training.family import kept_family
from maenas.training.setup import kept_recipe
from tests.cpu_table import cpu_table
from tests.schemas import errors_in

ROOT = Path(__file__).parents[3]
BUNDLED = [
    path
    for folder in ("blocks/zoo", "search_spaces", "detector/model/templates", "budgets/devices")
    for path in sorted((ROOT / folder).glob("*.yaml"))
] + sorted((ROOT / "detector/train/recipes").glob("*.yaml"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLE = re.compile(r"```yaml\n(format: maenas/.*?)```", re.DOTALL)
# Examples with blocks of plugins are left out: their schema exists where the plugin is loaded.
EXAMPLES = [
    text
    for page in PAGES
    for text in EXAMPLE.findall(page.read_text(encoding="utf-8"))
    if set(re.findall(r"block: (\w+)", text)) <= set(BLOCKS)
]
# Messages of readers about keys and types; all others are about values.
STRUCTURAL = re.compile(
    r"no such field|is missing|must be a (?:mapping|list)|input should be|unknown format"
    r"|lacks the line|no such block|no assigner|must be text|must list|must name"
    r"|such score|belongs one level up|is the detector's|must be a path|damaged: lacks|is a maenas/"
    r"|written by another version|must be a whole number|must be the path",
    re.IGNORECASE,
)
VALUES: tuple[Any, ...] = (True, "word", 3, 1.5, None, [], {}, [1, 2], {"key": 1})

STAGES = [
    {"block": "conv_stem", "out_channels": 16, "kernel_size": 3},
    {"block": "res_k1kx", "out_channels": 32, "bottleneck_channels": 16, "stride": 2, "depth": 1},
]
NETWORK = {"in_shape": [3, 64, 64], "stages": STAGES, "features": [0, 1]}
FIT = {
    "rows": 2,
    "mean_error": 1.0,
    "max_error": 2.0,
    "leave_one_out": {"a": 1.0},
    "families": {"b": 2.0},
}


def read_data(path: Path) -> None:
    """Read all that `data.yaml` says, without images and labels."""
    keys = read_mapping(path)
    root_of(path, keys)
    class_names(path, keys)
    row_form(path, keys)
    for split in ("train", "val"):
        if keys.get(split) is not None:
            find_entries(path, keys, split)


# A small file of each format that a reader parses strictly, and the reader.
FILES: dict[str, tuple[dict[str, Any], Callable[[Path], object]]] = {
    "backbone": (
        {
            "format": "maenas/backbone@2",
            **NETWORK,
            "template": "t",
            "num_classes": 3,
            "score": {"name": "max-entropy", "weights": [0, 1.5]},
            "provenance": {"seed": 3},
            "limits_ms": {"t4": 3.8},
        },
        load_spec,
    ),
    "space": (
        {
            "format": "maenas/space@1",
            "about": "small",
            **NETWORK,
            "stages": [
                {"block": "conv_stem", "out_channels": [16, 24], "stride": 2},
                {
                    "block": "res_k1kx",
                    "out_channels": {"min": 24, "max": 48, "step": 8},
                    "bottleneck_channels": 16,
                    "act": ["silu", "relu"],
                },
                {
                    "stride": 2,
                    "out_channels": [48, 64],
                    "any_of": [
                        {"block": "mob", "expand_ratio": {"min": 2, "max": 3, "step": 0.5}},
                        {"block": "csp", "bottleneck_channels": [16, 24], "rep": [False, True]},
                    ],
                },
            ],
            "widths_never_shrink": True,
            "bottleneck_ratio": [0.25, 1.5],
        },
        lambda path: load_space(str(path)),
    ),
    "score": (
        {
            "format": "maenas/score@1",
            "name": "log-macs",
            "weights": [1, 2.0],
            "options": {"t": 0.5},
        },
        read_score,
    ),
    "recipe": (
        {
            "format": "maenas/recipe@1",
            "epochs": 3,
            "sides": [64],
            "optimizer": {"lr": 0.01},
            "assigner": {"name": "atss", "topk": 9},
            "compute": {"amp": "off", "batch": None},
            "distill": {"weight": 0.5},
        },
        load_recipe,
    ),
    "data": (
        {"path": ".", "train": "images", "val": ["images"], "nc": 2, "names": ["a", 1]},
        read_data,
    ),
    "union": (
        {
            "format": "maenas/union@1",
            "sources": {
                "pets": {"data": "pets.yaml", "classes": {"cat": "cat", "dog": "ignore", "7": 7}},
                "farm": {"data": "farm", "classes": {"cow": "split", "pet": ["cat", "cow"]}},
            },
        },
        load_union,
    ),
    "roofline": (
        {
            **yaml.safe_load((ROOT / "budgets/devices/t4.yaml").read_text(encoding="utf-8")),
            "fit": FIT,
            "sizes": {"conv": [[1, 2], [3, 4]]},
        },
        load_roofline,
    ),
    "operators": (
        {
            "format": "maenas/operators@2",
            "device": "board",
            "hardware": "cpu",
            "precision": "f32",
            "source": "nothing",
            "error": "unknown",
            "fit": FIT,
            "kernels": {"conv 3x3/2": {"us": [1.0, 2], "sizes": [[1, 2], [3, 4]]}},
        },
        load_operator_file,
    ),
    "search": (
        {"format": "maenas/search@1", "budgets": ["1GFLOPs"], "seed": 3, "weights": [1, 2.5]},
        load_config,
    ),
    "searches": ({"format": "maenas/searches@1", "searches": ["a", "b"]}, listed_names),
    "portfolio": (
        {
            "format": "maenas/portfolio@1",
            "span": {"portfolio": 4, "space": ["res", None], "input_size": [64, None]},
            "search": {"budgets": ["1GFLOPs"], "seed": 3},
            "fingerprint": "0",
        },
        load_portfolio,
    ),
    "train": (
        {"format": "maenas/train@1", "data": "data.yaml", "recipe": {"epochs": 3}},
        kept_recipe,
    ),
    "judge": (
        {
            "format": "maenas/judge@1",
            "at": "1GMACs",
            "data": "d.yaml",
            "short_epochs": None,
            "changes": ["batch=8"],
        },
        load_options,
    ),
    "race": (
        {"format": "maenas/race@1", "sources": ["a"], "data": "d.yaml", "minutes": 3.5},
        load_race,
    ),
    "family": (
        {"format": "maenas/family@1", "data": "d.yaml", "sources": ["a"], "epochs": None},
        kept_family,
    ),
}


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_that_ships_is_valid(path: Path) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert errors_in(data["format"].removeprefix("maenas/").partition("@")[0], data) == []


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split()[1])
def test_an_example_of_a_page_is_valid(text: str) -> None:
    data = yaml.safe_load(text)
    assert errors_in(data["format"].removeprefix("maenas/").partition("@")[0], data) == []


@pytest.mark.parametrize("name", FILES)
def test_reader_and_schema_agree_on_every_change_of_a_file(name: str, tmp_path: Path) -> None:
    content, read = FILES[name]
    (tmp_path / "images").mkdir()
    path = tmp_path / "file.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    read(path)
    assert errors_in(name, content) == []
    wrong: list[str] = []
    refusals = 0
    for what, changed in changes(content):
        path.write_text(json.dumps(changed), encoding="utf-8")
        message = refusal(read, path)
        is_valid = not errors_in(name, changed)
        structural = bool(STRUCTURAL.search(message or ""))
        refusals += structural
        if (message is None and not is_valid) or (structural and is_valid):
            wrong.append(f"{what}: {message or 'is read'}")
    assert wrong == []
    assert refusals > 5


def refusal(read: Callable[[Path], object], path: Path) -> str | None:
    """The message with which a reader refuses a file; None if it reads it."""
    try:
        read(path)
    except MaenasError as error:
        return str(error)
    return None


def changes(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every file that differs in one place: a key more, a key less, or a value of another type."""
    for path in places(content):
        parent, key = path[:-1], path[-1]
        for value in VALUES:
            changed = deepcopy(content)
            inside(changed, parent)[key] = value
            yield f"{path} = {value!r}", changed
        if isinstance(key, str):
            changed = deepcopy(content)
            del inside(changed, parent)[key]
            yield f"{path} deleted", changed
            changed = deepcopy(content)
            inside(changed, parent)["unknown_key"] = 1
            yield f"{(*parent, 'unknown_key')} added", changed


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every key and element."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def inside(content: Any, path: tuple[Any, ...]) -> Any:
    """The mapping or list at a path."""
    for key in path:
        content = content[key]
    return content


def test_a_table_is_valid_and_a_row_without_a_size_is_not(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    cpu_table().save(path)
    load_table(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert errors_in("latency-table", data) == []
    data["ops"][0].pop()
    assert errors_in("latency-table", data) != []


def test_a_transferred_table_is_valid_and_one_without_the_prices_of_its_source_is_not(
    tmp_path: Path,
) -> None:
    model = load_bundled("intel-8163")
    assert isinstance(model, OperatorModel)
    path = tmp_path / "table.json"
    replace(cpu_table(), transfer=Origin.of("mine", model)).save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert errors_in("latency-table", data) == []
    del data["transfer"]["kernels"]
    assert errors_in("latency-table", data) != []


def test_the_files_of_a_search_are_valid(small_folder: Path) -> None:
    run = small_folder / "run"
    for name, file in (("backbone", "best.yaml"), ("search", "config.yaml")):
        assert errors_in(name, yaml.safe_load((run / file).read_text(encoding="utf-8"))) == []
    for name, file in (("search-result", "result.json"), ("state", "state.json")):
        assert errors_in(name, json.loads((run / file).read_text(encoding="utf-8"))) == []
    lines = (run / "history.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    assert [errors_in("history", json.loads(line)) for line in lines] == [[]] * 20


def test_the_manifest_of_a_kit_is_valid(tmp_path: Path) -> None:
    row = ["conv", [3, 64, 64], [8, 32, 32], 3, 2, 1, "relu", False]
    layer = {"name": "a", "nodes": ["a"], "ops": [0], "source": None}
    data: dict[str, Any] = {
        "format": "maenas/kit@1",
        **dict.fromkeys(("name", "runtime", "created", "maenas"), "x"),
        "precision": None,
        "ops": [row],
        "graphs": [{"name": "a", "sample": "fit/a", "role": "fit", "layers": [layer]}],
        "files": {"a.onnx": "0"},
    }
    (tmp_path / "kit.json").write_text(json.dumps(data), encoding="utf-8")
    load_manifest(tmp_path)
    assert errors_in("kit", data) == []
    del layer["nodes"]
    (tmp_path / "kit.json").write_text(json.dumps(data), encoding="utf-8")
    assert "nodes: is missing" in str(refusal(load_manifest, tmp_path))
    assert errors_in("kit", data) != []


@pytest.mark.parametrize(
    ("header", "is_valid"),
    [
        ("network,latency_ms", True),
        ("network,ms,family", True),
        ("network", False),
        ("latency_ms", False),
        ("network,latency_ms,other", False),
    ],
)
def test_columns_of_a_calibration_are_those_that_its_reader_takes(
    header: str, is_valid: bool, tmp_path: Path
) -> None:
    path, columns = tmp_path / "rows.csv", header.split(",")
    values = ["1"] * len(columns)
    path.write_text(f"{header}\n{','.join(values)}\n", encoding="utf-8")
    assert (refusal(lambda path: [*cells_of(path)], path) is None) == is_valid
    assert (errors_in("rows", dict(zip(columns, values, strict=True))) == []) == is_valid


def test_a_run_record_is_valid_and_one_without_an_option_is_refused(tmp_path: Path) -> None:
    from maenas.pipeline.options import RunOptions
    from maenas.pipeline.record import FinishedStep, RunRecord

    step = FinishedStep("search", "maenas search", 1.0, {"score": 3})
    RunRecord(RunOptions(budget=("3ms",)), (step,)).save(tmp_path)
    file = tmp_path / "run.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    load_record(tmp_path)
    assert errors_in("run", data) == []
    del data["options"]["seed"]
    file.write_text(json.dumps(data), encoding="utf-8")
    assert "another version" in str(refusal(load_record, tmp_path))
    assert errors_in("run", data) != []


def test_a_schema_is_printed_and_all_are_written(typed: Any, tmp_path: Path) -> None:
    printed = json.loads(typed("schema", "maenas/space@1").out)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["properties"]["features"]["description"]
    assert typed("schema", "--out", "schemas").out == f"{len(FORMATS)} schemas in schemas\n"
    written = {path.name: json.loads(path.read_text()) for path in Path("schemas").iterdir()}
    assert set(written) == {f"{name}.schema.json" for name in FORMATS}
    assert written["space.schema.json"] == printed
    assert all("description" in schema for schema in written.values())
    assert "searches.yaml" in typed("schema").out
    assert "did you mean space?" in typed("schema", "spcae").err
