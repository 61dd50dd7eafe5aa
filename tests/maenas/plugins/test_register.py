"""What may be registered, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest
from torch import Tensor

from maenas.blocks import Op, SpecError
from maenas.budgets.backends import load
from maenas.budgets.backends.onnxruntime_cpu import OnnxRuntimeBackend
from maenas.budgets.latency import Precision
from maenas.detector.assign import Assigner
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.readers.read import OURS, READERS
from maenas.detector.data.readers.source import DataSource, Reader
from maenas.nas import MaxEntropy, Score
from maenas.plugins import register


def test_a_class_that_is_nothing_of_ours_is_refused() -> None:
    with pytest.raises(SpecError, match=r"int is not a Block, Score, .* Backend or Reader"):
        register(int)


def test_the_name_of_another_score_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Impostor(Score):
        name: ClassVar[str] = MaxEntropy.name
        weights: tuple[float, ...] | None = None

        def op(self, op: Op) -> float:
            return 0.0

    with pytest.raises(SpecError, match="'max-entropy' exists already"):
        register(Impostor)


class Fpga(OnnxRuntimeBackend):
    """A runtime under another name."""

    name = "fpga"
    precisions: ClassVar[tuple[Precision, ...]] = ("f32", "int8")
    devices: ClassVar[tuple[str, ...]] = ("alveo",)


@pytest.fixture
def tables() -> Iterator[None]:
    """The tables of runtimes, as they were before the test afterwards."""
    known = (load.NAMES, load.BACKENDS, load.ABOUT, load.PROBLEMS, load.OWN)
    kept = [dict(table) for table in known]
    on_cpu = set(load.ON_CPU)
    yield
    for table, before in zip(known, kept, strict=True):
        table.clear()  # type: ignore[attr-defined]
        table.update(before)  # type: ignore[attr-defined]
    load.ON_CPU.clear()
    load.ON_CPU.update(on_cpu)


def test_a_runtime_is_opened_by_the_names_of_its_devices(tables: None) -> None:
    register(Fpga)
    target = load.parse_target("alveo", threads=1)
    assert (target.name, target.hardware) == ("alveo-1t", "cpu")
    assert load.parse_target("alveo", "int8").name == "alveo-int8"
    assert type(load.open_backend(target)) is Fpga
    assert load.target_of(Fpga()) == load.parse_target("alveo")
    assert load.is_known("fpga")
    assert not load.is_known("gpfa")


def test_the_names_of_our_runtimes_and_devices_are_taken(tables: None) -> None:
    with pytest.raises(SpecError, match="'cpu' exists already"):
        register(type("Fast", (Fpga,), {"devices": ("cpu",)}))
    with pytest.raises(SpecError, match="'openvino' exists already"):
        register(type("Fast", (Fpga,), {"name": "openvino", "devices": ()}))


def test_a_reader_needs_a_name_and_what_its_format_looks_like() -> None:
    class Nameless(Reader):
        def recognises(self, source: DataSource) -> bool:
            return False

        def splits(self, source: DataSource) -> tuple[str, ...]:
            return ()

        def read(self, source: DataSource, split: str) -> Dataset:
            raise NotImplementedError

    with pytest.raises(SpecError, match="Nameless needs a `name` and `looks_like`"):
        register(Nameless)
    assert tuple(READERS) == OURS


def test_an_assigner_is_a_dataclass_with_a_name() -> None:
    class Loose(Assigner):
        def match(self, *arguments: object) -> tuple[Tensor, Tensor]:
            raise NotImplementedError

    with pytest.raises(SpecError, match="Loose must be a frozen dataclass with a `name`"):
        register(Loose)
