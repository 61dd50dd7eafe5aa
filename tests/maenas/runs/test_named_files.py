"""Files that a spec or a run names are found from anywhere, and move with its folder."""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.backbone_search.portfolio.options import Span
from maenas.backbone_search.portfolio.solved import Solved
from maenas.blocks.backbone_file import Metadata, dump_backbone
from maenas.evidence.options import JudgeOptions
from maenas.evidence.race_options import RaceOptions
from maenas.pipeline.options import RunOptions
from maenas.runs.config import SearchConfig
from maenas.runs.models import find_model
from maenas.runs.named_files import (
    FIELDS,
    MEANT,
    absolute_options,
    found_by,
    found_options,
    kept_in,
    kept_options,
    named_as_in,
)
from maenas.training.family import Family
from maenas.training.setup import TrainOptions
from tests.maenas.conftest import SMALL_SPACE

ESTIMATE = Path(maenas.__file__).parent / "budgets" / "devices" / "pi5.yaml"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with an estimate as `lab.yaml` and the folder of a run."""
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(ESTIMATE.read_text())
    Path("runs/own").mkdir(parents=True)
    Path("elsewhere").mkdir()
    return tmp_path


def written(device: str, spec: Path) -> None:
    """Write a spec with a device as it stands in the file."""
    dump_backbone(maenas.load_backbone("zoo:damo-yolo-ns"), spec, (), Metadata(device=device))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("lab.yaml", "../../lab.yaml"),
        ("./runs/../lab.yaml", "../../lab.yaml"),
        ("lab.json:int8", "../../lab.json:int8"),
        ("runs/own/lab.json", "./lab.json"),
        ("t4", "t4"),
        ("t4:int8", "t4:int8"),
        ("t4:none", "t4:none"),
    ],
)
def test_a_file_is_kept_by_its_path_from_the_folder_of_the_spec(
    lab: Path, typed: str, kept: str
) -> None:
    spec = Path("runs/own/best.yaml")
    assert kept_in(Metadata(device=typed), spec).device == kept
    limits = kept_in(Metadata(limits_ms={typed: 2.0}), spec).limits_ms
    assert limits == {kept: 2.0}


def test_an_absolute_path_does_not_get_into_a_spec(lab: Path) -> None:
    metadata = Metadata(device=str(lab / "lab.yaml"), template=str(lab / "wide.yaml"))
    kept = kept_in(metadata, Path("runs/own/best.yaml"))
    assert (kept.device, kept.template) == ("../../lab.yaml", "../../wide.yaml")


def test_a_table_is_found_from_another_folder(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Path("runs/own/best.yaml")
    written("../../lab.yaml", spec)
    assert find_model("runs/own").device == "lab.yaml"
    monkeypatch.chdir("elsewhere")
    assert find_model("../runs/own").device == "../lab.yaml"
    assert maenas.predict("../runs/own").model.device == "lab"


def test_a_folder_that_is_moved_as_a_whole_keeps_its_table(lab: Path) -> None:
    (lab / "lab.yaml").rename(lab / "runs" / "lab.yaml")
    written("../lab.yaml", Path("runs/own/best.yaml"))
    (lab / "runs").rename(lab / "elsewhere" / "moved")
    assert find_model("elsewhere/moved/own").device == "elsewhere/moved/lab.yaml"


def test_the_path_leads_out_of_a_folder_that_is_a_link(lab: Path) -> None:
    Path("elsewhere/deep/runs").mkdir(parents=True)
    Path("linked").symlink_to("elsewhere/deep/runs")
    spec = Path("linked/best.yaml")
    kept = kept_in(Metadata(device="lab.yaml"), spec)
    assert kept.device == "../../../lab.yaml"
    assert found_by(kept, spec).device == "lab.yaml"


def test_a_path_as_it_was_typed_is_found_in_the_folder_where_it_was_typed(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("lab.yaml", Path("runs/own/best.yaml"))
    assert find_model("runs/own").device == "lab.yaml"
    monkeypatch.chdir("elsewhere")
    assert find_model("../runs/own").device == "../runs/own/lab.yaml"  # it is nowhere


def test_a_table_beside_the_spec_comes_before_one_in_the_working_folder(lab: Path) -> None:
    Path("runs/own/lab.yaml").write_text(ESTIMATE.read_text())
    written("lab.yaml", Path("runs/own/best.yaml"))
    assert find_model("runs/own").device == "runs/own/lab.yaml"


# A new option of a run stands here or in `FIELDS`.
NAMES_NO_FILES = (
    *("algorithm", "assigner", "band", "best", "changes", "channels", "distills", "epochs"),
    *("equal_depth", "evaluations", "full_profile", "genome", "images", "inherit"),
    *("input_size", "islands", "layers", "max_effectiveness", "migrate_every", "minutes"),
    *("networks", "note", "num_classes", "patience", "points", "portfolio", "precision"),
    *("proxies", "repeats", "scope", "seed", "short_epochs", "threads", "upper", "weights"),
)
OPTIONS = {
    "search": SearchConfig(
        budgets=("3ms@{}lab.yaml", "2ms@t4", "5Mparams"),
        device="{}lab.yaml:int8",
        space="{}own.yaml",
        template="{}wide.yaml",
        score="max-entropy",
    ),
    "portfolio": Span(space=("{}own.yaml", None, "res"), template=("{}wide.yml", "ns")),
    "solved": Solved(score="{}fitted.yaml", space="{}own.yaml", template=None, input_size=64),
    "judge": JudgeOptions(
        at="3ms@{}lab.yaml", data="{}pets", device="{}lab.yaml", recipe="{}recipe.yaml"
    ),
    "race": RaceOptions(
        sources=("{}first/best.yaml", "zoo:damo-yolo-ns"), data="{}pets", recipe="t"
    ),
    "run": RunOptions(budget=("3ms",), data="{}pets", device="cpu", init="{}first/best.yaml"),
    "train-family": Family(("{}first/best.yaml",), Path("{}pets"), device="{}lab.yaml"),
    "train": TrainOptions(
        "{}first/best.yaml", Path("{}pets"), teacher="zoo:damo-yolo-s", init="{}first"
    ),
}


def filled(options: Any, folder: str) -> Any:
    """Options whose files lie in a folder."""
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    return type(options)(**{name: _filled(value, folder) for name, value in given.items()})


def _filled(value: Any, folder: str) -> Any:
    if isinstance(value, tuple):
        return tuple(_filled(item, folder) for item in value)
    return type(value)(str(value).format(folder)) if isinstance(value, str | Path) else value


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_a_run_name_the_same_files_from_another_folder(
    name: str, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("runs/own")
    kept = kept_options(filled(OPTIONS[name], ""), folder)
    assert kept == filled(OPTIONS[name], "../../")
    assert found_options(kept, folder) == filled(OPTIONS[name], "")
    monkeypatch.chdir("elsewhere")
    assert found_options(kept, Path("../runs/own")) == filled(OPTIONS[name], "../")


@pytest.mark.parametrize("name", OPTIONS)
def test_a_file_may_be_typed_in_several_ways(name: str, lab: Path) -> None:
    saved = filled(OPTIONS[name], "")
    for folder in ("./elsewhere/../", f"{lab}/"):
        assert named_as_in(saved, filled(OPTIONS[name], folder)) == saved
    other = filled(OPTIONS[name], "elsewhere/")
    assert named_as_in(saved, other) == other


@pytest.mark.parametrize("name", OPTIONS)
def test_absolute_paths_stay_in_the_options_of_a_run(name: str, lab: Path) -> None:
    absolute = filled(OPTIONS[name], f"{lab}/")
    assert kept_options(absolute, Path("runs/own")) == absolute
    assert found_options(absolute, Path("runs/own")) == absolute
    assert absolute_options(filled(OPTIONS[name], "")) == absolute


def test_a_lost_file_is_not_replaced_by_one_that_has_its_name_from_here(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SearchConfig(budgets=("3ms",), device="gone.json", space="runs/own/gone.yaml")
    kept = kept_options(options, Path("runs/own"))
    Path("elsewhere/deep/own").mkdir(parents=True)
    Path("elsewhere/gone.json").touch()
    Path("elsewhere/deep/own/gone.yaml").touch()
    monkeypatch.chdir("elsewhere/deep/own")
    found = found_options(kept, lab / "runs" / "own")
    assert (found.device, found.space) == ("../../../gone.json", "../../../runs/own/gone.yaml")


@pytest.mark.parametrize("file", MEANT)
def test_a_file_may_be_named_by_its_folder(file: str, lab: Path) -> None:
    Path("one", file).parent.mkdir(parents=True)
    Path("one", file).touch()
    saved = RaceOptions(data="one", sources=("one",))
    asked = RaceOptions(data=f"one/{file}", sources=(f"one/{file}",))
    assert named_as_in(saved, asked) == saved
    assert named_as_in(asked, saved) == asked


def test_options_of_an_earlier_version_are_found_in_the_folder_where_they_were_typed(
    lab: Path,
) -> None:
    typed = SearchConfig(budgets=("3ms",), device="lab.yaml")
    assert found_options(typed, Path("runs/own")).device == "lab.yaml"


def test_every_option_of_a_run_is_known_to_name_files_or_none() -> None:
    names = {field.name for options in OPTIONS.values() for field in fields(options)}
    assert sorted(names - FIELDS.keys()) == sorted(NAMES_NO_FILES)


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        (("--evaluations", "300", "--finalists", "0"), "best.yaml"),
        pytest.param(("--portfolio", "2"), "1-*/best.yaml", marks=pytest.mark.slow),
    ],
)
def test_a_search_on_a_table_is_priced_on_it_from_another_folder(
    options: tuple[str, ...], spec: str, lab: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("small.yaml").write_text(SMALL_SPACE)
    asked = ("--space", "small.yaml", "--template", "t", "--weights", "1,1,2,4", *options)
    out = ("--device", "lab.yaml", "--budget", "100MMACs", "--out", "runs/own", "--exist-ok")
    ran = typed("search", *asked, *out)
    assert ran.code == 0, ran.err
    monkeypatch.chdir("elsewhere")
    (found,) = Path("../runs/own").glob(spec)
    assert maenas.predict(found).model == maenas.predict(found, "../lab.yaml").model
    built = typed("build-detector", found, "--num-classes", "2", "--out", "built", "--json")
    assert (built.json["device"], built.err) == ("lab", "")


def test_without_its_table_a_price_is_refused_and_what_is_beside_one_is_not(
    lab: Path, typed: Any
) -> None:
    spec = "runs/own/best.yaml"
    written("../gone.json", Path(spec))
    priced = typed("predict", spec)
    assert priced.code == 2
    assert "that of the search cannot be read here: runs/gone.json: no such file" in priced.err
    assert "--device names another" in priced.err
    assert typed("predict", spec, "--device", "t4").code == 0
    for command in ("show", "compare"):
        shown = typed(command, spec)
        assert shown.code == 0
        assert "latency is that of t4" in shown.err
        assert "runs/gone.json: no such file" in shown.err


def test_a_template_of_the_user_s_own_is_found_from_another_folder(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = Path(str(files("maenas.detector.model.templates") / "ns.yaml"))
    Path("wide.yaml").write_text(bundled.read_text())
    spec = Path("runs/own/best.yaml")
    metadata = kept_in(Metadata(template="wide.yaml"), spec)
    dump_backbone(maenas.load_backbone("zoo:damo-yolo-ns"), spec, (), metadata)
    monkeypatch.chdir("elsewhere")
    model = find_model("../runs/own")
    assert model.template is not None
    assert model.template.name == "../wide.yaml"
    assert model.device is None


def network(spec: Path) -> list[str]:
    """A spec without comments and command, which name files as they are found from a folder."""
    lines = spec.read_text().splitlines()
    return [line for line in lines if not line.startswith(("#", "  command: "))]


@pytest.mark.parametrize(
    ("options", "specs"),
    [
        (("--evaluations", "300", "--finalists", "0"), "best.yaml"),
        (("--algorithm", "exact", "--device", "t4"), "*/best.yaml"),
        pytest.param(("--portfolio", "2"), "1-*/best.yaml", marks=pytest.mark.slow),
    ],
)
def test_a_search_goes_on_from_another_folder_with_the_same_result(
    options: tuple[str, ...], specs: str, lab: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("small.yaml").write_text(SMALL_SPACE)
    bundled = Path(str(files("maenas.detector.model.templates") / "t.yaml"))
    Path("wide.yaml").write_text(bundled.read_text())
    names = ("--space", "./small.yaml", "--template", "wide.yaml", "--device", "lab.yaml")
    rest = ("--weights", "1,1,2,4", "--budget", "100MMACs", "--input-size", "64")
    ran = typed("search", *names, *rest, *options, "--out", "runs/own", "--exist-ok")
    assert ran.code == 0, ran.err
    first = {path: network(path) for path in Path().glob(f"runs/own/{specs}")}
    assert first
    for left in (*first, *Path("runs/own").rglob("result.json")):
        left.unlink()
    monkeypatch.chdir("elsewhere")
    again = typed("search", "--resume", "--out", "../runs/own", "--template", "../wide.yaml")
    assert again.code == 0, again.err
    assert {path: network(Path("..", path)) for path in first} == first
    wrong = typed("search", "--resume", "--out", "../runs/own", "--template", "wide.yaml")
    assert wrong.code == 2
    assert "template is ../wide.yaml in the run, wide.yaml in the command" in wrong.err
