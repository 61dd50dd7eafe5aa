"""Latency model of a device that is not measured: a roofline of each operator's kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from math import inf
from typing import Literal, NamedTuple

from maenas.blocks.errors import SpecError
from maenas.blocks.op import Op, elements
from maenas.budgets.latency import DeviceError, Hardware, LatencyModel, Precision
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.kernels import STEM_CHANNELS, Range, beyond, kernel_of, range_of

BYTES: dict[Precision, int] = {"f32": 4, "bf16": 2, "f16": 2, "int8": 1}  # of an element
# Outputs of one thread block, (positions, channels), as 16-bit tensor-core kernels offer them.
TILES = (
    *((256, 128), (256, 64)),
    *((128, 192), (128, 128), (128, 64), (128, 32)),
    *((64, 64), (64, 32)),
)
CHANNEL_STEP = 32  # input channels per step of such a kernel: 16 cost a V100 as much as 32
MARGIN = 2.0  # factor beyond the calibrated sizes up to which a price is trusted
SLICES = 4  # strided copies in the space-to-depth of a Focus stem
# Fields that are not coefficients.
_LABELS = ("device", "source", "fit", "sizes", "precision", "protocol", "means", "serial")


class Piece(NamedTuple):
    """A kernel's microseconds by what they are spent on.

    Attributes:
        launch: start and end of the kernel.
        compute: arithmetic.
        memory: traffic of feature maps and weights.
        overlaps: whether launch and traffic run side by side, so that the longer of both counts;
            otherwise they follow each other.
        share: share of such kernels that take time; the others are fused into another kernel.
    """

    launch: float
    compute: float
    memory: float
    overlaps: bool = False
    share: float = 1.0

    @property
    def us(self) -> float:
        """Microseconds of the kernel."""
        first = max(self.launch, self.memory) if self.overlaps else self.launch + self.memory
        return self.share * (first + self.compute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline(LatencyModel):
    """Latency model that prices an operator by the compute, traffic and launch of its kernels.

    A dense convolution is a matrix product cut into tiles, one thread block each. The model takes
    the fastest tile shape, as an engine builder does. Matrix products of detectors at batch 1 are
    too short to hide their loads and stores, so compute time and traffic time add up. Any other
    operator is a kernel that touches each element once: its time is its traffic time, but at least
    its launch time; where `serial` is set, both add up.

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
        copy_share: share of the copies (split, slice, transpose) that take time; the others are
            views of their input.
        stem_channels: channels that each position of a stem's window is padded to.
        activation_share: share of the traffic of an activation that its convolution does not hide;
            only where `serial` is set, otherwise such an activation is a kernel of its own.
        serial: whether launch and traffic of a kernel add up. Newer runtimes launch faster than
            they move data, so that nothing is left to hide.
        precision: number format that the network runs in; it determines the bytes of an element.
        protocol: runtime, precision, and what is inside of each number.
        means: full name of the device, with runtime and precision, if `device` is short for it.
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
    copy_share: float = 1.0
    stem_channels: int = CHANNEL_STEP
    activation_share: float = 1.0
    serial: bool = False
    precision: Precision = "f16"
    protocol: str = ""
    means: str = ""
    kind: Literal["estimated", "measured"] = field(init=False, default="estimated")
    hardware: Hardware = field(init=False, default="gpu")
    about: str = field(init=False)
    _tiles: tuple[tuple[int, int, float], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in (*COEFFICIENTS, *REFINEMENTS):
            if not 0 < getattr(self, name) < inf:
                raise SpecError(f"{name}: must be positive, got {getattr(self, name)}.")
        known = f"{self.device} means {self.means}, " if self.means not in ("", self.device) else ""
        about = f"estimated: {known}{self.source}; {self.fit.text}"
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
        return sum(piece.us for piece in self.pieces(op)) / 1e3

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

    def pieces(self, op: Op) -> Iterator[Piece]:
        """Yield the kernels that an operator becomes.

        Raises:
            DeviceError: if this kind of operator has no price.
        """
        moved = op.working_set
        match op.kind:
            case "conv":
                yield from self._conv(op)
            case "deconv" | "matmul":
                yield from self._matmul(op)
            case "add" | "mul" | "act":
                yield self._kernel(moved, self.elementwise_share)
            case "avg_pool" | "global_pool":
                yield self._kernel(moved)
            case "copy" | "split" | "crop" | "gather":
                yield self._kernel(moved, self.copy_share)
            case "concat":
                yield self._kernel(moved, self.concat_share)
            case "upsample" | "softmax" | "norm" | "topk" | "grid_sample":
                yield self._kernel(self.relayout * moved)
            case "max_pool":
                compared = elements(op.out_shape) * op.kernel_area
                yield self._kernel(moved)._replace(compute=compared / (1e6 * self.pool_tops))
            case "slice":
                yield from self._kernels(op, SLICES)
            case "decode":
                yield from self._kernels(op, self.decode_kernels)
            case _:
                raise DeviceError(f"device {self.device}: has no price for operator {op.kind!r}.")

    def _conv(self, op: Op) -> Iterator[Piece]:
        """A convolution, and the kernel of its activation if that is not ReLU."""
        moved = op.working_set + op.params
        if op.groups > 1 and op.groups == op.in_shape[0]:
            launch = self.conv_us
            if not self.serial:
                # Half-precision depthwise kernels need another layout: one more kernel converts.
                launch += self.pointwise_us
            compute = op.macs / (1e6 * self.depthwise_tmacs)
            yield Piece(launch, compute, self._bytes(moved) / (1e3 * self.depthwise_gbs))
        else:
            channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
            rows = op.out_shape[1] * op.out_shape[2]
            compute = self._product_us(rows, columns, channels, op.kernel_area, op.groups)
            yield Piece(self.conv_us, compute, self._traffic_us(moved))
        yield from self._act(op)

    def _matmul(self, op: Op) -> Iterator[Piece]:
        """A matrix product; a transposed convolution multiplies positions to windows."""
        channels, columns = op.in_shape[0] // op.groups, -(-op.out_shape[0] // op.groups)
        if op.kind == "deconv":
            rows, copies = op.in_shape[1] * op.in_shape[2], op.groups
            columns *= op.kernel_area
        else:  # (K, M, batch) to (N, M, batch); the second factor can differ by batch
            rows, copies = op.out_shape[1], op.out_shape[2]
        compute = self._product_us(rows, columns, channels, 1, copies)
        moved = op.working_set + channels * columns * copies
        yield Piece(self.conv_us, compute, self._traffic_us(moved))
        yield from self._act(op)

    def _act(self, op: Op) -> Iterator[Piece]:
        """The activation after a matrix product: ReLU is fused, others take time."""
        if op.act not in ("silu", "sigmoid"):
            return
        moved = 2 * elements(op.out_shape)
        if self.serial:
            yield Piece(0.0, 0.0, self.activation_share * self._traffic_us(moved))
        else:
            yield self._kernel(moved, self.elementwise_share)

    def _product_us(self, rows: int, columns: int, channels: int, taps: int, copies: int) -> float:
        """Time of `copies` products (rows, taps * channels) x (taps * channels, columns)."""
        terms = taps * CHANNEL_STEP * -(-channels // CHANNEL_STEP)
        if channels <= STEM_CHANNELS:
            terms = CHANNEL_STEP * -(-taps * self.stem_channels // CHANNEL_STEP)
        fastest_ns = inf
        for high, wide, block_ns in self._tiles:
            blocks = -(-rows // high) * -(-columns // wide) * copies
            # A fraction of a wave costs that fraction: blocks of different speed overlap, and a
            # search must not follow steps that change with the version of the runtime.
            fastest_ns = min(fastest_ns, max(1.0, blocks / self.sms) * block_ns)
        return (terms + self.fill_terms) * max(fastest_ns, self.step_ns) / 1e3

    def _kernels(self, op: Op, count: float) -> Iterator[Piece]:
        """Several small kernels, one of which does the work in the linear layout."""
        yield Piece((count - 1) * self.pointwise_us, 0.0, 0.0)
        yield self._kernel(self.relayout * op.working_set)

    def _kernel(self, count: float, share: float = 1.0) -> Piece:
        """A kernel that moves `count` elements."""
        return Piece(self.pointwise_us, 0.0, self._traffic_us(count), not self.serial, share)

    def _traffic_us(self, count: float) -> float:
        """Time of moving `count` elements."""
        return self._bytes(count) / (1e3 * self.bandwidth_gbs)

    def _bytes(self, count: float) -> float:
        """Bytes of `count` elements."""
        return BYTES[self.precision] * count


_NUMBERS = [each for each in fields(Roofline) if each.init and each.name not in _LABELS]
# Coefficients of every model, and those that have a default.
COEFFICIENTS = tuple(each.name for each in _NUMBERS if each.default is MISSING)
REFINEMENTS = tuple(each.name for each in _NUMBERS if each.default is not MISSING)


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
