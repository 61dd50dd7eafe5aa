"""Each criterion of the check of a GPU, met and missed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu_check import (
    latency,
    machine,
    predictions,
    ranks,
    sections,
    throughput,
    training,
    trainings,
)
from benchmarks.gpu_check.predictions import PRECISIONS, differences, require_agreement
from benchmarks.gpu_check.report import Missed, Part, Skip, read_json
from benchmarks.gpu_check.sections import run_section
from benchmarks.gpu_check.trainings import drawn_data, still_network, training_of
from maenas.detector.ops.nms import nms
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.detector.train import StepResult
from maenas.training.plan import loader_options
from tests.cuda_on_cpu import fake_gpu
from tests.fake_gpu import pretended_gpu
from tests.lively import images
from tests.patience import PATIENCE_S
from tests.small_detector import small_spec

NAN = float("nan")
STEP = StepResult(
    epoch=0, number=0, lr=0.1, parts={"a": 1.0, "b": 0.5}, norm=1.0, images=8, taken=True,
    seconds=2.0, waited=0.5,
)  # fmt: skip


def missed(part: Part) -> str:
    """What a section has missed, as the message it fails with."""
    with pytest.raises(Missed) as error:
        part.finish()
    return str(error.value)


def test_a_section_that_misses_a_criterion_goes_on_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(part: Part, fake: bool) -> None:
        part.require(True, "one is one")
        part.require(False, "two is one")
        part.tell("after", 1)
        part.require(False, "three is one")

    monkeypatch.setattr(sections, "import_module", lambda name: SimpleNamespace(run=run))
    assert run_section("predictions", tmp_path / "part.json", fake=False) == 1
    told = read_json(tmp_path / "part.json")
    assert told is not None
    assert told["state"] == "failed"
    assert told["message"] == "Missed: two is one; three is one"
    assert told["missed"] == ["two is one", "three is one"]
    assert told["result"] == {"after": 1}


FOUND = {"scores_share": 0.0005, "boxes_px_mean": 0.005}


@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scores_share", 1.4, r"scores must differ .* at most \d+\.\d% .*, got 140\.00%"),
        ("scores_share", NAN, "scores must"),
        ("boxes_px_mean", 3.0, r"boxes must differ .* pixels, got 3\.000"),
        ("boxes_px_mean", NAN, "boxes must"),
    ],
)
def test_predictions_that_differ_from_the_cpu_are_missed(
    name: str, key: str, value: float, message: str
) -> None:
    part = Part()
    require_agreement(part, "s", name, FOUND)
    part.finish()
    require_agreement(part, "s", name, {**FOUND, key: value})
    assert len(part.missed) == 1
    with pytest.raises(Missed, match=message):
        part.finish()


@pytest.mark.parametrize("change", [{"scores_share": 0.002}, {"boxes_px_mean": 0.02}])
def test_32_bits_without_tf32_are_held_to_more_than_tf32(change: dict[str, float]) -> None:
    part = Part()
    require_agreement(part, "s", "f32", FOUND | change)
    part.finish()
    require_agreement(part, "s", "f32_exact", FOUND | change)
    assert len(part.missed) == 1


def test_tf32_is_off_while_32_bits_are_compared_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def run(*given: Any) -> Any:
        seen.append(torch.backends.cudnn.allow_tf32)
        return SimpleNamespace(run=lambda some: some)

    monkeypatch.setattr(predictions, "TorchRuntime", run)
    for name in ("f32_exact", "f32"):
        predictions.on_gpu(None, None, PRECISIONS[name], None)
    assert seen == [False, True]


def test_nms_on_the_gpu_must_keep_what_it_keeps_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part = Part()
    limits = iter([0.7, 0.3])  # of the CPU, of a GPU that is wrong
    with pretended_gpu():
        predictions.require_nms(part)
        part.finish()
        assert 50 < part.result["nms_kept"] < 500
        monkeypatch.setattr(predictions, "nms", lambda *given: nms(*given, max_iou=next(limits)))
        predictions.require_nms(part)
    assert "NMS on the GPU must keep the" in missed(part)


def test_unrelated_scores_differ_by_more_than_any_precision_may() -> None:
    random = np.random.default_rng(0)
    ours, theirs = (random.normal(size=(1, 500, 3)) for _ in range(2))
    found = differences((ours, ours), (theirs, ours))
    assert found["scores_share"] > max(each.share for each in PRECISIONS.values())


def test_a_network_at_its_real_size_agrees_with_itself_in_16_bits() -> None:
    """With the statistics of images of 64 pixels, Ns overflows in f16 on those of 320."""
    spec, network = still_network("ns", 320)
    some = images(spec, 1)
    exact, half = (
        TorchRuntime(spec, network, "cpu", precision).run(some)
        for precision in (None, torch.float16)
    )
    part = Part()
    require_agreement(part, "ns", "f16", differences(exact, half))
    part.finish()


def trained() -> dict[str, dict[str, Any]]:
    """What a sound GPU finds."""
    taken = [True] * training.STEPS
    told = {"loss": [2.0] * training.STEPS, "taken": taken, "finite": True}
    skipping = [number != training.BAD for number in range(training.STEPS)]
    return {"off": told, "bf16": told, "fp16": {**told, "taken": skipping}}


def test_a_sound_training_meets_every_criterion() -> None:
    part = Part()
    training.require_sound(part, trained())
    part.finish()
    assert part.result["skipped_steps"]["fp16"] == [training.BAD]


LATE = [2.0] * (training.STEPS - 3) + [3.0] * 3


@pytest.mark.parametrize(
    ("amp", "change", "message"),
    [
        ("off", {"finite": False}, "off: loss and weights must be finite"),
        ("bf16", {"finite": False}, "bf16: loss and weights must be finite"),
        ("fp16", {"finite": False}, "fp16: loss and weights must be finite"),
        ("bf16", {"loss": [2.4, *[2.0] * 31]}, "bf16: the first loss must be that of 32 bits"),
        ("fp16", {"loss": [2.4, *[2.0] * 31]}, "fp16: the first loss must be that of 32 bits"),
        (
            "bf16",
            {"loss": LATE},
            "bf16: the last loss must be that of 32 bits within 30%, got 3",
        ),
        ("fp16", {"loss": [*LATE[:-1], NAN]}, "fp16: the last loss must be that of 32 bits"),
        ("fp16", {"taken": [True] * 32}, r"fp16: step 3, whose gradient is infinite, must be skip"),
        ("fp16", {"taken": [*[True] * 3, *[False] * 29]}, "fp16: steps after the overflow must be"),
        ("off", {"taken": [*[True] * 31, False]}, r"off: every step must be taken, not \[31\]"),
        ("bf16", {"taken": [*[True] * 31, False]}, r"bf16: every step must be taken, not \[31\]"),
    ],
)
def test_a_training_that_is_not_sound_is_missed(
    amp: str, change: dict[str, Any], message: str
) -> None:
    part = Part()
    found = trained()
    training.require_sound(part, {**found, amp: {**found[amp], **change}})
    with pytest.raises(Missed, match=message):
        part.finish()


SGD = {
    "optimizer": "sgd",
    "norm": [NAN, 3.0, 2.0],
    "taken": [False, True, True],
    "finite": True,
    "momentum_max": 4.0,
    "momentum_finite": True,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taken": [True] * 3, "norm": [1.0] * 3}, r"step 0 must be skipped, not \[\]"),
        ({"taken": [False] * 3}, "a step after the overflow must be taken"),
        ({"finite": False}, "loss and weights must be finite"),
        ({"momentum_max": 2.7e17}, r"momentum must be at most 6 .* got 2\.7e\+17"),
        ({"momentum_max": NAN, "momentum_finite": False}, "momentum must be at most 6"),
    ],
)
def test_an_overflow_in_the_first_step_of_sgd_leaves_no_momentum(
    change: dict[str, Any], message: str
) -> None:
    part = Part()
    training.require_sound_momentum(part, SGD)
    part.finish()
    training.require_sound_momentum(part, SGD | change)
    assert message.split()[0] in missed(part)
    with pytest.raises(Missed, match=message):
        part.finish()


def test_an_overflow_in_the_first_step_is_that_of_fused_sgd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trainings, "spec_of", lambda model: small_spec())
    data = drawn_data(tmp_path, images=2, side=64)
    with fake_gpu():
        given = training_of(training.SGD_MODEL, data, tmp_path / "run", 64, 2, 2, amp="fp16")
        told = training.first_overflow(given, 2)
    assert told["optimizer"] == "sgd"
    assert told["taken"][0] is False
    assert 0.0 <= told["momentum_max"] < 1e6


def test_images_are_sampled_as_in_a_training(tmp_path: Path) -> None:
    """With mosaics; the loader's own default, 16 epochs without them, would be all epochs."""
    given = training_of("s", drawn_data(tmp_path, images=4, side=64), tmp_path / "run", 64, 2, 8)
    options = given.loader.options
    assert options == loader_options(given.recipe, given.folder.spec, 2, given.ranks)
    assert (options.epochs, options.plain_epochs) == (4, 2)


