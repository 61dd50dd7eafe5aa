"""Where the expensive parts of a search run: in this process, in others, on a Ray cluster."""

from nas.executors.executor import Executor, ExecutorError, InProcess, Shared
from nas.executors.open import opened_executor

__all__ = ["Executor", "ExecutorError", "InProcess", "Shared", "opened_executor"]
