"""Compute options of a search."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from maenas.backbone_search.finalists import (
    forward_name,
)
from maenas.backbone_search.results.result import Result
from maenas.blocks import SpecError
from maenas.nas import (
    FINALISTS,
    ForwardScore,
)
from maenas.nas.executors import Executor, opened_executor

VERIFY_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Compute options of a search; `verify` and `rerank` can change the network that it returns.

    Attributes:
        workers: number of processes; 1 computes everything in this process.
        ray: address of a Ray cluster to use instead of local processes.
        finalists: number of networks that are also scored on random weights.
        finalist_seeds: number of random networks for each finalist.
        verify: number of finalists to measure on the device; the search returns the best measured.
        verify_with: commands that measure them instead, each as COMMAND or DEVICE=COMMAND.
        verify_timeout: seconds after which such a command is ended.
        rerank: forward-pass score that ranks the finalists again, or its name; the search returns
            the finalist that it ranks first. None to keep the ranking of the search.
        executor: executor to use instead of `workers` and `ray`; it stays open.
    Raises:
        SpecError: for a negative number, or options that exclude each other.
    """

    workers: int = 1
    ray: str | None = None
    finalists: int = 3
    finalist_seeds: int = 4
    verify: int = 0
    verify_with: tuple[str, ...] = ()
    verify_timeout: float = VERIFY_TIMEOUT_S
    rerank: str | ForwardScore | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if self.workers < 1 or self.finalists < 0 or self.verify < 0:
            raise SpecError(
                "search: workers must be at least 1, finalists and verify at least 0, got "
                f"{self.workers}, {self.finalists} and {self.verify}."
            )
        if self.finalist_seeds < 1:
            raise SpecError(
                f"search: finalist_seeds must be at least 1, got {self.finalist_seeds}."
            )
        if self.verify_with and not self.verify:
            raise SpecError("search: --verify-with measures finalists; --verify N says how many.")
        if self.rerank is not None and self.finalists < 2:
            raise SpecError(f"rerank: needs at least 2 finalists, got {self.finalists}.")
        if self.rerank is not None and self.verify:
            raise SpecError(
                "search: --verify and --rerank both choose among the finalists; give one."
            )
        if self.executor is not None and (self.workers > 1 or self.ray is not None):
            raise SpecError(
                "search: an executor has workers of its own; leave workers and ray out."
            )

    @contextmanager
    def opened(self) -> Iterator[Executor]:
        """The executor of a search, closed at the end unless it was handed in.

        Raises:
            MaenasError: if the cluster cannot be used.
        """
        if self.executor is not None:
            yield self.executor
            return
        with opened_executor(self.workers, self.ray) as executor:
            yield executor

    @property
    def rerank_name(self) -> str | None:
        """Name of the score that ranks the finalists again; None if there is none."""
        return None if self.rerank is None else forward_name(self.rerank)

    def is_spent(self, result: Result, asked: Collection[str] | None) -> bool:
        """Whether a finished search already has the results that these options ask for.

        Args:
            result: saved result.
            asked: names of the options that the user gave; None for all.
        """
        seeds = {entry.seeds for entry in result.monte_carlo}
        spent = {
            "verify": self.verify == result.verify,
            "verify_with": self.verify_with == result.verify_with,
            "rerank": self.rerank_name == (result.reranking and result.reranking.name),
            "finalists": self.finalists == len(result.monte_carlo),
            "finalist_seeds": seeds <= {self.finalist_seeds},
        }
        return all(is_so for name, is_so in spent.items() if asked is None or name in asked)

    @property
    def kept(self) -> int:
        """Number of best networks that a search must keep."""
        return max(FINALISTS, self.finalists, self.verify)
