"""The commands of the command line, in the groups of `maenas --help`."""

from __future__ import annotations

from collections.abc import Callable

from maenas.cli.checks import checks
from maenas.cli.detection.build_detector import build_detector
from maenas.cli.detection.detect import detect
from maenas.cli.detection.export import export
from maenas.cli.detection.import_weights import import_weights
from maenas.cli.latency.calibrate import calibrate
from maenas.cli.latency.compare import compare
from maenas.cli.latency.measure import measure
from maenas.cli.latency.predict import predict
from maenas.cli.latency.profile import profile
from maenas.cli.latency.tables import tables
from maenas.cli.options import DETECTORS, LATENCY, MACHINE, SEARCH, TRAINING, WHOLE
from maenas.cli.run import run
from maenas.cli.schema import schema
from maenas.cli.search.calibrate_score import calibrate_score
from maenas.cli.search.judge import judge
from maenas.cli.search.score import score
from maenas.cli.search.search import search
from maenas.cli.search.show import show
from maenas.cli.search.zoo import zoo
from maenas.cli.training.card import card
from maenas.cli.training.distill import distill
from maenas.cli.training.race import race
from maenas.cli.training.train import train
from maenas.cli.training.train_family import train_family
from maenas.cli.training.val import val

GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    WHOLE: (run,),
    SEARCH: (search, show, score, judge, calibrate_score, zoo),
    DETECTORS: (build_detector, import_weights, export, detect),
    TRAINING: (train, distill, train_family, race, val, card),
    LATENCY: (profile, calibrate, tables, predict, measure, compare),
    MACHINE: (checks, schema),
}
