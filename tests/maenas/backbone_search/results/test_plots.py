"""Images of searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from maenas.backbone_search.results import plots


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were drawn, in place of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    return figures


def network(score: float, ms: float) -> dict[str, Any]:
    return {
        "budget": {"latency_ms": ms},
        "latency_ms": ms,
        "score": score,
        "optimum_at_most": score + 1,
    }


def test_scores_of_several_searches_share_no_axis(drawn: list[Figure]) -> None:
    found = {"res": [network(597, 3.8)], "csp": [network(706, 3.8)], "mob": [network(90, 1)]}
    plots.plot_searches(found, Path("searches.png"))
    axes = drawn[0].axes
    assert [panel.get_title() for panel in axes] == ["res", "csp", "mob"]
    for panel in axes:
        assert panel.get_shared_y_axes().get_siblings(panel) == [panel]


def test_searches_without_a_network_are_drawn_as_nothing(drawn: list[Figure]) -> None:
    plots.plot_searches({}, Path("searches.png"))
    assert drawn[0].axes == []
