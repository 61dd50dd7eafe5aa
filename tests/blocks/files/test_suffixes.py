"""Files whose suffixes are in any case."""

from __future__ import annotations

import pytest

from maenas.blocks.errors import SpecError
from maenas.blocks.files.suffixes import SuffixCases, in_any_case, is_yaml, suffix_of


@pytest.mark.parametrize("name", ["a.TXT", "a.Txt", "a.txt"])
def test_a_file_is_found_with_its_suffix_in_any_case(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "b.TXT").touch()
    assert SuffixCases(SpecError).find(tmp_path / "a.txt") == tmp_path / name
    assert in_any_case(tmp_path / "a.txt", SpecError) == tmp_path / name
    assert suffix_of(name) == ".txt"


def test_a_yaml_file_is_known_by_its_suffix():
    assert [is_yaml(name) for name in ("a.yaml", "a/b.YML", "yaml")] == [True, True, False]


def test_the_path_of_a_file_that_is_missing_stays(tmp_path):
    (tmp_path / "b.TXT").touch()
    for path in (tmp_path / "a.txt", tmp_path / "gone" / "a.txt"):
        assert SuffixCases(SpecError).find(path) == path
        assert in_any_case(path, SpecError) == path


def test_two_files_are_refused_with_both_names_unless_one_leads_to_the_other(tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.TXT").touch()
    with pytest.raises(SpecError, match=r"a\.txt: is there as a\.txt and as a\.TXT\.$"):
        SuffixCases(SpecError).find(tmp_path / "a.txt")
    (tmp_path / "a.TXT").unlink()
    (tmp_path / "a.TXT").symlink_to(tmp_path / "a.txt")
    assert SuffixCases(SpecError).find(tmp_path / "a.txt") == tmp_path / "a.txt"
