"""`maenas run`: its steps are commands that a user can type, and it continues where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command

import maenas
from maenas.blocks.errors import SpecError
from maenas.cli.app import app
from maenas.pipeline.card import card_rows
from maenas.pipeline.options import RunOptions
from maenas.pipeline.plan import RunPlan, make_plan
from maenas.pipeline.run import run_steps
from maenas.pipeline.step import OPTION_NAMES, Step
from maenas.report.saved import sections_of
from tests.maenas.conftest import SMALL_SPACE
from tests.schemas import errors_in
from tests.small_detector import small_folder

OPTIONS = RunOptions(budget=("3.8ms",), device="t4", epochs=1, input_size=64)
FUNCTIONS = (
    *("make_shapes", "check_data", "search", "build_detector", "train"),
    *("val", "export", "measure", "detect", "card", "profile"),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Recorded:
    """What the steps called, in place of functions that take minutes."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.stops_at = ""
        self.results = dict(RESULTS)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def function(self, name: str) -> Callable[..., Any]:
        def called(*positional: Any, **options: Any) -> Any:
            self.calls.append((name, positional, options))
            if "out" in options:  # what a killed command leaves
                Path(options["out"]).mkdir(parents=True, exist_ok=True)
            if name == self.stops_at:
                raise KeyboardInterrupt
            return SimpleNamespace(
                to_json=lambda: self.results.get(name, {}),
                **{"errors": 0, "problems": (), "splits": ("train", "val")},
            )

        return called


RESULTS: dict[str, dict[str, Any]] = {
    "search": {
        **{"latency_ms": 3.7, "budget": {"latency_ms": 3.8}},
        **{"params": 1e6, "macs": 1e9, "layers": 20},
    },
    "train": {"best": "best", "last": "last"},
    "val": {
        **{"ap": 0.5, "ap50": 0.7, "split": "val", "in_shape": [3, 64, 64], "images": 8},
        **{"per_class": [{"name": "cat", "ap": 0.1}, {"name": "dog", "ap": 0.9}]},
        **{"working_point": {"min_score": 0.48, "f1": 0.9}},
    },
}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    calls = Recorded()
    for name in FUNCTIONS:
        monkeypatch.setattr(maenas, name, calls.function(name), raising=False)
    monkeypatch.setattr(RunPlan, "_images", lambda plan: ["a.jpg", "b.jpg"])
    monkeypatch.setattr(RunPlan, "_split", lambda plan: "val")
    monkeypatch.setattr("maenas.training.evaluator.copy_final_evaluation", lambda *_: None)
    return calls


def steps(options: RunOptions, folder: Path, **changes: Any) -> list[Step]:
    plan = replace(make_plan(options, folder), **changes)
    return [make() for make in plan.makers.values()]


@pytest.mark.usefixtures("recorded")
def test_height_and_width_are_one_word_of_the_search_and_shapes_are_as_long(
    tmp_path: Path,
) -> None:
    plan = make_plan(replace(OPTIONS, input_size=(64, 320)), tmp_path)
    assert "--input-size 64x320 " in plan.makers["search"]().command
    assert plan.makers["data"]().command.endswith(" --size 320")


@pytest.mark.parametrize(
    ("budget", "verified"),
    [(("3.8ms",), 3), ((), 3), (("2Mparams",), None), (("2Mparams", "3.8ms"), 3)],
)
@pytest.mark.usefixtures("recorded")
def test_finalists_are_measured_where_latency_is_limited(
    tmp_path: Path, budget: tuple[str, ...], verified: int | None
) -> None:
    plan = replace(make_plan(replace(OPTIONS, budget=budget), tmp_path), measures=True)
    assert plan.makers["search"]().options["verify"] == verified


def test_a_range_of_budgets_is_refused_at_once(typed: Any, here: Path) -> None:
    ran = typed("run", "--budget", "2ms..8ms", "--device", "t4")
    assert ran.code == 2
    assert "builds one detector, so a budget is one limit such as 5ms, got the range 2ms" in ran.err
    assert list(here.iterdir()) == []


