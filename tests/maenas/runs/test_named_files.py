"""Files that a spec names are found from anywhere, and move with the folder of the spec."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import maenas
from maenas.blocks.backbone_file import Metadata, dump_backbone
from maenas.runs.models import find_model
from maenas.runs.named_files import found_by, kept_in, placed
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
        ("runs/own/lab.json", "lab.json"),
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


def test_a_file_that_a_run_keeps_is_absolute(lab: Path) -> None:
    assert placed("lab.yaml") == str(lab.resolve() / "lab.yaml")
    assert (placed("t4"), placed(None)) == ("t4", None)


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