def test_the_wait_is_measured_once_the_loader_queue_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A loader takes 1 s a batch, a step 0.25 s, and 16 batches wait before the first step."""
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**30)
    quick, slow = replace(STEP, seconds=0.25, waited=0.0), replace(STEP, seconds=1.0, waited=0.75)
    warm_up = throughput.warm_up_of(8)
    told = throughput.rates([quick] * 16 + [slow] * 5, warm_up)
    assert told["wait_share"] == 0.75
    assert told["images_per_s"] == 8.0
    assert throughput.warm_up_of(0) == throughput.WARM_UP


def test_throughput_is_skipped_where_workers_have_too_little_shared_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(throughput, "SHARED", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=64 << 20))
    throughput.require_shared_memory(0, 1 << 30)  # loads in its own process
    throughput.require_shared_memory(1, 30 << 20)
    with pytest.raises(Skip, match="needs 640 MB free; docker run --shm-size"):
        throughput.require_shared_memory(8, 40 << 20)


def test_throughput_needs_steps_after_its_warm_up_and_finite_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enough = [STEP] * (throughput.WARM_UP + 2)
    part = Part()
    throughput.require_measured(part, enough, throughput.WARM_UP)
    part.finish()
    throughput.require_measured(part, enough[:2], throughput.WARM_UP)
    throughput.require_measured(
        part, [*enough, replace(STEP, parts={"a": NAN})], throughput.WARM_UP
    )
    assert [line.split(",")[0] for line in part.missed] == [
        "steps after the 4 of the warm-up must be timed",
        "the loss of every step must be finite",
    ]
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**30)
    told = throughput.rates(enough, throughput.WARM_UP)
    assert told["images_per_s"] == 4.0
    assert told["images_per_s_without_wait"] == pytest.approx(8 / 1.5)
    assert told["wait_share"] == 0.25


@pytest.mark.parametrize(
    ("left_s", "measured_s", "count"), [(1e9, 0.0, 5), (11.0, 1e9, 1), (1e9, 1e9, 9)]
)
def test_throughput_stops_by_time(
    monkeypatch: pytest.MonkeyPatch, left_s: float, measured_s: float, count: int
) -> None:
    """After the measured time, before the section's end, or with enough steps."""
    monkeypatch.setattr(throughput, "train", lambda given: iter([STEP] * 20))
    monkeypatch.setattr(throughput, "MEASURED_S", measured_s)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**30)
    monkeypatch.setattr(Part, "left_s", left_s)
    part = Part()
    assert len(throughput.timed_steps(None, 9, part, 4)) == count
    assert part.result["training"]["batch"] == 8  # told as it goes


