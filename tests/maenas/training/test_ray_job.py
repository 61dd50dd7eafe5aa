"""Training on Ray: the processes learn what those of `torchrun` learn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from maenas.budgets.cluster import ClusterGone
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.errors import TrainError
from maenas.runs.signals import Interrupted
from maenas.training import ray_job as train_ray
from maenas.training.setup import TrainOptions
from tests.clusters import cluster_of, processes
from tests.maenas.conftest import Shell, environment
from tests.patience import PATIENCE_S
from tests.small_detector import small_spec
from tests.trainings import write_data

SETTINGS = (
    *("--compute", "cpu", "--workers", "0", "--set", "compute.batch=2", "--set", "batch=4"),
    *("--set", "optimizer.name=adamw", "--set", "optimizer.lr=0.02", "--epochs", "2"),
)


def test_processes_without_ray_are_refused(typed: Shell) -> None:
    ran = typed("train", "zoo:damo-yolo-ns", "--data", "shapes", "--processes", "2")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: processes: are started by --ray")


def test_two_trainings_that_start_together_have_a_folder_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = []

    def begin() -> None:
        options = TrainOptions("zoo:damo-yolo-ns", Path("data.yaml"))
        train_ray.run_on_ray(options, None, False, False, "cpu", 0, address="local", processes=2)

    def meanwhile(work: partial[None], *_: object) -> None:
        """The second training starts before the first one has written anything."""
        folders.append(work.args[1])
        if len(folders) == 1:
            begin()

    monkeypatch.setattr(train_ray, "run_ranks", meanwhile)
    begin()
    assert folders == [tmp_path / "runs" / "train" / name for name in ("exp", "exp2")]
    assert list(tmp_path.iterdir()) == []  # neither has left a file


def test_the_processes_get_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    asked = TrainOptions(
        "zoo:damo-yolo-ns", Path("pets"), recipe="own.yaml", teacher="large", init="runs/train/exp"
    )
    sent: list[TrainOptions] = []
    monkeypatch.setattr(train_ray, "run_ranks", lambda work, *_: sent.append(work.args[0]))
    train_ray.run_on_ray(asked, None, False, False, "cpu", 0, address="local", processes=2)
    (options,) = sent
    assert options.detector == "zoo:damo-yolo-ns"
    assert options.data == tmp_path / "pets"
    named = (options.recipe, options.teacher, options.init)
    assert named == tuple(str(tmp_path / name) for name in ("own.yaml", "large", "runs/train/exp"))


@pytest.mark.minutes
@pytest.mark.slow
def test_two_processes_on_ray_end_with_the_weights_of_torchrun(
    maenas: Shell, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    write_data(tmp_path / "data", names=("cat", "cow"))
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(tmp_path / "start", spec, spec.build().state_dict())
    asked = ("train", "start", "--data", "data/data.yaml", *SETTINGS)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2")
    subprocess.run(
        [*torchrun, "--standalone", "-m", "maenas", *asked, "--out", "torchrun"],
        cwd=tmp_path,
        env=environment({}),
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    ran = maenas(*asked, "--out", "ray", "--ray", "local", "--processes", 2, "--json", cwd=tmp_path)
    assert ran.json["epochs"] == 2
    assert Path(ran.json["run"]) == tmp_path / "ray"
    ours, theirs = (
        load_file(tmp_path / name / "last" / "weights.safetensors") for name in ("ray", "torchrun")
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.minutes
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_training_without_room_for_all_its_processes_holds_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(train_ray, "START_S", 3.0)
    words = r"2 processes could not be placed within 3 s \(1 of 1 CPUs free\)"
    with cluster_of() as cluster, pytest.raises(TrainError, match=words):
        train_ray.run_ranks(int, 2, cluster.address, "cpu")


@pytest.mark.minutes
@pytest.mark.slow
def test_a_lost_process_ends_the_training_with_one_line(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    process = under_way(start, tmp_path, "local")
    os.kill(rank_below(process.pid), signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    told = "error: ray: a process of the training is lost; --resume continues after the last epoch."
    assert err.splitlines()[-1] == told
    assert (tmp_path / "run" / "resume.pt").exists()


@pytest.mark.minutes
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_training_whose_head_is_lost_ends_with_one_line(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    with cluster_of({"num_cpus": 1}) as cluster:
        process = under_way(start, tmp_path, cluster.address)
        (head,) = processes(cluster.head_node, "gcs_server")
        head.process.kill()
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    assert err.splitlines()[-1].startswith("error: ray: the cluster is gone (")
    assert "--resume continues" in err
    assert "Traceback" not in err


def under_way(
    start: Callable[..., subprocess.Popen[str]], folder: Path, address: str
) -> subprocess.Popen[str]:
    """A long training by two processes that has ended its first epoch."""
    write_data(folder / "data", names=("cat", "cow"))
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    asked = ("train", "start", "--data", "data/data.yaml", *SETTINGS, "--epochs", "500")
    options = ("--out", "run", "--ray", address, "--processes", 2)
    process = start(*asked, *options, cwd=folder)
    deadline = time.monotonic() + PATIENCE_S
    while not (folder / "run" / "resume.pt").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process


def rank_below(ancestor: int) -> int:
    """A process of the training that another one has started."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or not title_of(entry).startswith(b"ray::Rank.run"):
            continue
        above = int(entry.name)
        while above > 1:
            if above == ancestor:
                return int(entry.name)
            above = int(Path(f"/proc/{above}/stat").read_text().rpartition(")")[2].split()[1])
    raise AssertionError("no process of the training runs")


def title_of(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def test_a_signal_that_also_ends_the_cluster_is_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that this process started ends with it: the signal counts, not the loss."""

    def lost(*arguments: object) -> None:
        with suppress(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        raise ClusterGone("ray: the cluster is gone")

    monkeypatch.setattr("maenas.training.ray_job.run_ranks", lost)
    with pytest.raises(Interrupted) as raised:
        train_ray.run_on_ray(
            TrainOptions(), tmp_path / "run", False, False, "cpu", 0, address="local", processes=1
        )
    assert raised.value.number == signal.SIGTERM
