"""The evaluation of a detector while it is trained."""

from __future__ import annotations

from typing import cast

from maenas.detector.data import Dataset
from maenas.detector.evaluate.evaluate import detected, evaluation, published_thresholds
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.detector.train import (
    ApScores,
    Ranks,
)
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import ComputeOptions
from maenas.detector.train.training import Evaluate
from maenas.runs.signals import Signals
from maenas.training.cores import cores

EVALUATED_AT_A_TIME = 8


def evaluator(
    spec: DetectorSpec, val: Dataset, ranks: Ranks, signals: Signals, compute: ComputeOptions
) -> Evaluate:
    """A function that evaluates a network on the validation images; a signal ends it at once.

    All processes share the images. A GPU computes as in training, a CPU 8 images at a time in
    fp32, which gives the AP of `maenas val`.
    """
    usual = published_thresholds(spec.is_nano)
    is_gpu = ranks.device.type == "cuda"
    precision = precision_of(compute.amp, ranks.device) if is_gpu else None
    batch = compute.batch if is_gpu and compute.batch else EVALUATED_AT_A_TIME
    readers = max(1, min(4, cores() // ranks.beside))

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
