"""Share of a latency table that was measured while something else used the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["fit", "held-out", "module", "operator"]
NETWORKS: tuple[Role, ...] = ("fit", "held-out")  # roles of whole networks
LIMIT = 0.25  # share of disturbed samples above which a table cannot be trusted


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Numbers of disturbed samples in a table.

    Networks are also counted separately: they determine the prices and their error, and a majority
    of undisturbed operator samples must not hide them.

    Attributes:
        disturbed: number of samples with a large spread or a slow reference graph.
        samples: number of all samples.
        disturbed_networks: number of disturbed samples of whole networks.
        networks: number of all samples of whole networks.
    """

    disturbed: int
    samples: int
    disturbed_networks: int
    networks: int

    @property
    def share(self) -> float:
        """Share of disturbed samples, among all or among networks, the larger of the two."""
        return max(
            self.disturbed / max(1, self.samples),
            self.disturbed_networks / max(1, self.networks),
        )

    @property
    def is_heavy(self) -> bool:
        """Whether too many samples were disturbed to trust the table."""
        return self.share > LIMIT

    def line(self) -> str:
        """Return the counts as text for users."""
        return (
            f"{self.disturbed} of {self.samples} samples were disturbed "
            f"({self.disturbed_networks} of {self.networks} networks)"
        )


def disturbance(samples: Iterable[tuple[Role, bool]]) -> Disturbance:
    """Count samples, each given as its role and whether it was disturbed."""
    listed = list(samples)
    networks = [disturbed for role, disturbed in listed if role in NETWORKS]
    return Disturbance(
        disturbed=sum(disturbed for _, disturbed in listed),
        samples=len(listed),
        disturbed_networks=sum(networks),
        networks=len(networks),
    )
