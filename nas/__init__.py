"""Training-free search: the score, the searchers, the certificate."""

from nas.evaluator import Evaluation, Evaluator
from nas.exact import TARGET_GAP, Certified, certify
from nas.journal import Journal, JournalError
from nas.max_entropy import (
    DEFAULT_WEIGHTS,
    effectiveness,
    expected_entropy,
    level_scores,
    max_entropy,
)
from nas.options import Options
from nas.problem import Problem
from nas.search import (
    ALGORITHMS,
    Algorithm,
    Outcome,
    Progress,
    Settings,
    cheapest_networks,
    search,
    solve_exactly,
)

__all__ = [
    "ALGORITHMS",
    "DEFAULT_WEIGHTS",
    "TARGET_GAP",
    "Algorithm",
    "Certified",
    "Evaluation",
    "Evaluator",
    "Journal",
    "JournalError",
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
    "search",
    "solve_exactly",
]