def test_a_run_of_wide_images_continues_with_the_size_that_it_began_with(
    recorded: Recorded, here: Path, typed
) -> None:
    recorded.stops_at = "search"
    asked = ("run", "--budget", "3.8ms", "--device", "t4", "--input-size", "64x320")
    assert typed(*asked).code == 130
    saved = json.loads((here / "runs/run/exp/run.json").read_text("utf-8"))
    assert saved["options"]["input_size"] == [64, 320]
    assert errors_in("run", saved) == []
    assert typed(*asked, "--resume").code == 130
    assert typed("run", "--resume").code == 130
    sizes = [options.get("input_size") for name, _, options in recorded.calls if name == "search"]
    assert sizes == [(64, 320)] * 3
    other = typed("run", "--resume", "--input-size", "320x64")
    assert "is of a run with input_size 64x320, got 320x64; without" in other.err


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("data", [None, "pets/data.yaml"])
def test_each_step_is_a_command_that_the_command_line_reads_alike(
    data: str | None, tmp_path: Path
) -> None:
    every: Any = get_command(app)
    options = replace(OPTIONS, data=data, seed=3, space="res", template="s")
    for step in steps(options, tmp_path, profiles=True, measures=True):
        group, words = every, list(step.words)
        while hasattr(group, "commands"):
            group = group.commands[words.pop(0)]
        read = group.make_context(group.name, words).params
        for name, value in step.given.items():
            shown = {str(each) for each in (value if isinstance(value, tuple) else (value,))}
            given = read[OPTION_NAMES.get(name, name)]
            found = given if isinstance(given, list) else [given]
            assert {str(each) for each in found} == shown, (step.name, name)


def test_a_device_of_this_machine_without_a_table_is_profiled_and_measured(tmp_path: Path) -> None:
    plan = make_plan(replace(OPTIONS, device="cpu", threads=1), tmp_path)
    assert (plan.device, plan.profiles, plan.measures) == ("cpu-1t", True, True)
    assert "profile" in plan.makers


def test_a_device_elsewhere_is_neither(tmp_path: Path) -> None:
    names = list(make_plan(OPTIONS, tmp_path).makers)
    assert names == ["data", "search", "build", "train", "val", "export", "detect", "card"]


def test_without_a_budget_the_latency_of_the_published_network_is_the_limit(
    tmp_path: Path,
) -> None:
    search = make_plan(replace(OPTIONS, budget=()), tmp_path).makers["search"]()
    ms = maenas.predict("zoo:damo-yolo-ns", "t4", input_size=64).latency_ms
    assert search.options["budget"] == (f"{ms:.3g}ms",)
    assert search.options["template"] == "ns"


def test_the_published_network_has_the_size_of_a_space_of_the_user_s_own(tmp_path: Path) -> None:
    space = tmp_path / "small.yaml"
    space.write_text(SMALL_SPACE)
    asked = replace(OPTIONS, budget=(), input_size=None, space=str(space))
    plan = make_plan(asked, tmp_path)
    ms = maenas.predict("zoo:damo-yolo-ns", "t4", input_size=64).latency_ms
    assert plan.makers["search"]().options["budget"] == (f"{ms:.3g}ms",)
    assert plan.makers["data"]().options["size"] == 64


def test_a_stopped_run_continues_with_the_step_that_it_stopped_in(
    recorded: Recorded, here: Path
) -> None:
    recorded.stops_at = "train"
    with pytest.raises(KeyboardInterrupt):
        run_steps(OPTIONS)
    assert recorded.names == ["make_shapes", "search", "build_detector", "train"]
    recorded.calls.clear()
    recorded.stops_at = ""
    result = run_steps(None, resume=True)
    assert recorded.names == ["train", "val", "export", "detect", "card"]
    assert recorded.calls[0][2]["resume"] is True
    assert "resume" not in recorded.calls[1][2]
    assert result.folder == Path("runs/run/exp")
    assert [step.name for step in result.record.steps] == list(result.plan.makers)


