"""`maenas data`: sets generated, checked and shown from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.api import data
from maenas.cli.training.data_stats_text import stats_text
from maenas.detector.data.make_shapes import ShapeSet, make_shapes
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.sampling.options import SamplingOptions
from maenas.detector.data.sampling.stats import DataStats, Frequency
from maenas.detector.evaluate.sampling_plot import ends
from maenas.detector.media.images import read_image
from maenas.detector.media.resize import resized


@pytest.fixture
def shapes(tmp_path: Path) -> None:
    """A generated data set in the folder `set` of where commands are typed."""
    (tmp_path / "set").mkdir()
    make_shapes(ShapeSet(images=20, size=96), tmp_path / "set")


def test_a_set_is_generated(typed):
    ran = typed("data", "make-shapes", "--out", "set", "--images", 5, "--size", 64)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "5 to train, 1 to val; classes disk, square, triangle",
        "written: set/data.yaml",
    ]
    again = typed("data", "make-shapes", "--out", "set")
    assert again.code == 2
    assert "set: is not empty; --exist-ok writes" in again.err


def test_a_generated_set_has_no_error(shapes, typed):
    ran = typed("data", "check", "set", "--json")
    assert ran.code == 0
    assert ran.json["schema"] == "maenas/data-check@1"
    assert ran.json["errors"] == 0
    counted = ran.json["splits"]["train"]
    assert counted["images"] == 20
    assert sum(counted["classes"].values()) == counted["objects"]
    plain = typed("data", "check", "set/data.yaml").out
    assert plain.startswith("train: 20 images (")
    assert "\nval: 4 images (" in plain
    assert "classes more" not in plain  # there are three


def test_a_set_is_converted(shapes, typed):
    ran = typed("data", "convert", "set", "--to", "voc", "--out", "voc")
    assert ran.code == 0
    first, second, renamed, last = ran.out.splitlines()
    assert renamed.startswith("renamed: 4 images, such as set/images/val/")
    assert first.startswith("train: 20 images, ")
    assert second.startswith("val: 4 images, ")
    assert last == "written: voc/data.yaml"
    assert typed("data", "check", "voc").code == 0


def test_a_conversion_counts_the_images_that_it_renames(typed, tmp_path):
    for split, name in (("train", "#hash.jpg"), ("train", "100%.jpg"), ("val", "plain.jpg")):
        (tmp_path / split).mkdir(exist_ok=True)
        Image.new("RGB", (32, 32)).save(tmp_path / split / name)
        (tmp_path / split / name).with_suffix(".txt").write_text("0 .5 .5 .5 .5\n")
    Image.new("RGB", (32, 32)).save(tmp_path / "train" / "plain.jpg")
    Path("data.yaml").write_text("train: train\nval: val\nnames: [a]\n")
    yolo = typed("data", "convert", "data.yaml", "--to", "yolo", "--out", "yolo").out
    assert "renamed: 2 images, such as train/#hash.jpg to _hash.jpg\n" in yolo
    voc = typed("data", "convert", "data.yaml", "--to", "voc", "--out", "voc").out
    assert "renamed: 3 images, such as train/#hash.jpg to _hash.jpg\n" in voc
    again = typed("data", "convert", "yolo", "--to", "coco", "--out", "coco").out
    assert "renamed" not in again


def test_a_conversion_skips_images_of_another_size_than_the_annotations_say(shapes, typed):
    assert typed("data", "convert", "set", "--to", "coco", "--out", "coco").code == 0
    image = sorted(Path("coco").rglob("*.jpg"))[0]
    split = image.parent.name
    Image.new("RGB", (50, 40)).save(image)
    ran = typed("data", "convert", "coco", "--to", "yolo", "--out", "yolo")
    assert ran.code == 0
    assert f"{split}: skipped 1 of the labels and images, such as {image}: is 50x40" in ran.err
    assert f"{split}: {19 if split == 'train' else 3} images, " in ran.out
    assert not list(Path("yolo").rglob(f"{split}/{image.stem}.*"))


@pytest.mark.parametrize("options", [(), ("--link",)])
def test_a_conversion_skips_damaged_images_in_one_line(shapes, typed, options):
    images = sorted(Path("set").rglob("images/train/*"))[:3]
    for image in images:
        content = image.read_bytes()
        image.write_bytes(content[: len(content) // 2])
    ran = typed("data", "convert", "set", "--to", "yolo", "--out", "new", *options)
    assert ran.code == 0
    told = f"train: skipped 3 of the labels and images, such as {images[0]}: cannot be read: "
    assert ran.err.count(told) == 1
    assert ran.err.count("cannot be read") == 1
    assert "train: 17 images, " in ran.out
    assert "objects; 3 images left out\n" in ran.out
    (counted,) = (line for line in ran.out.splitlines() if line.startswith("train: "))
    checked = typed("data", "check", "set").out.splitlines()[0]
    assert checked.startswith("train: 17 images (")
    assert checked.endswith("; 3 images left out")
    assert f", {counted.split(', ')[1].split(';')[0]}: " in checked
    written = {image.name for image in Path("new").rglob("images/train/*")}
    assert len(written) == 17
    assert written.isdisjoint(image.name for image in images)
    assert "cannot be read" not in typed("data", "check", "new").out


def test_a_conversion_counts_the_boxes_that_were_cut(typed, tmp_path):
    Image.new("RGB", (80, 40)).save(tmp_path / "a.png")
    Path("list.csv").write_text("a.png,10,10,90,30,cat\n")
    ran = typed("data", "convert", "list.csv", "--to", "yolo", "--out", "new")
    assert ran.code == 0
    assert "train: boxes cut at the edge of the image: 1 of 1, such as list.csv:1; so" in ran.err


def test_a_conversion_counts_regions_to_ignore_as_a_check_does(typed, tmp_path):
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).mkdir()
    Image.new("RGB", (80, 40)).save(tmp_path / "JPEGImages" / "a.jpg")
    objects = "".join(
        f"<object><name>cat</name><difficult>{number}</difficult><bndbox><xmin>9</xmin>"
        f"<ymin>9</ymin><xmax>30</xmax><ymax>{20 + number}</ymax></bndbox></object>"
        for number in (0, 1)
    )
    Path("Annotations/a.xml").write_text(f"<a><filename>a.jpg</filename>{objects}</a>")
    ran = typed("data", "convert", ".", "--to", "yolo", "--out", "new")
    assert "train: 1 image, 1 object; 1 region to ignore\n" in ran.out
    assert (
        "train: 1 image (0 background), 1 object: cat 1; 1 region"
        in typed("data", "check", ".").out
    )


def test_formats_are_named_in_letters_of_any_case(shapes, typed):
    assert typed("data", "convert", "set", "--to", "COCO", "--out", "new").code == 0
    assert list(Path("new").rglob("*.json"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("set", "--to", "vok"), "format must be one of coco, yolo, voc, got vok"),
        (("set", "--to", "voc", "--out", "set"), "set: is not empty; --out names another folder"),
        (("sets", "--to", "voc"), "sets: no such file or folder"),
        (("new", "--to", "voc", "--out", "new/voc"), "new: no such file or folder"),
    ],
)
def test_a_set_that_cannot_be_converted_leaves_nothing(shapes, typed, words, message):
    ran = typed("data", "convert", *words, *(() if "--out" in words else ("--out", "new")))
    assert ran.code == 2
    assert message in ran.err
    assert not Path("new").exists()


def test_the_folder_to_write_into_is_looked_at_before_the_images(shapes, typed):
    ran = typed("data", "convert", "set", "--to", "voc", "--out", "set")
    assert ran.err == "error: set: is not empty; --out names another folder.\n"


def test_classes_that_differ_in_case_alone_are_pointed_out(shapes, typed):
    described = Path("set/data.yaml")
    described.write_text(described.read_text().replace("disk", "Square_"))
    ran = typed("data", "check", "set")
    assert "classes 'Square_' and 'square' differ in case or separators alone" in ran.out


def test_a_set_of_which_nothing_can_be_used_is_not_converted(shapes, typed):
    for labels in Path("set").rglob("labels/*/*.txt"):
        labels.write_text("0 5 5 2 2\n")
    ran = typed("data", "convert", "set", "--to", "coco", "--out", "new")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "train: holds no image that can be used, such as" in ran.err
    assert not Path("new").exists()


def test_labels_that_a_training_skips_are_warnings(typed, tmp_path):
    broken = tmp_path / "broken"
    (broken / "images").mkdir(parents=True)
    (broken / "labels").mkdir()
    for number in range(8):
        Image.new("RGB", (32, 32)).save(broken / "images" / f"{number}.png")
        (broken / "labels" / f"{number}.txt").write_text("0 .5 .5 .5 .5\n3 .5 .5 nan .5\n")
    (broken / "data.yaml").write_text("train: images\nnames: [a]\n")
    ran = typed("data", "check", "broken")
    assert ran.code == 0
    assert "warning (labels): broken/labels/0.txt:2: holds a number that is not finite" in ran.words
    assert "and 3 more like it; --all lists them" in ran.words
    assert ran.out.splitlines()[-1] == "0 errors, 9 warnings; a training skips 8 labels or images"
    everything = typed("data", "check", "broken", "--all")
    assert everything.code == 0
    assert everything.words.count("is not finite") == 8
    told = typed("data", "check", "broken", "--json")
    assert told.code == 0
    assert told.json["errors"] == 0
    assert told.json["skipped"] == 8


def test_what_concerns_a_whole_file_is_not_hidden_behind_its_labels(typed, tmp_path):
    Image.new("RGB", (80, 40)).save(tmp_path / "a.png")
    corners, zero = [50, 20, 70, 30], [1, 1, 0, 1]
    outline = [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]
    rows = [
        {"id": number, "image_id": 1, "category_id": 1, "bbox": box, "segmentation": outline}
        for number, box in enumerate([*([zero] * 6), corners])
    ]
    image, category = {"id": 1, "file_name": "a.png"}, {"id": 1, "name": "cat"}
    whole = {"images": [image], "annotations": rows, "categories": [category]}
    (tmp_path / "set.json").write_text(json.dumps(whole))
    words = typed("data", "check", "set.json").words
    assert "annotation 6: reaches beyond" not in words  # beyond the first five labels
    assert "warning (files): set.json: segmentation of 1 of 7 objects lies" in words
    assert "warning (files): set.json (train): boxes cut at the edge of the image: 1 of 1" in words


def test_what_stops_a_training_is_an_error_and_ends_with_2(typed, tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "images" / "a.png")
    (tmp_path / "data.yaml").write_text("train: images\nval: gone\nnames: [a]\n")
    ran = typed("data", "check", ".")
    assert ran.code == 2
    assert "error (files): data.yaml: val: nothing is at gone" in ran.words
    assert "error (balance): data.yaml (train): no image has an object" in ran.words


def test_classes_beyond_the_most_frequent_are_counted(typed, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .5 .5\n")
    (tmp_path / "data.yaml").write_text("train: images\nnc: 6\n")
    assert "4 0 and 1 class more" in typed("data", "check", ".").out
    (tmp_path / "data.yaml").write_text("train: images\nnc: 5\n")
    assert "more" not in typed("data", "check", ".").out.splitlines()[0]


def test_a_check_of_many_images_names_the_option_that_reads_fewer(shapes, typed, monkeypatch):
    monkeypatch.setattr(data, "MANY", 23)  # of 20 and 4 images
    hint = "check: reads all 24 images; --most 10000 reads some of each split\n"
    assert hint in typed("data", "check", "set").err
    assert "check: reads all" not in typed("data", "check", "set", "--most", 5).err
    monkeypatch.setattr(data, "MANY", 24)
    assert "check: reads all" not in typed("data", "check", "set").err


def test_a_check_is_for_an_input_of_any_shape(shapes, typed, monkeypatch):
    asked = []

    def noted(dataset, size):
        asked.append(size)
        return []

    monkeypatch.setattr("maenas.detector.data.check.check_boxes", noted)
    for size in ("640", "64x320"):
        assert typed("data", "check", "set", "--size", size).code == 0
    assert set(asked) == {(640, 640), (64, 320)}


def test_sheets_have_the_shape_of_the_input(shapes, typed):
    typed("data", "show", "set", "--size", "64x160", "--batch", 1, "--sheets", 1, "--out", "seen")
    with Image.open("seen/train_0.jpg") as image:
        assert image.width / image.height == 2.5


@pytest.mark.parametrize("options", [{}, {"augmented": False, "resize": "letterbox"}])
def test_sheets_show_images_and_labels_as_they_are(shapes, typed, monkeypatch, options):
    drawn = []
    monkeypatch.setattr("maenas.detector.data.show.save_sheet", lambda *args: drawn.append(args))
    data.show_data("set", "seen", size=64, sheets=2, batch=4, **options)
    dataset = read_dataset(Path("set"), "train")
    by_id = {sample.image_id: sample for sample in dataset.samples}
    numbers = [number for batch, *_ in drawn for number in batch.image_ids]
    assert len(set(numbers)) == 8
    for batch, names, _ in drawn:
        assert names == dataset.names
        for index, number in enumerate(batch.image_ids):
            sample, shown = by_id[number], batch.valid[index]
            pixels = resized(read_image(sample.path), (64, 64))
            assert (batch.images[index].float() - pixels.float()).abs().mean() < 1
            assert batch.labels[index][shown].tolist() == sample.labels.tolist()
            boxes = batch.boxes[index][shown].numpy()
            assert np.allclose(boxes, sample.boxes * 64 / 96, atol=1e-4)


def test_sheets_show_what_the_network_sees(shapes, typed):
    command = ("data", "show", "set", "--size", 96, "--batch", 4, "--sheets", 2, "--out", "seen")
    ran = typed(*command)
    assert ran.code == 0
    assert ran.out == "written: seen, 2 sheets of up to 4 images\n"
    for name in ("train_0.jpg", "train_1.jpg"):
        with Image.open(Path("seen") / name) as image:
            assert image.size == (768, 768)  # four times as large, to be read
    assert "is not empty" in typed(*command).err


def test_sheets_follow_a_recipe(shapes, typed):
    recipe = "format: maenas/recipe@1\naugmentation: {mosaic: 0, mixup: 0, sada: false}\n"
    Path("own.yaml").write_text(recipe)
    sheets = []
    for number, options in enumerate([(), ("--recipe", "s"), ("--recipe", "own.yaml")]):
        out = f"sheets{number}"
        shown = typed(
            "data",
            "show",
            "set",
            "--size",
            96,
            "--augmented",
            "--sheets",
            1,
            "--out",
            out,
            *options,
        )
        assert shown.code == 0, shown.err
        sheets.append((Path(out) / "train_0.jpg").read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("check", "gone.yaml"), "error: gone.yaml: no such file."),
        (("check", "set/images"), "error: set/images: is no data set, but set is one."),
        (("show", "set", "--split", "test"), "has no split 'test'"),
        (
            ("show", "set", "--size", "50"),
            "sides must be multiples of 32, such as 32 or 64, got 50",
        ),
        (("show", "set", "--recipe", "s"), "can be shown, by --augmented as well"),
        (("show", "set", "--plain", "--recipe", "s"), "can be shown, by --augmented as well"),
        (("show", "set", "--resize", "crop"), "resize must be one of letterbox, stretch"),
        (("make-shapes", "--out", "other", "--level", "mean"), "level must be one of easy"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_in_a_line(shapes, typed, command, message):
    ran = typed("data", *command)
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not Path("other").exists()


def test_statistics_are_shown_as_text_json_and_a_plot(shapes, typed, tmp_path):
    changes = ("--set", "sampling.class_aware=true", "--set", "sampling.epoch_images=40")
    ran = typed("data", "stats", "set", *changes, "--out", tmp_path / "stats.png")
    assert ran.code == 0
    first = "train: 20 images (3 background); an epoch draws 40 (power 1.0, class-aware, cap 10.0)"
    assert ran.out.splitlines()[0] == first
    with Image.open(tmp_path / "stats.png") as plot:
        assert plot.width == 1080
    shown = typed("data", "stats", "set", *changes, "--json").json
    assert shown["drawn"] == 40
    assert shown["sources"][0]["epochs"] == 2.0
    assert [each["name"] for each in shown["classes"]] == ["disk", "square", "triangle"]


def test_statistics_refuse_settings_that_cannot_be(shapes, typed):
    ran = typed("data", "stats", "set", "--set", "sampling.power=2")
    assert ran.code == 2
    assert "sampling: power must be 0 to 1, got 2" in ran.err


def test_long_lists_of_classes_are_cut_in_the_middle():
    rows = tuple(Frequency(f"class {n}", 60 - n, 60 - n, 0.01, 0.01, 1.0) for n in range(60))
    whole = Frequency("set", 60, 60, 1.0, 1.0, 1.0)
    empty = Frequency("nothing", 0, 0, 0.0, 0.0, 0.0)
    stats = DataStats(Path("set"), "train", 60, 0, 60, SamplingOptions(), (whole,), (*rows, empty))
    lines = stats_text(stats, show_all=False)
    assert "  and 40 classes between them; --all lists them" in lines
    assert lines[-1] == "  and 1 class without an image"
    assert len(lines) == 3 + 1 + 20 + 2
    assert len(stats_text(stats, show_all=True)) == 3 + 1 + 61
    assert ends(rows, 4) == ([rows[0], rows[1], rows[58], rows[59]], 56)
