"""The published union of COCO, Objects365 and OpenImages."""

from __future__ import annotations

import pytest

from maenas.blocks.errors import SpecError
from maenas.detector.data.union.known_names import homonyms, meaning_key, similar
from maenas.detector.data.union.label_union import label_union
from maenas.detector.data.union.name_key import name_key

NAME = "coco-objects365-openimages-701"


def test_945_names_of_three_data_sets_become_701_classes():
    union = label_union(NAME)
    counts = {source: len(column) for source, column in union.columns.items()}
    assert counts == {"coco": 80, "objects365": 365, "openimages": 500}
    assert len(union.names) == len(set(union.names)) == 701
    used = {index for column in union.columns.values() for index in column.values()}
    assert used == set(range(701))
    assert len(list(union.shared())) == 189


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("coco", "bottle", "bottle"),
        ("openimages", "Bottle", "bottle (openimages)"),
        ("coco", "mouse", "mouse"),
        ("openimages", "Computer mouse", "mouse"),
        ("openimages", "/m/020lf", "mouse"),
        ("openimages", "Mouse", "mouse (openimages)"),
        ("objects365", "Wild Bird", "bird"),
        ("objects365", "zebra crossing", None),
    ],
)
def test_a_class_is_found_by_the_name_that_its_data_set_gives_it(source, name, expected):
    union = label_union(NAME)
    index = union.index_of(source, name)
    assert (None if index is None else union.names[index]) == expected


def test_each_data_set_finds_every_class_of_its_own():
    union = label_union(NAME)
    for source, column in union.columns.items():
        assert {name: union.index_of(source, name) for name in column} == dict(column)


def test_every_shared_class_has_names_of_one_meaning_or_is_listed_as_similar():
    union = label_union(NAME)
    listed = [{meaning_key(name) for name in group} for group in similar()]
    official = {"Mouse2": "Computer mouse", "Bench2": "Bench"}
    every = [
        {meaning_key(official.get(name, name)) for name in names.values()}
        for names in union.shared()
    ]
    assert [keys for keys in every if len(keys) > 1 and keys not in listed] == []


def test_an_unknown_union_is_refused():
    with pytest.raises(SpecError, match="no published union 'coco-701'"):
        label_union("coco-701")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Street Lights", "street_light"),
        ("hot-dog", "hotdog"),
        ("Knives", "knife"),
        ("skis", "Ski"),
        ("buses", "bus"),
        ("berries", "Berry"),
        ("cookies", "cookie"),
        ("dining table", "diningtable"),
        ("persons", "Person"),
        ("wine glasses", "wine glass"),
    ],
)
def test_case_separators_and_plural_do_not_matter(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("bus", "bu"), ("tennis", "tenni"), ("pan", "panda"), ("people", "person")]
)
def test_other_names_stay_different(one, other):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("name", ["mouse", "bat", "crane", "orange", "Glasses", "seal"])
def test_homonyms_list_at_least_two_meanings(name):
    assert len(homonyms()[name_key(name)]) >= 2
