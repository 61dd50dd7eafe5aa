"""Search spaces: space files and their loader."""

from maenas.search_spaces.space import Gene, Space, load_space, space_names
from maenas.search_spaces.stage import AnyOf, Genome, StageSpace

__all__ = ["AnyOf", "Gene", "Genome", "Space", "StageSpace", "load_space", "space_names"]
