"""`maenas profile`: a table of this processor, however small, that every other command takes."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import pytest

from maenas.budgets import load_device
from maenas.budgets.backends import open_backend, parse_target
from maenas.budgets.device import FOLDER_VARIABLE
from maenas.budgets.pricing.table import load_table
from maenas.budgets.pricing.table_sample import TableSample
from maenas.budgets.profiling.partial_profile import FORMAT, Measured, PartialProfile
from maenas.cli.latency.profile_text import summary
from maenas.latency.extend import _items
from maenas.latency.networks import PLANS, drawn, interleaved, profile_items, searched
from maenas.latency.profile import ProfileResult, Request, check_room, run_profile
from maenas.runs.run_lock import file_lock
from tests.cpu_table import cpu_table, disturbed
from tests.graphs import kernels, made
from tests.patience import PATIENCE_S
from tests.small_detector import small_folder

REQUEST = Request("cpu", None, 1, True, ("mob",), (), 0.01, 0)


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The least that a table can be made of, measured with one thread of this processor."""
    path = tmp_path_factory.mktemp("profiled") / "tiny.json"
    # --resume begins where nothing has begun, so that one command can be retried
    return path, summary(run_profile(REQUEST, path, resume=True, exist_ok=False))


@pytest.mark.slow
def test_it_leaves_a_table_and_its_plot_and_nothing_else(profiled) -> None:
    path, told = profiled
    assert sorted(file.name for file in path.parent.iterdir()) == ["tiny.json", "tiny.png"]
    table = load_table(path)
    assert (table.name, table.device, table.backend) == ("cpu-1t", "cpu", "openvino")
    assert (table.precision, table.threads, table.hardware) == ("f32", 1, "cpu")
    assert str(table.provenance["runtime"]).startswith("OpenVINO ")
    roles = [sample.role for sample in table.samples]
    assert roles.count("fit") >= 2
    assert roles.count("held-out") >= 1
    assert all(bool(s.layers) == (s.role != "held-out") for s in table.samples)
    assert "held out: mean error " in told[2]
    assert f"plot: {path.with_suffix('.png')}" in told


@pytest.mark.slow
def test_its_prices_are_those_of_this_processor(profiled) -> None:
    """Nothing exact, since others use it too and few samples were taken: the right magnitude."""
    errors = load_table(profiled[0]).errors
    ratios = [p / m for p, m in zip(errors.predicted_ms, errors.measured_ms, strict=True)]
    assert 0.1 < median(ratios) < 10


@pytest.mark.slow
def test_the_table_measures_and_verifies(profiled, typed, tmp_path: Path) -> None:
    small_folder(tmp_path / "small")
    found = typed("measure", "small", "--device", profiled[0], "--template", "none", "--json").json
    assert found["provenance"]["threads"] == 1
    assert found["predicted"]["device_speed"] > 0


@pytest.mark.slow
def test_finalists_are_measured_and_ranked_by_what_they_take(
    profiled, small_folder, typed, tmp_path: Path
) -> None:
    asked = (
        "search", "--space", small_folder / "small.yaml", "--budget", "100ms", "--device",
        profiled[0], "--scope", "backbone", "--template", "t", "--input-size", "64", "--weights",
        "1,1,2,4", "--evaluations", "300", "--finalists", "0", "--verify", "2", "--out", "run",
    )  # fmt: skip
    ran = typed(*asked, "--json")
    verified = ran.json["verified"]
    assert sorted(one["rank"] for one in verified) == [1, 2]
    assert [one["score"] for one in verified] == sorted(
        (one["score"] for one in verified), reverse=True
    )
    assert all(one["within"] and one["measured_ms"] > 0 for one in verified)
    assert "measuring the finalists" in ran.err
    receipt = (tmp_path / "run" / "best.yaml").read_text()
    assert f"# measured {verified[0]['measured_ms']:.4f} ms, predicted " in receipt
    assert "measured" in typed(*asked, "--exist-ok").words