def test_a_table_with_a_large_error_is_missed() -> None:
    part = Part()
    told = {"held_out": {"mean": 0.1}, "samples": {"fit": 9}}
    latency.require_accurate(part, told)
    part.finish()
    latency.require_accurate(part, {**told, "held_out": {"mean": 0.5}})
    assert "within 30% on average, got 50.0% from 9 fitted networks" in missed(part)


def test_samples_of_a_profile_that_fails_are_told(tmp_path: Path) -> None:
    part, path = Part(), tmp_path / "cuda.json"
    rows = ['{"format": "x"}', *['{"sample": {"role": "fit"}}'] * 3, '{"sample": {"role": "held-o']
    (tmp_path / "cuda.json.partial").write_text("\n".join(rows))
    with pytest.raises(RuntimeError, match="gone"), latency.telling_samples(part, path):
        raise RuntimeError("the GPU is gone")
    assert part.result["partial_samples"] == {"fit": 3}


def test_ranks_that_sum_or_learn_something_else_are_missed() -> None:
    part, right = Part(), {"sum_is_right": True}
    ranks.require_sums(part, [right, right])
    same = {
        "first_weights": 2.0,
        "weights": 2.5,
        "statistics": 1.5,
        "evaluated": True,
        "averages": [2.1],
        "ap": [0.1],
        "taken": [False, True],
        "losses": [1.0],
    }
    ranks.require_equal(part, [same, same])
    part.finish()
    ranks.require_sums(part, [right, {"sum_is_right": False}])
    ranks.require_equal(part, [same, {**same, "weights": 2.6}])
    ranks.require_equal(part, [same, {**same, "statistics": 1.6, "averages": [2.2], "ap": [0.2]}])
    ranks.require_equal(part, [{**same, "losses": [NAN]}] * 2)
    ranks.require_equal(part, [{**same, "ap": []}] * 2)
    ranks.require_equal(part, [{**same, "taken": [False]}] * 2)
    ranks.require_equal(part, [same | {"first_weights": 2.5}] * 2)
    assert part.missed == [
        "every rank must get the sum of all, but it is wrong in [1]",
        "every rank must end with the same weights, but [1] differ from 0",
        "every rank must end with the same running statistics, but [1] differ from 0",
        "every rank must evaluate the same averaged weights, but [1] differ from 0",
        "every rank must get the same AP, but [1] differ from 0",
        "the losses of all steps must be finite, got [nan]",
        "the averaged weights must be evaluated, but no AP came",
        "every rank must take a step that moves its weights, not so [0, 1]",
        "every rank must take a step that moves its weights, not so [0, 1]",
    ]


