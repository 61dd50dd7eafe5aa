"""The benchmark of scores on real images: seeds are paired, and depths are named."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_judge import compared, notes, two_seeds
from maenas.evidence.table import write_table

TRAININGS = [
    {"network": "n000", "epochs": "12", "seed": "1", "ap": "0.3"},
    {"network": "n000", "epochs": "4", "seed": "0", "ap": "0.1"},
    {"network": "n000", "epochs": "12", "seed": "0", "ap": "0.2"},
    {"network": "n001", "epochs": "12", "seed": "0", "ap": "0.4"},
]


def test_the_long_trainings_of_both_seeds_are_paired() -> None:
    assert two_seeds(TRAININGS) == ([0.2], [0.3])


def written(folder: Path) -> Path:
    rows = [
        {"acc": 0.01 * row, "short_acc": 0.005 * row, "macs": 1e6, "params": row, "layers": row}
        for row in range(10, 22)
    ]
    write_table(folder / "networks.csv", rows)
    write_table(folder / "trainings.csv", TRAININGS)
    return folder


def test_comparisons_have_the_title_of_the_run(tmp_path: Path) -> None:
    found = compared(written(tmp_path), "steel, equal MACs", "macs")
    assert [each.name for each in found] == [
        "steel, equal MACs",
        "steel, equal MACs and nearly equal depth",
    ]


def test_the_notes_tell_how_far_networks_differ_and_trainings_agree(tmp_path: Path) -> None:
    first, second = notes(written(tmp_path))
    assert first == "12 networks, AP 10.0 to 21.0, median 15.5"
    assert second == "short and long trainings agree by +1.00 [+1.00, +1.00]"
