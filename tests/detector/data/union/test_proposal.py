"""Which classes a proposal merges, keeps apart, and asks about."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import maenas
from maenas.blocks.errors import MaenasError
from maenas.detector.data.paths import source_names
from maenas.detector.data.readers.read import names_of
from maenas.detector.data.union.known_names import homonyms
from maenas.detector.data.union.label_union import label_union
from maenas.detector.data.union.proposal import Candidate, Proposal, propose
from maenas.detector.data.union.proposal_file import union_text
from maenas.detector.data.union.union_file import load_union

UNION = label_union("coco-objects365-openimages-701")
COLUMNS = {source: tuple(column) for source, column in UNION.columns.items()}


def proposed(*classes: tuple[str, ...], labels: bool = False) -> Proposal:
    candidates = [Candidate("abcd"[k], Path("abcd"[k]), each) for k, each in enumerate(classes)]
    return propose(candidates, UNION, labels)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("person", "Person"),
        ("traffic light", "Traffic-Lights"),
        ("donut", "Doughnut"),
        ("cell phone", "mobile phones"),
        ("sofa", "couch"),
        ("tvmonitor", "tv"),
    ],
)
def test_spellings_and_synonyms_become_one_class(one, other):
    found = proposed((one,), (other,))
    assert found.names() == (one,)
    assert found.merged() == {one: ((0, one), (1, other))}
    assert found.questions == ()


@pytest.mark.parametrize("name", sorted(homonyms()))
def test_no_homonym_is_merged_without_a_decision(name):
    found = proposed((name,), (name.upper(),))
    assert found.names() == (f"{name} (a)", f"{name.upper()} (b)")
    assert found.merged() == {}
    (question,) = found.questions
    assert question.places == ((0, name), (1, name.upper()))
    assert all(meaning in question.what for meaning in homonyms()[name])


def test_a_homonym_of_one_data_set_alone_is_no_question():
    found = proposed(("mouse", "cat"), ("dog",))
    assert found.names() == ("mouse", "cat", "dog")
    assert found.questions == ()


def test_a_homonym_is_apart_from_the_synonyms_of_one_meaning():
    found = proposed(("mouse",), ("computer mouse",), ("Computer Mouse",))
    assert found.names() == ("mouse (a)", "computer mouse")
    assert len(found.questions) == 1


def test_published_data_sets_agree_on_the_meaning_of_their_homonyms():
    found = proposed(COLUMNS["coco"], COLUMNS["objects365"], ("mouse", "rat"))
    assert found.published == ("coco", "objects365", "")
    assert found.targets[0, "wine glass"] == found.targets[1, "wine glass"] == "wine glass"
    alone = proposed(COLUMNS["coco"], COLUMNS["objects365"])
    assert alone.targets[0, "mouse"] == alone.targets[1, "mouse"] == "mouse"
    assert found.targets[2, "mouse"] == "mouse (c)"
    assert found.targets[0, "orange"] != found.targets[1, "orange"]


def test_the_name_of_a_published_data_set_names_a_merged_class():
    found = proposed(("Donuts", "Persons"), COLUMNS["coco"])
    assert found.targets[0, "Donuts"] == found.targets[1, "donut"] == "donut"
    assert found.targets[0, "Persons"] == found.targets[1, "person"] == "person"


def test_classes_that_a_data_set_tells_apart_stay_apart():
    found = proposed(("cookie", "cookies"), ("Cookies",))
    assert found.names() == ("cookie", "cookies", "Cookies")
    assert "one data set has several of them" in found.questions[0].what


def test_similar_classes_of_the_published_union_are_asked_about_and_not_merged():
    found = proposed(("bear",), ("raccoon",))
    assert found.names() == ("bear", "raccoon")
    assert found.questions[0].places == ((0, "bear"), (1, "raccoon"))


def test_945_published_names_become_the_701_published_classes():
    found = proposed(*COLUMNS.values(), labels=True)
    assert set(found.names()) == set(UNION.names)
    assert len(found.targets) == 945
    assert len(found.merged()) == 189
    assert found.questions == ()


def test_other_data_sets_join_the_published_classes_by_name():
    found = proposed(COLUMNS["coco"], ("Donuts", "mouse", "gear"), labels=True)
    assert found.targets[1, "Donuts"] == "donut"
    assert found.targets[1, "mouse"] == "mouse (b)"
    assert found.targets[1, "gear"] == "gear"


def test_what_is_written_is_what_was_proposed(tmp_path, write_coco):
    names = ("no", "ignore", "a: b", "#c", "mouse", "7", "Katzen, groß")
    first, second = (
        write_coco(folder, names, [[(0, 1, 2, 10, 10)]]) for folder in ("first", "second")
    )
    made = maenas.union_data([first, second], tmp_path / "union.yaml")
    text = (tmp_path / "union.yaml").read_text()
    assert text.startswith(f"# maenas data union {first} {second} --out {tmp_path}/union.yaml\n")
    assert names_of(tmp_path / "union.yaml") == made.names()
    assert made.names() == (*names[:4], "mouse (first)", *names[5:], "mouse (second)")
    lines = [line for line in text.splitlines() if "# review: " in line]
    assert [line.split("#")[0].strip() for line in lines] == ["mouse: split", "mouse: split"]
    assert "see second: mouse" in lines[0]


def test_paths_are_relative_to_the_file(tmp_path, write_coco, monkeypatch):
    write_coco("pets", ("cat",), [[(0, 1, 2, 10, 10)]])
    write_coco("farm", ("cow",), [[(0, 1, 2, 10, 10)]])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unions").mkdir()
    maenas.union_data(["pets/data.yaml", "farm"], "unions/both.yaml")
    data = yaml.safe_load(Path("unions/both.yaml").read_text())
    assert [source["data"] for source in data["sources"].values()] == [
        "../pets/data.yaml",
        "../farm",
    ]
    assert names_of(Path("unions/both.yaml")) == ("cat", "cow")


def test_a_published_list_is_written_with_its_data_sets(tmp_path):
    path = tmp_path / "union.yaml"
    path.write_text(union_text(proposed(COLUMNS["coco"], ("gear",), labels=True), path, "made"))
    union = load_union(path)
    assert union.labels == UNION.name
    assert [member.labels for member in union.members] == ["coco", ""]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["coco/data.yaml", "voc"], ["coco", "voc"]),
        (["x/coco/annotations/train.json", "y/coco/labels.json"], ["coco", "coco-2"]),
        (["a/instances.json", "a/other.json"], ["instances", "other"]),
    ],
)
def test_data_sets_are_named_by_their_files_and_folders(paths, expected):
    assert source_names([Path(path) for path in paths]) == expected


def test_a_file_that_was_edited_is_not_replaced(tmp_path, write_coco):
    sources = [write_coco(name, (name,), [[(0, 1, 2, 10, 10)]]) for name in ("cat", "dog")]
    out = tmp_path / "union.yaml"
    out.write_text("edited")
    with pytest.raises(MaenasError, match=r"union.yaml: exists; .*--exist-ok"):
        maenas.union_data(sources, out)
    assert out.read_text() == "edited"
    maenas.union_data(sources, out, exist_ok=True)
    assert names_of(out) == ("cat", "dog")


def test_a_union_needs_two_different_data_sets(tmp_path, write_coco):
    path = write_coco("cat", ("cat",), [[(0, 1, 2, 10, 10)]])
    with pytest.raises(MaenasError, match="needs at least two data sets, got 1"):
        maenas.union_data([path], tmp_path / "union.yaml")
    with pytest.raises(MaenasError, match="is given twice"):
        maenas.union_data([path, path.parent / "." / "data.yaml"], tmp_path / "union.yaml")
    with pytest.raises(MaenasError, match="no published union 'coco'"):
        maenas.union_data([path, path.parent / "labels.json"], tmp_path / "u.yaml", labels="coco")
    assert not (tmp_path / "union.yaml").exists()
