"""A detector in a folder: `detector.yaml`, and `weights.safetensors` once it has weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_bytes
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.checksum import has_checksum, is_intact, seal
from maenas.blocks.files.plain_file import GIB, read_bytes
from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.model.spec import DetectorSpec, dump_detector, load_detector

if TYPE_CHECKING:
    from torch import Tensor

    from maenas.detector.model.layers.network import DetectorNetwork

SPEC_FILE = "detector.yaml"
LARGEST = 64 * GIB  # largest file of weights, in bytes
WEIGHTS_FILE = "weights.safetensors"
ORIGINS_FILE = "inherited.csv"  # beside weights that were inherited, not trained
# One value of metadata, because safetensors writes several in any order. Format 1 had no checksum.
# The last word says whether training made the weights; files of 0.1.0 and unknown weights lack it.
WEIGHTS_FORMAT = "maenas/weights@2 crc32:00000000"
# Before it stands the detector that weights were mapped from which no step has trained since.
MAPPED = " mapped from "
TRAINED = {True: " trained", False: " untrained", None: ""}
BATCHES = "num_batches_tracked"  # batches that a BatchNorm has learned from
WEIGHTS_KIND = b"maenas/weights@2"


def save_folder(
    folder: Path,
    spec: DetectorSpec,
    weights: dict[str, Tensor] | None,
    receipt: tuple[str, ...] = (),
    trained: bool | None = None,
    mapped_from: str | None = None,
) -> None:
    """Write a detector folder, with its weights in training form if there are any.

    Args:
        folder: folder of the detector.
        spec: detector.
        weights: weights of the detector; None to write none.
        receipt: comments at the top of `detector.yaml`.
        trained: whether training made the weights; None if that is unknown.
        mapped_from: detector that weights were mapped from which are not trained; None for others.
    Raises:
        SpecError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    if weights is not None:
        from safetensors.torch import save

        plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        origin = "" if mapped_from is None else MAPPED + mapped_from
        metadata = {"format": WEIGHTS_FORMAT + origin + TRAINED[trained]}
        write_bytes(folder / WEIGHTS_FILE, seal(save(plain, metadata)))
    dump_detector(spec, folder / SPEC_FILE, receipt)


def load_folder(path: Path) -> tuple[DetectorSpec, dict[str, Tensor] | None]:
    """Read spec and weights of a detector folder, which may be named by its `detector.yaml`.

    Raises:
        SpecError: if one of them cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    spec = load_detector(path / SPEC_FILE if path.is_dir() else path)
    weights = folder / WEIGHTS_FILE
    return spec, load_weights(weights) if weights.exists() else None


def folder_is_trained(path: Path) -> bool | None:
    """Whether training made the weights of a detector folder; None if that is unknown.

    Args:
        path: the folder or its `detector.yaml`; without weights it is not trained.
    """
    folder = path if path.is_dir() else path.parent
    if not (folder / WEIGHTS_FILE).exists():
        return False
    return weights_are_trained(folder / WEIGHTS_FILE)


def weights_are_trained(path: Path) -> bool | None:
    """Whether training made the weights in a file, as it says; None if that is unknown.

    The weights of a file that does not say so were trained if a BatchNorm has counted batches,
    unless they were inherited from another detector.

    Raises:
        SpecError: if the file is damaged.
    """
    from safetensors import safe_open

    said = _format_of(path)
    for trained, word in TRAINED.items():
        if word and said.startswith(WEIGHTS_KIND.decode()) and said.endswith(word):
            return trained
    with parsing(path, wrong="cannot be read as safetensors"), safe_open(path, "pt") as file:
        counts = {name: file.get_tensor(name) for name in file.keys() if name.endswith(BATCHES)}  # noqa: SIM118
    return True if has_learned(counts) and not (path.parent / ORIGINS_FILE).exists() else None


def weights_mapped_from(path: Path) -> str | None:
    """The detector that the weights in a file were mapped from, which no step has trained since.

    None for other weights; for a file of an earlier version, which does not name it, "another
    detector".

    Raises:
        SpecError: if the file is damaged.
    """
    said = _format_of(path)
    if not said.startswith(WEIGHTS_KIND.decode()) or not said.endswith(TRAINED[False]):
        return None
    _, is_named, origin = said.removesuffix(TRAINED[False]).partition(MAPPED)
    if is_named:
        return origin
    return "another detector" if (path.parent / ORIGINS_FILE).exists() else None


def folder_mapped_from(path: Path) -> str | None:
    """The detector that the weights of a folder were mapped from: see `weights_mapped_from`.

    Args:
        path: the folder or its `detector.yaml`, with or without weights.
    """
    weights = (path if path.is_dir() else path.parent) / WEIGHTS_FILE
    return weights_mapped_from(weights) if weights.exists() else None


def _format_of(path: Path) -> str:
    """What a file of weights says of itself; "" for a file of others."""
    from safetensors import safe_open

    with parsing(path, wrong="cannot be read as safetensors"), safe_open(path, "pt") as file:
        return str((file.metadata() or {}).get("format", ""))


def has_learned(weights: Mapping[str, Tensor]) -> bool:
    """Whether a BatchNorm in a network has counted batches, as it does in a training."""
    counts = (value for name, value in weights.items() if name.endswith(BATCHES))
    return any(bool((count > 0).any()) for count in counts)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file.

    Raises:
        SpecError: if the file is damaged or missing.
    """
    from safetensors.torch import load

    content = read_bytes(path, limit=LARGEST)
    is_pickle = suffix_of(path) in (".pth", ".pt")
    hint = "`maenas import-weights` converts official checkpoints" if is_pickle else ""
    with parsing(path, wrong="cannot be read as safetensors", hint=hint):
        weights = load(content)
    header = content[: 8 + int.from_bytes(content[:8], "little")]
    if (has_checksum(header) or WEIGHTS_KIND in header) and not is_intact(content):
        raise SpecError(
            f"{path}: is damaged: changed since it was written; copy it again, or train it again."
        )
    return weights


def build_network(
    spec: DetectorSpec, weights: dict[str, Tensor] | None, where: str = "weights"
) -> DetectorNetwork:
    """Build the network of a spec with these weights, or with random ones if None.

    Raises:
        SpecError: if a tensor is missing, superfluous or of another shape; the message names it.
    """
    network = spec.build()
    if weights is None:
        return network
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name, shape in expected.items():
        if name not in found:
            raise SpecError(f"{where}: lacks {name} {list(shape)}; is it of another detector?")
        if found[name] != shape:
            raise SpecError(
                f"{where}: {name} is {list(found[name])}, the detector has {list(shape)}."
            )
    for name in found:
        if name not in expected:
            raise SpecError(f"{where}: {name} belongs to no part of the detector.")
    network.load_state_dict(weights)
    return network
