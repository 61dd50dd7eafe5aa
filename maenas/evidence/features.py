"""Features of networks: scores and amounts that may tell which of them trains best.

A table has, for each resolution level `l`, the columns `u{l}` (sum of ln of the gains of its
convolutions), `n{l}` (convolutions of the main path), `m{l}` (MACs) and `C{l}` (width of its last
map). A table of published networks may have `L{l}` instead, the sum of gains up to the level, and
no widths where they are the same in all its networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from maenas.blocks import Backbone, Op
from maenas.budgets.arrays import Float64Array
from maenas.nas import SCORES
from maenas.nas.scores.load import AZ_NAS
from maenas.nas.scores.log_scores import TiltedScore
from maenas.nas.scores.max_entropy import log_gain
from maenas.nas.scores.score import Score

PUBLISHED = (1.0, 1.0, 6.0)  # weights of the three coarsest levels in the product and the paper
MOST_LEVELS = 6
SCORE_COLUMN = "score:"

Columns = Mapping[str, Float64Array]


def network_columns(backbone: Backbone) -> dict[str, float]:
    """The columns of a network that its features are computed from, and its registered scores."""
    ops = list(backbone.ops())
    row: dict[str, float] = {
        "params": sum(op.params for op in ops),
        "acts": sum(prod(op.out_shape) for op in ops if op.kind == "conv"),
        "layers": backbone.layers,
    }
    levels = backbone.levels
    for index, stage in enumerate(backbone.stage_ops()):
        level = levels[index] + 1
        main = [op for op in stage if _is_main(op)]
        for key, value in (
            (f"u{level}", sum(map(log_gain, main))),
            (f"n{level}", len(main)),
            (f"m{level}", sum(op.macs for op in stage)),
        ):
            row[key] = row.get(key, 0.0) + value
        row[f"C{level}"] = stage[-1].out_shape[0]
    for name, score in scores_of(len(set(levels))).items():
        row[f"{SCORE_COLUMN}{name}"] = score(backbone)
        if isinstance(score, TiltedScore):
            for at, value in enumerate(score.level_scores(backbone), 1):
                row[f"{name}:{at}"] = value  # several stages of a level count each by itself
    return row


def scores_of(levels: int) -> dict[str, Score]:
    """The registered scores with their default weights that suit so many resolution levels."""
    found = {}
    for name, kind in SCORES.items():
        score = kind()
        if score.weights is None or len(score.weights) == levels:
            found[name] = score
    return found


def features_of(table: Columns) -> dict[str, Float64Array]:
    """The features of the networks of a table by name, as far as its columns give them."""
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not finite is left out
        found = all_features(table)
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


def all_features(table: Columns) -> dict[str, Float64Array]:
    """`features_of` with those that are not finite for some network."""
    entropy, widths = entropies(table), level_columns(table, "C")
    found: dict[str, Float64Array] = {}
    if entropy:
        found["max-entropy, weights 1 1 6"] = weighted(entropy, PUBLISHED, widths)
        found["max-entropy, last level"] = weighted(entropy, (1.0,), widths)
        found["max-entropy, equal weights"] = weighted(entropy, (1.0,) * len(entropy), widths)
    for tilted in ("log-entropy", "log-macs"):
        levels = tilted_levels(table, tilted)
        if levels:
            found[tilted] = np.sum(levels, axis=0)
    for name, column in (("MACs", "macs"), ("params", "params"), ("activations", "acts")):
        if column in table:
            found[name] = table[column]
    depth = depth_of(table)
    if depth is not None:
        found["depth"] = depth
    for column, values in table.items():
        if column.startswith(SCORE_COLUMN) and column.removeprefix(SCORE_COLUMN) not in SCORES:
            found[column.removeprefix(SCORE_COLUMN)] = values  # of a plugin
    if all(name in found for name in (*AZ_NAS, "MACs")):
        found["az-nas"] = ranks_together([found[name] for name in (*AZ_NAS, "MACs")])
    return found


def ranks_together(parts: Sequence[Float64Array]) -> Float64Array:
    """(n,), sum over the parts of ln of rank / n, where the best network has rank n.

    Source: AZ-NAS, https://arxiv.org/abs/2403.19232, section 3.2; its parts are expressivity,
    progressivity, trainability and complexity, which is the number of MACs.
    """
    from scipy.stats import rankdata

    total: Float64Array = np.sum([np.log(rankdata(part) / len(part)) for part in parts], axis=0)
    return total


def tilted_levels(table: Columns, score: str) -> list[Float64Array]:
    """What a score with a tilt adds in each level before its tilt; [] without the columns.

    A table of `maenas judge` has what the score adds itself, where each stage of a level counts by
    itself; other tables know levels only, and no stages.

    Args:
        table: columns of a table.
        score: "log-macs" or "log-entropy".
    """
    exact = [table[f"{score}:{at}"] for at in range(MOST_LEVELS) if f"{score}:{at}" in table]
    if exact:
        return exact
    if score == "log-macs":
        return log_macs_levels(table)
    return logarithms(entropies(table), level_columns(table, "C"))


def depth_of(table: Columns) -> Float64Array | None:
    """The depth of each network: column `layers` or `depth`, else the sum of its levels."""
    for column in ("layers", "depth"):
        if column in table:
            return table[column]
    layers = level_columns(table, "n")
    return np.sum(layers, axis=0) if layers else None


def log_macs_levels(table: Columns) -> list[Float64Array]:
    """ln n_l + ln MACs_l of each level: what the score log-macs adds before its tilt."""
    levels = [
        level for level in range(MOST_LEVELS) if f"n{level}" in table and f"m{level}" in table
    ]
    return [np.log(table[f"n{level}"]) + np.log(table[f"m{level}"]) for level in levels]


def entropies(table: Columns) -> list[Float64Array]:
    """The entropy that each level gains, finest first; [] without the columns."""
    own = level_columns(table, "u")
    if own:
        return own
    total = level_columns(table, "L")[:5]
    return [] if not total else [*np.diff(np.stack(total), axis=0, prepend=0.0)]


def level_columns(table: Columns, letter: str) -> list[Float64Array]:
    """The columns of a letter by level, finest first."""
    return [table[f"{letter}{at}"] for at in range(MOST_LEVELS) if f"{letter}{at}" in table]


def logarithms(
    entropy: Sequence[Float64Array], widths: Sequence[Float64Array]
) -> list[Float64Array]:
    """ln u_l + ln C_l of each level; ln u_l where the widths are not given."""
    found = [np.log(each) for each in entropy]
    if len(widths) < len(found):
        return found
    return [a + np.log(b) for a, b in zip(found, widths, strict=False)]


def weighted(
    entropy: Sequence[Float64Array],
    weights: Sequence[float],
    widths: Sequence[Float64Array] = (),
) -> Float64Array:
    """Sum over the coarsest levels of weight times (entropy gained up to it + ln of its width)."""
    total = np.cumsum(entropy, axis=0)
    weights = weights[-len(total) :]  # of a network with fewer levels, the coarsest count
    if len(widths) >= len(entropy):
        total = total + np.log(np.stack(widths[: len(entropy)]))
    return np.asarray(np.tensordot(weights, total[-len(weights) :], axes=1), dtype=np.float64)


def _is_main(op: Op) -> bool:
    return op.kind == "conv" and op.path == "main"
