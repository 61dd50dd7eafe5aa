"""The table of a run: one row per network with its accuracy, cost and features."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from maenas.blocks import Backbone
from maenas.evidence.features import SCORE_COLUMN, network_columns
from maenas.evidence.options import ANY_SCORE, JudgeOptions
from maenas.evidence.training import Trained
from maenas.nas import load_forward, load_score

LOG = logging.getLogger(__name__)

Row = dict[str, object]


def network_rows(
    networks: Mapping[str, Backbone],
    costs: Mapping[str, Mapping[str, float]],
    trained: Sequence[Trained],
    epochs: int,
    short_epochs: int | None = None,
) -> list[Row]:
    """Rows of all networks with a training of so many epochs.

    Args:
        networks: backbones by name.
        costs: further columns of each network by name.
        trained: results of the trainings.
        epochs: number of epochs of the trainings that are compared.
        short_epochs: number of epochs of a further, shorter training; None for none.
    """
    rows = []
    for name, backbone in networks.items():
        own = [each for each in trained if each.network == name]
        long = [each for each in own if each.epochs == epochs]
        short = [each for each in own if each.epochs == short_epochs]
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
        rows.append({**row, **costs[name], **network_columns(backbone)})
    return rows


def proxy_columns(name: str, backbone: Backbone, options: JudgeOptions) -> dict[str, float]:
    """The scores of a network that need forward passes, as columns; NaN where one fails.

    A failure is one of a proxy alone, and comes after hours of training, so it does not end the
    run; a proxy that fails for one network is not compared.
    """
    score, levels = load_score(ANY_SCORE), 1 + max(backbone.levels)
    found = {}
    for proxy in options.proxies:
        value = float("nan")
        try:
            value = load_forward(proxy, score, levels, "proxy")(backbone, options.seed)
        except Exception as error:  # a plugin may raise anything
            LOG.warning(f"judge: {proxy} fails for {name} and is not compared: {error}")
        found[f"{SCORE_COLUMN}{proxy}"] = value
    return found
