"""Result of a search: JSON for scripts, a summary for the terminal, comments for the spec."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maenas import __version__
from maenas.backbone_search.finalists import MonteCarlo, Reranking
from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.results.beside import Beside, beside
from maenas.backbone_search.results.data import HowData, LatencyData, NetworkData, VerifiedData
from maenas.backbone_search.verify import Verified
from maenas.blocks import Backbone
from maenas.blocks.files.json_file import json_text
from maenas.budgets import Cost, show
from maenas.nas import TARGET_GAP, Certified, Outcome
from maenas.nas.problem import PricedDevice
from maenas.runs.config import SearchConfig

SCHEMA = "maenas/search-result@1"


@dataclass(frozen=True, slots=True)
class Found:
    """One network of a result.

    Attributes:
        subproblem: subproblem of the search that found it.
        backbone: network.
        limit: limit on the ranged quantity.
        cost: cost of the network, with neck and head if the budgets include them.
        certified: certificate of the optimum under this limit.
        random_score: best score of random search under this limit; None if it found no network.
        by_solver: whether the exact solver found the network instead of the search.
        raised: limits by axis that the certificate holds for, where verification chose a network
            that is predicted beyond the budgets; {} where it holds for the budgets.
    """

    subproblem: Subproblem
    backbone: Backbone
    limit: float
    cost: Cost
    certified: Certified
    random_score: float | None
    by_solver: bool = False
    raised: Mapping[str, float] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether the network is proven optimal within the tolerance of the proof."""
        return self.share >= 1 - TARGET_GAP

    @property
    def score(self) -> float:
        """The score that was maximised."""
        return self.subproblem.problem.score(self.backbone)

    @property
    def beside(self) -> Beside:
        """The features that the score should be read beside."""
        return beside(self.backbone, self.subproblem.problem.score)

    @property
    def limits(self) -> dict[str, float]:
        """The limit on every limited cost, by its axis."""
        return self.subproblem.problem.limits_at(self.limit)

    def spent(self, axis: str) -> float:
        """The cost of the network on one axis."""
        return self.subproblem.problem.spent(axis, self.backbone, self.cost)

    @property
    def label(self) -> str:
        """The name of its file, made from the limit."""
        return label(self.subproblem, self.limit)

    @property
    def share(self) -> float:
        """Lower bound on the share of the optimum that the score reaches, at most 1."""
        upper = self.certified.upper
        return 1 - (upper - self.score) / (abs(upper) or 1.0)


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a search; the last network is the one with the largest budget.

    Attributes:
        config: options of the search.
        networks: best network under each limit that some network meets.
        outcomes: outcome of each subproblem.
        published: (score, cost) of the published backbone of the same scale; None if they do not
            compare.
        monte_carlo: finalists of the last subproblem on random networks, best first.
        forward_seconds: mean seconds to score one random network of a finalist.
        seconds: seconds of this process since the first candidate.
        folder: folder of the run.
        notes: notes for the user.
        verified: finalists measured on the device, the chosen one first.
        measured_on: provenance of that device.
        verify: number of finalists to measure; `verified` holds more if none of them fits.
        verify_with: commands that measured them; () for devices of this machine.
        reranking: finalists ranked by a forward-pass score; None if the search's order was kept.
    """

    config: SearchConfig
    networks: tuple[Found, ...]
    outcomes: tuple[Outcome, ...]
    published: tuple[float, Cost] | None
    monte_carlo: tuple[MonteCarlo, ...]
    seconds: float
    folder: Path
    notes: tuple[str, ...]
    verified: tuple[Verified, ...] = ()
    measured_on: Mapping[str, str | int | float] = field(default_factory=dict)
    forward_seconds: float = 0.0
    verify: int = 0
    reranking: Reranking | None = None
    verify_with: tuple[str, ...] = ()

    @property
    def best(self) -> Found:
        """The network with the largest budget."""
        return self.networks[-1]

    @property
    def command(self) -> str:
        """The command that repeats the search; measured latencies may differ from run to run."""
        words = [f" --verify {self.verify}"] if self.verify else []
        words += [f" --verify-with {shlex.quote(command)}" for command in self.verify_with]
        ranks = self.reranking
        if ranks is not None:  # the choice depends on the number of finalists and of networks
            words.append(f" --rerank {shlex.quote(ranks.name)}")
            words.append(f" --finalists {len(ranks.finalists)} --finalist-seeds {ranks.seeds}")
        return self.config.command() + "".join(words)

    def measured_ms(self, found: Found, axis: str) -> float | None:
        """Measured latency of a network on one axis; None if it was not measured there."""
        if not self.verified or found is not self.best:
            return None
        return self.verified[0].measured_on(found.subproblem.problem, axis)

    def spec_path(self, found: Found) -> Path:
        """Path of a network's spec."""
        if len(self.networks) == 1 or found is self.best:
            return self.folder / "best.yaml"
        return self.folder / "pareto" / f"{found.label}.yaml"

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        outcomes = self.outcomes
        data: HowData = {
            "schema": SCHEMA,
            "version": __version__,
            "evaluations": sum(outcome.evaluations for outcome in outcomes),
            "unique_evaluations": sum(outcome.unique for outcome in outcomes),
            "accepted": sum(outcome.accepted for outcome in outcomes),
            "seconds": round(self.seconds, 3),
            "seed": self.config.seed,
            "algorithm": self.config.algorithm,
            "scope": self.config.scope,
            "score_name": self.best.subproblem.problem.score.name,
            "score_unit": self.best.subproblem.problem.score.unit,
            "weights": list(self.best.subproblem.problem.weights),
            "command": self.command,
            "folder": str(self.folder),
            "monte_carlo": [asdict(entry) for entry in self.monte_carlo],
            "forward_seconds": round(self.forward_seconds, 4),
            "verified": [_verified(one, self) for one in self.verified],
            "verify": self.verify,
            "rerank": None if self.reranking is None else self.reranking.to_json(),
            "measured_on": dict(self.measured_on),
            "notes": list(self.notes),
        }
        if self.published is not None:
            score, price = self.published
            data["published"] = {
                "score": score,
                "latency_ms": price.latency_ms or None,
                "macs": price.macs,
                "params": price.params,
            }
        if self.verify_with:
            data["verify_with"] = list(self.verify_with)
        if len(self.networks) > 1:
            data["family"] = [self._network(found) for found in self.networks]
        if self.best.subproblem.depths:
            data["depths"] = [asdict(point) for point in self.best.subproblem.depths]
        head = {"schema": data["schema"], "version": data["version"]}
        return {**head, **self._network(self.best), **data}

    def _network(self, found: Found) -> NetworkData:
        problem = found.subproblem.problem
        device = problem.device
        data: NetworkData = {
            "spec": str(self.spec_path(found)),
            "score": found.score,
            "latency_ms": found.cost.latency_ms if device else None,
            "budget": found.limits,
            "macs": found.cost.macs,
            "params": found.cost.params,
            "memory_bytes": found.cost.memory_bytes,
            "layers": found.backbone.layers,
            "depth_caps": list(problem.space.depth_caps),
            "space": problem.space.name,
            "template": found.subproblem.template.name,
            "num_classes": found.subproblem.template.head.num_classes,
            "device": device.device if device else None,
            "latency_kind": device.claim if device else None,
            "latency_about": device.about if device else None,
            "latency_warning": device.warning if device else None,
            "optimum_at_most": found.certified.upper,
            "optimum_at_least": found.certified.score,
            "share_of_optimum": found.share,
            "optimum_is_proven": found.proven,
            "found_by_exact_solver": found.by_solver,
            "random_score": found.random_score,
            "beside_score": found.beside.to_json(),
        }
        if found.raised:
            data["optimum_within"] = dict(found.raised)
        if problem.further:
            data["latencies"] = [_latency(found, device) for device in problem.devices]
        return data

    def json_text(self) -> str:
        """`to_json` as the text of a JSON file."""
        return json_text(self.to_json(), indent=2) + "\n"


def _verified(one: Verified, result: Result) -> VerifiedData:
    """A measured finalist, with each device if there are several."""
    data: VerifiedData = {
        "rank": one.rank,
        "score": one.score,
        "predicted_ms": one.predicted_ms,
        "measured_ms": one.measured_ms,
        "within": one.within,
        "warnings": list(one.warnings),
    }
    if result.best.subproblem.problem.further:
        data["latencies"] = [asdict(each) for each in one.measurements]
    return data


def _latency(found: Found, device: PricedDevice) -> LatencyData:
    """The latency of a network on one of several devices, with the limit there."""
    spent, limit = found.spent(device.axis), found.limits.get(device.axis)
    return {
        "device": device.name,
        "latency_ms": spent,
        "limit_ms": limit,
        "spare": None if limit is None else 1 - spent / limit,
        "latency_kind": device.model.claim,
        "latency_about": device.model.about,
        "latency_warning": device.model.warning,
    }


def label(subproblem: Subproblem, limit: float) -> str:
    """A file name from a limit, such as `2.52ms`."""
    text = (
        show(subproblem.problem.ranged.quantity, limit)
        .replace(" params", "params")
        .replace(" ", "")
    )
    return text.replace("/", "")
