"""Training-free search: the score, the searchers, the certificate."""

from maenas.nas.certificate.exact import TARGET_GAP, Certified, certify
from maenas.nas.certificate.options import Options
from maenas.nas.evaluator import Evaluation, Evaluator
from maenas.nas.history.journal import Journal, JournalError
from maenas.nas.history.record import FINALISTS, Outcome, Progress
from maenas.nas.problem import Problem
from maenas.nas.scores.max_entropy import (
    DEFAULT_WEIGHTS,
    effectiveness,
    expected_entropy,
    level_scores,
    max_entropy,
)
from maenas.nas.scores.monte_carlo import monte_carlo
from maenas.nas.scores.spread import MonteCarloScore
from maenas.nas.search import (
    ALGORITHMS,
    MIGRATE_EVERY,
    Algorithm,
    Settings,
    cheapest_networks,
    search,
    solve_exactly,
)
from maenas.nas.searchers.islands import search_islands

__all__ = [
    "ALGORITHMS",
    "DEFAULT_WEIGHTS",
    "FINALISTS",
    "MIGRATE_EVERY",
    "TARGET_GAP",
    "Algorithm",
    "Certified",
    "Evaluation",
    "Evaluator",
    "Journal",
    "JournalError",
    "MonteCarloScore",
    "Options",
    "Outcome",
    "Problem",
    "Progress",
    "Settings",
    "certify",
    "cheapest_networks",
    "effectiveness",
    "expected_entropy",
    "level_scores",
    "max_entropy",
    "monte_carlo",
    "search",
    "search_islands",
    "solve_exactly",
]
