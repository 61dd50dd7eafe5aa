"""A kit is written, its script runs a tool, and its logs become a latency table."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import maenas
from maenas.blocks.errors import MaenasError, SpecError
from maenas.budgets.device import load_device
from maenas.budgets.kit.manifest import load_manifest
from maenas.kit.table import table_of_kit
from tests.kits import measure, small_kit


@pytest.fixture(scope="module")
def measured_kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kits") / "small"
    small_kit(folder)
    ran = measure(folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture
def kit(measured_kit: Path, tmp_path: Path) -> Path:
    """A copy of the measured kit."""
    return Path(shutil.copytree(measured_kit, tmp_path / "kit"))


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAENAS_TABLES", str(tmp_path / "tables"))
    return tmp_path / "tables"


def log_of(kit: Path, index: int) -> Path:
    return kit / "logs" / f"{load_manifest(kit).graphs[index].name}.log"


def test_the_logs_become_a_table_that_predicts_networks_held_out(kit: Path, tables: Path) -> None:
    found = maenas.read_kit(kit)
    assert found.path == tables / "small.json"
    assert found.table.errors.mean < 0.02
    assert len(found.table.errors.names) == 6
    model = load_device("small")
    assert model.kind == "measured"
    assert model.precision == "f32"
    assert found.table.provenance["runtime"] == "OpenVINO 2026.4.1"
    assert found.table.threads == 1
    assert "model name" not in str(found.table.provenance["device"])


def test_the_script_reports_progress_and_measures_nothing_twice(kit: Path) -> None:
    (kit / "calls").unlink()
    log_of(kit, 3).unlink()
    ran = measure(kit)
    total = len(load_manifest(kit).graphs)
    assert f"4/{total} {log_of(kit, 3).stem}" in ran.stdout
    assert ran.stdout.count("/") == 2  # one graph, and the last line
    calls = (kit / "calls").read_text().split()
    assert set(calls) == {"reference", log_of(kit, 3).stem}


def test_a_graph_that_the_tool_refuses_is_left_out_and_tried_again(kit: Path) -> None:
    log = log_of(kit, 0)
    log.unlink()
    (kit / "fails" / log.stem).touch()
    ran = measure(kit)
    assert ran.returncode == 1
    assert f"{log.stem}: failed" in ran.stdout
    with pytest.raises(SpecError, match="1 have no good log"):  # 9 networks are needed, 8 are left
        maenas.read_kit(kit)
    (kit / "fails" / log.stem).unlink()
    assert measure(kit).returncode == 0
    assert maenas.read_kit(kit).table.errors.mean < 0.02


def test_a_reference_that_cannot_run_ends_the_script(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    small_kit(folder)
    (folder / "times" / "reference").unlink()
    (folder / "fails" / "reference").touch()
    ran = measure(folder)
    assert ran.returncode == 1
    assert list((folder / "logs").glob("*.part")) == []


def cut(path: Path) -> None:
    text = path.read_text()
    path.write_text(text[: text.rindex("maenas-kit begin")])


def of_another_version(path: Path) -> None:
    path.write_text(path.read_text().replace("2026.4.1", "2025.0.0"))


def of_another_kit(path: Path) -> None:
    first, rest = path.read_text().split("\n", 1)
    words = first.split()
    path.write_text(" ".join([*words[:2], "abcdefabcdef", words[3]]) + "\n" + rest)


def of_another_graph(path: Path) -> None:
    path.write_text(path.with_name("fit-1.log").read_text())


def failed(path: Path) -> None:
    text = path.read_text().replace("end 0", "begun", 2).split("maenas-kit begun")[0]
    path.write_text(f"{text}[ ERROR ] no operator Conv\nmaenas-kit end 1\n")


def by_hand(path: Path) -> None:
    path.write_text("[Step 1/11] Parsing\n")


def no_latency(path: Path) -> None:
    path.write_text(path.read_text().replace("Median", "Middle"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "is missing; run measure.sh again"),
        (cut, "is cut off; run measure.sh again"),
        (failed, "the tool failed with status 1: [ ERROR ] no operator Conv"),
        (of_another_kit, "belongs to another kit (abcdefabcdef, this is"),
        (of_another_graph, "is the log of fit-1; delete it"),
        (of_another_version, "was measured with OpenVINO 2025.0.0, most others with OpenVINO 2026"),
        (by_hand, "was not written by measure.sh"),
        (no_latency, "holds no latency of benchmark_app"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_log_is_named_in_one_line_and_the_others_make_a_table(
    kit: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = kit / "logs" / "operator-0.log"
    damage(path)
    found = maenas.read_kit(kit)
    notes = [note for note in found.notes if note.startswith(f"{path}: ")]
    assert len(notes) == 1
    assert words in notes[0]
    assert "\n" not in notes[0]
    assert "operator/0" not in [sample.name for sample in found.table.samples]


def test_operators_without_a_price_are_named(kit: Path) -> None:
    manifest = load_manifest(kit)
    kinds = {one.name: {op.kind for x in manifest.layers_of(one) for op in x.ops}
             for one in manifest.graphs}  # fmt: skip
    only = next(name for name, each in kinds.items() if "upsample" in each)
    (kit / "logs" / f"{only}.log").unlink()
    assert any(
        "no price for operators of kind upsample" in note for note in maenas.read_kit(kit).notes
    )


def test_a_log_of_no_graph_is_skipped_with_a_note(kit: Path) -> None:
    (kit / "logs" / "mine.log").write_text("x")
    assert any(
        "mine.log: is of no graph of this kit" in note for note in maenas.read_kit(kit).notes
    )


def test_the_precision_is_what_the_tool_reports(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    small_kit(folder)
    assert measure(folder, PRECISION="bfloat16", ROUNDS="1").returncode == 0
    found = maenas.read_kit(folder)
    assert found.table.precision == "bf16"
    assert any("asked for f32; benchmark_app reports bf16" in note for note in found.notes)


def test_a_slower_reference_scales_the_times_beside_it(kit: Path) -> None:
    log = log_of(kit, 0)
    log.unlink()
    for name in ("reference", log.stem):
        path = kit / "times" / name
        path.write_text(f"{1.5 * float(path.read_text()):.6f}")
    assert measure(kit).returncode == 0
    found = maenas.read_kit(kit)
    assert found.table.errors.mean < 0.02
    assert found.table.provenance["reference_drift"] == pytest.approx(0.5, abs=0.01)


def test_a_kit_s_table_is_neither_measured_nor_extended_here(kit: Path) -> None:
    maenas.read_kit(kit)
    with pytest.raises(MaenasError, match="was measured by a kit on another device"):
        maenas.measure("zoo:damo-yolo-ns", device="small")
    with pytest.raises(MaenasError, match="--kit DIR --runtime benchmark_app --name small --model"):
        maenas.extend_profile("small", ["zoo:damo-yolo-ns"])


def test_a_table_is_not_replaced_by_accident(kit: Path) -> None:
    maenas.read_kit(kit)
    with pytest.raises(SpecError, match="exists; --exist-ok replaces it"):
        maenas.read_kit(kit)
    assert maenas.read_kit(kit, exist_ok=True, name="small").table.name == "small"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--kit", "k"), "kit: --runtime names the tool"),
        (("--kit", "k", "--runtime", "trtexe"), "did you mean trtexec?"),
        (
            ("--kit", "k", "--runtime", "trtexec", "--precision", "bf16"),
            "is asked for f16, f32, int8",
        ),
        (
            ("--kit", "k", "--runtime", "benchncnn", "--precision", "f16"),
            "decides it by the device",
        ),
        (("--kit", "k", "--runtime", "trtexec", "--name", "a/b"), "name: must be letters"),
        (("--kit", "k", "--runtime", "trtexec", "--name", "cpu"), "is a device of this machine"),
        (("--kit", "k", "--runtime", "trtexec", "--threads", "0"), "threads: must be at least 1"),
        (("--kit", "k", "--runtime", "trtexec", "--quick"), "kit: a kit has no --quick"),
        (("--kit", "k", "--runtime", "trtexec", "--out", "t.json"), "kit: --from takes --out"),
        (("--kit", "full", "--runtime", "trtexec"), "exists and is no kit"),
        (("--kit", "k", "--from", "k"), "give one of them"),
        (("--from", "k"), "no such folder"),
        (("--from", "full"), "the folder is not a kit"),
        (("--from", "k", "--precision", "f16"), "from: the kit decides --precision"),
        (("--runtime", "trtexec"), "profile: only a kit has --runtime"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_option_is_one_line_and_writes_nothing(
    words: tuple[str, ...], message: str, tmp_path: Path, typed
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    ran = typed("profile", *words)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert not (tmp_path / "k").exists()


def test_a_damaged_manifest_is_refused_in_one_line(kit: Path) -> None:
    path = kit / "kit.json"
    text = path.read_text()
    for wrong in (
        text[:200],
        text.replace("benchmark_app", "abacus"),
        text.replace('"ops":[0', '"ops":[99999', 1),
    ):
        path.write_text(wrong)
        with pytest.raises(SpecError) as caught:
            table_of_kit(kit)
        assert "\n" not in str(caught.value)
