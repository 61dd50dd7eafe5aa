"""`maenas search` on two devices: both limits on the card and in every file, read back again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.blocks.backbone_file import load_spec
from maenas.budgets import load_device
from tests.maenas.conftest import SMALL_OPTIONS, SMALL_SPACE, Shell

DEVICES = ("t4", "intel-8163")
PAIR = ("--budget", "0.1ms@t4", "--budget", "0.27ms@intel-8163", "--scope", "backbone")
FAMILY = (
    *("--budget", "0.07ms..0.12ms@t4", "--budget", "0.2ms..0.35ms@intel-8163"),
    *("--scope", "backbone", "--points", "3"),
)


def assert_within(latencies: list[dict[str, Any]], spec: Path, limits: tuple[float, ...]) -> None:
    """The latencies of a network are those of its operators, and within the limits."""
    assert [one["device"] for one in latencies] == [*DEVICES]
    assert [one["limit_ms"] for one in latencies] == pytest.approx(limits)
    backbone = load_spec(spec).backbone
    for one in latencies:
        ms = load_device(one["device"]).latency_ms(backbone.ops())
        assert one["latency_ms"] == pytest.approx(ms)
        assert one["spare"] == pytest.approx(1 - ms / one["limit_ms"])
        assert one["spare"] >= 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, maenas: Shell) -> tuple[Path, str]:
    """A folder with the run of a pair, and what the command printed."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    return folder, maenas(*SMALL_OPTIONS, *PAIR, "--out", "run", cwd=folder).out


def test_the_card_shows_what_each_device_spends(run: tuple[Path, str]) -> None:
    folder, card = run
    result = json.loads((folder / "run" / "result.json").read_text())
    assert_within(result["latencies"], folder / "run" / "best.yaml", (0.1, 0.27))
    assert result["budget"] == {"latency_ms": 0.1, "latency_ms@intel-8163": 0.27, "layers": 20}
    assert result["optimum_is_proven"]
    for one in result["latencies"]:
        spare = f"{100 * one['spare']:.1f} % to spare"
        line = f"{one['latency_ms']:.3f} ms estimated on {one['device']} of {one['limit_ms']:.3f}"
        assert f"{line} ms ({spare})" in card
        assert f"{line} ms ({spare})" in (folder / "run" / "report.html").read_text()
        assert f"{line} ms ({spare})" in (folder / "run" / "best.yaml").read_text()


def test_the_spec_keeps_both_limits_and_show_reads_them(run: tuple[Path, str]) -> None:
    folder, _ = run
    metadata = load_spec(folder / "run" / "best.yaml").metadata
    assert metadata.limits_ms == {"t4": 0.1, "intel-8163": 0.27}
    assert metadata.device == "t4"
    assert metadata.provenance["budgets"] == "0.1ms@t4 0.27ms@intel-8163 20layers"
    shown = maenas.show(folder / "run")
    result = json.loads((folder / "run" / "result.json").read_text())
    assert [one.ms for one in shown.limited] == pytest.approx(
        [one["latency_ms"] for one in result["latencies"]]
    )
    assert shown.to_json()["latencies"][1]["limit_ms"] == 0.27


def test_a_device_that_is_not_here_is_named_by_show(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = run
    text = (folder / "run" / "best.yaml").read_text().replace("  intel-8163:", "  jetson:")
    (tmp_path / "moved.yaml").write_text(text)
    limited = maenas.show(tmp_path / "moved.yaml").limited[1]
    assert limited.ms is None
    assert "jetson: limit 0.270 ms; device: no device 'jetson'" in limited.line


def test_the_recorded_command_repeats_the_search(run: tuple[Path, str], typed: Shell) -> None:
    folder, _ = run
    spec = load_spec(folder / "run" / "best.yaml")
    Path("small.yaml").write_text(SMALL_SPACE)
    words = str(spec.metadata.provenance["command"]).split()[1:]
    typed(*words, "--finalists", "0", "--out", "again")
    assert load_spec("again/best.yaml").backbone == spec.backbone
    assert Path("again/history.jsonl").read_bytes() == (folder / "run/history.jsonl").read_bytes()


def test_resume_of_a_finished_pair_prints_the_same_card(
    run: tuple[Path, str], typed: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, card = run
    monkeypatch.chdir(folder)
    again = typed("search", "--out", "run", "--resume").out
    assert [line for line in again.splitlines() if "budget" in line] == [
        line for line in card.splitlines() if "budget" in line
    ]
    other = typed("search", "--budget", "0.2ms@t4", "--out", "run", "--resume")
    assert other.code == 2
    assert "budgets is 0.1ms@t4,0.27ms@intel-8163 in the run, 0.2ms@t4 in the command" in other.err


SLOWER = [pytest.param(name, marks=pytest.mark.slow) for name in ("random", "exact")]


@pytest.mark.parametrize("algorithm", ["evolution", *SLOWER])
def test_a_family_meets_pairs_of_limits(
    typed: Shell, unlimited: tuple[str, ...], algorithm: str
) -> None:
    done = typed(*unlimited, *FAMILY, "--algorithm", algorithm, "--out", "run")
    assert done.code == 0, done.err
    result = json.loads(Path("run/result.json").read_text())
    members = result["family"]
    scores = [member["score"] for member in members]
    assert scores == sorted(scores)
    for index, member in enumerate(members):
        share = index / 2
        limits = (0.07 * (0.12 / 0.07) ** share, 0.2 * (0.35 / 0.2) ** share)
        assert_within(member["latencies"], Path(member["spec"]), limits)
        assert member["share_of_optimum"] <= 1 + 1e-9
    assert Path("run/devices.png").read_bytes().startswith(b"\x89PNG")
    assert '"kind":"plane"' in Path("run/report.html").read_text("utf-8")
    texts = [
        load_spec(path).metadata.provenance["budgets"] for path in Path("run/pareto").iterdir()
    ]
    assert "0.092ms@t4 0.265ms@intel-8163 20layers" in texts


def test_a_pair_that_cannot_be_met_exits_with_3(typed: Shell, unlimited: tuple[str, ...]) -> None:
    pair = ("--budget", "0.1ms@t4", "--budget", "0.1ms@intel-8163", "--scope", "backbone")
    refused = typed(*unlimited, *pair, "--out", "run")
    assert refused.code == 3
    assert re.search(
        r"budget '0\.1ms@intel-8163': .* needs 0\.\d+ ms on intel-8163 \(and 0\.\d+ ms on t4\)",
        refused.err,
    )
    assert not Path("run").exists()


def test_points_of_a_family_that_cannot_be_met_are_noted(
    typed: Shell, unlimited: tuple[str, ...]
) -> None:
    pair = ("--budget", "0.02ms..0.12ms@t4", "--budget", "0.27ms@intel-8163")
    done = typed(
        *unlimited, *pair, "--scope", "backbone", "--points", "3", "--out", "run", "--json"
    )
    assert done.code == 0, done.err
    (note,) = [note for note in done.json["notes"] if "no network of template" in note]
    assert "meets 0.020 ms, 0.049 ms: budget '0.049 ms': no network" in note
