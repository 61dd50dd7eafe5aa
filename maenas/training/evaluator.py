"""The evaluation of a detector while it is trained, and the last one on the page of the run."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from maenas.blocks.files.atomic_write import write_text
from maenas.detection.evaluate import evaluated, val_thresholds
from maenas.detection.predictor import Predictor
from maenas.detection.results_page import PAGE_FILE as RESULTS_PAGE
from maenas.detection.results_page import SUMMARY, evaluation_sections
from maenas.detector.data import Dataset
from maenas.detector.evaluate.coco import COUNTED
from maenas.detector.evaluate.evaluate import detected, evaluation, published_thresholds
from maenas.detector.evaluate.report import WORST_FOLDER
from maenas.detector.evaluate.worst import save_worst
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.detector.train import (
    ApScores,
    Ranks,
)
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import ComputeOptions
from maenas.detector.train.state import BEST
from maenas.detector.train.training import Evaluate
from maenas.report import Section
from maenas.report.saved import sections_of
from maenas.report.training import TRAINING
from maenas.runs.signals import Signals
from maenas.runs.training_table import training_rows
from maenas.training.charts import PAGE_FILE, page
from maenas.training.cores import cores

LOG = logging.getLogger(__name__)
EVALUATED_AT_A_TIME = 8


def evaluator(
    spec: DetectorSpec, val: Dataset, ranks: Ranks, signals: Signals, compute: ComputeOptions
) -> Evaluate:
    """A function that evaluates a network on the validation images; a signal ends it at once.

    All processes share the images. A GPU computes as in training, a CPU 8 images at a time in
    fp32, which gives the AP of `maenas val`.
    """
    usual = published_thresholds(spec.is_nano)
    precision = precision_of(compute.amp, ranks.device) if ranks.device.type == "cuda" else None
    batch, readers = batch_of(ranks, compute), readers_of(ranks)

    def accuracy(network: DetectorNetwork) -> ApScores:
        runtime = TorchRuntime(spec, network, str(ranks.device), precision)
        thresholds = runtime.thresholds(usual)
        with signals.prompt():
            part = detected(
                runtime, val, thresholds, batch, readers, rank=ranks.rank, world=ranks.count
            )
            parts = ranks.collected(part)
            scores = evaluation(val, parts, thresholds).scores if ranks.leads else None
            return cast("ApScores", ranks.told(scores))

    return accuracy


def write_final_evaluation(run: Path, val: Dataset, ranks: Ranks, compute: ComputeOptions) -> None:
    """Evaluate the best detector of a run, and add the evaluation to the page of the curves.

    The page holds the worst images itself; they are drawn into a temporary folder.

    Args:
        run: folder of a training that has finished.
        val: validation images.
        ranks: this process and the device that it evaluates on.
        compute: use of the hardware in the training.
    """
    detector = Predictor(run, compute=str(ranks.device))
    result = evaluated(
        *(detector, val, "val", val_thresholds(detector, COUNTED), COUNTED),
        batch=batch_of(ranks, compute),
        readers=readers_of(ranks),
    )
    with tempfile.TemporaryDirectory() as made:
        worst = Path(made) / WORST_FOLDER
        save_worst(result.report.worst, worst, result.report.confusion.min_score)
        sections = evaluation_sections(result, worst)
    _add_evaluation(run, sections)


def copy_final_evaluation(evaluation: Path, run: Path) -> None:
    """Add to the page of a run the evaluation of its best detector, made by `maenas val`.

    Args:
        evaluation: folder of the evaluation.
        run: folder of a training that has finished.
    """
    found = sections_of(evaluation / RESULTS_PAGE)
    _add_evaluation(run, [each for each in found if each.anchor != TRAINING])


def has_evaluation(run: Path) -> bool:
    """Whether the page of a run holds the evaluation of its best detector."""
    return any(each.anchor == SUMMARY for each in sections_of(run / PAGE_FILE))


def _add_evaluation(run: Path, evaluation: Sequence[Section]) -> None:
    write_text(run / PAGE_FILE, page(training_rows(run), run, evaluation=evaluation))
    LOG.info(f"written: {run / PAGE_FILE}, with the evaluation of {run / BEST}")


def batch_of(ranks: Ranks, compute: ComputeOptions) -> int:
    """Number of images that the network takes at once."""
    is_gpu = ranks.device.type == "cuda"
    return compute.batch if is_gpu and compute.batch else EVALUATED_AT_A_TIME


def readers_of(ranks: Ranks) -> int:
    """Number of threads that read images ahead."""
    return max(1, min(4, cores() // ranks.beside))
