"""Memory that a process keeps."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from maenas.detector.train.cpu_memory import keep_freed_memory

FAULTS = """
import resource
from maenas.detector.train.cpu_memory import keep_freed_memory
import torch
if KEEP:
    assert keep_freed_memory()
def step():
    maps = [torch.ones(4_000_000) for _ in range(16)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_maps_of_the_next_step_are_not_mapped_anew() -> None:
    returned, kept = (
        int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for command in ([sys.executable, "-c", f"KEEP = {keep}{FAULTS}"] for keep in (False, True))
    )
    assert kept < returned / 10


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()
