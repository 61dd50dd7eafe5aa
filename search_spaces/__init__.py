"""Search spaces: space files and their loader."""

from maenas.search_spaces.space import Gene, Space, load_space, own_size, space_names
from maenas.search_spaces.stage import AnyOf, Genome, StageSpace

__all__ = [
    "AnyOf",
    "Gene",
    "Genome",
    "Space",
    "StageSpace",
    "load_space",
    "own_size",
    "space_names",
]
