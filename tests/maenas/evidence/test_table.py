"""Tables of trained networks: what is compared, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maenas
from maenas.blocks import SpecError
from maenas.evidence.table import comparisons_of, read_table, write_table
from maenas.evidence.verdict import judged_table


def written(path: Path, rows: int, spread: float) -> Path:
    rng = np.random.default_rng(0)
    write_table(
        path,
        [
            {
                "network": f"n{row}",
                "acc": float(accuracy),
                "macs": 1e6 * (1 + spread * row / rows),
                "params": float(accuracy + rng.normal(0, 0.3)),
                "layers": 10 + row % 2,
            }
            for row, accuracy in enumerate(rng.normal(0, 1, rows))
        ],
    )
    return path


def test_a_dense_table_is_compared_in_bands_and_at_equal_depth(tmp_path: Path) -> None:
    found = comparisons_of(written(tmp_path / "t.csv", 60, 0.01))
    assert [each.name for each in found] == ["equal macs", "equal macs and depth"]
    assert "depth" not in found[1].features


def test_a_few_networks_of_many_depths_are_compared_by_pairs_of_nearly_equal_depth(
    tmp_path: Path,
) -> None:
    # Accuracy follows params at any depth, and falls with depth: only without depth it shows.
    depths = np.arange(24) % 12 + 10
    params = np.random.default_rng(0).normal(0, 1, 24)
    write_table(
        tmp_path / "t.csv",
        [
            {"acc": float(p - 3 * d), "macs": 1e6, "params": float(p), "layers": int(d)}
            for p, d in zip(params, depths, strict=True)
        ],
    )
    free, equal = comparisons_of(tmp_path / "t.csv")
    assert (free.name, equal.name) == ("equal macs", "equal macs and nearly equal depth")
    assert "depth" not in equal.features
    near = [
        (i, j)
        for i in range(24)
        for j in range(24)
        if params[i] - 3 * depths[i] > params[j] - 3 * depths[j]
        and max(depths[i], depths[j]) <= 1.15 * min(depths[i], depths[j])
    ]
    expected = np.mean([np.sign(params[i] - params[j]) for i, j in near])
    everyone = np.arange(24)
    assert equal.statistic("params", everyone) == pytest.approx(expected)


def test_networks_of_one_depth_are_compared_once(tmp_path: Path) -> None:
    rows = [{"acc": row / 9, "macs": 1e6, "params": row, "layers": 12} for row in range(12)]
    write_table(tmp_path / "t.csv", rows)
    assert [each.name for each in comparisons_of(tmp_path / "t.csv")] == ["equal macs"]


def test_a_sparse_table_is_compared_by_pairs(tmp_path: Path) -> None:
    [found] = comparisons_of(written(tmp_path / "t.csv", 30, 8.0))
    assert found.groups is None


def test_the_verdict_puts_the_feature_that_follows_accuracy_first(tmp_path: Path) -> None:
    found = judged_table(written(tmp_path / "t.csv", 60, 0.01), "acc", "macs", draws=50)
    first = found.agreements[0]
    assert first.feature == "params"
    assert first.spearman.low > 0.8
    assert first.kendall.value < first.spearman.value


def test_the_progress_of_the_bootstrap_is_on_stderr_alone(typed: Any, tmp_path: Path) -> None:
    written(tmp_path / "t.csv", 60, 0.01)
    words = ("judge", "t.csv", "--draws", "3", "--json")
    ran = typed(*words)
    assert re.search(r"judge: (\d+)/\1 bootstrap draws, 0:00 left, [\d,.]+/s", ran.err)
    quiet = typed(*words, "--quiet")
    assert quiet.err == ""
    assert json.loads(quiet.out) == json.loads(ran.out)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("acc,macs\n1,2\n", "at least 2 trained networks, got 1"),
        ("ac,macs\n1,2\n2,3\n", "no column of numbers 'acc'; did you mean ac?"),
        ("acc,macs\n1,2,3\n2,3\n", "more values than the header"),
        ("acc,macs\n1,2\nnan,3\n2,-1\n3,inf\n", "need a finite 'acc' and a positive 'macs', got 1"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=words) as refused:
        comparisons_of(path)
    assert "\n" not in str(refused.value)


def test_the_verdict_on_a_table_is_written_into_a_folder_that_is_named(tmp_path: Path) -> None:
    table, out = written(tmp_path / "t.csv", 30, 0.01), tmp_path / "verdict"
    found = maenas.judge(table, draws=5, out=out)
    assert found.folder == out
    assert json.loads((out / "result.json").read_text("utf-8")) == found.to_json()
    assert (out / "judge.png").stat().st_size > 10_000
    with pytest.raises(maenas.MaenasError, match="verdict: is not empty; --out names another"):
        maenas.judge(table, draws=5, out=out)


def test_a_table_is_judged_without_options_of_trainings(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is judged as it is, without trainings; leave --at out"):
        maenas.judge(written(tmp_path / "t.csv", 30, 0.01), at="1GMACs")


@pytest.mark.parametrize(
    ("beside", "option"),
    [
        ({"workers": 2}, "--workers"),
        ({"equal_depth": True}, "--equal-depth"),
        ({"changes": ("batch=4",)}, "--set"),
        ({"proxies": ("zen",)}, "--proxy"),
        ({"minutes": 3.0}, "--minutes"),
        ({"resume": True}, "--resume"),
    ],
)
def test_no_option_of_trainings_is_ignored_beside_a_table(
    tmp_path: Path, beside: dict[str, Any], option: str
) -> None:
    with pytest.raises(SpecError, match=f"without trainings; leave {option} out"):
        maenas.judge(written(tmp_path / "t.csv", 30, 0.01), **beside)


def test_intervals_need_draws(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="draws must be at least 1, got 0"):
        maenas.judge(written(tmp_path / "t.csv", 30, 0.01), draws=0)


def test_networks_drawn_by_latency_are_compared_by_it(tmp_path: Path) -> None:
    rows = [
        {"acc": row / 9, "macs": 2.0**row, "latency_ms": 1.0, "params": row} for row in range(12)
    ]
    write_table(tmp_path / "t.csv", rows)
    [by_latency] = comparisons_of(tmp_path / "t.csv")
    assert by_latency.name == "equal latency_ms"
    [by_macs] = comparisons_of(tmp_path / "t.csv", cost="macs")
    assert by_macs.name == "equal macs"


def test_pairs_are_not_called_a_rank_correlation(typed: Any, tmp_path: Path) -> None:
    written(tmp_path / "t.csv", 30, 8.0)
    shown = typed("judge", "t.csv", "--draws", "3").out
    assert "pairs [95 %]" in shown
    assert "Spearman" not in shown


def test_a_feature_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [{"acc": row, "macs": 5, "params": row, "u1": row} for row in range(12)]  # ln 0
    write_table(path, rows)
    assert set(comparisons_of(path)[0].features) == {
        "MACs",
        "params",
        *(f"max-entropy, {kind}" for kind in ("last level", "equal weights", "weights 1 1 6")),
    }


def test_a_missing_value_is_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, [{"a": 1}, {"a": 2, "b": 3}])
    assert np.isnan(read_table(path)["b"][0])


def test_networks_that_are_left_out_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "t.csv", 24, 0.01)
    assert comparisons_of(path)
    assert caplog.text == ""
    rows = path.read_text("utf-8").splitlines()
    rows[3] = re.sub(r"^(n2),[^,]+", r"\1,nan", rows[3])
    path.write_text("\n".join(rows), encoding="utf-8")
    assert len(comparisons_of(path)[0].accuracy) == 23
    assert "1 of 24 networks are left out: their 'acc' is no finite number" in caplog.text


def test_accuracies_that_are_all_equal_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", [{"acc": 0.25, "macs": 1e6, "params": n} for n in range(12)])
    with pytest.raises(SpecError, match=r"'acc' must differ between networks, got 0\.25 for all"):
        comparisons_of(tmp_path / "t.csv")
