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
from tests.small_pair import CPU, GPU, latency, pair

DEVICES = (GPU, CPU)
LIMITS = tuple(latency(device, 0.5) for device in DEVICES)
LOW, HIGH = (tuple(latency(device, share) for device in DEVICES) for share in (0.4, 0.85))
FAMILY = (
    *("--budget", f"{LOW[0]:g}ms..{HIGH[0]:g}ms@{GPU}"),
    *("--budget", f"{LOW[1]:g}ms..{HIGH[1]:g}ms@{CPU}"),
    *("--scope", "backbone", "--points", "3"),
)
PAIR = pair(0.5)


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


@pytest.mark.slow
def test_the_card_shows_what_each_device_spends(run: tuple[Path, str]) -> None:
    folder, card = run
    result = json.loads((folder / "run" / "result.json").read_text())
    assert_within(result["latencies"], folder / "run" / "best.yaml", LIMITS)
    limits = {"latency_ms": LIMITS[0], f"latency_ms@{CPU}": LIMITS[1], "layers": 20}
    assert result["budget"] == limits
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
    assert metadata.limits_ms == dict(zip(DEVICES, LIMITS, strict=True))
    assert metadata.device == GPU
    assert metadata.provenance["budgets"] == f"{PAIR[1]} {PAIR[3]} 20layers"
    shown = maenas.show(folder / "run")
    result = json.loads((folder / "run" / "result.json").read_text())
    assert [one.ms for one in shown.limited] == pytest.approx(
        [one["latency_ms"] for one in result["latencies"]]
    )
    assert shown.to_json()["latencies"][1]["limit_ms"] == LIMITS[1]


def test_a_device_that_is_not_here_is_named_by_show(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = run
    text = (folder / "run" / "best.yaml").read_text().replace(f"  {CPU}:", "  jetson:")
    (tmp_path / "moved.yaml").write_text(text)
    limited = maenas.show(tmp_path / "moved.yaml").limited[1]
    assert limited.ms is None
    assert f"jetson: limit {LIMITS[1]:.3f} ms; device: no device 'jetson'" in limited.line


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
    assert f"budgets is {PAIR[1]},{PAIR[3]} in the run, 0.2ms@t4 in the command" in other.err


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
        limits = tuple(
            low * (high / low) ** (index / 2) for low, high in zip(LOW, HIGH, strict=True)
        )
        assert_within(member["latencies"], Path(member["spec"]), limits)
        assert member["share_of_optimum"] <= 1 + 1e-9
    assert Path("run/devices.png").read_bytes().startswith(b"\x89PNG")
    assert '"kind":"plane"' in Path("run/report.html").read_text("utf-8")
    texts = [
        load_spec(path).metadata.provenance["budgets"] for path in Path("run/pareto").iterdir()
    ]
    middle = [(low * high) ** 0.5 for low, high in zip(LOW, HIGH, strict=True)]
    assert f"{middle[0]:.3f}ms@{GPU} {middle[1]:.3f}ms@{CPU} 20layers" in texts


def test_a_pair_that_cannot_be_met_exits_with_3(typed: Shell, unlimited: tuple[str, ...]) -> None:
    asked = (*PAIR[:2], "--budget", f"{LIMITS[1] / 20:.4f}ms@{CPU}", *PAIR[4:])
    refused = typed(*unlimited, *asked, "--out", "run")
    assert refused.code == 3
    assert re.search(
        rf"budget '0\.\d+ms@{CPU}': .* needs 0\.\d+ ms on {CPU} \(and 0\.\d+ ms on {GPU}\)",
        refused.err,
    )
    assert not Path("run").exists()


def test_points_of_a_family_that_cannot_be_met_are_noted(
    typed: Shell, unlimited: tuple[str, ...]
) -> None:
    least = LIMITS[0] / 20
    asked = ("--budget", f"{least:.4f}ms..{LIMITS[0]:g}ms@{GPU}", *PAIR[2:])
    done = typed(*unlimited, *asked, "--points", "3", "--out", "run", "--json")
    assert done.code == 0, done.err
    (note,) = [note for note in done.json["notes"] if "no network of template" in note]
    assert f"meets {float(f'{least:.4f}'):.3f} ms" in note
    assert re.search(rf"budget '0\.\d+ ms': no network .* on {GPU}", note)
