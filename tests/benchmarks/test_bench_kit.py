"""The benchmark of kits: each table is judged by the times of its own way of measuring."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import bench_kit
from maenas.budgets.pricing.table import LatencyTable
from maenas.latency.networks import NamedDetector, published_detector
from tests.cpu_table import cpu_table

SLOWER = 1.25


def checked() -> list[NamedDetector]:
    """Two networks, which the tables know."""
    return [(f"zoo:{scale}", published_detector(scale)) for scale in ("ns", "t")]


def slower(table: LatencyTable) -> LatencyTable:
    """The table of a tool that finds every time but that of the reference graph longer."""
    samples = tuple(
        replace(
            sample,
            ms=tuple(SLOWER * ms for ms in sample.ms),
            layers=tuple(replace(layer, us=SLOWER * layer.us) for layer in sample.layers),
        )
        for sample in table.samples
    )
    return replace(table, samples=samples)


def test_each_table_is_judged_by_the_times_of_its_own_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = cpu_table()
    table.save(tmp_path / "profile.json")
    slower(table).save(tmp_path / "kit.json")
    true = {name: table.model().latency_ms(spec.ops()) for name, spec in checked()}
    measured = {name: ms / table.reference_ms for name, ms in true.items()}
    for index, of_ns in enumerate((0.5, 0.9, 2.0)):  # the median counts
        found = measured | {"zoo:ns": of_ns * measured["zoo:ns"]}
        (tmp_path / f"times-{index}.json").write_text(json.dumps(found))
    of_kit = {name: SLOWER * one for name, one in measured.items()}
    monkeypatch.setattr(bench_kit, "networks", checked)
    monkeypatch.setattr(bench_kit, "times_of_kit", lambda _: of_kit)
    ns, t = bench_kit.compared(tmp_path, 3)
    assert ns["profile_error_percent"] == pytest.approx(100 / 0.9 - 100, abs=0.5)
    assert t["profile_error_percent"] == pytest.approx(0, abs=0.5)
    assert ns["kit_error_percent"] == pytest.approx(0, abs=0.5)
    assert "relative to those of the profile: median 1.3" in capsys.readouterr().out
