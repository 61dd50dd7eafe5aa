"""The picture of a verdict: agreement of each feature, and the learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maenas.evidence.training import Trained
from maenas.evidence.verdict import Verdict
from maenas.terminal.figures import new_figure, save_figure


def draw_verdict(verdict: Verdict, trained: Sequence[Trained], path: Path) -> None:
    """Draw the agreement of each feature with accuracy, and AP against epochs of each network.

    Args:
        verdict: verdict to draw.
        trained: results of the long trainings; none for a table.
        path: PNG file.
    """
    names = list(dict.fromkeys(each.comparison for each in verdict.agreements))
    figure = new_figure()
    panels = len(names) + bool(trained)
    figure.set_size_inches(5.5 * panels, 4.5)
    all_axes = figure.subplots(1, panels, squeeze=False)[0]
    for axes, name in zip(all_axes, names, strict=False):
        draw_agreements(axes, verdict, name)
    if trained:
        for each in trained:
            axes = all_axes[-1]
            axes.plot([at for at, _, _ in each.curve], [ap for _, ap, _ in each.curve], alpha=0.5)
        all_axes[-1].set(xlabel="epoch", ylabel="AP on validation images", title="learning curves")
    save_figure(figure, path)


def draw_agreements(axes: Any, verdict: Verdict, comparison: str) -> None:
    """Draw Spearman's correlation of each feature with its interval."""
    found = [each for each in verdict.agreements if each.comparison == comparison]
    for row, each in enumerate(reversed(found)):
        ranks = each.spearman
        colour = "tab:blue" if ranks.low > 0 else "tab:red" if ranks.high < 0 else "tab:gray"
        axes.plot([ranks.low, ranks.high], [row, row], color=colour, linewidth=2)
        axes.plot(ranks.value, row, "o", color=colour)
    axes.set_yticks(range(len(found)), [each.feature for each in reversed(found)])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlim=(-1, 1), xlabel="agreement with accuracy", title=comparison)
    axes.grid(axis="x", alpha=0.3)
