"""A model that is ready for inference on images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from maenas.blocks import SpecError
from maenas.blocks.errors import one_word
from maenas.detector.channels import COLOURS, shown_shape
from maenas.detector.checkpoints.branches import Branch, one_to_many
from maenas.detector.checkpoints.checkpoint import (
    WEIGHTS_FILE,
    build_network,
    load_folder,
    load_weights,
    save_folder,
    weights_are_trained,
    weights_mapped_from,
)
from maenas.detector.errors import ModelError
from maenas.detector.media.images import ImageError, Pixels, read_image, to_pixels
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import Seconds, predict
from maenas.detector.predict.results import Objects
from maenas.detector.runtimes.load import load_runtime
from maenas.detector.runtimes.runtime import Runtime
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.runs.models import find_detector, is_exported, is_trained, mapped_from

if TYPE_CHECKING:
    from maenas.detector.model.layers.network import DetectorNetwork

DEFAULT_THRESHOLDS = Thresholds()
ImageSource = str | Path | Image.Image | NDArray[np.uint8]


class Predictor:
    """A model for inference; `maenas.Detector` adds training, evaluation and export.

    For its arguments and attributes see `maenas.Detector`.
    """

    def __init__(
        self,
        model: str | Path,
        precision: str | None = None,
        threads: int | None = None,
        compute: str = "cpu",
    ) -> None:
        self.spec: DetectorSpec | None = None
        self.trained: bool | None = None  # unknown
        self.mapped_from: str | None = None
        self.name = str(model)
        self._compute = compute
        self._network: DetectorNetwork | None = None
        self._has_weights = self._is_saved = True
        if is_exported(self.name):
            self.runtime: Runtime = load_runtime(Path(model), precision, threads, compute)
            self.trained, self.mapped_from = self.runtime.trained, self.runtime.mapped_from
            return
        if precision not in (None, "f32"):
            raise ModelError(f"precision: torch computes in f32, got {precision!r}.")
        if threads is not None:
            if threads < 1:
                raise ModelError(f"threads: must be at least 1, got {threads}.")
            torch.set_num_threads(threads)
        self._open()

    def _open(self) -> None:
        """Load the model of this name for inference in torch."""
        spec, weights = find_detector(self.name)
        self._use(spec, build_network(spec, weights, self.name))
        self.trained, self._has_weights = is_trained(self.name), weights is not None
        self.mapped_from = mapped_from(self.name)

    def _use(self, spec: DetectorSpec, network: DetectorNetwork) -> None:
        """Run another network from now on."""
        self.runtime = TorchRuntime(spec, network, self._compute)
        self.spec, self._network = spec, network

    def __repr__(self) -> str:
        count = len(self.names) if self.spec is None else self.spec.head.num_classes
        classes = f", {count} classes" if count else ""
        size = shown_shape(self.in_shape)
        state = ", untrained" if self.trained is False else ""
        return f"{type(self).__name__}({self.name!r}, {size}{classes}{state})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes; () if the model has none."""
        return self.runtime.names

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) that images are resized to."""
        return self.runtime.in_shape

    def load(self, weights: str | Path) -> Self:
        """Load trained weights; returns the detector.

        Args:
            weights: a `.safetensors` file, or the folder of a detector of the same architecture,
                whose class names and resizing are used as well.
        Raises:
            MaenasError: if they cannot be read or belong to a different detector.
        """
        path = Path(weights)
        if self.spec is None:
            raise ModelError(f"{self.name}: holds its weights; none can be loaded into it.")
        spec = self.spec
        if path.is_dir():
            spec, loaded = load_folder(path)
            if loaded is None:
                raise ModelError(f"{path}: has no {WEIGHTS_FILE}.")
            there, here = spec.head.num_classes, self.spec.head.num_classes
            if there != here:
                raise SpecError(
                    f"{path}: has {there} classes, {self.name} {here}; open it by itself: "
                    f"Detector({str(path)!r})."
                )
            for part in ("backbone", "neck", "head"):
                if getattr(spec, part) != getattr(self.spec, part):
                    raise SpecError(
                        f"{path}: its {part} is not that of {self.name}; open it by itself: "
                        f"Detector({str(path)!r})."
                    )
        else:
            loaded = load_weights(path)
        self._use(spec, build_network(spec, loaded, str(path)))
        file = path / WEIGHTS_FILE if path.is_dir() else path
        self.trained, self.mapped_from = weights_are_trained(file), weights_mapped_from(file)
        self._has_weights, self._is_saved = True, path.is_dir()
        if path.is_dir():
            self.name = str(path)
        return self

    def save(self, folder: str | Path) -> Path:
        """Write spec and weights into a folder that every command accepts as a model.

        Raises:
            MaenasError: if the detector is an exported file, or the folder cannot be written.

        Example:
            >>> maenas.Detector("zoo:damo-yolo-s").load("weights.safetensors").save("detector")
            PosixPath('detector')
        """
        spec, network = self.spec_and_network()
        weights = network.state_dict() if self._has_weights else None
        receipt = (f"maenas.Detector, from {self.name}",)
        save_folder(Path(folder), spec, weights, receipt, self.trained, self.mapped_from)
        self.name, self._is_saved = str(folder), True
        return Path(folder)

    def spec_and_network(self) -> tuple[DetectorSpec, DetectorNetwork]:
        """The detector as data, and its network in training form.

        Raises:
            ModelError: if the model is an exported file, which has neither.
        """
        if self.spec is None or self._network is None:
            raise ModelError(
                f"{self.name}: is an exported file; open the detector it was exported from."
            )
        return self.spec, self._network

    def with_branch(self, branch: str) -> Self:
        """The detector with one of the two branches of its one-to-one head.

        Args:
            branch: "one-to-one" for the detector itself, or "one-to-many" for a detector with an
                ordinary head, whose detections need NMS.
        Raises:
            MaenasError: if it has no such branch.
        """
        branch = one_word("detector", "branch", branch, get_args(Branch))
        spec, network = self.spec_and_network()
        if not spec.head.one_to_one:
            raise SpecError(f"branch: {self.name} has an ordinary head, which has one branch.")
        if branch == "one-to-one":
            return self
        detector = copy(self)
        spec, weights = one_to_many(spec, network.state_dict())
        detector._use(spec, build_network(spec, weights, self.name))
        return detector

    def predict(
        self,
        image: ImageSource,
        min_score: float | None = None,
        max_iou: float | None = None,
        max_detections: int | None = None,
    ) -> Objects:
        """Detect the objects in one image, with boxes in pixels of that image.

        Args:
            image: a path, a Pillow image, or an array of 8 bits: (height, width, 3) in RGB, or
                (height, width) in grey.
            min_score: minimum confidence of a detection, 0..1; 0.4 if None.
            max_iou: IoU threshold of NMS; if None 0.7, or that of the NMS in the model, or 1 for a
                one-to-one head, whose detections need no NMS.
            max_detections: maximum number of detections; 300 if None.
        Raises:
            MaenasError: if the image cannot be used.

        Example:
            >>> detector.predict("street.jpg", min_score=0.6).to_supervision()
        """
        if self.trained is False:
            warnings.warn(self.untrained(), stacklevel=2)
        asked = (min_score, max_iou, max_detections)
        thresholds = self.runtime.thresholds(DEFAULT_THRESHOLDS, *asked)
        return self.predict_batch([image], thresholds)[0][0]

    def predict_batch(
        self, images: Sequence[ImageSource], thresholds: Thresholds | None = None
    ) -> tuple[list[Objects], Seconds]:
        """Detect objects in several images as one batch; returns detections and seconds spent.

        Raises:
            MaenasError: if one of them cannot be used.
        """
        if thresholds is None:
            thresholds = self.runtime.thresholds(DEFAULT_THRESHOLDS)
        return predict(self.runtime, [pixels_of(image) for image in images], thresholds)

    def warm_up(self, thresholds: Thresholds) -> None:
        """Run once on a blank image, so that no later time includes what is loaded once."""
        _, height, width = self.in_shape
        self.predict_batch([Image.new("RGB", (width, height))], thresholds)

    def untrained(self) -> str:
        """The warning that the detector has no trained weights."""
        if self.mapped_from is not None:
            what = "the detector that it was exported from" if self.spec is None else "it"
            return (
                f"{self.name}: its weights were mapped from {self.mapped_from} and not trained "
                f"since: its detections may be wrong. `maenas train` trains {what}."
            )
        return (
            f"{self.name} has no trained weights: its detections mean nothing. `maenas "
            "import-weights` imports official weights, `maenas train` trains a detector."
        )


def pixels_of(image: ImageSource) -> Pixels:
    """Convert an image of any supported type to (height, width, 3), RGB in 8 bits.

    Raises:
        ImageError: if the type is not supported or the file cannot be read.
    """
    if isinstance(image, str | Path):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return to_pixels(image)
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"image: must be a path, a Pillow image or an array, got {type(image).__name__}."
        )
    planes = image[..., None] if image.ndim == 2 else image
    is_image = planes.ndim == 3 and planes.shape[2] in COLOURS and image.size > 0
    if image.dtype != np.uint8 or not is_image:
        raise ImageError(
            "image: an array must be (height, width, 3), RGB, or (height, width), grey, in uint8, "
            f"got {tuple(image.shape)} of {image.dtype}."
        )
    return planes if planes.shape[2] == 3 else planes.repeat(3, axis=2)
