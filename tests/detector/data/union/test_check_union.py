"""Numbers of each data set of a union, and problems between them."""

from __future__ import annotations

from pathlib import Path

import yaml

import maenas
from maenas.detector.data.check import CheckResult


def checked(tmp_path: Path, **sources: dict[str, object]) -> CheckResult:
    path = tmp_path / "union.yaml"
    path.write_text(yaml.safe_dump({"format": "maenas/union@1", "sources": sources}))
    return maenas.check_data(path)


def test_objects_are_counted_by_class_and_source(tmp_path, write_coco):
    write_coco("pets", ("cat", "dog"), [[(0, 1, 2, 9, 9), (0, 20, 2, 9, 9)], []])
    write_coco("farm", ("cat", "rat"), [[(0, 1, 2, 9, 9), (1, 20, 2, 9, 9)]], val=False)
    pets = {"data": "pets", "classes": {"cat": "cat", "dog": "dog"}}
    farm = {"data": "farm", "classes": {"cat": "cat", "rat": "ignore"}}
    result = checked(tmp_path, pets=pets, farm=farm)
    train = result.to_json()["splits"]["train"]
    assert train["classes"] == {"cat": 3, "dog": 0}
    assert train["sources"] == {
        "farm": {"images": 1, "objects": 1, "crowds": 1, "classes": {"cat": 1}},
        "pets": {"images": 2, "objects": 2, "crowds": 0, "classes": {"cat": 2, "dog": 0}},
    }
    assert list(result.splits["val"].sources) == ["pets"]
    assert result.errors == 0
    found = [str(each) for each in result.problems]
    assert any(
        "union.yaml: sources.farm: has no split val; what is learned" in line for line in found
    )
    assert not any("sources.pets: has no split" in line for line in found)


def test_an_image_of_two_data_sets_is_reported(tmp_path, write_coco):
    path = write_coco("pets", ("cat", "dog"), [[(0, 1, 2, 9, 9)], [(1, 1, 2, 9, 9)]])
    first = {"data": str(path), "classes": {"cat": "cat", "dog": "ignore"}}
    second = {"data": "pets/labels.json", "classes": {"cat": "ignore", "dog": "dog"}}
    found = [str(each) for each in checked(tmp_path, first=first, second=second).problems]
    assert any("images that belong to two data sets: 2, such as" in line for line in found)


def test_a_plain_data_set_has_no_counts_by_source(tmp_path, write_coco):
    path = write_coco("pets", ("cat",), [[(0, 1, 2, 9, 9)]])
    assert maenas.check_data(path).splits["train"].sources == {}
