"""`maenas search --verify`: finalists measured on the device and ranked by measured latency."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.priced_devices import device_names_in
from maenas.backbone_search.verification.device_command import DeviceCommand, VerifyError
from maenas.backbone_search.verification.meters import (
    CommandMeter,
    Finalist,
    Meter,
    backend_meter,
)
from maenas.blocks import Backbone, SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.budgets import InfeasibleError
from maenas.nas.problem import PricedDevice, Problem
from maenas.runs.config import SearchConfig

LOG = logging.getLogger(__name__)

MOST_ROUNDS = 5  # most networks measured after the finalists, in each direction
CLOSER = 0.98  # limit of a round, relative to the shortest prediction so far
USED = 0.97  # share of a budget that counts as used
FAR_OFF = 0.15  # median error of the predictions that a warning is printed for
MOST_WIDER = 2.0  # highest limit of a round, relative to the budget


@dataclass(frozen=True, slots=True)
class Measurement:
    """The latency of one network on one device.

    Attributes:
        device: name of the device.
        predicted_ms: latency in milliseconds by the device's latency model.
        measured_ms: median latency in milliseconds, scaled to the speed that the device had when
            its table was measured, if there is a table; what a command printed is not scaled.
        within: whether the measured latency is within the budget.
        warnings: disturbances of the measurement.
    """

    device: str
    predicted_ms: float
    measured_ms: float
    within: bool
    warnings: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """Error of the prediction relative to the measurement."""
        return self.predicted_ms / self.measured_ms - 1


@dataclass(frozen=True, slots=True)
class Verified:
    """One finalist as measured.

    Attributes:
        rank: rank by score, from 1.
        backbone: backbone of the finalist.
        score: score that was maximised.
        measurements: latency on each device that measured the network.
    """

    rank: int
    backbone: Backbone
    score: float
    measurements: tuple[Measurement, ...]

    @property
    def predicted_ms(self) -> float:
        """Predicted milliseconds on the first device."""
        return self.measurements[0].predicted_ms

    @property
    def measured_ms(self) -> float:
        """Measured milliseconds on the first device."""
        return self.measurements[0].measured_ms

    def measured_on(self, problem: Problem, axis: str) -> float | None:
        """Measured milliseconds on the device of an axis; None if it was not measured there."""
        names = [device.name for device in problem.devices if device.axis == axis]
        return next((one.measured_ms for one in self.measurements if one.device in names), None)

    @property
    def error(self) -> float:
        """Error of the prediction on the first device relative to the measurement."""
        return self.measurements[0].error

    @property
    def within(self) -> bool:
        """Whether every measured latency is within its budget."""
        return all(one.within for one in self.measurements)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Disturbances of the measurements."""
        return tuple(warning for one in self.measurements for warning in one.warnings)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What finalists will be measured by.

    Attributes:
        meters: for each measured axis, the function that opens its meter, called late: a device of
            a cluster is reserved from then on.
        count: number of finalists to measure.
    """

    meters: Mapping[str, Callable[[], Meter]]
    count: int

    def __call__(
        self,
        subproblem: Subproblem,
        finalists: Sequence[Backbone],
        within: Callable[[Mapping[str, float]], Backbone | None] = lambda limits: None,
    ) -> tuple[list[Verified], dict[str, str | int | float]]:
        """Measure finalists, best score first; those within the budgets come first.

        Budgets are on the measured latency, and the search knew the predicted one. So if none of
        the finalists is within all budgets, or the best of those that are leaves a part of every
        budget unused, each limit is divided by the ratio of measured to predicted latency and the
        best network within the new limits is measured. This repeats at most `MOST_ROUNDS` times in
        each direction.

        Args:
            subproblem: subproblem of the search.
            finalists: networks to measure, best score first.
            within: function that returns the best network whose predicted latencies are within
                limits by axis; None if there is none.
        Returns:
            The measured networks and the provenance of the devices.
        Raises:
            InfeasibleError: if no network is within the budgets as measured.
            MaenasError: if a device or a command fails.
        """
        with ExitStack() as opened:
            meters = {}
            for axis, open_meter in self.meters.items():
                meters[axis] = meter = open_meter()
                opened.callback(meter.close)
            try:
                found = _Rounds(subproblem, meters, self.count).run(finalists, within)
            except VerifyError as error:
                raise VerifyError(
                    f"{str(error).rstrip('.')}; the search is kept, and the same command with "
                    "--resume repeats only the measurements."
                ) from None
            return found, _provenance(subproblem, meters)


class _Rounds:
    """The measurements of one verification."""

    def __init__(self, subproblem: Subproblem, meters: Mapping[str, Meter], count: int) -> None:
        self._subproblem = subproblem
        self._meters = meters
        self._count = count
        problem = subproblem.problem
        limits = problem.limits_at(subproblem.limits[-1])
        self._limits = {axis: limits[axis] for axis in meters}
        self._devices = [device for device in problem.devices if device.axis in meters]
        self._found: list[Verified] = []

    def run(
        self,
        finalists: Sequence[Backbone],
        within: Callable[[Mapping[str, float]], Backbone | None],
    ) -> list[Verified]:
        for backbone in finalists[: self._count]:
            self._measure(backbone)
        for _ in range(MOST_ROUNDS):
            if self._fits():
                break
            closer = within(self._tighter())
            if closer is None:
                break
            self._measure(closer)
        for _ in range(MOST_ROUNDS):
            wider = self._wider() if self._fits() else None
            closer = None if wider is None else within(wider)
            if closer is None or any(closer == one.backbone for one in self._found):
                break
            self._measure(closer)
        self._warn_of_errors()
        if self._fits():
            return sorted(self._found, key=_rank)
        raise InfeasibleError(
            f"search: none of {len(self._found)} networks measured is within {self._shortfall()}; "
            "raise the budget, or measure the device's table again."
        )

    def _warn_of_errors(self) -> None:
        """Print one line for each device whose predictions are far off."""
        for place, device in enumerate(self._devices):
            error = median(one.measurements[place].error for one in self._found)
            if abs(error) <= FAR_OFF:
                continue
            disturbed = any(one.measurements[place].warnings for one in self._found)
            LOG.warning(
                f"{device.name}: predicts {100 * abs(error):.0f} % too "
                f"{'much' if error > 0 else 'little'}, so its table was measured in another state "
                "of the device"
                + (" or other jobs disturb this one" if disturbed else "")
                + "; on a quiet machine `maenas profile` measures it again"
            )

    def _fits(self) -> bool:
        """Whether a network is within all budgets as measured."""
        return any(one.within for one in self._found)

    def _wider(self) -> dict[str, float] | None:
        """Limits above the budgets of devices that are faster than predicted; None for no more.

        A device whose budget is used ends the rounds, and so does a disturbed measurement, which
        says little about the device.
        """
        best = min(self._found, key=_rank)
        used = max(
            one.measured_ms / self._limits[device.axis]
            for one, device in zip(best.measurements, self._devices, strict=True)
        )
        if used > USED:
            return None
        if best.warnings:
            LOG.info(
                f"{100 * (1 - used):.0f} % of the budget stays unused: other jobs disturbed the "
                "measurement, so it does not tell whether a larger network fits"
            )
            return None
        wider = {}
        for place, device in enumerate(self._devices):
            limit = self._limits[device.axis]
            each = [one.measurements[place] for one in self._found]
            ratio = median(one.predicted_ms / one.measured_ms for one in each)
            slow = [CLOSER * one.predicted_ms for one in each if not one.within]
            wider[device.axis] = min([limit * max(ratio, 1.0), limit * MOST_WIDER, *slow])
        return wider

    def _tighter(self) -> dict[str, float]:
        """Limits below the prediction of every network that was measured too slow."""
        tighter = {}
        for place, device in enumerate(self._devices):
            limit = self._limits[device.axis]
            each = [one.measurements[place] for one in self._found]
            ratio = median(one.measured_ms / one.predicted_ms for one in each)
            slow = [one.predicted_ms for one in each if not one.within]
            tighter[device.axis] = min([limit, limit / ratio, *(CLOSER * ms for ms in slow)])
        return tighter

    def _shortfall(self) -> str:
        """The limits, and the fastest measured on each device."""
        several = len(self._subproblem.problem.devices) > 1
        texts = []
        for place, device in enumerate(self._devices):
            fastest = min(one.measurements[place].measured_ms for one in self._found)
            on = f" on {device.name}" if several else ""
            texts.append(
                f"{self._limits[device.axis]:.3f} ms{on}: the fastest took {fastest:.3f} ms"
            )
        return " and within ".join(texts)

    def _measure(self, backbone: Backbone) -> None:
        """Measure one network on each device."""
        problem, rank = self._subproblem.problem, len(self._found) + 1
        price = problem.cost(backbone)
        measurements = []
        for device in self._devices:
            limit = self._limits[device.axis]
            predicted = problem.spent(device.axis, backbone, price)
            finalist = Finalist(self._subproblem, backbone, rank, predicted)
            reading = self._meters[device.axis].measure(finalist)
            one = Measurement(
                device.name, predicted, reading.ms, reading.ms <= limit, reading.warnings
            )
            LOG.info(
                f"finalist {rank}: {one.measured_ms:.3f} ms measured on {device.name}, predicted "
                f"{predicted:.3f} ({100 * one.error:+.1f}%), "
                f"{'within' if one.within else 'beyond'} {limit:.3f} ms"
            )
            measurements.append(one)
        self._found.append(Verified(rank, backbone, problem.score(backbone), tuple(measurements)))


def make_verifier(
    config: SearchConfig,
    subproblems: Sequence[Subproblem],
    count: int,
    ray: str | None = None,
    commands: Sequence[str] = (),
    timeout_s: float = 600.0,
    folder: Path = Path(),
    elsewhere: Collection[str] = (),
) -> Verifier:
    """The verifier of a search, made before it starts so that a missing device fails early.

    Without commands every limited device is measured here; with commands, those that have one.

    Args:
        config: options of the search.
        subproblems: subproblems of the search.
        count: number of finalists to measure.
        ray: address of the cluster that has the devices; None for devices of this machine.
        commands: commands that measure instead, each as COMMAND or DEVICE=COMMAND.
        timeout_s: seconds after which a command is ended.
        folder: folder of the run.
        elsewhere: devices of other searches, whose commands are left to these.
    Raises:
        SpecError: if there is nothing to verify.
        VerifyError: if a command is invalid or names no device of the search.
        BackendError: if a device is not there.
    """
    subproblem = subproblems[-1]
    problem = subproblem.problem
    limited = {budget.axis for budget in problem.budgets if budget.quantity == "latency_ms"}
    if not limited or len(subproblem.limits) > 1:
        raise SpecError(
            "verify: finalists are measured against one latency budget per device; give --budget "
            "such as 5ms and --device."
        )
    names = device_names_in(config)
    devices = dict(zip(names, problem.devices, strict=True))
    by_command = commands_by_device(commands, devices, elsewhere)
    if by_command:
        return Verifier(
            {
                devices[name].axis: _opened(text, timeout_s, devices[name], folder)
                for name, text in by_command.items()
            },
            count,
        )
    return Verifier(
        {
            device.axis: backend_meter(name, ray)
            for name, device in devices.items()
            if device.axis in limited
        },
        count,
    )


def commands_by_device(
    commands: Sequence[str], devices: Mapping[str, PricedDevice], elsewhere: Collection[str] = ()
) -> dict[str, str]:
    """The command of each device, from texts of the form COMMAND or DEVICE=COMMAND.

    Args:
        commands: texts as the user wrote them.
        devices: devices of the search by the name that the user wrote.
        elsewhere: devices of other searches, whose commands are skipped.
    Raises:
        VerifyError: if a device has two commands, or a command has no device among several.
    """
    found: dict[str, str] = {}
    for text in commands:
        name, equals, command = text.partition("=")
        name = name.strip()
        if equals and name in elsewhere and name not in devices:
            continue
        if not equals or name not in devices:
            if len(devices) > 1:
                raise VerifyError(
                    f"verify_with: {text!r}: names no device of this search"
                    f"{did_you_mean(name, [*devices])}; write DEVICE=COMMAND."
                )
            name, command = next(iter(devices)), text
        if name in found:
            raise VerifyError(f"verify_with: {name} has two commands; give one.")
        found[name] = command
    return found


def _opened(
    text: str, timeout_s: float, device: PricedDevice, folder: Path
) -> Callable[[], CommandMeter]:
    command = DeviceCommand(text, timeout_s)  # checked before the search
    return lambda: CommandMeter(command, device.name, folder)


def _provenance(
    subproblem: Subproblem, meters: Mapping[str, Meter]
) -> dict[str, str | int | float]:
    """What measured; with several devices each fact begins with the name of its device."""
    several = len(subproblem.problem.devices) > 1
    names = {device.axis: device.name for device in subproblem.problem.devices}
    return {
        f"{names[axis]} {fact}" if several else fact: value
        for axis, meter in meters.items()
        for fact, value in meter.provenance().items()
    }


def _rank(verified: Verified) -> tuple[bool, float]:
    """Sort key: networks within the budgets by score, then the others by latency."""
    if verified.within:
        return False, -verified.score
    return True, verified.measured_ms
