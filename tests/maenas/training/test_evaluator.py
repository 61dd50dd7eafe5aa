"""The evaluation of a training: shared by processes, on a GPU in the precision of the training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maenas.detector.data import read_dataset
from maenas.detector.evaluate.evaluate import evaluate, published_thresholds
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.detector.train import Ranks, joined_ranks
from maenas.detector.train.recipe import ComputeOptions
from maenas.runs.signals import Signals
from maenas.training import evaluator as module
from maenas.training.evaluator import evaluator
from tests.fake_gpu import GPU, pretended_gpu
from tests.fake_ranks import fake_ranks
from tests.processes import run_ranks
from tests.small_detector import constant_weights, small_spec
from tests.trainings import write_data

SPEC = small_spec("stretch")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of which every other one has a dog where the detector sees one."""
    path = write_data(tmp_path_factory.mktemp("data"), images=7)
    for number in range(0, 7, 2):
        (path.parent / "labels" / f"{number}.txt").write_text("1 0.25 0.25 0.5 0.5\n")
    return path


def network():
    built = SPEC.build()
    built.load_state_dict(constant_weights(SPEC))
    return built.eval()


def judge(rank: int, data: Path) -> tuple[float, float, float]:
    """One of several processes; every one gets the scores."""
    module.EVALUATED_AT_A_TIME = 2
    with joined_ranks("cpu") as ranks:
        accuracy = evaluator(SPEC, read_dataset(data, "val"), ranks, Signals(), ComputeOptions())
        scores = accuracy(network())
        return scores.ap, scores.ap50, scores.ar100  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_the_images_and_all_get_the_ap_of_one(count: int, data: Path) -> None:
    torch.set_num_threads(1)
    val = read_dataset(data, "val")
    alone = evaluate(TorchRuntime(SPEC, network()), val, published_thresholds(SPEC.is_nano), 2)
    expected = (alone.scores.ap, alone.scores.ap50, alone.scores.ar100)
    assert alone.scores.ar100 > 0
    assert run_ranks(count, judge, data) == [expected] * count


@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
def test_a_gpu_evaluates_in_the_precision_and_batch_of_the_training(
    amp: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    val = read_dataset(data, "val")
    alone = evaluate(TorchRuntime(SPEC, network()), val, published_thresholds(SPEC.is_nano), 5)
    seen: list[tuple[int, bool]] = []
    with pretended_gpu():
        compute = ComputeOptions(amp=amp, batch=5)  # type: ignore[arg-type]
        accuracy = evaluator(SPEC, val, Ranks(GPU), Signals(), compute)
        forward = type(network()).forward

        def watched(self, images):
            seen.append((len(images), torch.is_autocast_enabled("cpu")))
            return forward(self, images)

        monkeypatch.setattr(type(network()), "forward", watched)
        scores = accuracy(network().to("cuda"))
    assert seen == [(5, amp != "off"), (2, amp != "off")]
    assert scores.ap == pytest.approx(alone.scores.ap, abs=0.01)


def judge_on_gpu(rank: int, data: Path) -> dict[str, float]:
    """One of two processes with a GPU each; the AP of every precision."""
    found = {}
    with fake_ranks(rank, 2) as ranks:
        for amp in ("off", "bf16", "fp16"):
            compute = ComputeOptions(amp=amp, batch=2)  # type: ignore[arg-type]
            accuracy = evaluator(SPEC, read_dataset(data, "val"), ranks, Signals(), compute)
            found[amp] = accuracy(network().to("cuda")).ap
    return found


def test_processes_on_gpus_share_the_images_in_every_precision(data: Path) -> None:
    torch.set_num_threads(1)
    val = read_dataset(data, "val")
    alone = evaluate(TorchRuntime(SPEC, network()), val, published_thresholds(SPEC.is_nano), 2)
    first, second = run_ranks(2, judge_on_gpu, data)
    assert first == second
    assert first["off"] == alone.scores.ap
    assert first == pytest.approx(dict.fromkeys(first, alone.scores.ap), abs=0.01)
