"""A latency model without a device at hand: every operator priced by a roofline of its kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Literal

from maenas.blocks.errors import SpecError
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.blocks.op import Op, elements
from maenas.budgets.latency import DeviceError, LatencyModel, Precision
from maenas.budgets.pricing.kernels import Range, beyond, family_of, kernel_of, range_of

FORMAT = "maenas/roofline@1"
BYTES = 2  # an element in half precision
# Outputs a thread block computes, (positions, channels): what 16-bit tensor-core kernels offer.
TILES = (
    *((256, 128), (256, 64)),
    *((128, 192), (128, 128), (128, 64), (128, 32)),
    *((64, 64), (64, 32)),
)
CHANNEL_STEP = 32  # input channels such a kernel takes at a time: 16 cost a V100 as much as 32
MARGIN = 2.0  # factor beyond what it was calibrated on that the form of a price is trusted for
SLICES = 4  # strided copies in the space-to-depth of a Focus stem
_LABELS = ("device", "source", "fit", "sizes")  # the fields of a model that are no coefficients


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How far a model is from the published latencies it was calibrated on, in percent.

    Attributes:
        rows: how many distinct networks there were.
        mean_error: mean of the absolute errors.
        max_error: the largest of them.
        leave_one_out: signed error on a network, by name, of a model calibrated on all others.
        families: mean absolute error on detectors of another design, by the name of their family,
            of a model that saw none of that family.
    """

    rows: int
    mean_error: float
    max_error: float
    leave_one_out: dict[str, float]
    families: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline(LatencyModel):
    """Prices an operator by the work, the traffic and the launch of the kernels it becomes.

    A dense convolution is a matrix product cut into tiles, one thread block each; the best tile
    shape is taken, as an engine builder would. Products of detectors at batch 1 are too short to
    hide their loads and stores, so computing and traffic add. Everything else is a kernel that
    touches each element once: it takes its traffic, but no less than its launch.

    Prices never fall when channels, the map or the kernel of an operator grow: every term is
    rounded up or proportional. They stay level in places, since a tile that is not full costs as
    much as a full one, and a map of few elements as much as its launch.

    Attributes:
        device: name the user types after `--device`.
        source: what it was calibrated on, for `about`.
        fit: how well.
        sizes: of the operators in the networks it was calibrated on, by family of kernels.
        sms: multiprocessors a convolution is spread over.
        tensor_tmacs: dense multiply-accumulates a second, in units of 1e12, in full tiles of the
            first shape and long sums. Sustained, so below the data sheet's peak.
        operand_macs: multiply-accumulates a block could do while it loads one operand; the
            smaller a tile, the more operands an output needs.
        fill_terms: terms of a sum that a block could compute while it starts and ends.
        step_ns: least time a block needs for one term of its sums; what a map too small to fill
            the device waits for.
        bandwidth_gbs: memory traffic of one kernel, caches included.
        conv_us: launch of a convolution or of another matrix product.
        pointwise_us: least time of any other kernel.
        elementwise_share: share of the sums, products and activations that take time: some ride
            in the kernel of another. ReLU always rides in its convolution.
        concat_share: share of the concats that are copied; the others are written in place.
        relayout: traffic of an operator that only exists in the linear layout, in multiples of
            what it reads and writes: the map is converted before and after.
        decode_kernels: kernels that turn the raw maps of one level into scores and boxes.
        depthwise_tmacs: multiply-accumulates a second of depthwise convolutions, in units of 1e12.
        depthwise_gbs: their memory traffic.
        pool_tops: comparisons a second of a max pool, in units of 1e12.
    Raises:
        SpecError: for a coefficient that is not positive.
    """

    device: str
    source: str
    fit: Fit = field(compare=False)
    sizes: Mapping[str, Range] = field(compare=False, repr=False)
    sms: int
    tensor_tmacs: float
    operand_macs: float
    fill_terms: float
    step_ns: float
    bandwidth_gbs: float
    conv_us: float
    pointwise_us: float
    elementwise_share: float
    concat_share: float
    relayout: float
    decode_kernels: float
    depthwise_tmacs: float
    depthwise_gbs: float
    pool_tops: float
    kind: Literal["estimated", "measured"] = field(init=False, default="estimated")
    hardware: Literal["cpu", "gpu"] = field(init=False, default="gpu")
    precision: Precision = field(init=False, default="f16")
    about: str = field(init=False)
    _tiles: tuple[tuple[int, int, float], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in COEFFICIENTS:
            if not 0 < getattr(self, name) < inf:
                raise SpecError(f"{name}: must be positive, got {getattr(self, name)}.")
        held_out = ", ".join(f"{name} {e:+.1f}%" for name, e in self.fit.leave_one_out.items())
        strangers = ", ".join(f"{name} {e:.1f}%" for name, e in self.fit.families.items())
        about = (
            f"estimated: {self.source}; left out of the calibration: {held_out}; "
            f"mean error {self.fit.mean_error:.1f}% on the {self.fit.rows} networks fitted"
            + (f", on families left out: {strangers}" if strangers else "")
        )
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "_tiles", tuple(self._timed_tiles()))

    def _timed_tiles(self) -> Iterator[tuple[int, int, float]]:
        """Each tile shape, with the nanoseconds a block of it needs for one term of its sums."""
        works = [high * wide + self.operand_macs * (high + wide) for high, wide in TILES]
        first_ns = TILES[0][0] * TILES[0][1] * self.sms / (1e3 * self.tensor_tmacs)
        for (high, wide), work in zip(TILES, works, strict=True):
            yield high, wide, first_ns * work / works[0]

    def op_ms(self, op: Op) -> float:
        """Milliseconds one operator takes.

        Raises:
            DeviceError: for a kind of operator that has no price.
        """
        return self._op_us(op) / 1e3

    def guess(self, op: Op) -> str | None:
        """Why a price lies beyond what the model was calibrated on, None if it does not."""
        family = _family(op)
        if family not in self.sizes:
            return f"no network that {self.device} was calibrated on has a {family}"
        found = beyond(op, self.sizes[family], MARGIN)
        if found is None:
            return None
        name, size, least, most = found
        return f"{family} was calibrated for {least:g} to {most:g} {name}, not {size:g}"

    def _op_us(self, op: Op) -> float:
        match op.kind:
            case "conv":
                return self._conv_us(op)
            case "deconv" | "matmul":
                return self._matmul_us(op)
            case "add" | "mul" | "act":
                return self.elementwise_share * self._kernel_us(op.working_set)
            case "avg_pool" | "global_pool" | "copy":
                return self._kernel_us(op.working_set)
            case "concat":
                return self.concat_share * self._kernel_us(op.working_set)
            case "upsample" | "softmax":
                return self._kernel_us(self.relayout * op.working_set)
            case "max_pool":
                compared = elements(op.out_shape) * op.kernel_size**2
                return self._kernel_us(op.working_set) + compared / (1e6 * self.pool_tops)
            case "slice":
                return self._kernels_us(op, SLICES)
            case "decode":
                return self._kernels_us(op, self.decode_kernels)
            case _:
                raise DeviceError(f"device {self.device}: has no price for operator {op.kind!r}.")

    def _conv_us(self, op: Op) -> float:
        """A convolution, and the kernel of its activation where that is not ReLU."""
        launch, moved = self.conv_us, op.working_set + op.params
        if op.groups > 1 and op.groups == op.in_shape[0]:
            # Half-precision depthwise kernels want another layout: one more kernel converts.
            launch += self.pointwise_us
            compute = op.macs / (1e6 * self.depthwise_tmacs)
            traffic = BYTES * moved / (1e3 * self.depthwise_gbs)
        else:
            channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
            rows = op.out_shape[1] * op.out_shape[2]
            compute = self._product_us(rows, columns, channels, op.kernel_size**2, op.groups)
            traffic = self._traffic_us(moved)
        return launch + compute + traffic + self._act_us(op)

    def _matmul_us(self, op: Op) -> float:
        """A matrix product; a transposed convolution is one from a position to a window."""
        channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
        if op.kind == "deconv":
            rows, copies = op.in_shape[1] * op.in_shape[2], op.groups
            columns *= op.kernel_size**2
        else:  # (K, M, batch) to (N, M, batch); the other factor may be another for each
            rows, copies = op.out_shape[1], op.out_shape[2]
        compute = self._product_us(rows, columns, channels, 1, copies)
        traffic = self._traffic_us(op.working_set + channels * columns * copies)
        return self.conv_us + compute + traffic + self._act_us(op)

    def _act_us(self, op: Op) -> float:
        """The activation behind a matrix product: ReLU rides in it, others read and write."""
        if op.act not in ("silu", "sigmoid"):
            return 0.0
        return self.elementwise_share * self._kernel_us(2 * elements(op.out_shape))

    def _product_us(self, rows: int, columns: int, channels: int, taps: int, copies: int) -> float:
        """`copies` products (rows, taps * channels) x (taps * channels, columns), best tiles."""
        terms = taps * CHANNEL_STEP * -(-channels // CHANNEL_STEP)
        fastest_ns = inf
        for high, wide, block_ns in self._tiles:
            blocks = -(-rows // high) * -(-columns // wide) * copies
            # A fraction of a wave costs that fraction: blocks of unlike speed overlap, and a
            # search must not be led by steps that move with the version of the runtime.
            fastest_ns = min(fastest_ns, max(1.0, blocks / self.sms) * block_ns)
        return (terms + self.fill_terms) * max(fastest_ns, self.step_ns) / 1e3

    def _kernels_us(self, op: Op, count: float) -> float:
        """`count` small kernels, of which one does the work in the linear layout."""
        return (count - 1) * self.pointwise_us + self._kernel_us(self.relayout * op.working_set)

    def _kernel_us(self, count: float) -> float:
        """A kernel that moves `count` elements: a short one takes as long as its launch."""
        return max(self.pointwise_us, self._traffic_us(count))

    def _traffic_us(self, count: float) -> float:
        """Time to move `count` elements."""
        return BYTES * count / (1e3 * self.bandwidth_gbs)


COEFFICIENTS = tuple(
    member.name for member in fields(Roofline) if member.init and member.name not in _LABELS
)


def sizes_of(ops: Iterable[Op]) -> dict[str, Range]:
    """What `Roofline.sizes` says of the operators of a calibration."""
    families: dict[str, list[Op]] = {}
    for op in ops:
        families.setdefault(_family(op), []).append(op)
    return {family: range_of(families[family]) for family in sorted(families)}


def _family(op: Op) -> str:
    """Operators priced by one formula; that of a convolution does not mind an image's channels."""
    family = family_of(kernel_of(op))
    return "conv" if family == "stem" else family


def load_roofline(name: str | Path) -> Roofline:
    """A bundled model by the name of its device, or one from a YAML file.

    Raises:
        DeviceError: for a name that is neither.
        SpecError: if the file does not hold what it must.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in roofline_names():
            known = roofline_names()
            raise DeviceError(
                f"device: no bundled model of {str(name)!r}{did_you_mean(str(name), known)}"
            )
        path = Path(str(files("maenas.budgets.devices") / f"{name}.yaml"))
    data = read_yaml(path, FORMAT)
    data["fit"] = parse(Fit, data.get("fit"), f"{path}: fit")
    return parse(Roofline, data, str(path))


def roofline_names() -> list[str]:
    """Devices with a bundled model of this kind."""
    folder = Path(str(files("maenas.budgets.devices")))
    return sorted(path.stem for path in folder.glob("*.yaml") if FORMAT in path.read_text("utf-8"))
