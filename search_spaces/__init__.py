"""Search spaces: space files and their loader."""

from maenas.search_spaces.space import Gene, Genome, Space, StageSpace, load_space, space_names

__all__ = ["Gene", "Genome", "Space", "StageSpace", "load_space", "space_names"]