@pytest.mark.slow
def test_a_table_is_extended_by_what_it_lacks_and_loses_nothing(
    profiled, typed, tmp_path: Path
) -> None:
    lines = ["a = Conv x w", "b = Relu a", "c = GlobalAveragePool b", "y = Mul b c"]
    model = made(lines, {"x": (1, 16, 64, 64)}, weights={"w": kernels(16, 16)})
    onnx.save(model, tmp_path / "gate.onnx")
    before = load_table(profiled[0])
    samples = tuple(one for one in before.samples if one.role not in ("operator", "module"))
    replace(before, samples=samples).save(tmp_path / "mine.json")
    asked = typed("predict", "gate.onnx", "--device", "mine.json")
    assert asked.code == 0
    assert "without the operators that have no price" in asked.words
    assert "maenas profile --extend mine.json --model gate.onnx" in asked.err
    ran = typed("profile", "--extend", "mine.json", "--model", "gate.onnx", "--json")
    assert ran.json["table"] == "mine.json"
    assert ran.json["samples"]["fit"] > 1
    after = load_table(tmp_path / "mine.json")
    names = [one.name for one in after.samples]
    assert names[: len(samples)] == [one.name for one in samples]
    assert all(new.ms == old.ms for new, old in zip(after.samples, samples, strict=False))
    assert "extended" in after.provenance
    assert after.created == before.created
    assert {"global_pool", "mul"} <= {op.kind for op in after.ops}
    priced = typed("predict", "gate.onnx", "--device", "mine.json")
    assert "without the operators" not in priced.words
    assert not list(tmp_path.glob("*.partial"))
    typed("profile", "--extend", "mine.json", "--model", "gate.onnx")
    assert [one.name for one in load_table(tmp_path / "mine.json").samples].count("gate.onnx") == 1


@pytest.mark.slow
def test_an_extension_that_was_interrupted_goes_on_as_advised(
    profiled, typed, tmp_path: Path, monkeypatch
) -> None:
    onnx.save(
        made(["a = Conv x w", "y = LeakyRelu a"], {"x": (1, 16, 64, 64)}, {"w": kernels(16, 16)}),
        tmp_path / "net.onnx",
    )
    (tmp_path / "mine.json").write_bytes(profiled[0].read_bytes())
    asked = ("profile", "--extend", "mine.json", "--model", "net.onnx")
    with monkeypatch.context() as patch:
        patch.setattr("maenas.budgets.profiling.profile.extended", interrupt)
        assert typed(*asked).code == 130
    partial = tmp_path / "mine.json.partial"
    kept = partial.read_bytes()
    assert kept.count(b"\n") > 1
    refused = typed(*asked)
    assert (refused.code, refused.out) == (2, "")
    assert "--resume continues from its last sample, --exist-ok drops it" in refused.err
    assert partial.read_bytes() == kept
    assert typed(*asked, "--resume", "--json").json["samples"]["fit"] > 1
    assert not partial.exists()
    partial.write_bytes(kept)
    assert typed(*asked, "--exist-ok").code == 0


