"""Latency tables: raw samples of a device and their provenance, in one portable file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import numpy as np

from maenas.blocks.errors import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.format_line import check_format
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import shown
from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.backends.load import BACKENDS, is_known
from maenas.budgets.latency import NETWORK, Precision
from maenas.budgets.pricing.disturbance import Disturbance, Role, disturbance
from maenas.budgets.pricing.kernels import KernelKind
from maenas.budgets.pricing.op_rows import op_row, row_op
from maenas.budgets.pricing.operator_model import Kernel, Observation, OperatorModel, fit
from maenas.budgets.pricing.origin import Origin, read_origin
from maenas.budgets.pricing.prediction_errors import PredictionErrors, prediction_errors
from maenas.budgets.pricing.table_sample import TableSample, table_sample
from maenas.budgets.pricing.transfer import transferred

FORMAT = "maenas/latency-table@1"
NETWORK_WEIGHT = 20.0  # weight of a network's total time relative to a layer's time
WEIGHTS: dict[Role, float] = {"fit": 1.0, "module": 1.0, "operator": 0.3, "held-out": 0.0}
NOISY_WEIGHT = 0.2
WITH_LAYERS: tuple[Role, ...] = ("fit", "module")  # roles of networks that prices are fitted to
STRAY = 2.0  # slowdown of the reference graph above which a sample is doubtful
MIN_CALM = 6  # undisturbed held-out networks needed to exclude the disturbed ones
FOLDS = 10  # most parts in which the networks of a transferred table are left out in turn
QUIET = 10  # percentile of the reference times that represents an undisturbed machine


@dataclass(frozen=True, kw_only=True)
class LatencyTable:
    """All measurements of a device with one runtime, precision and number of threads.

    Times are compared at one speed of the device: each is scaled by the speed of the reference
    graph just before it, relative to the fastest tenth of all its runs. The latency of a graph is
    the median of its scaled times.

    Attributes:
        name: name of the table, which the user types after `--device`.
        device: measured device, as the user typed it.
        hardware: "cpu" or "gpu".
        backend: name of the runtime.
        precision: number format read back from the runtime.
        threads: number of threads on a CPU, None on a GPU.
        batch: batch size; always 1.
        created: date and time, UTC.
        maenas: version of maenas that wrote the table.
        provenance: other facts that affect the times, such as driver and clocks.
        ops: list of distinct operators.
        samples: measurements, one per graph.
        transfer: prices of another device that few samples adapt; None for a table that stands
            alone.
    """

    name: str
    device: str
    hardware: Literal["cpu", "gpu"]
    backend: str
    precision: Precision
    threads: int | None
    batch: int
    created: str
    maenas: str
    provenance: Mapping[str, str | int | float]
    ops: tuple[Op, ...] = field(repr=False)
    samples: tuple[TableSample, ...] = field(repr=False)
    transfer: Origin | None = None

    def __post_init__(self) -> None:
        if self.batch != 1:
            raise SpecError(f"batch: tables are for one image at a time, got {self.batch}.")
        roles = ("fit",) if self.transfer is None else WITH_LAYERS
        if not any(sample.role in roles for sample in self.samples):
            raise SpecError("samples: there is no network to fit prices to.")
        indices = {index for sample in self.samples for index in _places(sample)}
        if indices and not 0 <= min(indices) <= max(indices) < len(self.ops):
            raise SpecError("samples: name operators that are not in the list `ops`.")

    @cached_property
    def reference_ms(self) -> float:
        """Milliseconds of the reference graph on the undisturbed device."""
        return float(np.percentile([ms for s in self.samples for ms in s.reference_ms], QUIET))

    def latency_ms(self, sample: TableSample) -> float:
        """Return the median of a sample's times, scaled to the speed of the undisturbed device."""
        return float(np.median(self._scales(sample) * sample.ms))

    def doubtful(self, sample: TableSample) -> bool:
        """Whether a sample was disturbed: it has warnings, or the reference graph ran slowly."""
        slow = float(np.median(sample.reference_ms)) > STRAY * self.reference_ms
        return bool(sample.warnings) or slow

    def model(self, where: str | None = None) -> OperatorModel:
        """Return prices fitted to the samples that are not held out.

        Args:
            where: name or path by which the user refers to this table, for the command that
                extends it; the table's name if None.
        """
        doubt = "" if self.warning is None else f"UNRELIABLE: {self.warning}; "
        checked = self.errors.line(self.warning is None, self._checked)
        return replace(self._prices(f"{self.about}; {doubt}{checked}", where), warning=self.warning)

    @cached_property
    def disturbance(self) -> Disturbance:
        """Counts of the samples taken while something else used the device."""
        return disturbance((sample.role, self.doubtful(sample)) for sample in self.samples)

    @cached_property
    def warning(self) -> str | None:
        """Reason not to trust the prices, and the remedy; None if they can be trusted.

        A disturbed table can show a small error, because its held-out networks were disturbed too.
        """
        if self.disturbance.is_heavy:
            cause = self.disturbance.line()
        elif self.errors.is_poor and self.errors.names:
            cause = f"its mean error on {self._checked} is {100 * self.errors.mean:.0f}%"
        else:
            return None
        return f"{cause}; measure the table again when the machine is quiet"

    @cached_property
    def errors(self) -> PredictionErrors:
        """Errors of the predictions on held-out networks.

        Networks that were disturbed in every attempt are excluded, unless too few remain.

        Raises:
            DeviceError: if a held-out network has operators that no other sample has.
        """
        if self.is_left_out_in_turn:
            return self._errors_in_turn()
        every = [sample for sample in self.samples if sample.role == "held-out"]
        calm = [sample for sample in every if not self.doubtful(sample)]
        held_out = calm if len(calm) >= MIN_CALM else every
        prices = self._prices(self.about)
        names = tuple(sample.name for sample in held_out)
        predicted = tuple(prices.latency_ms(self.ops_of(sample)) for sample in held_out)
        measured = tuple(self.latency_ms(sample) for sample in held_out)
        return prediction_errors(names, predicted, measured, len(every) - len(held_out))

    @property
    def is_left_out_in_turn(self) -> bool:
        """Whether the errors are those of the fitted networks, each predicted without itself."""
        held_out = any(sample.role == "held-out" for sample in self.samples)
        return self.transfer is not None and not held_out

    @property
    def _checked(self) -> str:
        """Description of the networks that the errors are measured on."""
        return "networks left out in turn" if self.is_left_out_in_turn else "held-out networks"

    def _errors_in_turn(self) -> PredictionErrors:
        """Errors on the networks of a transferred table, each predicted without itself."""
        networks = [sample for sample in self.samples if sample.role in WITH_LAYERS]
        prices = self._prices(self.about)
        predicted: dict[str, float] = {}
        for fold in range(min(FOLDS, len(networks))):
            left_out = networks[fold::FOLDS]
            kernels = self._fitted({sample.name for sample in left_out})
            without = replace(prices, kernels=kernels)
            predicted |= {one.name: without.latency_ms(self.ops_of(one)) for one in left_out}
        return prediction_errors(
            tuple(sample.name for sample in networks),
            tuple(predicted[sample.name] for sample in networks),
            tuple(self.latency_ms(sample) for sample in networks),
        )

    def _prices(self, about: str, where: str | None = None) -> OperatorModel:
        return OperatorModel(
            device=self.name,
            hardware=self.hardware,
            precision=self.precision,
            kind="measured",
            about=about,
            kernels=self._kernels,
            command=self._adding(where),
            fingerprint=self.digest,
            provenance={"created": self.created, "threads": self.threads, **self.provenance},
        )

    @property
    def kit(self) -> str | None:
        """Runtime of the kit that measured the table on a device elsewhere; None without a kit."""
        found = self.provenance.get("kit")
        return None if found is None else str(found)

    def _adding(self, where: str | None) -> str:
        """Return the command line that measures a missing operator."""
        if self.kit is not None:
            return f"{self.command()} --model {NETWORK}"
        return f"maenas profile --extend {quote(where or self.name)} --model {NETWORK}"

    @property
    def about(self) -> str:
        """Description for users: date, runtime, precision, device and threads."""
        threads = (
            "" if self.threads is None else f", {self.threads} thread" + "s" * (self.threads != 1)
        )
        runtime = self.provenance.get("runtime", self.backend)
        hardware = self.provenance.get("device", self.device)
        origin = ""
        if self.transfer is not None:
            origin = f", transferred from {self.transfer.table} by {len(self.samples)} measurements"
        return (
            f"measured {self.created[:10]}: {runtime} {self.precision} on {hardware}{threads}"
            f"{origin}"
        )

    def command(self) -> str:
        """Return the command line that measures this table again."""
        if self.kit is not None:
            return f"maenas profile --kit DIR --runtime {self.kit} --name {quote(self.name)}"
        words = ["maenas profile --device", self.device]
        settings = self.name.removeprefix(self.device).split("-")
        if self.precision in settings:
            words += ["--precision", self.precision]
        if f"{self.threads}t" in settings:
            words += ["--threads", str(self.threads)]
        if self.transfer is not None:
            words += ["--from-table", quote(self.transfer.table)]
            words += ["--measure", str(len(self.samples))]
        return " ".join([*words, "--exist-ok"])

    def ops_of(self, sample: TableSample) -> tuple[Op, ...]:
        """Return the operators of a sample."""
        return tuple(self.ops[index] for index in sample.ops)

    def layer_times(self) -> Iterator[Observation]:
        """Yield operators and microseconds of each layer that prices were fitted to."""
        for sample in self.samples:
            if WEIGHTS[sample.role] > 0:
                for ops, us in self._layer_times(sample):
                    yield Observation(ops, us)

    @cached_property
    def _kernels(self) -> dict[KernelKind, Kernel]:
        return self._fitted()

    def _fitted(self, without: Collection[str] = ()) -> dict[KernelKind, Kernel]:
        """Return the prices fitted to all graphs except those of the names `without`."""
        observations = list(self._observations(without))
        if self.transfer is None:
            return fit(observations)
        return transferred(self.transfer.kernels, observations)

    def _observations(self, without: Collection[str]) -> Iterator[Observation]:
        """Yield the layers of each sample, and each graph as a whole, except graphs `without`."""
        has_layers = any(sample.layers for sample in self.samples)
        for sample in self.samples:
            if sample.name in without:
                continue
            weight = WEIGHTS[sample.role] * (NOISY_WEIGHT if self.doubtful(sample) else 1.0)
            if weight == 0:
                continue
            for ops, us in self._layer_times(sample):
                yield Observation(ops, us, weight)
            if sample.role in WITH_LAYERS or not sample.layers:
                whole = weight * (NETWORK_WEIGHT if sample.layers or not has_layers else 1.0)
                yield Observation(self.ops_of(sample), 1e3 * self.latency_ms(sample), whole)

    def _layer_times(self, sample: TableSample) -> Iterator[tuple[tuple[Op, ...], float]]:
        """Yield the operators and microseconds of each layer.

        Layer times are means over all inferences, disturbed ones included. For a network, they
        are therefore only used as shares of its latency. The layers of a single operator are
        scaled by the speed of the device.
        """
        times = [layer.us for layer in sample.layers]
        if not any(times):
            return
        scale = float(np.median(self._scales(sample)))
        if sample.role in WITH_LAYERS:
            scale = 1e3 * self.latency_ms(sample) / sum(times)
        for layer, us in zip(sample.layers, times, strict=True):
            if us > 0:
                yield tuple(self.ops[index] for index in layer.ops), scale * us

    def _scales(self, sample: TableSample) -> Float64Array:
        return self.reference_ms / np.array(sample.reference_ms)

    @cached_property
    def digest(self) -> str:
        """Hash of the content; it changes when the table is edited."""
        return _digest(self._data())

    def _data(self) -> dict[str, Any]:
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["provenance"] = dict(self.provenance)
        data["ops"] = [op_row(op) for op in self.ops]
        data["samples"] = [asdict(sample) for sample in self.samples]
        del data["transfer"]  # a key of transferred tables only, so that older files stay valid
        if self.transfer is not None:
            data["transfer"] = self.transfer.to_json()
        return {"format": FORMAT, **data}

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        lines = json.dumps({**self._data(), "digest": self.digest}, separators=(",", ":"))
        write_text(path, lines.replace('{"name":', '\n{"name":') + "\n")


