"""Drawn images, looked at where something must be seen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maenas.detector.media.draw_boxes import MOST_COVERED, Patch, draw_boxes, overlap, place
from maenas.detector.media.label_text import class_colour, text_colour, text_font
from maenas.detector.predict.draw import draw
from maenas.detector.predict.results import Objects

GREY = 128


def test_a_box_is_drawn_in_the_colour_of_its_class() -> None:
    drawn = draw(blank(200, 300), objects([[50, 60, 150, 160]], [3]))
    colour = list(class_colour(3))
    for x, y in ((50, 100), (149, 100), (100, 159), (100, 60)):  # left, right, bottom, top
        assert drawn[y, x].tolist() == colour
    assert drawn[110, 100].tolist() == [GREY] * 3  # nothing inside


def test_the_image_itself_is_left_alone() -> None:
    pixels = blank(50, 50)
    draw(pixels, objects([[5, 5, 40, 40]], [0]))
    assert (pixels == GREY).all()


def test_the_name_stands_above_the_box() -> None:
    drawn = draw(blank(200, 300), objects([[50, 60, 150, 160]], [0]))
    patch = drawn[48:58, 50:90]
    assert (patch == class_colour(0)).all(axis=2).any()
    nearest_to_text = abs(patch.astype(int) - text_colour(class_colour(0))).sum(axis=2).min()
    assert nearest_to_text < 60  # the edges of letters are smoothed


@pytest.mark.parametrize(
    "box",
    [[0, 0, 300, 200], [290, 0, 300, 4], [0, 199, 1, 200], [299, 199, 300, 200]],
    ids=["all", "top right", "bottom left", "bottom right"],
)
def test_names_stay_in_the_image(box: list[int]) -> None:
    drawn = draw(blank(200, 300), objects([box], [1], names=("a", "sesquipedalian")))
    assert (drawn == class_colour(1)).all(axis=2).sum() > 300  # the patch of the name, whole


def test_names_with_accents_and_of_other_scripts_can_be_read() -> None:
    """What a font lacks it shows as a box: the same box, whatever the letter."""
    seen = [text_font(20).getmask(letter) for letter in ("ä", "ž", "Ж", "λ", "\uffff")]
    assert len({(mask.size, bytes(mask)) for mask in seen}) == len(seen)


def test_the_best_is_drawn_on_top() -> None:
    found = objects([[50, 50, 150, 150], [50, 50, 150, 150]], [0, 1])  # best first
    assert draw(blank(200, 200), found)[100, 50].tolist() == list(class_colour(0))


def test_the_names_of_overlapping_objects_can_both_be_read() -> None:
    """Two classes are found in one place: no text covers the other."""
    boxes = [[50, 60, 150, 160], [52, 62, 150, 160], [55, 60, 150, 158]]
    taken: list[Patch] = []
    for box in boxes:
        taken.append(place(box, (60, 14), (300, 200), taken))
    for one, other in itertools.combinations(taken, 2):
        assert not overlap(one, other)


@pytest.mark.parametrize("corner", [(0, 0), (280, 0), (0, 190), (280, 190)], ids=str)
def test_names_that_evade_others_stay_in_the_image(corner: tuple[int, int]) -> None:
    taken: list[Patch] = []
    box = [*corner, corner[0] + 20, corner[1] + 10]
    for _ in range(5):
        taken.append(place(box, (60, 14), (300, 200), taken))
    for x1, y1, x2, y2 in taken:
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= 300
        assert y2 <= 200
    assert not any(overlap(*pair) for pair in itertools.combinations(taken, 2))


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2, 2)], ids=str)
def test_images_of_any_size_can_be_drawn_on(size: tuple[int, int]) -> None:
    drawn = draw(blank(*size), objects([[0, 0, size[1], size[0]]], [0]))
    assert drawn.shape == (*size, 3)


def test_nothing_found_leaves_the_image() -> None:
    pixels = blank(20, 20)
    np.testing.assert_array_equal(draw(pixels, objects([], [])), pixels)


def test_a_thousand_classes_have_a_colour_and_neighbours_differ() -> None:
    colours = [class_colour(index) for index in range(1000)]
    for one, next_ in itertools.pairwise(colours):
        assert sum(abs(a - b) for a, b in zip(one, next_, strict=True)) > 100
    assert len(set(colours)) > 500


def test_text_stands_out() -> None:
    """At least the 4.5 to 1 that WCAG asks of text."""
    for index in range(200):
        background = class_colour(index)
        lighter, darker = sorted(map(luminance, (background, text_colour(background))))[::-1]
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: tuple[int, int, int]) -> float:
    linear = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, dtype=np.uint8)


def objects(
    boxes: list[list[int]], classes: list[int], names: tuple[str, ...] = ("a", "b", "c", "d")
) -> Objects:
    """Objects on an image of 200 x 300."""
    return Objects(
        (200, 300),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, len(classes), dtype=np.float32),
        np.array(classes, dtype=np.int64),
        names,
    )


def test_texts_hide_at_most_a_fifth_of_an_image_and_the_last_box_has_one() -> None:
    pixels = np.zeros((320, 320, 3), dtype=np.uint8)
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 200, (300, 2))
    boxes = np.hstack([corners, corners + 100]).astype(np.float32)
    red, green = (255, 0, 0), (0, 255, 0)
    bare = draw_boxes(pixels, boxes, [""] * 300, [red] * 300)
    drawn = draw_boxes(pixels, boxes, ["a long text"] * 300, [red] * 299 + [green])
    assert (drawn != bare).any(axis=2).mean() < MOST_COVERED + 0.02
    assert (drawn == green).all(axis=2).sum() > 800  # its text, not only its sides
