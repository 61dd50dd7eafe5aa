"""Map parameter names of official DAMO-YOLO checkpoints to the names in this project."""

from __future__ import annotations

from collections.abc import Iterator

from maenas.blocks import CSP, SPP, Block, ConvStem, FocusStem, Mob, ResK1KX, ResKXKX, SpecError
from maenas.blocks.residual import ResidualStage
from maenas.detector.model.spec import DetectorSpec

Pair = tuple[str, str]  # official name, our name
BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Official number of a neck edge or merge node -> our name, in the official order.
NECK = (
    ("bu_conv13", "c4_to_p5_td"),
    ("merge_3", "p5_td"),
    ("bu_conv24", "c3_to_p4_td"),
    ("merge_4", "p4_td"),
    ("merge_5", "p3"),
    ("bu_conv57", "p3_to_p4"),
    ("merge_7", "p4"),
    ("bu_conv46", "p4_td_to_p5"),
    ("bu_conv76", "p4_to_p5"),
    ("merge_6", "p5"),
)


def official_names(spec: DetectorSpec) -> tuple[Pair, ...]:
    """Names of all parameters and buffers in training form, in the order of an official file.

    The official constant `head.integral.project` has no counterpart and is not listed.

    Raises:
        SpecError: if the official code cannot build this detector.
    """
    return (*_backbone(spec), *_neck(spec), *_head())


def _backbone(spec: DetectorSpec) -> Iterator[Pair]:
    stages = spec.backbone.stages
    is_csp = any(isinstance(stage, CSP) for stage in stages)
    for index, stage in enumerate(stages):
        ours = f"backbone.stages.{index}"
        theirs = f"backbone.{'csp_stage' if is_csp else 'block_list'}.{index}"
        yield from _stage(stage, theirs, ours)


def _stage(stage: Block, theirs: str, ours: str) -> Iterator[Pair]:
    match stage:
        case FocusStem():
            yield from _conv_bn(f"{theirs}.conv", "conv", "bn", f"{ours}.1")
        case ConvStem():
            yield from _conv_bn(f"{theirs}.conv", "conv1", "bn1", ours)
        case CSP():
            for unit in range(stage.depth):
                yield from _two_convs(f"{theirs}.convstem.{unit}", f"{ours}.units.{unit}")
            yield from _conv_bn(f"{theirs}.downsampler.conv", "conv1", "bn1", f"{ours}.down")
            if stage.spp:
                yield from _spp(f"{theirs}.spp", f"{ours}.spp")
            for name, here in (("start", "start"), ("shortcut", "side"), ("fuse", "fuse")):
                yield from _conv_bn(f"{theirs}.conv_{name}.conv", "conv1", "bn1", f"{ours}.{here}")
        case ResK1KX(rep=True) | ResKXKX(rep=True) | Mob():
            assert isinstance(stage, ResidualStage)
            for index, part in enumerate(stage.parts(stage.out_channels)):
                block = f"{theirs}.block_list.{index}"
                if isinstance(part, SPP):
                    yield from _spp(block, f"{ours}.{index}")
                elif isinstance(stage, Mob):
                    yield from _mob(f"{block}.conv", (0, 3, 7), f"{ours}.{index}")
                else:
                    yield from _two_convs(block, f"{ours}.{index}")
        case _:
            raise SpecError(f"official checkpoints: have no stage of {stage.kind}.")


def _neck(spec: DetectorSpec) -> Iterator[Pair]:
    neck = spec.neck
    released = neck.fusion == "csp_rep_elan" and neck.extra_downsampling
    if not released or neck.extra_upsampling:
        raise SpecError("official checkpoints: have only necks as released (RepGFPN, ELAN).")
    for number, name in NECK:
        theirs, ours = f"neck.{number}", f"neck.parts.{name}"
        if not number.startswith("merge"):
            yield from _down(theirs, ours, neck.depthwise)
            continue
        yield from _conv_bn(f"{theirs}.conv1", "conv", "bn", f"{ours}.around")
        yield from _conv_bn(f"{theirs}.conv2", "conv", "bn", f"{ours}.start")
        for index in range(neck.depth):
            block, here = f"{theirs}.convs.{index}", f"{ours}.blocks.{index}"
            if neck.depthwise:
                yield from _mob(f"{block}.conv.conv", (0, 3, 6), here)
            else:  # official numbers run against the order of execution
                yield from _conv_bn(f"{block}.conv1", "conv", "bn", f"{here}.second")
                yield from _rep_conv(f"{block}.conv2", f"{here}.first")
        yield from _conv_bn(f"{theirs}.conv3", "conv", "bn", f"{ours}.fuse")


def _down(theirs: str, ours: str, depthwise: bool) -> Iterator[Pair]:
    if not depthwise:
        yield from _conv_bn(theirs, "conv", "bn", ours)
        return
    yield f"{theirs}.depthwise.weight", f"{ours}.0.conv.weight"
    yield f"{theirs}.pointwise.weight", f"{ours}.1.conv.weight"
    for norm, index in (("dwnorm", 0), ("pwnorm", 1)):
        for name in BN:
            yield f"{theirs}.{norm}.{name}", f"{ours}.{index}.bn.{name}"


def _head() -> Iterator[Pair]:
    for theirs, ours in (("gfl_cls", "scores"), ("gfl_reg", "distances")):
        for level in range(3):
            for name in ("weight", "bias"):
                yield f"head.{theirs}.{level}.{name}", f"head.{ours}.{level}.0.{name}"
    for level in range(3):
        yield f"head.scales.{level}.scale", f"head.scales.{level}"


def _two_convs(theirs: str, ours: str) -> Iterator[Pair]:
    """Names in a unit of K1KX or KXKX."""
    yield from _conv_bn(f"{theirs}.conv1", "conv1", "bn1", f"{ours}.chain.0")
    yield from _rep_conv(f"{theirs}.conv2", f"{ours}.chain.1")


def _mob(theirs: str, positions: tuple[int, int, int], ours: str) -> Iterator[Pair]:
    """Names in a unit of Mob: a BatchNorm follows each convolution at these indices."""
    for index, position in enumerate(positions):
        yield from _conv_bn(theirs, str(position), str(position + 1), f"{ours}.chain.{index}")


def _spp(theirs: str, ours: str) -> Iterator[Pair]:
    yield from _conv_bn(f"{theirs}.conv1", "conv", "bn", f"{ours}.reduce")
    yield from _conv_bn(f"{theirs}.conv2", "conv", "bn", f"{ours}.expand")


def _rep_conv(theirs: str, ours: str) -> Iterator[Pair]:
    yield from _conv_bn(f"{theirs}.rbr_dense", "conv", "bn", f"{ours}.dense")
    yield from _conv_bn(f"{theirs}.rbr_1x1", "conv", "bn", f"{ours}.pointwise")


def _conv_bn(theirs: str, conv: str, bn: str, ours: str) -> Iterator[Pair]:
    yield f"{theirs}.{conv}.weight", f"{ours}.conv.weight"
    for name in BN:
        yield f"{theirs}.{bn}.{name}", f"{ours}.bn.{name}"
