"""What cannot be used is refused in one clear line, with its exit code, and nothing is written."""

import json
import re
import shutil

import pytest

from maenas.budgets import load_device
from maenas.search_spaces.space import load_space

SPEC = """\
format: maenas/backbone@2
in_shape: [3, 64, 64]
stages:
  - {block: conv_stem, out_channels: 8}
  - {block: res_k1kx, out_channels: 16, bottleneck_channels: 8, stride: 2}
  - {block: csp, out_channels: 32, bottleneck_channels: 8}
features: [1, 2]
"""
T4 = "search --budget 3.8ms --device t4"


def assert_refused(ran, *words, code=2):
    """One line on stderr with these words, and nothing else anywhere."""
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert ran.err.startswith("error: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    for word in words:
        assert word in ran.err


@pytest.fixture
def refused(typed, tmp_path, files_below):
    """Runs a command that must be refused and must write nothing."""

    def run(arguments, *words, code=2):
        before = files_below(tmp_path), sorted(tmp_path.rglob("*"))
        command = arguments.split() if isinstance(arguments, str) else arguments
        ran = typed(*command)
        assert_refused(ran, *words, code=code)
        assert (files_below(tmp_path), sorted(tmp_path.rglob("*"))) == before
        return ran.err

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("search --budget 3.8 --device t4", "'3.8': lacks a unit; did you mean 3.8ms, 3.8GMACs"),
        ("search --budget 3.8mss --device t4", "no such unit 'mss'; did you mean ms?"),
        ("search --budget ms --device t4", "must be a number and a unit, such as 3.8ms"),
        ("search --budget -3ms --device t4", "'-3ms': must be a positive number, got -3"),
        ("search --budget 0ms --device t4", "'0ms': must be a positive number, got 0"),
        ("search --budget 8ms..2ms --device t4", "runs from a smaller to a larger value"),
        ("search --budget 2ms..9GMACs --device t4", "a larger value of one quantity"),
        ("search --budget 3ms --budget 4ms --device t4", "latency_ms is limited twice"),
        ("search --budget 2ms..3ms --points 1 --device t4", "at least 2 points, got 1"),
        ("search --device t4", "at least one is needed, such as --budget 3.8ms --device t4"),
        ("search --budget 3.8ms", "a latency is priced on a device; add --device t4"),
        ("search --budget 3.8ms --device t5", "no device 't5'; known: agx-orin, "),
        (f"{T4} --space ress", "no bundled space 'ress'; did you mean res?"),
        (f"{T4} --space mine.yaml", "mine.yaml: no such file"),
        (f"{T4} --template xs", "no scale 'xs'; did you mean"),
        (f"{T4} --algorithm evolutoin", "no such algorithm 'evolutoin'; did you mean evolution"),
        (f"{T4} --scope neck", "scope must be one of detector, backbone, got neck"),
        (f"{T4} --evaluations 0", "evaluations must be at least 1, got 0"),
        (f"{T4} --seed -1", "seed must be at least 0, got -1"),
        (f"{T4} --workers 0", "workers must be at least 1"),
        (f"{T4} --finalists -1", "finalists"),
        (f"{T4} --finalist-seeds 0", "finalist_seeds must be at least 1, got 0"),
        (f"{T4} --islands 0", "islands must be at least 1, got 0"),
        (f"{T4} --islands 2 --migrate-every 0", "migrate_every must be at least 1, got 0"),
        (f"{T4} --islands 2 --algorithm random", "islands need the algorithm evolution"),
        (f"{T4} --islands 9 --evaluations 5", "9 islands need at least one of 5 evaluations each"),
        (f"{T4} --space res --space res", "res is given twice"),
        (f"{T4} --input-size 100", "input_size must be a positive multiple of 32, got 100"),
        (f"{T4} --max-effectiveness 0", "max_effectiveness must be a positive number, got 0"),
        (f"{T4} --max-effectiveness nan", "max_effectiveness must be a positive number, got nan"),
        (f"{T4} --weights 1,2", "one per resolution level is needed (5 here)"),
        (f"{T4} --weights 0,0,1,1,six", "must be numbers separated by commas, such as 0,0,1,1,6"),
        (f"{T4} --weights 0,0,0,0,0", "not all zero"),
        (f"{T4} --weights 0,0,1,1,nan", "finite"),
        (f"{T4} --weights 0,0,1,1,inf", "finite"),
        (f"{T4} --weights=-1,0,1,1,6", "none negative"),
        ("search --resume", "runs/search/exp: there is no run to resume"),
        ("show mine.yaml", "mine.yaml: no such file"),
        ("show zoo:damo-yolo-x", "no model named 'damo-yolo-x'; did you mean damo-yolo-"),
        ("show zoo:damo-yolo-s --device t5", "no device 't5'; known: agx-orin, "),
        ("show zoo:damo-yolo-s --template xs", "no scale 'xs'; did you mean"),
        ("show zoo:damo-yolo-s --weights 1", "one per resolution level is needed (5 here)"),
        ("score mine.yaml", "mine.yaml: no such file"),
        ("score zoo:damo-yolo-s --weights 1,x", "must be numbers separated by commas"),
        ("score zoo:damo-yolo-s --seeds -1", "seeds: must be at least 0, got -1"),
        ("score zoo:damo-yolo-s --seeds 1 --workers 0", "workers: must be at least 1, got 0"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(refused, arguments, words):
    refused(arguments, words)


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ("backbone@2", "backbone@3", "written by a newer maenas (maenas/backbone@3;"),
        ("maenas/backbone@2", "maenas/space@1", "is a maenas/space@1, expected maenas/backbone@2"),
        ("format: maenas/backbone@2\n", "", "lacks the line `format: maenas/backbone@2`"),
        ("stride: 2", "strid: 2", "stages[1].strid: no such field; did you mean stride?"),
        ("features:", "feature:", "feature: no such field; did you mean features?"),
        ("features: [1, 2]", "", "features: is missing"),
        ("features: [1, 2]", "features: [1, 9]", "must be ascending indices of the 3 stages"),
        (
            "res_k1kx",
            "res_k1xk",
            "stages[1].block: no such block 'res_k1xk'; did you mean res_k1kx",
        ),
        ("channels: 8}", "channels: eight}", "stages[0].out_channels"),
        ("channels: 8}", "channels: 8.5}", "got 8.5 (a number)"),
        ("channels: 8}", "channels: true}", "got True (true or false)"),
        ("channels: 8}", "channels: 8, out_channels: 9}", "key 'out_channels' is given twice"),
        ("out_channels: 16,", "out_channels: 0,", "out_channels must be at least 1, got 0"),
        ("out_channels: 32", "out_channels: 31", "out_channels must be even to be halved, got 31"),
        ("stride: 2", "stride: 3", "stride must be one of 1, 2, got 3"),
        ("stride: 2", "kernel_size: 4", "kernel_size must be odd and at least 1, got 4"),
        ("[3, 64, 64]", "[3, 2, 2]", "too small for these stages"),
        ("features: [1, 2]", "features: [1, 2", "not valid YAML"),
        (SPEC, "", "must be a mapping of keys, got nothing"),
        ("stride: 2", "!!python/object/apply:os.getcwd []: 2", "not valid YAML"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(refused, tmp_path, line, changed, words):
    assert line in SPEC
    (tmp_path / "mine.yaml").write_text(SPEC.replace(line, changed, 1))
    for command in ("show", "score"):
        refused((command, "mine.yaml", "--weights", "1,2,4"), words, "error: mine.yaml: ")


def test_the_spec_that_those_are_made_from_is_fine(typed, tmp_path):
    (tmp_path / "mine.yaml").write_text(SPEC)
    for command in ("show", "score"):
        assert typed(command, "mine.yaml", "--weights", "1,2,4").code == 0


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ("space@1", "space@2", "written by a newer maenas (maenas/space@2;"),
        ("conv_stem", "conv_stm", "stages[0].block: no such block 'conv_stm'; did you mean"),
        ("depth:", "dept:", "stages[1].dept: no such field; did you mean depth?"),
        ("features:", "featurs:", "featurs: no such field; did you mean features?"),
        ("step: 8}", "stp: 8}", "stages[0].out_channels.stp: no such field; did you mean step?"),
        ("{min: 8, max: 16, step: 8}", "{min: 16, max: 8}", "min must not exceed max"),
        ("{min: 8, max: 16, step: 8}", "[16, 8]", "must ascend without repeats, got [16, 8]"),
        ("{min: 8, max: 16, step: 8}", "wide", "got 'wide' (text)"),
        ("{min: 8, max: 16, step: 8}", "[0, 8]", "out_channels must be at least 1, got 0"),
        ("depth: {min: 1,", "depth: {min: 0,", "depth must be at least 1, got 0"),
        ("stride: 2", "stride: [1, 2]", "stages[1].stride: cannot vary"),
        ("features: [1, 2, 3]", "features: [1, 2, 4]", "ascending indices of the 4 stages"),
        ("features: [1, 2, 3]\n", "", "features: is missing"),
        ("stages:", "bottleneck_ratio: [4.0, 5.0]\nstages:", "stages[1]: no combination"),
    ],
)
def test_a_space_that_cannot_be_is_refused(refused, small, tmp_path, line, changed, words):
    path = tmp_path / "small.yaml"
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, changed, 1))
    refused(small, words, "error: small.yaml: ")