def interrupt(*_: object) -> None:
    """Ctrl-C at a known place."""
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_table_of_another_machine_is_not_extended(profiled, typed, tmp_path: Path) -> None:
    table = load_table(profiled[0])
    foreign = replace(table, provenance={**table.provenance, "device": "a CPU nobody has"})
    foreign.save(tmp_path / "foreign.json")
    ran = typed("profile", "--extend", "foreign.json", "--model", "zoo:damo-yolo-ns")
    assert ran.code == 2
    assert "was measured with device a CPU nobody has, here it is" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing", "--model", "zoo:damo-yolo-ns"), "extend: there is no table 'nothing'"),
        (("t4", "--model", "zoo:damo-yolo-ns"), "extend: t4 is an estimate, which has no samples"),
        (("mine.json",), "extend: nothing is said to be added to mine.json; name the networks"),
        (("mine.json", "--model", "gone.onnx"), "gone.onnx: no such file"),
        (("mine.json", "--threads", "2"), "extend: the table decides --threads; leave it out"),
        (
            ("cut.json", "--model", "zoo:damo-yolo-ns"),
            "cut.json: is cut off or not a latency table",
        ),
    ],
)
def test_what_cannot_be_extended_is_refused(profiled, typed, tmp_path, arguments, words) -> None:
    content = profiled[0].read_bytes()
    (tmp_path / "mine.json").write_bytes(content)
    (tmp_path / "cut.json").write_bytes(content[: len(content) // 2])
    ran = typed("profile", "--extend", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert (tmp_path / "mine.json").read_bytes() == content


def test_a_verified_search_needs_one_latency_budget(typed, small_folder) -> None:
    asked = ("search", "--space", small_folder / "small.yaml", "--template", "t", "--verify", "2",
             "--weights", "1,1,2,4", "--input-size", "64")  # fmt: skip
    for budget in (("--budget", "1GMACs"), ("--budget", "2ms..4ms", "--device", "t4")):
        ran = typed(*asked, *budget)
        assert ran.code == 2
        assert "verify: finalists are measured against one latency" in ran.err


# How good it is.


def test_a_quiet_table_ends_with_the_next_command(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    table = cpu_table()
    told = summary(ProfileResult(path, table, ()))
    assert told[-1].startswith("next: maenas search --budget ")
    assert told[-1].endswith(f"--device {path}")
    assert "rank correlation" in " ".join(told)
    assert ProfileResult(path, table, ()).to_json()["warning"] is None


def test_a_table_of_a_disturbed_machine_is_not_called_good(tmp_path: Path) -> None:
    table = disturbed(cpu_table(), 5)
    told = summary(ProfileResult(tmp_path / "mine.json", table, ()))
    networks = sum(sample.role != "operator" for sample in table.samples)
    counts = f"(5 of {networks} networks)"
    assert f"5 of {len(table.samples)} samples were disturbed {counts}" in told[1]
    assert "warning: " in told[3]
    assert "when the machine is quiet" in told[3]
    assert not any(word in " ".join(told) for word in ("rank correlation", "next: ", "within 10%"))
    found = ProfileResult(tmp_path / "mine.json", table, ()).to_json()
    assert found["disturbance"]["disturbed"] == 5
    assert counts in found["warning"]


# What is measured.


def test_networks_held_out_are_none_of_those_fitted() -> None:
    items = profile_items(PLANS["quick"], ("mob",), 0)
    names = [item.name for item in items]
    assert len(set(names)) == len(names)
    assert {f"held-out/zoo:{scale}" for scale in ("ns", "nm", "nl")} <= set(names)
    fitted = drawn(("mob",), 30, 0)
    checked = drawn(("mob",), 15, 1, fitted)
    assert len({spec.backbone for _, spec in (*fitted, *checked)}) == 45
    assert len({spec.backbone for _, spec in (*fitted, *drawn(("mob",), 15, 1))}) < 45


def test_the_same_seed_draws_the_same_networks_and_another_others() -> None:
    assert drawn(("res", "mob"), 4, 7) == drawn(("res", "mob"), 4, 7)
    assert drawn(("res", "mob"), 4, 7) != drawn(("res", "mob"), 4, 8)


def test_any_beginning_of_a_profile_is_balanced() -> None:
    few, many = ([f"{kind}{i}" for i in range(n)] for kind, n in (("a", 4), ("b", 12)))
    mixed: list[Any] = interleaved(few, many)  # type: ignore[arg-type]
    assert sorted(mixed) == sorted(few + many)
    for end in (4, 8, 12):
        assert sum(name.startswith("a") for name in mixed[:end]) == end // 4
    assert [name for name in mixed if name in few] == few


def test_every_bundled_space_that_is_searched_can_be_drawn_from() -> None:
    assert set(searched()) >= {"res", "csp", "mob"}


# What is refused before anything is measured.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--device", "gtx-9090"), "gtx-9090: is not in this machine"),
        (("--precision", "f8"), "precision: cpu is measured in"),
        (("--threads", "0"), "threads: must be from 1"),
        (("--minutes", "0"), "minutes: must be a positive number, got 0"),
        (("--minutes", "nan"), "minutes: must be a positive number, got nan"),
        (("--minutes", "inf"), "minutes: must be a positive number, got inf"),
        (("--space", "resnet"), "no template is searched in 'resnet'; known: "),
        (("--out", "there.json", "--resume"), "there.json: "),
        (("--resume", "--exist-ok"), "--resume continues, --exist-ok starts again"),
        (("--out", "table.csv"), "table.csv: a table is a file that ends in .json"),
        (("--out", "there.json"), "there.json: exists; --exist-ok replaces it"),
        (("--out", "begun.json"), "begun.json.partial: an unfinished profile is there"),
        (("--out", "begun.json", "--resume"), "other settings (table None, not cpu,"),
        (("--out", "file/x.json"), "file: cannot be created"),
        (("--model", "gone.onnx"), "gone.onnx: no such file"),
        (("--model", "odd.onnx"), "odd.onnx: has operators without a price: 1 x LRN"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_profiled_is_refused_and_leaves_all_as_it_was(
    typed, tmp_path, files_below, arguments, words
) -> None:
    for name in ("there.json", "file"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "begun.json.partial").write_text('{"format": "maenas/unfinished-profile@1"}\n{}\n')
    model = made(["c = Conv x w", "y = LRN c"], weights={"w": kernels(8, 8)},
                 attributes={"y": {"size": 3}})  # fmt: skip
    onnx.save(model, tmp_path / "odd.onnx")
    before = files_below(tmp_path)
    ran = typed("profile", "--quick", "--minutes", "0.01", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert words in ran.err
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("path", ["mine.json", "new/mine.json"])
def test_the_second_writer_of_a_table_is_refused_in_one_line(
    typed, tmp_path: Path, files_below, path: str
) -> None:
    cpu_table().save(tmp_path / "mine.json")
    small_folder(tmp_path / "small")
    before = files_below(tmp_path)
    for arguments in (
        ("--quick", "--minutes", "0.01", "--exist-ok", "--out", path),
        ("--extend", "mine.json", "--model", "small", "--exist-ok", "--out", path),
    ):
        with file_lock(tmp_path / path):
            ran = typed("profile", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"error: {path}: another process writes into it (process ")
        assert ran.err.endswith("or --out names another file.\n")
        assert ran.err.count("\n") == 1
        assert files_below(tmp_path) == before


def test_resuming_a_finished_profile_answers_at_once(typed, tmp_path: Path, files_below) -> None:
    target = parse_target("cpu", None, 1)
    replace(cpu_table(), name=target.name, backend=target.backend).save(tmp_path / "mine.json")
    before = files_below(tmp_path)
    command = ("profile", "--threads", "1", "--resume", "--out", "mine.json")
    assert typed(*command, "--json").json["name"] == "cpu-1t"
    other = typed(*command, "--precision", "bf16")
    assert other.code == 2
    assert "mine.json: exists; --exist-ok replaces it" in other.err
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    "left",
    ["", '{"format": "maenas/unfin', f'{{"format": "{FORMAT}", "table": "other"}}\n{{"rows": ['],
)
def test_a_profile_killed_at_its_first_sample_has_not_begun(tmp_path: Path, left: str) -> None:
    partial = PartialProfile(tmp_path / "mine.json.partial", {"table": "cpu"})
    partial.path.write_text(left)
    check_room(tmp_path / "mine.json", partial, resume=False, exist_ok=False)
    assert partial.load() == []
    assert not partial.path.exists()


@pytest.mark.parametrize("killed", [False, True], ids=["finished", "killed before the last step"])
def test_resuming_a_finished_extension_answers_at_once(typed, tmp_path: Path, killed: bool) -> None:
    """The table was written in place, so it is no longer the one that the extension began with."""
    target = parse_target("cpu", None, 1)
    provenance = open_backend(target).provenance()
    table = replace(cpu_table(), name="mine", backend="openvino", provenance=provenance, threads=1)
    small_folder(tmp_path / "small")
    names = [item.name for item in _items(["small"], None, table.model())]
    added = [TableSample(name, "operator", (0,), (1.5,), (2.5,)) for name in names]
    replace(table, samples=(*table.samples, *added)).save(tmp_path / "mine.json")
    partial = PartialProfile(tmp_path / "mine.json.partial", {"extends": table.digest})
    if killed:
        for sample in added:
            partial.append(Measured((table.ops[0],), sample))
    before = (tmp_path / "mine.json").read_bytes()
    ran = typed("profile", "--extend", "mine.json", "--model", "small", "--resume", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["table"] == "mine.json"
    assert (tmp_path / "mine.json").read_bytes() == before
    assert not partial.path.exists()


def test_a_refused_profile_leaves_no_folder(typed, tmp_path: Path) -> None:
    ran = typed("profile", "--quick", "--space", "resnet", "--out", "new/mine.json")
    assert ran.code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_profile_that_is_interrupted_keeps_its_samples(start, tmp_path: Path) -> None:
    options = ("profile", "--quick", "--threads", "1", "--space", "mob", "--out", "cut.json")
    process = start(*options, cwd=tmp_path)
    partial = tmp_path / "cut.json.partial"
    deadline = time.monotonic() + PATIENCE_S
    while not (partial.exists() and partial.read_bytes().count(b"\n") > 1):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1].startswith("interrupted; the same command with --resume continues")
    assert partial.exists()
    assert not (tmp_path / "cut.json").exists()


@pytest.mark.minutes
@pytest.mark.slow
def test_the_command_line_profiles_resumes_and_replaces(maenas, tmp_path: Path) -> None:
    asked = ("profile", "--quick", "--minutes", "0.05", "--threads", "1", "--space", "mob")
    environ = {FOLDER_VARIABLE: str(tmp_path / "tables")}
    ran = maenas(*asked, "--json", cwd=tmp_path, environ=environ)
    assert ran.json["name"] == "cpu-1t"
    assert ran.json["samples"]["held-out"] >= 6
    assert "cpu-1t" in maenas("tables", cwd=tmp_path, environ=environ).out
    maenas(*asked, cwd=tmp_path, environ=environ, code=2)
    maenas(*asked, "--exist-ok", cwd=tmp_path, environ=environ)
    assert load_device(str(tmp_path / "tables" / "cpu-1t.json")).kind == "measured"
