"""Parsers are called at their boundaries alone: elsewhere a damaged file would be a traceback."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.test_layering import MODULES, tree

# What parses or opens a file -> where it may be called, with what is read there.
BOUNDARIES = {
    "yaml.load": {"maenas.blocks.files.yaml_file"},
    "yaml.safe_load": set(),
    "yaml.parse": {"maenas.blocks.files.yaml_file"},
    "json.load": set(),
    "json.loads": {
        "maenas.blocks.files.json_file",
        "maenas.detector.data.readers.coco.annotations",  # in columns, inside `parsing`
        "maenas.detector.data.readers.coco.json_stream",  # of texts that it parsed before
        "maenas.budgets.backends.engine_info",  # what TensorRT says of an engine in memory
    },
    "torch.load": {
        "maenas.detector.checkpoints.state_dict",
        "maenas.detector.train.state",
    },
    "onnx.load": {
        "maenas.budgets.graph.model",
        "maenas.detector.export.trial",  # a file that was written just before
    },
    "ElementTree.fromstring": {
        "maenas.budgets.kit.exec_graph",
        "maenas.detector.data.readers.voc_file",
    },
    "ElementTree.parse": set(),
    "av.open": {
        "maenas.detector.media.videos",
        "maenas.detector.media.remote",  # inside `named`, as files are
    },
    "read_model": {
        "maenas.budgets.backends.openvino_cpu",  # of a graph in memory
        "maenas.detector.export.openvino",
        "maenas.detector.export.trial",  # a file that was written just before
        "maenas.detector.runtimes.openvino_runtime",
    },
    "np.load": {"maenas.detector.data.index.columns"},  # inside `parsing`
    "pickle.load": set(),
    "pickle.loads": {"maenas.nas.executors.executor"},  # tasks of our own processes
    "csv.reader": {
        "maenas.latency.calibration_rows",  # of a text that was read
        "maenas.detector.data.readers.csv_list",
        "maenas.detector.data.readers.published.openimages_files",  # of an opened file
    },
    "csv.DictReader": {"maenas.evidence.table", "maenas.runs.training_table"},  # of a read text
    "load_file": {"maenas.detector.checkpoints.checkpoint"},
    "Image.open": {"maenas.detector.media.images", "maenas.detector.data.sizes"},
    "InferenceSession": {
        "maenas.budgets.backends.onnxruntime_cpu",
        "maenas.budgets.graph.model",
        "maenas.detector.runtimes.onnx_runtime",
        "maenas.detector.export.quantise",  # of a model in memory
    },
    "read_text": {
        "maenas.blocks.files.plain_file",
        "maenas.budgets.backends.cpu",  # of the kernel
        "maenas.budgets.backends.nvml",
        "maenas.budgets.cluster.connection",  # of Ray's own note
        "maenas.budgets.pricing.roofline_file",  # of files that come with maenas
        "maenas.budgets.device",
        "maenas.report.page",
    },
    "read_bytes": {
        "maenas.backbone_search.results.report",  # of figures that were written just before
        "maenas.backbone_search.tasks",
        "maenas.budgets.cluster.raylet_watch",  # of the kernel
        "maenas.budgets.cluster.versions",  # of our own source
        "maenas.budgets.backends.tensorrt_build",  # a cache of timings, which TensorRT checks
    },
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_parsers_are_called_at_their_boundaries_alone(name: str) -> None:
    callers = {module for module, function in calls() if is_call(function, name)}
    assert callers - BOUNDARIES[name] == set()


@cache
def calls() -> list[tuple[str, str]]:
    """Every call as (module, the function as it is written)."""
    return [
        (module, ast.unparse(call.func))
        for module, path in MODULES.items()
        if not module.startswith("maenas.testing.")  # contracts that the tests of others run
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
    ]


def is_call(function: str, name: str) -> bool:
    """Whether a function is called by that name: as a method, or as `module.name`."""
    if name in ("read_text", "read_bytes"):  # of a path; the functions of one opener are plain
        return function.endswith(f".{name}")
    return function == name or function.endswith(f".{name}")


def test_calls_are_found_however_they_are_written() -> None:
    def found(source: str, name: str) -> bool:
        call = ast.parse(source, mode="eval").body
        assert isinstance(call, ast.Call)
        return is_call(ast.unparse(call.func), name)

    assert found("yaml.load(x)", "yaml.load")
    assert found("path.read_text()", "read_text")
    assert found("(a / b).read_bytes()", "read_bytes")
    assert found("onnxruntime.InferenceSession(x)", "InferenceSession")
    assert not found("read_text(path, limit=1)", "read_text")
    assert not found("self.load(x)", "yaml.load")