def test_a_space_whose_features_do_not_fit_the_neck_is_refused(refused, small, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(path.read_text().replace("features: [1, 2, 3]", "features: [2, 3]"))
    refused(small, "features")


@pytest.mark.parametrize("out", ["file", "file/run", "file/a/b"])
def test_a_folder_that_cannot_be_made_is_refused(refused, small, tmp_path, out):
    (tmp_path / "file").write_text("mine")
    refused((*small, "--out", out), f"{out}: cannot be created")


def test_a_folder_with_other_files_is_refused(refused, small, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.yaml").write_text("model: of something else\n")
    refused((*small, "--out", "mine"), "mine: is not empty; --resume continues")
    refused((*small, "--out", "mine", "--exist-ok"), "mine: is not the folder of a search")


# Budgets that cannot be met.


@pytest.mark.parametrize("budget", ["1ms", "3layers", "1Mparams", "1GMACs", "1MB", "1ms..2ms"])
def test_a_budget_no_network_meets_says_what_the_cheapest_costs(refused, budget):
    asked = f"search --budget {budget} --device t4 --template s"
    unit = re.sub("[^A-Za-z]*", "", budget.split("..")[0]).replace("Mparams", "M params")
    told = refused(asked, "no network of space res meets it: the cheapest detector needs", code=3)
    assert re.search(rf" needs [0-9.]+ {unit}; raise the budget", told)


# Of its two networks the thin one multiplies less, but lacks the fast shortcut without weights.
TWO_NETWORKS = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1]
widths_never_shrink: false
stages:
  - {block: conv_stem, out_channels: 32}
  - {block: res_k1kx, out_channels: [16, 32], bottleneck_channels: 8}
"""


TWO = (
    *("search", "--space", "two.yaml", "--device", "t4", "--template", "t", "--input-size", "64"),
    *("--scope", "backbone", "--weights", "1", "--evaluations", "64"),
)


@pytest.fixture
def two(typed, tmp_path):
    """MACs and milliseconds of the thin one, then of the wide one."""
    (tmp_path / "two.yaml").write_text(TWO_NETWORKS)
    thin, wide = (load_space("two.yaml").decode([index]) for index in (0, 1))
    t4 = load_device("t4")
    macs = [sum(op.macs for op in backbone.ops()) for backbone in (thin, wide)]
    ms = [t4.latency_ms(backbone.ops()) for backbone in (thin, wide)]
    assert macs[0] < macs[1]
    assert ms[0] > ms[1]
    return macs, ms


def test_what_is_cheapest_hangs_on_what_is_counted(refused, two):
    macs, ms = two
    cheapest = "the cheapest backbone needs "
    refused((*TWO, "--budget", "1us"), f"{cheapest}{ms[1]:.3f} ms", code=3)
    refused((*TWO, "--budget", "1MACs"), f"{cheapest}{macs[0] / 1e9:.3f} GMACs", code=3)


def test_budgets_that_cannot_be_met_together_are_told_so(typed, two, tmp_path):
    macs, ms = two
    ran = typed(*TWO, "--budget", f"{macs[0]}MACs", "--budget", f"{ms[1]}ms")
    assert ran.code == 3
    assert ran.out == ""
    assert "none of 2 networks met all limits at once" in ran.err.splitlines()[-1]
    assert list(tmp_path.rglob("best.yaml")) == []


# A run whose files are damaged.


def edited(**changes):
    """A change of the saved state."""

    def change(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | changes).encode()

    return change


def without_a_row(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:50], *lines[51:], lines[50][:-1], b"\n"])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("state.json", lambda content: b"", "damaged"),
        ("state.json", lambda content: content[: len(content) // 2], "damaged"),
        ("state.json", lambda content: b"\xff\xfe" + content, "damaged"),
        ("state.json", lambda content: b"[]", "damaged"),
        ("state.json", lambda content: b"{}", "lacks the line `format: maenas/state@2`"),
        ("state.json", edited(format="maenas/state@3"), "written by a newer maenas"),
        ("state.json", edited(rows=7), "changed since it was written"),
        ("state.json", edited(rows="many"), "damaged"),
        ("state.json", edited(evaluations=-1), "damaged"),
        ("state.json", edited(curve=[[1]]), "damaged"),
        ("state.json", edited(searcher={}), "damaged"),
        ("state.json", edited(searcher={"rows": [10**9]}), "damaged"),
        ("history.jsonl", lambda content: content[: len(content) // 2], "truncated"),
        ("history.jsonl", lambda content: content.replace(b'{"i": 7,', b'{"i": 7;'), "damaged"),
        ("history.jsonl", lambda content: content.replace(b"[8, 16, ", b"[8, 61, ", 1), "damaged"),
        ("history.jsonl", lambda content: content.replace(b'e": 1', b'e": 2', 1), "damaged"),
        ("history.jsonl", lambda content: b"\0" * len(content), "damaged"),
        ("history.jsonl", lambda content: content.replace(b"y@1", b"y@2", 1), "newer maenas"),
        ("history.jsonl", without_a_row, "damaged"),
        ("config.yaml", lambda content: b"", "must be a mapping of keys, got nothing"),
        ("config.yaml", lambda content: content.replace(b"seed:", b"sed:"), "did you mean seed?"),
        ("config.yaml", lambda content: content.replace(b"h@1", b"h@2"), "newer maenas"),
        ("config.yaml", lambda content: content.replace(b"seed: 0", b"seed: x"), "seed"),
        ("config.yaml", lambda content: content.replace(b"print: ", b"print: x"), "has changed"),
    ],
)
def test_a_damaged_run_is_refused_and_left_as_it_is(
    refused, small_folder, tmp_path, name, change, words
):
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "run" / "best.yaml").unlink()  # killed before its end
    path = tmp_path / "run" / name
    content = path.read_bytes()
    path.write_bytes(change(content))
    assert path.read_bytes() != content
    refused("search --resume --finalists 0 --out run", words, f"error: run/{name}: ")


def test_a_run_is_either_resumed_or_replaced(refused, small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    refused("search --resume --exist-ok --finalists 0 --out run", "give one")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("history.jsonl", "there is no run to resume"),
        ("config.yaml", "holds no run to continue, but curve.png, history.jsonl"),
    ],
)
def test_a_run_that_lacks_a_file_is_refused(refused, small_folder, tmp_path, name, message):
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "run" / "best.yaml").unlink()  # killed before its end
    (tmp_path / "run" / name).unlink()
    refused("search --resume --finalists 0 --out run", message)


def test_a_run_is_not_resumed_in_a_space_that_was_edited(refused, small_folder, tmp_path):
    shutil.copytree(small_folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "small.yaml"
    path.write_text(path.read_text().replace("{min: 8, max: 16, step: 8}", "[8, 24]"))
    refused(
        "search --resume --finalists 0 --out run",
        "the space, template, score, searcher or device model has changed since",
    )


# The same from a shell.


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("search", "--budget", "3.8"), 2, "lacks a unit"),
        (("search", "--budget", "1ms", "--device", "t4"), 3, "the cheapest detector needs"),
        (("show", "mine.yaml"), 2, "mine.yaml: no such file"),
    ],
    ids=str,
)
def test_a_process_ends_with_the_same_line_and_code(maenas, tmp_path, arguments, code, words):
    assert_refused(maenas(*arguments, cwd=tmp_path, code=code), words, code=code)
    assert list(tmp_path.iterdir()) == []
