"""Sections on a training: curves where there are numbers, images as they are."""

from __future__ import annotations

import base64

import pytest

from maenas.report.training import PANELS, Example, examples_section, training_section
from maenas.training.charts import COLUMNS

ROWS = [
    {"epoch": 1, "lr": 0.01, "loss": 3.0, "giou": 1.0},
    {"epoch": 2, "lr": 0.005, "loss": 2.0, "giou": 0.5, "ap": 0.25, "ap50": 0.5},
]


def test_every_column_of_a_training_has_its_axis() -> None:
    drawn = {name for _, _, columns in PANELS for name in columns}
    assert drawn == set(COLUMNS) - {"epoch", "step", "skipped", "train_s"}


def test_curves_have_the_epochs_that_were_computed() -> None:
    section = training_section(ROWS)
    loss, accuracy, rate = section.charts.values()
    assert [curve["name"] for curve in loss["curves"]] == ["loss", "GIoU"]
    assert [(p["x"], p["y"]) for p in loss["curves"][0]["points"]] == [(1, 3.0), (2, 2.0)]
    assert [(p["x"], p["y"]) for p in accuracy["curves"][0]["points"]] == [(2, 0.25)]
    assert [curve["name"] for curve in rate["curves"]] == ["learning rate"]
    assert "AP 0.2500, AP50 0.5000" in section.body


def test_a_training_without_evaluation_has_no_accuracy() -> None:
    section = training_section(ROWS[:1])
    assert len(section.charts) == 2
    assert "Accuracy" not in section.body


def test_an_image_stands_in_the_page_as_it_is() -> None:
    image = b"\x89PNG\r\n\x1a\n" + bytes(20)
    body = examples_section([Example(image, "a <b>: 2 dogs")]).body
    assert f'src="data:image/png;base64,{base64.b64encode(image).decode()}"' in body
    assert 'alt="a &lt;b&gt;: 2 dogs"' in body


def test_a_file_that_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.gif: an image of a report must be PNG or JPEG"):
        examples_section([Example(b"GIF89a", "a.gif")])
