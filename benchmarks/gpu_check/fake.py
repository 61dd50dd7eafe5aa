"""The machine of `--fake`: a GPU and TensorRT that are pretended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock


@contextmanager
def fake_machine(section: str) -> Iterator[None]:
    """Give torch a GPU that computes on the CPU, and what else a section needs.

    A profile runs networks of full size, so its GPU computes shapes alone, of a few small graphs.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["XDG_CACHE_HOME"] = folder
        if section == "profile":
            from tests.cuda_on_cpu.profiles import small_items, torch_gpu

            stack.enter_context(torch_gpu())
            few = mock.patch("maenas.latency.networks.profile_items", return_value=small_items())
            stack.enter_context(few)
        else:
            from tests.cuda_on_cpu import fake_gpu

            gpu = stack.enter_context(fake_gpu())
            if section == "tensorrt":
                from tests.fake_tensorrt import fake_tensorrt

                stack.enter_context(fake_tensorrt(gpu))
        yield
