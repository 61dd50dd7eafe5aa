"""How much of a latency table was measured while something else used the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["fit", "held-out", "operator"]
LIMIT = 0.25  # share of disturbed samples above which neither prices nor their error can be trusted


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Numbers of disturbed samples in a table.

    Networks are also counted alone: they decide the prices and their error, and a calm majority of
    short operator samples must not hide them.

    Attributes:
        disturbed: samples that scattered, or beside which the reference graph ran far too slowly.
        samples: all samples.
        disturbed_networks: those of `disturbed` that are whole networks.
        networks: all samples of whole networks.
    """

    disturbed: int
    samples: int
    disturbed_networks: int
    networks: int

    @property
    def share(self) -> float:
        """Share of disturbed samples, of all or of networks, whichever is larger."""
        return max(
            self.disturbed / max(1, self.samples),
            self.disturbed_networks / max(1, self.networks),
        )

    @property
    def is_heavy(self) -> bool:
        """Whether so much was disturbed that the table must not be trusted."""
        return self.share > LIMIT

    def line(self) -> str:
        """The counts, for people."""
        return (
            f"{self.disturbed} of {self.samples} samples were disturbed "
            f"({self.disturbed_networks} of {self.networks} networks)"
        )


def disturbance(samples: Iterable[tuple[Role, bool]]) -> Disturbance:
    """Counts of samples given as their role and whether each was disturbed."""
    listed = list(samples)
    networks = [disturbed for role, disturbed in listed if role != "operator"]
    return Disturbance(
        disturbed=sum(disturbed for _, disturbed in listed),
        samples=len(listed),
        disturbed_networks=sum(networks),
        networks=len(networks),
    )
