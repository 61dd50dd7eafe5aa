"""What Ray prints: a line each, on stderr."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from maenas.budgets.cluster import muffled, to_stderr

RAYLET = (
    "Raylet is terminated. Termination is unexpected. Possible reasons include: (1) SIGKILL\n"
    "    [state-dump] ObjectManager\n    [state-dump] NodeManager"
)
WORKER = "A worker died or was killed while executing a task by an unexpected system error. Lease"
NODE = (
    "The node with node id: 4d928f8241e845935204a4f0c6b65602640c768ff7eea6d8410473c8 and address: "
    "10.0.0.7 and node name: vm has been marked dead because the detector has missed too many"
)


def print_to_stdstream(data: dict[str, Any], ignore_prefix: bool) -> None:
    """As Ray's does."""
    print(*data["lines"], file=sys.stderr if data["is_err"] else sys.stdout)


@pytest.fixture
def printed() -> Any:
    """Ray's own way to print, once we changed it."""
    ray = SimpleNamespace(
        _private=SimpleNamespace(worker=SimpleNamespace(print_to_stdstream=print_to_stdstream))
    )
    to_stderr(ray)
    to_stderr(ray)  # a second time changes nothing
    return ray._private.worker.print_to_stdstream


@pytest.mark.usefixtures("printed_records")
def test_a_lost_node_is_told_once_in_one_line_on_stderr(
    printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (WORKER, WORKER, RAYLET, NODE, RAYLET, "Something else\nof two lines"):
        printed({"lines": [text], "pid": "raylet", "is_err": False}, ignore_prefix=False)
    assert capsys.readouterr() == (
        "",
        "ray: a worker process is lost\n"
        "ray: node 10.0.0.7 (4d928f82) is lost\n"
        "ray: Something else of two lines\n",
    )


def test_what_tasks_print_goes_to_stderr_as_it_is(
    printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    printed({"lines": ["epoch 1"], "pid": 12, "is_err": False}, ignore_prefix=False)
    assert capsys.readouterr() == ("", "epoch 1\n")


def test_a_ray_that_prints_otherwise_is_left_alone() -> None:
    ray = SimpleNamespace(_private=SimpleNamespace(worker=SimpleNamespace()))
    to_stderr(ray)
    assert not vars(ray._private.worker)


def test_ray_still_prints_by_the_function_that_is_changed() -> None:
    ray = pytest.importorskip("ray")
    assert callable(ray._private.worker.print_to_stdstream)


def test_muffled_drops_what_is_written_below_python(capfd: pytest.CaptureFixture[str]) -> None:
    def complain() -> None:
        os.write(2, b"gcs_client.cc:210\n")
        raise ValueError("seen")

    with pytest.raises(ValueError, match="seen"), muffled():
        complain()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
