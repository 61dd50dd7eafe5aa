"""The table of a run: one row per network with its accuracy, cost and features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from maenas.blocks import Backbone
from maenas.evidence.features import SCORE_COLUMN, network_columns
from maenas.evidence.options import ANY_SCORE, JudgeOptions
from maenas.evidence.training import Trained
from maenas.nas import load_forward, load_score

Row = dict[str, object]


def network_rows(
    networks: Mapping[str, Backbone],
    costs: Mapping[str, Mapping[str, float]],
    trained: Sequence[Trained],
    options: JudgeOptions,
) -> list[Row]:
    """Rows of all networks whose long training is finished.

    Args:
        networks: backbones by name.
        costs: further columns of each network by name.
        trained: results of the trainings.
        options: options of the run.
    """
    rows = []
    for name, backbone in networks.items():
        own = [each for each in trained if each.network == name]
        long = [each for each in own if each.epochs == options.epochs]
        short = [each for each in own if each.epochs == options.short_epochs]
        if not long:
            continue
        row: Row = {
            "network": name,
            "acc": mean(each.ap for each in long),
            "ap50": mean(each.ap50 for each in long),
            "std": stdev([each.ap for each in long]) if len(long) > 1 else "",
            "seeds": len(long),
            "minutes": round(mean(each.minutes for each in long), 3),
        }
        if short:
            row["short_acc"] = mean(each.ap for each in short)
        proxies = proxy_columns(backbone, options)
        rows.append({**row, **costs[name], **network_columns(backbone), **proxies})
    return rows


def proxy_columns(backbone: Backbone, options: JudgeOptions) -> dict[str, float]:
    """The scores of a network that need forward passes, as columns."""
    score, levels = load_score(ANY_SCORE), 1 + max(backbone.levels)
    return {
        f"{SCORE_COLUMN}{name}": load_forward(name, score, levels)(backbone, options.seed)
        for name in options.proxies
    }
