"""The machine of `--fake`: a GPU and TensorRT that are pretended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def fake_machine(with_tensorrt: bool) -> Iterator[None]:
    """Give torch a GPU that computes on the CPU, and install the fake TensorRT if asked to."""
    from tests.cuda_on_cpu import fake_gpu

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["XDG_CACHE_HOME"] = folder
        gpu = stack.enter_context(fake_gpu())
        if with_tensorrt:
            from tests.fake_tensorrt import fake_tensorrt

            stack.enter_context(fake_tensorrt(gpu))
        yield
