"""`maenas profile --from-table`: few measurements adapt the table of another device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import SpecError

if TYPE_CHECKING:
    from maenas.budgets.backends import Target
    from maenas.budgets.latency import LatencyModel
    from maenas.budgets.pricing.operator_model import OperatorModel
    from maenas.budgets.pricing.origin import Origin
    from maenas.budgets.profiling.choice import Candidate
    from maenas.budgets.profiling.partial_profile import Measured
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.networks import ProfilePlan

LEAST = 3  # networks: one fewer leaves a single one to fit when one is left out


@dataclass(frozen=True, slots=True)
class Source:
    """The table whose prices a transfer adapts.

    Attributes:
        name: name or file of the table, as the user typed it.
        count: number of graphs to measure.
        model: operator prices of the table.
    """

    name: str
    count: int
    model: OperatorModel

    @property
    def origin(self) -> Origin:
        """The prices as the new table keeps them."""
        from maenas.budgets.pricing.origin import Origin

        return Origin.of(self.name, self.model)

    def require_other(self, target: Target, path: Path) -> None:
        """Refuse a target of other hardware, and a new table in place of the source.

        Raises:
            SpecError: for such a target or path.
        """
        from maenas.budgets.device import find_table, resolved_name

        if target.hardware != self.model.hardware:
            raise SpecError(
                f"from-table: {self.name} ({self.model.hardware.upper()}) and {target.device} "
                f"({target.hardware.upper()}) must be of one kind of hardware; `maenas profile "
                f"--device {target.device}` measures a table of its own."
            )
        file = find_table(resolved_name(self.name))
        if file is not None and file.resolve() == path.resolve():
            raise SpecError(
                f"from-table: {self.name} is the table of {target.name} itself; choose another "
                "device, precision or number of threads, or another file with --out."
            )

    def items(
        self, plan: ProfilePlan, spaces: Sequence[str], seed: int, has_layers: bool
    ) -> list[Item]:
        """The graphs to measure, the most informative first.

        Args:
            plan: numbers of graphs to choose from, and the time limit.
            spaces: search spaces to draw networks from.
            seed: random seed of the networks.
            has_layers: whether the runtime reports the times of layers.
        Raises:
            SpecError: if too few networks are priced at the source and fit in the time.
        """
        from maenas.budgets.profiling.choice import most_informative

        listed = list(candidates(plan, spaces, seed))
        chosen = most_informative(listed, self.model, self.count, plan.seconds, has_layers)
        items = [one.item for one in chosen]
        if sum(item.role != "operator" for item in items) < LEAST:
            raise SpecError(
                f"from-table: fewer than {LEAST} networks whose operators all have a price in "
                f"{self.name} fit in {plan.seconds:.0f} s; give more --minutes, or another table."
            )
        return items

    def notes(self, measured: Sequence[Measured], seconds: float) -> list[str]:
        """What a user should know about the measurements.

        Raises:
            SpecError: if they are too few for a table.
        """
        if sum(one.sample.role != "operator" for one in measured) < LEAST:
            raise SpecError(
                f"from-table: fewer than {LEAST} networks were measured in {seconds:.0f} s; "
                "--resume with more --minutes continues."
            )
        notes = []
        if len(measured) < self.count:
            notes.append(
                f"{len(measured)} of {self.count} graphs were measured in {seconds:.0f} s; more "
                "--minutes measure more"
            )
        if self.model.warning is not None:
            notes.append(f"the source {self.name} is unreliable: {self.model.warning}")
        return notes


def load_source(name: str, count: int) -> Source:
    """The table to transfer.

    Args:
        name: name or file of the table.
        count: number of graphs to measure.
    Raises:
        MaenasError: if there is no such table, it has no operator prices, or the graphs are too
            few.
    """
    from maenas.budgets.pricing.operator_model import OperatorModel

    if count < LEAST:
        raise SpecError(f"measure: must be at least {LEAST}, got {count}.")
    model = _loaded(name)
    if not isinstance(model, OperatorModel):
        raise SpecError(
            f"from-table: {name} is an estimate without a price of each operator; name a table "
            "that `maenas profile` measured (`maenas tables` lists them)."
        )
    return Source(name, count, model)


def _loaded(name: str) -> LatencyModel:
    """The latency model of a table or an estimate."""
    from maenas.blocks.files.words import did_you_mean
    from maenas.budgets.device import device_names, load_device
    from maenas.budgets.latency import DeviceError

    try:
        return load_device(name)
    except DeviceError:
        hint = did_you_mean(name, device_names())
        raise SpecError(
            f"from-table: there is no table {name!r}{hint}; `maenas tables` lists the known ones, "
            "and a path ends in .json."
        ) from None


def candidates(plan: ProfilePlan, spaces: Sequence[str], seed: int) -> Iterator[Candidate]:
    """The graphs that may be measured: networks of modules, drawn networks, operators alone.

    Args:
        plan: numbers of graphs.
        spaces: search spaces to draw networks from.
        seed: random seed of the networks.
    """
    from maenas.budgets.graph.layers import graph_layers
    from maenas.budgets.graph.operator_graph import operator_graph
    from maenas.budgets.pricing.op_rows import priced
    from maenas.budgets.profiling.choice import Candidate
    from maenas.budgets.profiling.modules import module_graphs
    from maenas.budgets.profiling.operator_grid import operator_grid
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.graphs import graph_of
    from maenas.latency.networks import drawn

    for name, graph in module_graphs(plan.module_sizes):
        layers = graph_layers(graph()).layers
        ops = tuple(priced(op) for layer in layers for op in layer.ops)
        yield Candidate(Item(name, "module", graph), ops)
    for name, spec in drawn(spaces, plan.fitted, seed):
        ops = tuple(map(priced, spec.ops()))
        yield Candidate(Item(name, "fit", partial(graph_of, spec)), ops)
    for index, op in enumerate(operator_grid(plan.sizes)):
        item = Item(f"operator/{index}", "operator", partial(operator_graph, op))
        yield Candidate(item, (priced(op),))
