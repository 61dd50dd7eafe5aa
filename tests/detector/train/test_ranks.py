"""Several processes: they learn the same, from all images; devices that are not there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
import torch
from torch.multiprocessing.spawn import spawn

from maenas.detector.checkpoints.checkpoint import load_folder
from maenas.detector.errors import TrainError
from maenas.detector.train import Ranks, StepResult, joined_ranks, train
from maenas.detector.train.ranks import find_device
from tests.trainings import IMAGES, small_training, write_data


def learn(rank: int, port: int, data: Path, out: Path) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", **address)
    with joined_ranks("cpu") as ranks:
        assert (ranks.rank, ranks.count, ranks.leads) == (rank, 2, rank == 0)
        mean = ranks.mean(torch.tensor([float(rank), 10.0]))
        assert mean.tolist() == [0.5, 10.0]
        training = small_training(out / "run", data, accumulation_steps=2, ranks=ranks)
        steps = [event for event in train(training) if isinstance(event, StepResult)]
        torch.save(
            {
                "weights": dict(training.network.named_parameters()),
                "images": [step.images for step in steps],
                "parts": [step.parts for step in steps],
            },
            out / f"{rank}.pt",
        )


def test_two_processes_learn_the_same_and_one_of_them_writes(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = write_data(tmp_path / "data")
    spawn(learn, (port, data, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert first["parts"] == second["parts"]
    assert first["images"][0] == IMAGES + 1  # one comes twice, so that both have three
    for name, value in first["weights"].items():
        assert torch.equal(value, second["weights"][name])
    assert load_folder(tmp_path / "run" / "last")[1] is not None


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
