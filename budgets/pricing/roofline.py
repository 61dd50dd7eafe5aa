"""Latency model of a device that is not measured: a roofline of each operator's kernel."""

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
from maenas.budgets.pricing.kernels import Range, beyond, kernel_of, range_of

FORMAT = "maenas/roofline@1"
BYTES = 2  # bytes of an element in half precision
# Outputs of one thread block, (positions, channels), as 16-bit tensor-core kernels offer them.
TILES = (
    *((256, 128), (256, 64)),
    *((128, 192), (128, 128), (128, 64), (128, 32)),
    *((64, 64), (64, 32)),
)
CHANNEL_STEP = 32  # input channels per step of such a kernel: 16 cost a V100 as much as 32
MARGIN = 2.0  # factor beyond the calibrated sizes up to which a price is trusted
SLICES = 4  # strided copies in the space-to-depth of a Focus stem
_LABELS = ("device", "source", "fit", "sizes")  # fields that are not coefficients


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Errors of a model on the published latencies it was calibrated on, in percent.

    Attributes:
        rows: number of distinct networks.
        mean_error: mean of the absolute errors.
        max_error: maximum of the absolute errors.
        leave_one_out: by network name, signed error of a model calibrated on all other networks.
        families: by family of detectors, mean absolute error of a model calibrated without that
            family.
    """

    rows: int
    mean_error: float
    max_error: float
    leave_one_out: dict[str, float]
    families: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline(LatencyModel):
    """Latency model that prices an operator by the compute, traffic and launch of its kernels.

    A dense convolution is a matrix product cut into tiles, one thread block each. The model takes
    the fastest tile shape, as an engine builder does. Matrix products of detectors at batch 1 are
    too short to hide their loads and stores, so compute time and traffic time add up. Any other
    operator is a kernel that touches each element once: its time is its traffic time, but at least
    its launch time.

    Prices never decrease when channels, feature map or kernel of an operator grow, because every
    term is rounded up or proportional. They are constant over some ranges, since a partly filled
    tile costs as much as a full one, and a small feature map costs as much as its launch.

    Attributes:
        device: name the user types after `--device`.
        source: data that the model was calibrated on, for `about`.
        fit: errors of the calibration.
        sizes: ranges of operator sizes in the calibration networks, by family of kernels.
        sms: number of multiprocessors that share a convolution.
        tensor_tmacs: dense multiply-accumulates per second, in units of 1e12, for full tiles of
            the first shape and long sums. It is the sustained rate, below the data sheet's peak.
        operand_macs: multiply-accumulates that take a block as long as loading one operand; a
            smaller tile needs more operands per output.
        fill_terms: start and end of a block, as the number of terms of a sum that take as long.
        step_ns: minimum time of a block for one term of its sums; it limits feature maps that are
            too small to fill the device.
        bandwidth_gbs: memory bandwidth of one kernel in GB/s, caches included.
        conv_us: launch time of a convolution or of another matrix product.
        pointwise_us: minimum time of any other kernel.
        elementwise_share: share of sums, products and activations that take time; the others are
            fused into another kernel. ReLU is always fused into its convolution.
        concat_share: share of the concats that are copied; the others are written in place.
        relayout: traffic of an operator that only exists in the linear layout, as a multiple of
            its inputs and outputs, because the feature map is converted before and after.
        decode_kernels: number of kernels that decode one level into scores and boxes.
        depthwise_tmacs: multiply-accumulates per second of depthwise convolutions, in units of
            1e12.
        depthwise_gbs: memory bandwidth of depthwise convolutions in GB/s.
        pool_tops: comparisons per second of a max pool, in units of 1e12.
    Raises:
        SpecError: if a coefficient is not positive.
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
        """Yield each tile shape with the nanoseconds of a block for one term of its sums."""
        works = [high * wide + self.operand_macs * (high + wide) for high, wide in TILES]
        first_ns = TILES[0][0] * TILES[0][1] * self.sms / (1e3 * self.tensor_tmacs)
        for (high, wide), work in zip(TILES, works, strict=True):
            yield high, wide, first_ns * work / works[0]

    def op_ms(self, op: Op) -> float:
        """Return the latency of one operator in milliseconds.

        Raises:
            DeviceError: if this kind of operator has no price.
        """
        return self._op_us(op) / 1e3

    def guess(self, op: Op) -> str | None:
        """Return why a price is an extrapolation beyond the calibration; None if it is not."""
        family = _family(op)
        if family not in self.sizes:
            return f"no network that {self.device} was calibrated on has a {family}"
        height, width = op.kernel
        if height != width:
            return f"{family} was calibrated for square kernels, not {height}x{width}"
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
                compared = elements(op.out_shape) * op.kernel_area
                return self._kernel_us(op.working_set) + compared / (1e6 * self.pool_tops)
            case "slice":
                return self._kernels_us(op, SLICES)
            case "decode":
                return self._kernels_us(op, self.decode_kernels)
            case _:
                raise DeviceError(f"device {self.device}: has no price for operator {op.kind!r}.")

    def _conv_us(self, op: Op) -> float:
        """Time of a convolution, with the kernel of its activation if that is not ReLU."""
        launch, moved = self.conv_us, op.working_set + op.params
        if op.groups > 1 and op.groups == op.in_shape[0]:
            # Half-precision depthwise kernels need another layout, so one more kernel converts.
            launch += self.pointwise_us
            compute = op.macs / (1e6 * self.depthwise_tmacs)
            traffic = BYTES * moved / (1e3 * self.depthwise_gbs)
        else:
            channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
            rows = op.out_shape[1] * op.out_shape[2]
            compute = self._product_us(rows, columns, channels, op.kernel_area, op.groups)
            traffic = self._traffic_us(moved)
        return launch + compute + traffic + self._act_us(op)

    def _matmul_us(self, op: Op) -> float:
        """Time of a matrix product; a transposed convolution multiplies positions to windows."""
        channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
        if op.kind == "deconv":
            rows, copies = op.in_shape[1] * op.in_shape[2], op.groups
            columns *= op.kernel_area
        else:  # (K, M, batch) to (N, M, batch); the second factor can differ by batch
            rows, copies = op.out_shape[1], op.out_shape[2]
        compute = self._product_us(rows, columns, channels, 1, copies)
        traffic = self._traffic_us(op.working_set + channels * columns * copies)
        return self.conv_us + compute + traffic + self._act_us(op)

    def _act_us(self, op: Op) -> float:
        """Time of the activation after a matrix product: ReLU is fused, others are a kernel."""
        if op.act not in ("silu", "sigmoid"):
            return 0.0
        return self.elementwise_share * self._kernel_us(2 * elements(op.out_shape))

    def _product_us(self, rows: int, columns: int, channels: int, taps: int, copies: int) -> float:
        """Time of `copies` products (rows, taps * channels) x (taps * channels, columns)."""
        terms = taps * CHANNEL_STEP * -(-channels // CHANNEL_STEP)
        fastest_ns = inf
        for high, wide, block_ns in self._tiles:
            blocks = -(-rows // high) * -(-columns // wide) * copies
            # A fraction of a wave costs that fraction: blocks of different speed overlap, and a
            # search must not follow steps that change with the version of the runtime.
            fastest_ns = min(fastest_ns, max(1.0, blocks / self.sms) * block_ns)
        return (terms + self.fill_terms) * max(fastest_ns, self.step_ns) / 1e3

    def _kernels_us(self, op: Op, count: float) -> float:
        """Time of `count` small kernels, one of which does the work in the linear layout."""
        return (count - 1) * self.pointwise_us + self._kernel_us(self.relayout * op.working_set)

    def _kernel_us(self, count: float) -> float:
        """Time of a kernel that moves `count` elements, at least its launch time."""
        return max(self.pointwise_us, self._traffic_us(count))

    def _traffic_us(self, count: float) -> float:
        """Time of moving `count` elements."""
        return BYTES * count / (1e3 * self.bandwidth_gbs)


COEFFICIENTS = tuple(
    member.name for member in fields(Roofline) if member.init and member.name not in _LABELS
)


def sizes_of(ops: Iterable[Op]) -> dict[str, Range]:
    """Return `Roofline.sizes` for the operators of a calibration."""
    families: dict[str, list[Op]] = {}
    for op in ops:
        families.setdefault(_family(op), []).append(op)
    return {family: range_of(families[family]) for family in sorted(families)}


def _family(op: Op) -> str:
    """Return the family of operators with one formula; a stem counts as a convolution."""
    family = kernel_of(op).family
    return "conv" if family == "stem" else family


def load_roofline(name: str | Path) -> Roofline:
    """Load a bundled model by the name of its device, or a model from a YAML file.

    Raises:
        DeviceError: if the name is neither a bundled model nor a file.
        SpecError: if the file is invalid.
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
    """Return the devices with a bundled roofline."""
    folder = Path(str(files("maenas.budgets.devices")))
    return sorted(path.stem for path in folder.glob("*.yaml") if FORMAT in path.read_text("utf-8"))