def load_table(path: Path) -> LatencyTable:
    """Read a table from its file and check that it is complete and unchanged.

    Raises:
        SpecError: if the file is not a valid table; the message names file and cause.
    """
    data = read_json(
        path,
        missing="no such file; `maenas tables` lists the known ones.",
        wrong="is cut off or not a latency table",
        hint="copy it again, or measure it with `maenas profile`",
    )
    check_format(path, data.get("format"), FORMAT)
    written = data.pop("digest", None)
    if written != _digest(data):
        raise SpecError(
            f"{path}: was changed after it was measured (its digest does not match); copy it "
            "again, or measure it with `maenas profile`."
        )
    del data["format"]
    by_kit = isinstance(data.get("provenance"), dict) and "kit" in data["provenance"]
    if not by_kit and not is_known(str(data.get("backend"))):
        raise SpecError(
            f"{path}: backend: must be one of {', '.join(BACKENDS)}, "
            f"got {shown(data.get('backend'))}; --plugin MODULE loads a runtime of your own."
        )
    with parsing(path, wrong="is not a latency table of this version"):
        data["ops"] = [row_op(row) for row in data["ops"]]
        data["samples"] = [table_sample(sample, str(path)) for sample in data["samples"]]
        if data.get("transfer") is not None:
            data["transfer"] = read_origin(data["transfer"], str(path))
    return parse(LatencyTable, data, str(path))


def _places(sample: TableSample) -> Iterable[int]:
    yield from sample.ops
    for layer in sample.layers:
        yield from layer.ops


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
