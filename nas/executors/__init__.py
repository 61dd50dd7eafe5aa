"""Executors run the expensive parts of a search: in this process, in others, on a Ray cluster."""

from maenas.nas.executors.executor import Executor, ExecutorError, InProcess, Shared
from maenas.nas.executors.open import opened_executor

__all__ = ["Executor", "ExecutorError", "InProcess", "Shared", "opened_executor"]
