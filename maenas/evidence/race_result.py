"""The result of a race: the AP of every network in every round, and the winner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from maenas import __version__
from maenas.training.result import TrainResult

SCHEMA = "maenas/race-result@1"


class RacerData(TypedDict):
    """A network in a round.

    Attributes:
        network: name of the network.
        ap: AP on the validation images after the round.
        ap50: AP at IoU 0.50.
    """

    network: str
    ap: float
    ap50: float


class RoundData(TypedDict):
    """A round of a race.

    Attributes:
        epochs: number of epochs of each training.
        networks: networks of the round, the best first.
    """

    epochs: int
    networks: list[RacerData]


class RaceData(TypedDict):
    """The result of `maenas race`.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        folder: folder of the race.
        data: file of the data set.
        epochs: number of epochs of the last round, which the winner trains alone.
        rounds: rounds before it.
        winner: name of the winner.
        detector: folder of the trained winner.
        ap: AP of the trained winner on the validation images.
        ap50: AP at IoU 0.50.
    """

    schema: str
    version: str
    folder: str
    data: str
    epochs: int
    rounds: list[RoundData]
    winner: str
    detector: str
    ap: float | None
    ap50: float | None


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a race.

    Attributes:
        epochs: number of epochs of each training.
        networks: name, AP and AP50 of each network, the best first.
    """

    epochs: int
    networks: tuple[tuple[str, float, float], ...]

    @property
    def best(self) -> str:
        """Name of the best network of the round."""
        return self.networks[0][0]


@dataclass(frozen=True, slots=True)
class RaceResult:
    """The result of a race.

    Attributes:
        folder: folder of the race.
        data: file of the data set.
        epochs: number of epochs of the last round, which the winner trains alone.
        rounds: rounds before it.
        winner: name of the winner.
        trained: result of the training of the winner.
    """

    folder: Path
    data: Path
    epochs: int
    rounds: tuple[Round, ...]
    winner: str
    trained: TrainResult

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: RaceData = {
            "schema": SCHEMA,
            "version": __version__,
            "folder": str(self.folder),
            "data": str(self.data),
            "epochs": self.epochs,
            "rounds": [
                {
                    "epochs": each.epochs,
                    "networks": [
                        {"network": name, "ap": ap, "ap50": ap50}
                        for name, ap, ap50 in each.networks
                    ],
                }
                for each in self.rounds
            ],
            "winner": self.winner,
            "detector": str(self.trained.detector),
            "ap": self.trained.best_ap,
            "ap50": self.trained.best_ap50,
        }
        return dict(data)