def test_a_stopped_run_finds_its_files_from_another_folder(
    recorded: Recorded, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own.yaml").write_text(SMALL_SPACE)
    Path("elsewhere").mkdir()
    small_folder(Path("runs/train/exp"))
    options = replace(OPTIONS, data="pets", space="own.yaml", init="runs/train/exp")
    recorded.stops_at = "search"
    with pytest.raises(KeyboardInterrupt):
        run_steps(options, Path("mine"))
    recorded.calls.clear()
    recorded.stops_at = ""
    monkeypatch.chdir("elsewhere")
    again = replace(options, data="./../pets", space="../own.yaml")
    run_steps(again, Path("../mine"), resume=True, given=("data", "space"))
    search, _, train, *_ = (given for _, _, given in recorded.calls)
    assert (search["data"], search["space"]) == ("../pets", "../own.yaml")
    assert (train["data"], train["init"]) == ("../pets", "../runs/train/exp")


def test_the_command_that_a_stopped_run_advises_continues_it(
    recorded: Recorded, here: Path, typed
) -> None:
    recorded.stops_at = "train"
    asked = ("run", "--budget", "3.8ms", "--device", "t4", "--out", "mine")
    stopped = typed(*asked)
    assert stopped.code == 130
    assert "the same command with --resume continues from here" in stopped.err
    recorded.calls.clear()
    for again in (("run", "--resume", "--out", "mine"), (*asked, "--resume", "--json", "--quiet")):
        assert typed(*again).code == 130
    assert recorded.names == ["train", "train"]
    other = typed("run", "--resume", "--out", "mine", "--epochs", "3")
    assert other.code == 2
    assert "is of a run with epochs by default, got 3; without --resume a new run" in other.err
    nothing = typed("run", "--resume", "--out", "other")
    assert (nothing.code, list(here.iterdir())) == (2, [here / "mine"])


@pytest.mark.parametrize("stops_at", ["profile", "search"])
def test_a_run_that_profiles_continues_wherever_it_was_stopped(
    recorded: Recorded, here: Path, monkeypatch: Any, tables_folder: Path, stops_at: str
) -> None:
    """A profile leaves a table, or the samples of an unfinished one, that the next try sees."""
    profile = recorded.function("profile")

    def leaving(*positional: Any, **options: Any) -> Any:
        (tables_folder / "cpu-1t.json.partial").touch()
        result = profile(*positional, **options)
        (tables_folder / "cpu-1t.json.partial").rename(tables_folder / "cpu-1t.json")
        return result

    monkeypatch.setattr(maenas, "profile", leaving)
    monkeypatch.setattr("maenas.pipeline.plan.is_here", lambda device: False)
    monkeypatch.setattr("maenas.pipeline.run.write_report", lambda result: None)
    recorded.stops_at = stops_at
    options = replace(OPTIONS, device="cpu", threads=1)
    with pytest.raises(KeyboardInterrupt):
        run_steps(options)
    done = ["make_shapes"] if stops_at == "profile" else ["make_shapes", "profile"]
    assert recorded.names == [*done, stops_at]
    recorded.calls.clear()
    recorded.stops_at = ""
    result = run_steps(options, resume=True)
    rest = ["profile", "search", "build_detector", "train", "val", "export", "measure", "detect"]
    assert recorded.names == [*rest[rest.index(stops_at) :], "card"]
    assert recorded.calls[0][2]["resume"] is True
    assert [step.name for step in result.record.steps] == list(result.plan.makers)


def test_a_start_that_was_killed_is_resumed_without_options(recorded: Recorded, here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / ".starting").touch()
    run_steps(OPTIONS, here / "mine", resume=True)
    assert recorded.names[0] == "make_shapes"


def test_a_step_that_cannot_continue_replaces_what_it_left(recorded: Recorded, here: Path) -> None:
    recorded.stops_at = "build_detector"
    with pytest.raises(KeyboardInterrupt):
        run_steps(OPTIONS)
    recorded.calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run_steps(OPTIONS, resume=True)
    assert recorded.names == ["build_detector"]
    assert recorded.calls[0][2]["exist_ok"] is True


@pytest.mark.usefixtures("recorded")
def test_a_disturbed_table_is_marked_in_the_summary_and_the_report(
    here: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(RESULTS["search"], "device", "mine")
    monkeypatch.setitem(RESULTS["search"], "latency_warning", "5 of 28 samples were disturbed")
    result = run_steps(OPTIONS)
    assert dict(card_rows(result))["warning"] == "mine: 5 of 28 samples were disturbed"
    assert "mine: 5 of 28 samples were disturbed" in (result.folder / "report.html").read_text()


def test_resuming_a_finished_run_repeats_nothing(recorded: Recorded, here: Path) -> None:
    run_steps(OPTIONS)
    recorded.calls.clear()
    assert run_steps(None, resume=True).ap == 0.5
    assert recorded.names == []


@pytest.mark.usefixtures("recorded")
def test_another_option_is_refused_on_resume(here: Path) -> None:
    maenas.run("3.8ms", device="t4")
    with pytest.raises(
        maenas.MaenasError, match=r"run\.json: is of a run with epochs by default, got 3"
    ):
        maenas.run("3.8ms", device="t4", epochs=3, resume=True)


def test_a_run_of_an_earlier_version_goes_on(recorded: Recorded, here: Path) -> None:
    run_steps(OPTIONS)
    path = next(here.rglob("run.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["options"]["init"]
    path.write_text(json.dumps(record), encoding="utf-8")
    recorded.calls.clear()
    assert run_steps(None, resume=True).ap == 0.5
    assert recorded.names == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        ("{}", "lacks the line `format: maenas/run@1`"),
        ('{"format": "maenas/run@1"}', "lacks options or steps"),
        ('{"format": "maenas/run@1", "options": {"budget": []}, "steps": []}', "another version"),
        ('{"format": "maenas/run@1", "options": {}, "steps": [3]}', r"steps\[0\]"),
    ],
)
def test_a_damaged_record_is_named(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(maenas.MaenasError, match=said):
        run_steps(None, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (None, "leave --resume out to start one"),
        (replace(OPTIONS, device="t5"), "no device 't5'"),
        (replace(OPTIONS, template="tiny"), "no scale 'tiny'"),
        (replace(OPTIONS, space="cpuu"), "no bundled space 'cpuu'"),
        (replace(OPTIONS, init="zoo:damo-yolo-ns"), "--init: zoo:damo-yolo-ns has no weights"),
        (replace(OPTIONS, init="pets"), "pets: no such file or folder"),
    ],
)
def test_wrong_options_leave_no_folder(options: RunOptions | None, said: str, here: Path) -> None:
    with pytest.raises(maenas.MaenasError, match=said):
        run_steps(options, resume=options is None)
    assert list(here.iterdir()) == []


def test_the_size_of_a_space_of_the_user_s_own_is_one_that_a_detector_can_have(here: Path) -> None:
    space = SMALL_SPACE.replace("in_shape: [3, 64, 64]", "in_shape: [3, 64, 100]")
    Path("own.yaml").write_text(space)
    with pytest.raises(SpecError, match=r"run: own\.yaml: input_size must be a positive multiple"):
        run_steps(replace(OPTIONS, space="own.yaml", input_size=None))
    assert [path.name for path in here.iterdir()] == ["own.yaml"]


def test_errors_of_the_data_stop_the_run(recorded: Recorded, monkeypatch: Any, here: Path) -> None:
    problem = SimpleNamespace(severity="error", __str__=lambda: "")
    checked = SimpleNamespace(to_json=dict, errors=2, problems=(problem,))
    monkeypatch.setattr(maenas, "check_data", lambda source: checked)
    with pytest.raises(maenas.MaenasError, match="`maenas data check pets` lists 2 such errors"):
        run_steps(replace(OPTIONS, data="pets"))
    assert recorded.names == []
    assert list(here.iterdir()) == []  # so that --resume continues the run before it


def test_data_without_a_split_to_evaluate_on_are_refused_before_the_search(
    recorded: Recorded, monkeypatch: Any, here: Path
) -> None:
    checked = SimpleNamespace(to_json=dict, errors=0, splits=("train",), source=Path("pets"))
    monkeypatch.setattr(maenas, "check_data", lambda source: checked)
    with pytest.raises(maenas.MaenasError, match="pets: has neither a val nor a test split"):
        run_steps(replace(OPTIONS, data="pets"))
    assert recorded.names == []
    assert list(here.iterdir()) == []


@pytest.mark.usefixtures("recorded")
def test_the_summary_names_classes_and_time_and_detections_are_drawn_at_the_best_f1(
    here: Path,
) -> None:
    result = run_steps(OPTIONS)
    told = dict(card_rows(result))
    assert told["classes"] == "dog 0.900, cat 0.100"
    assert told["time"].startswith("0:00 in all; ")
    detect = next(step for step in result.record.steps if step.name == "detect")
    assert "--min-score 0.48" in detect.command


def test_of_many_classes_the_lowest_are_named(recorded: Recorded, here: Path) -> None:
    every = [{"name": f"class {number}", "ap": number / 10} for number in range(9)]
    recorded.results["val"] = {
        **RESULTS["val"],
        "per_class": [*every, {"name": "none", "ap": None}],
    }
    told = dict(card_rows(run_steps(OPTIONS)))
    assert told["classes"].startswith("the lowest of 9: class 5 0.500, class 4 0.400")
    assert told["classes"].endswith("class 0 0.000")


def test_a_command_on_many_files_is_announced_with_the_first_ones() -> None:
    few = Step("detect", "detect", ("model.onnx", "a.jpg", "b.jpg"))
    assert few.announcement == few.command
    many = replace(few, arguments=("model.onnx", *(f"{number}.jpg" for number in range(12))))
    assert many.announcement == "maenas detect model.onnx 0.jpg 1.jpg, and 10 more files"


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(("steps", "init", "warned"), [(72, None, 1), (72, "x", 0), (500, None, 0)])
def test_a_training_too_short_to_teach_much_is_marked(
    here: Path, monkeypatch: Any, steps: int, init: str | None, warned: int
) -> None:
    monkeypatch.setattr(
        "maenas.pipeline.card.training_rows", lambda _: [{"step": steps, "epoch": 12}]
    )
    monkeypatch.setattr("maenas.pipeline.run.require_usable", lambda _: None)  # "x" is no detector
    result = run_steps(replace(OPTIONS, init=init))
    warnings = [text for name, text in card_rows(result) if name == "warning"]
    assert len(warnings) == warned
    for text in warnings:
        assert text.startswith("72 steps from random weights teach little")
        assert "--epochs 84 makes 500 steps" in text


@pytest.mark.parametrize("name", ["threads", "evaluations", "epochs"])
def test_a_number_that_only_a_late_step_needs_is_refused_at_once(name: str) -> None:
    with pytest.raises(SpecError, match=f"^run: {name} must be at least 1, got -1"):
        replace(OPTIONS, **{name: -1})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"^run: seed must"):
        replace(OPTIONS, seed=-1)
    with pytest.raises(SpecError, match=r"^run: input_size must be a positive multiple of 32"):
        replace(OPTIONS, input_size=(64, 100))


@pytest.mark.parametrize(("split", "shares"), [("val", True), ("test", False)])
def test_the_split_of_the_training_is_evaluated_once_and_another_one_apart(
    recorded: Recorded, here: Path, monkeypatch: Any, split: str, shares: bool
) -> None:
    copied: list[tuple[Path, Path]] = []
    monkeypatch.setattr(
        "maenas.training.evaluator.copy_final_evaluation", lambda *pair: copied.append(pair)
    )
    monkeypatch.setattr(RunPlan, "_split", lambda plan: split)
    folder = run_steps(OPTIONS).folder
    options = next(options for name, _, options in recorded.calls if name == "train")
    assert options.get("skip_final_evaluation", False) is shares
    assert copied == ([(folder / "val", folder / "train")] if shares else [])


@pytest.mark.slow
def test_it_ends_with_a_trained_detector_an_exported_file_and_drawn_detections(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from maenas.cli.run import print_run

    monkeypatch.setattr("maenas.pipeline.plan.SHAPES", 16)
    result = maenas.run("2ms", device="t4", template="ns", input_size=64, evaluations=500, epochs=1)
    assert capsys.readouterr() == ("", "")
    assert result.model.is_file()
    assert (result.detector / "detector.yaml").is_file()
    assert len(list((result.folder / "detections").glob("*.jpg"))) > 0
    assert result.measured_ms is None
    assert result.predicted_ms <= 2
    written = json.loads((result.folder / "run.json").read_text("utf-8"))
    assert [step["name"] for step in written["steps"]] == list(result.plan.makers)
    assert errors_in("run", written) == []
    assert errors_in("run-result", result.to_json()) == []
    for name in ("search", "train", "val"):
        assert errors_in(f"{name}-result", result.record.result(name)) == []
    training, evaluation = result.folder / "train", result.folder / "val"
    made, taken = (
        {each.anchor for each in sections_of(folder / "results.html")}
        for folder in (evaluation, training)
    )
    assert taken == made | {"training"}
    six_lines(result, monkeypatch, next((result.folder / "detections").glob("*.jpg")))
    capsys.readouterr()
    print_run(result)
    out = capsys.readouterr().out
    assert "which is not in this machine" in out
    page = (result.folder / "report.html").read_text("utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert {"front-ns", "history-ns", "training-0"} <= set(data["charts"])
    assert set(data["groups"]) == {"ns"}
    assert page.count("<img alt=") == len(list((result.folder / "detections").glob("*.jpg")))
    assert page.count('<section id="summary"') == 1
    assert page.index('<section id="detections"') < page.index('<section id="training"')
    for step in result.record.steps:
        assert escape(step.command) in page
    assert "generated shapes" in out


def six_lines(result: Any, monkeypatch: pytest.MonkeyPatch, image: Path) -> None:
    """Run the lines in the docstring of the package, with a run that is finished."""
    Path("street.jpg").write_bytes(image.read_bytes())
    asked: dict[str, Any] = {}

    def finished(*budget: str, **options: Any) -> Any:
        asked.update(options)
        return result

    monkeypatch.setattr(maenas, "run", finished, raising=False)
    lines = dedent(str(maenas.__doc__).partition("All of it:")[2].partition("Step by")[0])
    names: dict[str, Any] = {}
    exec(lines, names)
    assert asked == {"data": "pets/data.yaml", "device": "cpu"}
    assert len(names["found"].labels) == len(names["found"].boxes)
    assert len([line for line in lines.splitlines() if line]) == 6
