"""The options of a search in a file and as a command line."""

from __future__ import annotations

import pytest

from maenas.blocks import SpecError
from maenas.runs.config import SearchConfig, load_config, save_config


def test_a_rectangle_is_kept_and_written_as_it_is_typed(tmp_path):
    config = SearchConfig(budgets=("1GMACs",), input_size=(64, 320))
    save_config(config, "abc", tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == (config, "abc")
    assert "--input-size 64x320 " in config.command()


@pytest.mark.parametrize("size", [(64, 100), (0, 64), (64, 32768)])
def test_a_side_that_no_detector_has_is_refused(size):
    with pytest.raises(SpecError, match="input_size must be a positive multiple of 32"):
        SearchConfig(budgets=("1GMACs",), input_size=size)
