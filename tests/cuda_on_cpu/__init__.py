"""A GPU for tests: it computes on the CPU, and its time passes on a clock of its own."""

from tests.cuda_on_cpu.clock import EVENT_US, LAUNCH_US, Clock
from tests.cuda_on_cpu.cuda import FakeGpu, fake_gpu
from tests.cuda_on_cpu.shapes import shapes_gpu

__all__ = ["EVENT_US", "LAUNCH_US", "Clock", "FakeGpu", "fake_gpu", "shapes_gpu"]
