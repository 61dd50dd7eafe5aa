"""Several processes: they learn the same, from all images; devices that are not there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.errors import TrainError
from maenas.detector.train import Ranks, StepResult, joined_ranks, train
from maenas.detector.train import ranks as ranks_module
from maenas.detector.train.ranks import find_device
from tests.patience import PATIENCE_S
from tests.processes import run_ranks
from tests.trainings import IMAGES, small_training, write_data


def learn(rank: int, data: Path, out: Path) -> dict[str, Any]:
    """One of two processes."""
    with joined_ranks("cpu") as ranks:
        assert (ranks.rank, ranks.count, ranks.leads) == (rank, 2, rank == 0)
        mean = ranks.mean(torch.tensor([float(rank), 10.0]))
        assert mean.tolist() == [0.5, 10.0]
        training = small_training(out / "run", data, accumulation_steps=2, ranks=ranks)
        steps = [event for event in train(training) if isinstance(event, StepResult)]
        return {
            "weights": {k: v.tolist() for k, v in training.network.named_parameters()},
            "images": [step.images for step in steps],
            "parts": [step.parts for step in steps],
        }


def test_two_processes_learn_the_same_and_one_of_them_writes(tmp_path: Path) -> None:
    first, second = run_ranks(2, learn, write_data(tmp_path / "data"), tmp_path)
    assert first["parts"] == second["parts"]
    assert first["images"][0] == IMAGES + 1  # one comes twice, so that both have three
    assert first["weights"] == second["weights"]
    assert load_folder(tmp_path / "run" / "last")[1] is not None


def agree(rank: int) -> dict[str, Any]:
    """One of several processes; each differs from rank 0 in something."""
    answers: dict[str, Any] = {}
    with joined_ranks("cpu") as ranks:
        answers["beside"] = ranks.beside
        answers["least"] = ranks.least(16 // (rank + 1))
        same = {"optimizer.lr": "0.01", "the device": "cpu"}
        ranks.require_equal(same)
        last = rank == ranks.count - 1
        for name, settings in {
            "changed": {**same, "optimizer.lr": "0.02"} if last else same,
            "missing": {"the device": "cpu"} if last else same,
            "several": {"optimizer.lr": "1", "the device": "cuda"} if last else same,
            "first": same if rank else {**same, "the device": "x" * 2000},
        }.items():
            with pytest.raises(TrainError) as error:
                ranks.require_equal(settings)
            answers[name] = str(error.value)
    return answers


@pytest.mark.parametrize("count", [2, 4])
def test_processes_agree_or_every_one_names_the_rank_and_the_setting(count: int) -> None:
    first, *others = run_ranks(count, agree)
    assert all(each == first for each in others)
    assert first["beside"] == count
    assert first["least"] == 16 // count
    last = count - 1
    assert first["changed"].startswith(f"rank {last}: optimizer.lr is 0.02, but rank 0 has 0.01;")
    assert first["missing"].startswith(f"rank {last}: optimizer.lr is none, but rank 0 has 0.01;")
    assert "0 has 0.01, and 1 more settings differ; start every" in first["several"]
    assert first["first"].startswith("rank 1: the device is cpu, but rank 0 has xxx")
    assert len(first["first"]) < 500


def fail(rank: int) -> tuple[str, float]:
    """A process that fails while the backend waits for calls that never come."""
    distributed.destroy_process_group = lambda group=None: time.sleep(2 * PATIENCE_S)
    ranks_module.FAREWELL_S = 0.1
    started = time.monotonic()
    with pytest.raises(TrainError) as error, joined_ranks("cpu"):
        raise TrainError("no memory")
    return str(error.value), time.monotonic() - started


def test_a_process_that_fails_does_not_wait_for_the_others() -> None:
    ((message, spent),) = run_ranks(2, fail)[:1]
    assert message == "no memory"
    assert spent < PATIENCE_S


def lose(rank: int) -> str:
    """Rank 1 fails while rank 0 waits for it."""
    try:
        with joined_ranks("cpu") as ranks:
            if rank:
                raise TrainError("no memory")
            ranks.least(1)
    except TrainError as error:
        return str(error)
    return "nothing failed"


def test_a_process_whose_partner_fails_says_so_in_one_line() -> None:
    message, _ = run_ranks(2, lose)
    assert message.startswith("rank 0: lost another process of the training, which ends with a")


def test_processes_that_cannot_be_reached_are_explained_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a host name resolves to 127.0.1.1, which gloo then offers to other machines."""

    def refuse(*given: object, **options: object) -> None:
        raise RuntimeError("Gloo connectFullMesh failed with [pair.cc:144]\n Connection refused")

    monkeypatch.setattr(distributed, "init_process_group", refuse)
    where = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainError) as error, joined_ranks("cpu"):
        pass
    message = str(error.value)
    assert message.startswith("rank 1: cannot join the other processes at 10.0.0.1:29500: Gloo con")
    assert "GLOO_SOCKET_IFNAME" in message
    assert "\n" not in message


def test_one_process_needs_no_others() -> None:
    with joined_ranks("cpu") as ranks:
        assert ranks == Ranks(torch.device("cpu"))
        numbers = torch.ones(2)
        assert ranks.mean(numbers) is numbers


@pytest.mark.parametrize("compute", ["gpu", "tpu:0", "meta"])
def test_a_device_that_we_do_not_train_on_is_named(compute: str) -> None:
    with pytest.raises(TrainError, match=f"must be cpu, cuda:0 or auto, got '{compute}'"):
        find_device(compute)


def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(TrainError, match=r"there is no cuda:99; this machine has \d+ GPUs"):
        find_device("cuda:99")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_is_the_gpu() -> None:
    assert find_device("auto").type == "cuda"
