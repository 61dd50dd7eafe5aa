"""The line that is shown while the labels of a data set are read."""

from __future__ import annotations

import pytest

from maenas.detector.data.readers.reading import counted
from maenas.terminal.reading import reading_line


@pytest.mark.usefixtures("printed_records")
def test_the_line_names_the_split_the_rate_and_the_time_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with reading_line("check", "val", every_s=0.0):
        read = [item for _, item in counted(range(250))]
    assert read == list(range(250))
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "check: reading val"
    assert [line.partition(" images")[0] for line in lines] == ["check: 100/250", "check: 200/250"]
    assert " left, reading val, " in lines[-1]
    assert lines[-1].endswith("/s")
