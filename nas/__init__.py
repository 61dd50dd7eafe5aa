"""Training-free search: the score, the searchers, the certificate."""

from maenas.nas.certificate.exact import TARGET_GAP, certify
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified
from maenas.nas.evaluator import Evaluation, Evaluator
from maenas.nas.history.journal import Journal, JournalError
from maenas.nas.history.record import FINALISTS, Outcome, SearchProgress
from maenas.nas.problem import Problem
from maenas.nas.scores.load import DEFAULT_SCORE, SCORES, load_forward, load_score, made_score
from maenas.nas.scores.max_entropy import (
    DEFAULT_WEIGHTS,
    effectiveness,
    expected_entropy,
    level_scores,
    max_entropy,
)
from maenas.nas.scores.max_entropy_score import MaxEntropy
from maenas.nas.scores.monte_carlo import monte_carlo
from maenas.nas.scores.naswot import Naswot
from maenas.nas.scores.score import ForwardScore, Score
from maenas.nas.scores.spread import MonteCarloScore
from maenas.nas.search import (
    MIGRATE_EVERY,
    Settings,
    better_of,
    search,
    solve_exactly,
)
from maenas.nas.searchers.evolution import Evolution, EvolutionOptions
from maenas.nas.searchers.islands import search_islands
from maenas.nas.searchers.load import ALGORITHMS, EXACT, load_searcher
from maenas.nas.searchers.random_search import RandomSearch
from maenas.nas.searchers.searcher import Searcher, SearcherFactory
from maenas.nas.start import cheapest_networks

__all__ = [
    "ALGORITHMS",
    "DEFAULT_SCORE",
    "DEFAULT_WEIGHTS",
    "EXACT",
    "FINALISTS",
    "MIGRATE_EVERY",
    "SCORES",
    "TARGET_GAP",
    "Certified",
    "Evaluation",
    "Evaluator",
    "Evolution",
    "EvolutionOptions",
    "ForwardScore",
    "Journal",
    "JournalError",
    "MaxEntropy",
    "MonteCarloScore",
    "Naswot",
    "Options",
    "Outcome",
    "Problem",
    "RandomSearch",
    "Score",
    "SearchProgress",
    "Searcher",
    "SearcherFactory",
    "Settings",
    "better_of",
    "certify",
    "cheapest_networks",
    "effectiveness",
    "expected_entropy",
    "level_scores",
    "load_forward",
    "load_score",
    "load_searcher",
    "made_score",
    "max_entropy",
    "monte_carlo",
    "search",
    "search_islands",
    "solve_exactly",
]
