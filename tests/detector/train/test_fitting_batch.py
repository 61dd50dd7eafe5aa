"""The batch that fits into a GPU is measured, on a pretended GPU whose memory the test counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from maenas.detector.distill import DistillOptions, Teaching, teaching
from maenas.detector.errors import TrainError
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import Recipe, fitting_batch
from maenas.detector.train.recipe import ComputeOptions
from tests.fake_gpu import GIB, GPU, pretended_gpu
from tests.small_detector import SIDE, small_spec
from tests.trainings import wider_teacher

WEIGHTS = 2 * GIB  # memory that was allocated before
FIXED, AN_IMAGE = GIB, GIB // 2  # what a pass needs, and each of its images


class Memory:
    """Memory of the GPU: what a pass with the images of the last forward pass needs."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.passes: list[int] = []
        self.is_emptied = False

    def peak(self, device: object = None) -> int:
        return WEIGHTS + FIXED + self.passes[-1] * AN_IMAGE

    def empty(self) -> None:
        self.is_emptied = True


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    found = Memory(8 * GIB)
    forward = DetectorNetwork.forward

    def counted(self: DetectorNetwork, images: torch.Tensor) -> object:
        if self.training:
            found.passes.append(len(images))
        return forward(self, images)

    with pretended_gpu():
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: WEIGHTS)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", found.peak)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (found.free, 16 * GIB))
        monkeypatch.setattr(torch.cuda, "empty_cache", found.empty)
        monkeypatch.setattr(DetectorNetwork, "forward", counted)
        yield found


def network() -> DetectorNetwork:
    torch.manual_seed(0)
    built: DetectorNetwork = small_spec("stretch").build().to(GPU)
    return built


def recipe_of(amp: str) -> Recipe:
    return replace(Recipe(), compute=ComputeOptions(amp=amp))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("free", "amp", "expected"),
    [
        (8.0, "off", 8),  # 85 % of it less 1 GiB: 11 images, of which a power of two
        (6.0, "bf16", 8),  # 8.2
        (5.8, "fp16", 4),  # 7.9
        (1.0, "off", 1),
    ],
)
def test_a_power_of_two_of_images_fills_most_of_the_free_memory(
    memory: Memory, free: float, amp: str, expected: int
) -> None:
    memory.free = int(free * GIB)
    assert fitting_batch(network(), (SIDE, SIDE), recipe_of(amp), GPU) == expected
    assert memory.passes == [2, 4]
    assert memory.is_emptied


def test_the_measurement_leaves_the_network_as_it_was(memory: Memory) -> None:
    measured = network()
    before = {name: value.cpu().clone() for name, value in measured.state_dict().items()}
    fitting_batch(measured, (SIDE, SIDE), recipe_of("off"), GPU)
    after = measured.state_dict()
    assert all(torch.equal(after[name].cpu(), value) for name, value in before.items())
    assert all(each.grad is None for each in measured.parameters())


def lessons(amp: str) -> Teaching:
    options = DistillOptions(amp=amp)  # type: ignore[arg-type]
    return teaching(wider_teacher(), small_spec("stretch"), options)


@pytest.mark.parametrize("amp", ["off", "fp16"])
def test_a_teacher_is_measured_with_its_student(
    memory: Memory, amp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = lessons(amp)
    seen: list[int] = []
    maps = Teaching.teacher_maps

    def counted(self: Teaching, images: torch.Tensor, precision: torch.dtype | None) -> object:
        seen.append(len(images))
        memory.passes.append(len(images))
        return maps(self, images, precision)

    monkeypatch.setattr(Teaching, "teacher_maps", counted)
    assert fitting_batch(network(), (SIDE, SIDE), recipe_of(amp), GPU, taught) == 8
    assert seen == [2, 4]
    assert all(each.grad is None for each in taught.loss.parameters())


def test_a_gpu_without_memory_for_the_measurement_is_one_line_with_the_remedy(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = network()

    def full(self: DetectorNetwork, images: torch.Tensor) -> object:
        if len(images) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        memory.passes.append(len(images))
        return forward(self, images)

    forward = DetectorNetwork.forward
    monkeypatch.setattr(DetectorNetwork, "forward", full)
    with pytest.raises(TrainError) as error:
        fitting_batch(measured, (SIDE, SIDE), recipe_of("off"), GPU)
    assert str(error.value) == (
        "compute: cuda:0 has no memory for 4 images; set compute.batch=1, or a smaller input."
    )
    assert all(each.grad is None for each in measured.parameters())
    assert memory.is_emptied


def test_on_a_cpu_nothing_is_measured() -> None:
    assert fitting_batch(small_spec("stretch").build(), (SIDE, SIDE), Recipe(), CPU) == 8


CPU = torch.device("cpu")
