"""Training-free search: the score, the searchers, the certificate."""

from nas.evaluator import Evaluation, Evaluator
from nas.exact import TARGET_GAP, Certified, certify
from nas.islands import search_islands
from nas.journal import Journal, JournalError
from nas.max_entropy import (
    DEFAULT_WEIGHTS,
    effectiveness,
    expected_entropy,
    level_scores,
    max_entropy,
)
from nas.monte_carlo import MonteCarloScore, monte_carlo
from nas.options import Options
from nas.problem import Problem
from nas.record import FINALISTS, Outcome, Progress
from nas.search import (
    ALGORITHMS,
    MIGRATE_EVERY,
    Algorithm,
    Settings,
    cheapest_networks,
    search,
    solve_exactly,
)

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
