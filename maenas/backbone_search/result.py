"""Result of a search: JSON for scripts, a summary for the terminal, comments for the spec."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.panel import Panel
from rich.table import Table

from maenas import __version__
from maenas.backbone_search.finalists import MonteCarlo, Reranking
from maenas.backbone_search.plan import Subproblem, depth_limits, published
from maenas.backbone_search.verify import Verified
from maenas.blocks import Backbone
from maenas.blocks.backbone_file import Fact, Metadata, ScoreSpec
from maenas.budgets import Cost, Quantity, show
from maenas.nas import SCORES, TARGET_GAP, Certified, MaxEntropy, Outcome, Problem
from maenas.runs.config import SearchConfig
from maenas.terminal.console import OUT

SCHEMA = "maenas/search-result@1"
SHOWN_FINALISTS = 5


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
    """

    subproblem: Subproblem
    backbone: Backbone
    limit: float
    cost: Cost
    certified: Certified
    random_score: float | None
    by_solver: bool = False

    @property
    def proven(self) -> bool:
        """Whether the network is proven optimal within the tolerance of the proof."""
        return self.share >= 1 - TARGET_GAP

    @property
    def score(self) -> float:
        """The score that was maximised."""
        return self.subproblem.problem.score(self.backbone)

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

    @property
    def best(self) -> Found:
        """The network with the largest budget."""
        return self.networks[-1]

    @property
    def command(self) -> str:
        """The command that repeats the search; measured latencies may differ from run to run."""
        words = [f" --verify {self.verify}"] if self.verify else []
        ranks = self.reranking
        if ranks is not None:  # the choice depends on the number of finalists and of networks
            words.append(f" --rerank {shlex.quote(ranks.name)}")
            words.append(f" --finalists {len(ranks.finalists)} --finalist-seeds {ranks.seeds}")
        return self.config.command() + "".join(words)

    def spec_path(self, found: Found) -> Path:
        """Path of a network's spec."""
        if len(self.networks) == 1 or found is self.best:
            return self.folder / "best.yaml"
        return self.folder / "pareto" / f"{found.label}.yaml"

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        outcomes = self.outcomes
        data = {
            "schema": SCHEMA,
            "version": __version__,
            **self._network(self.best),
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
            "verified": [
                {
                    "rank": one.rank,
                    "score": one.score,
                    "predicted_ms": one.predicted_ms,
                    "measured_ms": one.measured_ms,
                    "within": one.within,
                    "warnings": list(one.warnings),
                }
                for one in self.verified
            ],
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
        if len(self.networks) > 1:
            data["family"] = [self._network(found) for found in self.networks]
        return data

    def _network(self, found: Found) -> dict[str, Any]:
        problem = found.subproblem.problem
        device = problem.device
        budgets = {budget.quantity: budget.limit for budget in problem.budgets}
        budgets[problem.ranged.quantity] = found.limit
        return {
            "spec": str(self.spec_path(found)),
            "score": found.score,
            "latency_ms": found.cost.latency_ms if device else None,
            "budget": budgets,
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
        }

    def json_text(self) -> str:
        """`to_json` as the text of a JSON file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def receipt(self, found: Found) -> list[str]:
        """Comments for the top of a spec: how the network was found; equal in repeated runs."""
        problem, config = found.subproblem.problem, self.config
        lines = [
            self.command,
            f"maenas {__version__}; space {problem.space.name}, template "
            f"{found.subproblem.template.name}, budgets of the {config.scope}; "
            f"{depth_limits(problem)}; {score_line(problem)}",
            f"score {found.score:.4f}, {optimum_line(found, 4)}; {random_line(found)}",
            costs_line(found),
        ]
        if problem.device is not None:
            is_first = found is self.best
            lines.append(f"latency {problem.device.about if is_first else problem.device.brief}")
        if self.verified and found is self.best:
            one = self.verified[0]
            lines.append(
                f"measured {one.measured_ms:.4f} ms, predicted {one.predicted_ms:.4f} "
                f"({100 * one.error:+.1f}%); {measured_on_line(self.measured_on)}"
            )
        if self.reranking is not None and found is self.best:
            lines.append(self.reranking.lines()[0])
        for outcome, subproblem in zip(self.outcomes, self._subproblems(), strict=True):
            if subproblem is found.subproblem:
                lines.append(
                    f"{outcome.evaluations:,} candidates proposed, {outcome.unique:,} of them "
                    f"different, {outcome.accepted:,} within the budgets; seed {config.seed}"
                    + ("; the network is the exact solver's" if found.by_solver else "")
                )
        return lines

    def metadata(self, found: Found) -> Metadata:
        """Metadata of a network for later commands."""
        problem, config = found.subproblem.problem, self.config
        priced = config.scope == "detector"
        limits = [budget.text if budget.low is None else found.label for budget in problem.budgets]
        return Metadata(
            template=found.subproblem.template.name if priced else None,
            device=config.device,
            num_classes=found.subproblem.template.head.num_classes if priced else None,
            score=score_spec(config, problem),
            provenance={
                "maenas": __version__,
                "command": self.command,
                "space": problem.space.name,
                "budgets": " ".join(limits),
                "scope": config.scope,
                "score": round(found.score, 4),
                "optimum_at_most": round(found.certified.upper, 4),
                "seed": config.seed,
                **self._rerank_facts(found),
            },
        )

    def _rerank_facts(self, found: Found) -> dict[str, Fact]:
        """Name and value of the forward-pass score of the network that it chose."""
        if self.reranking is None or found is not self.best:
            return {}
        return {"rerank": self.reranking.name, "rerank_score": round(self.reranking.best.mean, 4)}

    def _subproblems(self) -> list[Subproblem]:
        subproblems: list[Subproblem] = []
        for found in self.networks:
            if all(found.subproblem is not subproblem for subproblem in subproblems):
                subproblems.append(found.subproblem)
        return subproblems


def label(subproblem: Subproblem, limit: float) -> str:
    """A file name from a limit, such as `2.52ms`."""
    text = (
        show(subproblem.problem.ranged.quantity, limit)
        .replace(" params", "params")
        .replace(" ", "")
    )
    return text.replace("/", "")


def measured_on_line(provenance: Mapping[str, str | int | float]) -> str:
    """A line with the device on which the finalists were measured."""
    return ", ".join(f"{name}: {value}" for name, value in provenance.items())


def score_spec(config: SearchConfig, problem: Problem) -> ScoreSpec:
    """The score of a problem as stored in a spec: its name and its parameters."""
    score = problem.score
    if score.name in SCORES:
        return ScoreSpec(name=score.name, weights=problem.weights, options=score.options() or None)
    return ScoreSpec(name=config.score, weights=problem.weights)


def score_line(problem: Problem) -> str:
    """A line with the score that was maximised and its weights."""
    weights = " ".join(f"{weight:g}" for weight in problem.weights)
    if isinstance(problem.score, MaxEntropy):
        return f"weights {weights}"
    options = "".join(f", {name} {value}" for name, value in problem.score.options().items())
    return f"score {problem.score.name}{options}, weights {weights}"


def finalist_line(entry: MonteCarlo) -> str:
    """A line with the score of a finalist on random networks."""
    borders = "" if entry.expected is None else f"with borders {entry.expected:.3f}, "
    return (
        f"score {entry.score:.3f}, {borders}on {entry.seeds} random "
        f"networks {entry.mean:.3f} ± {entry.standard_error:.3f}"
    )


def optimum_line(found: Found, digits: int = 3) -> str:
    """A line with the gap between a network's score and the bound on the optimum."""
    most = f"at most {found.certified.upper:.{digits}f}"
    if found.proven:
        return f"optimal (proven: {most})"
    return f"{100 * found.share:.3f} % of this score's optimum, certified ({most})"


def solver_line(result: Result) -> str:
    """A line with the search's own best score, if the exact solver found a better network."""
    curve = result.outcomes[-1].curve
    if not result.best.by_solver or not curve:
        return ""
    return f"; its own best scores {curve[-1][1]:.3f}, the exact solver found the optimum"


def random_line(found: Found) -> str:
    """A line with the best score of random search."""
    if found.random_score is None:
        return "random search found nothing within the budgets"
    return f"random search with as many evaluations: {found.random_score:.4f}"


def finalists_line(finalists: Sequence[MonteCarlo]) -> str | None:
    """A line that sums up many finalists; None if the card lists them all."""
    if len(finalists) <= SHOWN_FINALISTS:
        return None
    from scipy.stats import spearmanr

    best = max(finalists, key=lambda entry: entry.mean)
    ranks = spearmanr([entry.score for entry in finalists], [entry.mean for entry in finalists])
    return (
        f"{len(finalists)} scored on random networks; highest there is finalist {best.rank}, "
        f"{best.mean:.3f} ± {best.standard_error:.3f}; rank correlation with the closed form "
        f"{ranks.statistic:.3f}"
    )


def costs_line(found: Found) -> str:
    """A line with the costs of a network, latency first."""
    price, problem = found.cost, found.subproblem.problem
    parts = []
    if problem.device is not None:
        device = problem.device
        parts.append(f"{price.latency_ms:.4f} ms {device.claim} on {device.device}")
    parts += [
        f"{price.macs / 1e9:.4f} GMACs ({2 * price.macs / 1e9:.2f} GFLOPs)",
        f"{price.params / 1e6:.4f} M params",
        f"{found.backbone.layers} layers",
        f"largest operator {price.memory_bytes / 1e6:.2f} MB",
    ]
    return ", ".join(parts)


def print_card(result: Result) -> None:
    """Print the summary at the end of a search."""
    best = result.best
    problem = best.subproblem.problem
    card = Table.grid(padding=(0, 2))
    card.add_column(style="bold")
    card.add_column()
    for budget in problem.budgets:
        if budget.quantity == "layers" and not result.config.limits_layers:
            continue  # the template's own limit is printed below
        spent = spending(best.backbone, best.cost, budget.quantity)
        limit = best.limit if budget is problem.ranged else budget.limit
        slack = f"{100 * (1 - spent / limit):.1f} % to spare"
        kind = ""
        if budget.quantity == "latency_ms" and problem.device is not None:
            kind = f" {problem.device.claim} on {problem.device.device}"
        card.add_row(
            "budget",
            f"{show(budget.quantity, spent)}{kind} of {show(budget.quantity, limit)} ({slack})",
        )
    random = "none" if best.random_score is None else f"{best.random_score:.3f}"
    unit = f" {problem.score.unit}" if problem.score.unit else ""
    if not isinstance(problem.score, MaxEntropy):
        card.add_row("maximised", f"{problem.score.name}{unit}")
    card.add_row(
        "score",
        f"{best.score:.3f}, {optimum_line(best)}; random search {random}",
    )
    if result.published is not None:
        score, price = result.published
        at = f" at {price.latency_ms:.3f} ms" if problem.device else ""
        name = f"damo-yolo-{best.subproblem.template.name}"
        card.add_row("published", f"zoo:{name} scores {score:.3f}{at}")
    if result.config.num_classes is not None:
        card.add_row("classes", f"{result.config.num_classes}; neck and head are priced for them")
    card.add_row("costs", costs_line(best))
    card.add_row(
        "depth",
        f"{'/'.join(str(getattr(s, 'depth', 1)) for s in best.backbone.stages)} units; "
        f"{depth_limits(problem)} (the strongest settings of a search)",
    )
    outcomes = result.outcomes
    unique = sum(outcome.unique for outcome in outcomes)
    card.add_row(
        "search",
        f"{sum(o.evaluations for o in outcomes):,} candidates, {unique:,} different, "
        f"seed {result.config.seed}, {result.seconds:.1f} s in all{solver_line(result)}",
    )
    for title, line in finalist_rows(result):
        card.add_row(title, line)
    for one in result.verified:
        card.add_row(
            "measured",
            f"finalist {one.rank}, score {one.score:.3f}: {one.measured_ms:.3f} ms, predicted "
            f"{one.predicted_ms:.3f} ({100 * one.error:+.1f}%)"
            + ("" if one.within else ", beyond the budget")
            + "".join(f", {warning}" for warning in one.warnings),
        )
    if problem.device is not None:
        card.add_row("latency", problem.device.about)
    for note in result.notes:
        card.add_row("note", note)
    card.add_row("spec", str(result.spec_path(best)))
    card.add_row("next", f"maenas show {result.spec_path(best)}")
    is_family = len(result.networks) > 1
    card.add_row(
        "then",
        f"maenas train-family {result.folder} --data data.yaml"
        if is_family
        else f"maenas build-detector {result.spec_path(best)} --out detector",
    )
    OUT.print(Panel(card, title=f"maenas search: {best.subproblem.template.name} scale"))
    if is_family:
        OUT.print(_family_table(result))


def finalist_rows(result: Result) -> list[tuple[str, str]]:
    """Title and text of each row on the forward passes of the finalists."""
    shown = result.monte_carlo[:SHOWN_FINALISTS]
    rows = [(f"finalist {entry.rank}", finalist_line(entry)) for entry in shown]
    if shown:
        rows.append(("", f"{result.forward_seconds:.2f} s per random network"))
    summary = finalists_line(result.monte_carlo)
    if summary is not None:
        rows.append(("finalists", summary))
    if result.reranking is not None:
        winner, spent = result.reranking.lines()
        rows += [("re-ranked", winner), ("", spent)]
    return rows


def _family_table(result: Result) -> Table:
    quantity = result.best.subproblem.problem.ranged.quantity
    table = Table(title=f"family in {result.folder}", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for name in ("limit", "cost", "scale", "score", "of score's optimum", "layers", "params"):
        table.add_column(name, justify="right")
    table.add_column("spec", overflow="fold")
    for found in result.networks:
        table.add_row(
            show(quantity, found.limit),
            show(quantity, spending(found.backbone, found.cost, quantity)),
            found.subproblem.template.name,
            f"{found.score:.3f}",
            f"{100 * found.share:.2f} %",
            str(found.backbone.layers),
            f"{found.cost.params / 1e6:.2f} M",
            str(result.spec_path(found).relative_to(result.folder)),
        )
    return table


def spending(backbone: Backbone, price: Cost, quantity: Quantity) -> float:
    """The cost of a network in one quantity."""
    if quantity == "layers":
        return backbone.layers
    spent: float = getattr(price, quantity)
    return spent


def published_figures(subproblem: Subproblem) -> tuple[float, Cost] | None:
    """Score and cost of the published backbone of the same scale, if it is comparable."""
    backbone = published(subproblem)
    if backbone is None or 1 + max(backbone.levels) != len(subproblem.problem.weights):
        return None
    return subproblem.problem.score(backbone), subproblem.problem.cost(backbone)
