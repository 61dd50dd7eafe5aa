"""Training: recipes, the training loop, and the files of a run."""

from maenas.detector.train.batch_size import (
    BatchSize,
    batch_size,
    fewest_images,
    fitting_batch,
    require_fewest,
    smallest_batch,
)
from maenas.detector.train.learner import Learner
from maenas.detector.train.loop import train
from maenas.detector.train.precision import resolved_compute
from maenas.detector.train.ranks import Ranks, joined_ranks
from maenas.detector.train.recipe import (
    PAIRS,
    Recipe,
    distilling,
    load_recipe,
    published_recipe,
    recipe_lines,
    scale_of,
    with_changes,
)
from maenas.detector.train.start import starting_network, starting_spec
from maenas.detector.train.state import RunFolder, identity, load_state
from maenas.detector.train.training import (
    FEATURE,
    OPTIONAL_PARTS,
    PARTS,
    ApScores,
    EpochResult,
    Jump,
    Pause,
    StepResult,
    Training,
)

__all__ = [
    "FEATURE",
    "OPTIONAL_PARTS",
    "PAIRS",
    "PARTS",
    "ApScores",
    "BatchSize",
    "EpochResult",
    "Jump",
    "Learner",
    "Pause",
    "Ranks",
    "Recipe",
    "RunFolder",
    "StepResult",
    "Training",
    "batch_size",
    "distilling",
    "fewest_images",
    "fitting_batch",
    "identity",
    "joined_ranks",
    "load_recipe",
    "load_state",
    "published_recipe",
    "recipe_lines",
    "require_fewest",
    "resolved_compute",
    "scale_of",
    "smallest_batch",
    "starting_network",
    "starting_spec",
    "train",
    "with_changes",
]