def test_a_gpu_that_emulates_bf16_is_not_judged_by_it() -> None:
    """As a T4, where a convolution in bf16 takes many times as long."""
    part = Part()
    found = trained()
    del found["bf16"]
    training.require_sound(part, found)
    part.finish()


@pytest.mark.parametrize("has_bf16", [True, False])
def test_products_of_matrices_are_timed_in_what_the_gpu_has(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_gpu():
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **asked: has_bf16)
        assert ("bf16" in machine.products(8, 0.0)) is has_bf16


def test_products_are_timed_after_work_and_clocks_are_read_during_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, work = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def multiply(*matrices: Any) -> int:
        now[0] += 0.01
        work.append(now[0])
        return 10

    def clocks() -> list[dict[str, str]]:
        before = len(work)
        until = time.monotonic() + PATIENCE_S
        while len(work) < before + 5 and time.monotonic() < until:
            time.sleep(0.001)
        return [{"before": str(before), "meanwhile": str(len(work) - before)}]

    monkeypatch.setattr(machine, "_multiply", multiply)
    monkeypatch.setattr(machine, "clocks", clocks)
    with fake_gpu():
        found = machine.products(8, 0.5)
        each = len(work) / len(found)
        [told] = machine.clocks_at_work(8, 0.5)
    assert each == pytest.approx(34, abs=1)  # of 0.01 s, in two thirds of 0.5 s
    assert int(told["before"]) >= 50 + len(found) * each
    assert int(told["meanwhile"]) >= 5
