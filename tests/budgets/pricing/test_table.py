"""A latency table is the same after a journey, and no changed one passes for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks.errors import SpecError
from maenas.blocks.op import conv
from maenas.budgets.pricing.operator_file import OperatorFile
from maenas.budgets.pricing.table import LatencyTable, _digest, load_table
from maenas.budgets.pricing.table_sample import LayerSample, TableSample
from tests.slow_machine import true_us

OPS = [
    conv((8 * i, 40, 40), 16 * j, side, norm=False)
    for i in (1, 2, 4, 8)
    for j in (1, 2, 4)
    for side in (1, 3)
]
RUNS = 5


def sample_of(name: str, role: Any, *ops: int, factor: float = 1.0, **fields: Any) -> TableSample:
    """One that says the truth, `factor` times as slow as the undisturbed device."""
    times = [true_us(OPS[index]) for index in ops]
    layers = tuple(
        LayerSample(f"layer{index}", (index,), us * factor)
        for index, us in zip(ops, times, strict=True)
    )
    ms = (sum(times) * factor / 1e3,) * RUNS
    return TableSample(name, role, ops, ms, (3.0 * factor,) * RUNS, layers, **fields)


def table(**fields: Any) -> LatencyTable:
    """Of a device that was at times twice as slow."""
    count = len(OPS)
    samples = [
        sample_of(f"fit/{i}", "fit", *(range(i, i + 6)), factor=1 + (i % 3) / 2)
        for i in range(count - 6)
    ]
    samples += [
        sample_of(f"held-out/{i}", "held-out", *range(i, count, 3), factor=2.0) for i in range(3)
    ]
    defaults: dict[str, Any] = dict(
        name="mine", device="cpu", hardware="cpu", backend="openvino", precision="f32", threads=2,
        batch=1, created="2026-11-22T10:00:00+00:00", maenas="0.1.0",
        provenance={"runtime": "OpenVINO 2026.4", "device": "a CPU", "load": 0.5},
        ops=tuple(OPS), samples=tuple(samples),
    )  # fmt: skip
    return LatencyTable(**{**defaults, **fields})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    table().save(path)
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object], signed: bool = True) -> None:
    """Edit the file; with `signed` so that its digest fits again."""
    data = json.loads(path.read_text())
    change(data)
    if signed:
        del data["digest"]
        data["digest"] = _digest(data)
    path.write_text(json.dumps(data))


def refused(path: Path, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        load_table(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_is_the_same_after_a_journey(path: Path) -> None:
    before, after = table(), load_table(path)
    assert after == before
    assert after.digest == before.digest
    assert after.model().kernels == before.model().kernels
    assert after.errors == before.errors


def test_networks_never_seen_are_predicted_at_the_speed_of_the_undisturbed_device(path) -> None:
    found = load_table(path).errors
    assert len(found.names) == 3
    assert found.mean < 0.02
    assert found.within_10 == 1
    assert found.measured_ms[0] == pytest.approx(sum(map(true_us, OPS[::3])) / 1e3)


def test_held_out_networks_do_not_bear_on_the_prices() -> None:
    wrong = tuple(
        replace(s, ms=tuple(10 * ms for ms in s.ms), layers=()) if s.role == "held-out" else s
        for s in table().samples
    )
    assert table(samples=wrong).model().kernels == table().model().kernels
    assert table(samples=wrong).errors.mean > 0.8


def test_a_marked_sample_counts_less() -> None:
    first, *others = table().samples
    slow = sample_of("fit/0", "fit", *first.ops)
    slow = replace(slow, ms=tuple(1.15 * ms for ms in slow.ms), layers=())
    errors = [
        table(samples=(sample, *others)).errors.mean
        for sample in (slow, replace(slow, warnings=("noisy",)))
    ]
    assert errors[1] < errors[0]


def test_it_says_what_it_is_and_how_good(path: Path) -> None:
    model = load_table(path).model()
    assert model.kind == "measured"
    assert model.hardware == "cpu"
    assert model.precision == "f32"
    assert model.about.startswith(
        "measured 2026-11-22: OpenVINO 2026.4 f32 on a CPU, 2 threads; on 3 held-out networks: "
        "mean error "
    )
    assert model.command == "maenas profile --extend mine --model NETWORK"
    assert (
        table()
        .model("my tables/x.json")
        .command.endswith("--extend 'my tables/x.json' --model NETWORK")
    )
    alone = table(samples=tuple(s for s in table().samples if s.role == "fit"))
    assert "not checked on held-out networks" in alone.model().about


def test_another_table_has_another_digest_and_so_another_fingerprint() -> None:
    first, *others = table().samples
    other = table(samples=(replace(first, ms=(first.ms[0] + 1e-6, *first.ms[1:])), *others))
    assert other.digest != table().digest
    assert repr(other.model()) != repr(table().model()) == repr(table().model())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("layers", "", "cut off or not a latency table"),
        ('"threads":2', '"threads":1', "was changed after it was measured"),
        ("3.0", "3.1", "was changed after it was measured"),
        ("latency-table@1", "latency-table@2", "written by a newer maenas"),
        ("maenas/latency-table@1", "maenas/backbone@1", "is a maenas/backbone@1, expected"),
        ('"format"', '"fromat"', "lacks the line `format: "),
        ('"digest"', '"digset"', "was changed after it was measured"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, old: str, new: str, message: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if new else text[: len(text) // 2])
    refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(batch=2), "batch: tables are for one image at a time, got 2"),
        (lambda data: data.update(precision="f8"), "precision: .*got 'f8'"),
        (lambda data: data.update(hardware="tpu"), "hardware: .*got 'tpu'"),
        (lambda data: data.update(colour="red"), "colour: no such field"),
        (lambda data: data.pop("samples"), "is not a latency table of this version: it lacks"),
        (lambda data: data.update(samples=[]), "there is no network to fit prices to"),
        (lambda data: data["ops"].pop(), "operators that are not in the list"),
        (lambda data: data["ops"][0].__setitem__(1, [8, 40]), "shapes are .channels, height"),
        (lambda data: data["ops"][0].__setitem__(0, "fft"), "no operator 'fft'"),
        (lambda data: data["ops"][0][1].__setitem__(0, "8"), "sizes must be positive integers"),
        (lambda data: data["ops"][0].__setitem__(3, 0), "sizes must be positive integers"),
        (
            lambda data: data.update(backend="abacus"),
            "backend: must be one of openvino, .*'abacus'",
        ),
        (lambda data: data["samples"][0]["ms"].pop(), "as many of the reference"),
        (lambda data: data["samples"][0]["layers"][0].update(us=-1.0), "must not be negative"),
        (lambda data: data["samples"][0]["ms"].__setitem__(0, 0), "times must be positive"),
        (lambda data: data["samples"][0]["ms"].__setitem__(0, float("nan")), "be positive"),
        (lambda data: data["samples"][0].update(role="fitted"), "role: .*got 'fitted'"),
        (lambda data: data["samples"][0].pop("layers"), "it lacks"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(path: Path, change, message: str) -> None:
    changed(path, change)
    refused(path, message)


def test_a_file_that_is_not_there_not_text_or_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    refused(path, "no such file; `maenas tables` lists")
    path.write_bytes(b"\xff\xfe\x00")
    refused(path, "is cut off or not a latency table")
    path.write_text("[1, 2]")
    refused(path, "cut off or not a latency table")
    refused(tmp_path, "is a folder, not a file")


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be written"):
        table().save(tmp_path / "missing" / "mine.json")
    assert list(tmp_path.iterdir()) == []


def test_prices_bundled_as_a_file_are_those_of_the_table(tmp_path: Path) -> None:
    from maenas.budgets.pricing.operator_file import load_operator_file

    model = table().model()
    path = tmp_path / "theirs.yaml"
    file = OperatorFile(device="theirs", hardware="cpu", precision="f32", source="a paper: a table",
                        error="5% off", kernels=model.kernels)  # fmt: skip
    file.save(path, "Written by hand.\nTwice.")
    assert path.read_text().startswith("# Written by hand.\n# Twice.\nformat: maenas/operators@2\n")
    loaded = load_operator_file(path)
    assert loaded.about == "estimated: a paper: a table; 5% off"
    assert loaded.kind == "estimated"
    assert loaded.latency_ms(OPS) == pytest.approx(model.latency_ms(OPS), rel=1e-3)
    path.write_text(path.read_text().replace("us: [", "us: [1.0, "))
    assert load_operator_file(path).fingerprint != loaded.fingerprint
    path.write_text(path.read_text().replace("us: [", "us: [x, "))
    with pytest.raises(SpecError, match=r"kernels.conv 1x1/1.us"):
        load_operator_file(path)


def test_a_sample_taken_while_the_reference_strayed_is_doubted() -> None:
    mine = table()
    sample = mine.samples[0]
    strayed = replace(sample, reference_ms=tuple(3 * ms for ms in sample.reference_ms))
    assert not mine.doubtful(sample)
    assert mine.doubtful(strayed)
    assert mine.doubtful(replace(sample, warnings=("noisy",)))
