"""Pascal VOC folders, as published and as tools leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset, splits_of

OBJECT = "<object><name>{}</name><difficult>{}</difficult><bndbox>{}</bndbox></object>"
NAMES = ("xmin", "ymin", "xmax", "ymax")


def entry(name: str, *corners: object, difficult: object = 0) -> str:
    box = "".join(f"<{k}>{v}</{k}>" for k, v in zip(NAMES, corners, strict=True))
    return OBJECT.format(name, difficult, box)


def add(folder: Path, stem: str, *objects: str, filename: str = "", size: str = "") -> None:
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(folder / f"JPEGImages/{stem}.jpg")
    text = f"<annotation><filename>{filename or stem + '.jpg'}</filename>{size}"
    xml = folder / "Annotations" / f"{stem}.xml"
    xml.write_text(text + "".join(objects) + "</annotation>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    size = "<size><width>80</width><height>40</height></size>"
    add(tmp_path, "a", entry("dog", 1, 1, 80, 40), entry("cat", 11, 6, 20, 10), size=size)
    add(tmp_path, "b", entry("cat", 2, 3, 4, 5, difficult=1))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("b\na  1\n")
    (lists / "val.txt").write_text("a -1\n")
    return tmp_path


def test_pixels_are_counted_from_one_and_both_ends_belong_to_a_box(folder):
    dataset = read_dataset(folder, "val")
    assert dataset.names == ("cat", "dog")
    assert dataset.samples[0].boxes.tolist() == [[0, 0, 80, 40], [10, 5, 20, 10]]
    assert dataset.samples[0].labels.tolist() == [1, 0]
    assert dataset.problems == ()


def test_lists_give_the_splits_and_their_order(folder):
    assert splits_of(folder) == ("train", "val")
    dataset = read_dataset(folder, "train")
    assert [sample.path.stem for sample in dataset.samples] == ["b", "a"]
    assert dataset.samples[0].crowd.tolist() == [True]  # difficult ones are ignored
    assert dataset.samples[0].size == (40, 80)  # of the image where the file has none
    with pytest.raises(DataError, match="has no split 'test'"):
        read_dataset(folder, "test")


def test_two_spellings_of_a_name_in_a_list_are_one_image(folder):
    (folder / "ImageSets/Main/val.txt").write_text("a\n./a\n.\\a 1\n")
    assert [sample.path.name for sample in read_dataset(folder, "val").samples] == ["a.jpg"]


def test_without_lists_all_images_are_train(folder):
    for file in (folder / "ImageSets/Main").iterdir():
        file.unlink()
    assert splits_of(folder) == ("train",)
    assert len(read_dataset(folder)) == 2


def test_an_image_with_two_xml_files_is_left_out_with_both_names(folder):
    text = (folder / "Annotations/a.xml").read_text()
    (folder / "Annotations/a.XML").write_text(text.replace("dog", "cat"))
    dataset = read_dataset(folder, "train")
    assert [sample.path.stem for sample in dataset.samples] == ["b"]
    (problem,) = dataset.problems
    told = f"{folder}/Annotations/a.xml: is there as a.xml and as a.XML; correct it, or remove it"
    assert str(problem).startswith(told)
    assert problem.skips


def test_suffixes_count_in_any_case(folder):
    (folder / "Annotations/a.xml").rename(folder / "Annotations/a.XML")
    (folder / "JPEGImages/a.jpg").rename(folder / "JPEGImages/a.JPG")
    assert [sample.path.name for sample in read_dataset(folder, "train").samples] == [
        "b.jpg",
        "a.JPG",
    ]
    (folder / "ImageSets/Main/train.txt").unlink()
    (folder / "ImageSets/Main/val.txt").unlink()
    assert [sample.path.name for sample in read_dataset(folder).samples] == ["a.JPG", "b.jpg"]
    assert read_dataset(folder).names == ("cat", "dog")


def test_a_box_of_no_size_and_a_wrong_file_name_are_reported(folder):
    add(folder, "a", entry("cat", 5, 5, 5, 9), entry("cat", 5, 5, 9, 9), filename="z.jpg")
    dataset = read_dataset(folder, "val")
    first, second = sorted(map(str, dataset.problems), key=len, reverse=True)
    assert "a.xml: object 1: has a width or height of zero or less" in first
    assert "a.xml: filename is 'z.jpg', a.jpg was taken" in second
    assert dataset.samples[0].boxes.tolist() == [[4, 4, 9, 9]]


def test_an_empty_difficult_is_none_and_a_wrong_one_leaves_out_its_object(folder):
    wrong = entry("dog", 2, 3, 9, 9, difficult="Unspecified")
    add(folder, "a", entry("cat", 2, 3, 9, 9, difficult=""), wrong)
    dataset = read_dataset(folder, "val")
    assert dataset.samples[0].boxes.tolist() == [[1, 2, 9, 9]]
    assert dataset.samples[0].crowd.tolist() == [False]
    (problem,) = dataset.problems
    assert problem.where.endswith("a.xml: object 2")
    assert problem.what == "difficult must be 0 or 1, got 'Unspecified'"


@pytest.mark.parametrize("encoding", ["GBK", "gb2312", "big5", "EUC-KR", "UTF-16", "Shift_JIS"])
def test_the_encoding_of_a_file_is_the_one_it_states(folder, encoding):
    word = "한국" if encoding == "EUC-KR" else "日本"
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>{entry(word, 1, 1, 9, 9)}</a>'
    (folder / "Annotations/a.xml").write_bytes(text.encode(encoding))
    assert word in read_dataset(folder, "val").names


def test_a_file_in_another_encoding_than_it_states_is_left_out(folder):
    text = b'<?xml version="1.0" encoding="gbk"?><a/>' + b"\xff"
    (folder / "Annotations/b.xml").write_bytes(text)
    (problem, *_) = read_dataset(folder, "train").problems
    assert "b.xml: is no XML: 'gbk' codec can't decode byte 0xff" in str(problem)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotation>", "is no XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a DOCTYPE"),
        ("<a><object><bndbox/></object></a>", "object 1: name: must be text"),
        (f"<a>{entry('cat', 1, 1, 2, 2, difficult='maybe')}</a>", "difficult must be 0 or 1"),
    ],
)
def test_a_damaged_file_is_left_out_with_a_line(folder, content, message):
    (folder / "Annotations/b.xml").write_text(content)
    dataset = read_dataset(folder)
    assert [sample.path.stem for sample in dataset.samples] == ["a"]
    assert "b.xml: " in str(dataset.problems[0])
    assert message in str(dataset.problems[0])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("", "object 2: has no bndbox"),
        ("<bndbox><xmin>3</xmin></bndbox>", "object 2: ymin is missing"),
        (
            "<bndbox><xmin>10,5</xmin><ymin>1</ymin><xmax>20</xmax><ymax>9</ymax></bndbox>",
            "object 2: xmin must be a number, got '10,5' (write a decimal point",
        ),
    ],
)
def test_an_object_without_four_numbers_says_which_is_wrong(folder, box, message):
    wrong = f"<object><name>cat</name>{box}</object>"
    add(folder, "a", entry("dog", 1, 1, 9, 9), wrong)
    dataset = read_dataset(folder, "val")
    assert [message in str(problem) for problem in dataset.problems] == [True]
    assert dataset.samples[0].boxes.tolist() == [[0, 0, 9, 9]]


def test_files_that_all_fail_are_counted_and_the_first_is_named(folder):
    for stem in ("a", "b"):
        latin = "<annotation><object><name>\xe9</name></object></annotation>".encode("latin-1")
        (folder / f"Annotations/{stem}.xml").write_bytes(latin)
    with pytest.raises(DataError, match=r": 2 of 2 cannot be read, such as .*a\.xml: is no XML"):
        read_dataset(folder, "val")


def test_files_without_objects_give_no_class(folder):
    for stem in ("a", "b"):
        add(folder, stem)
    with pytest.raises(DataError, match=r"no XML file has an object that can be used\.$"):
        read_dataset(folder, "val")


def test_corners_in_shares_of_the_image_are_refused(folder):
    add(folder, "a", entry("dog", 0.21, 0.41, 0.8, 0.9), entry("cat", "nan", 0, 1, 1))
    with pytest.raises(DataError, match=r"\(val\): every corner is in 0\.\.1"):
        read_dataset(folder, "val")


def test_a_box_of_the_first_pixels_is_no_share(folder):
    add(folder, "a", entry("dog", 1, 1, 2, 2))
    assert read_dataset(folder, "val").samples[0].boxes.tolist() == [[0, 0, 2, 2]]


def test_a_line_with_two_words_names_no_image_of_the_first(folder):
    (folder / "ImageSets/Main/val.txt").write_text("a b\na\n")
    dataset = read_dataset(folder, "val")
    assert [sample.path.name for sample in dataset.samples] == ["a.jpg"]
    (problem,) = dataset.problems
    assert Path(problem.where).name == "a b.xml"
    assert "remove it from" in problem.fix


def test_names_of_images_may_hold_blanks(folder):
    for stem in ("c", "c d", "c 1"):
        add(folder, stem, entry("cat", 1, 1, 9, 9))
    (folder / "ImageSets/Main/val.txt").write_text("c d\nc 1\na\t-1\nb 0\n")
    names = [sample.path.stem for sample in read_dataset(folder, "val").samples]
    assert names == ["c d", "c 1", "a", "b"]


def test_a_line_that_may_mean_two_images_is_refused(folder):
    add(folder, "a 1", entry("cat", 1, 1, 9, 9))
    (folder / "ImageSets/Main/val.txt").write_text("b -1\na 1\n")
    with pytest.raises(DataError, match=r"val\.txt:2: may mean the image 'a' or 'a 1'"):
        read_dataset(folder, "val")


def test_a_list_cannot_lead_out_of_the_folder(folder):
    (folder / "ImageSets/Main/val.txt").write_text("a\n../../x\n")
    with pytest.raises(DataError, match=r"val.txt:2: '../../x' is not the name of an image"):
        read_dataset(folder, "val")


def test_a_yaml_names_the_format_and_the_classes(folder, tmp_path):
    file = folder / "data.yaml"
    file.write_text("format: voc\nnames: [dog, cat]\n")
    assert read_dataset(folder, "val").samples[0].labels.tolist() == [0, 1]
    file.write_text("format: voc\nnames: [dog]\n")
    assert "class 'cat' is not among `names`" in str(read_dataset(folder, "val").problems[0])
    file.write_text("format: vox\n")
    with pytest.raises(DataError, match=r"format: is 'vox'; did you mean voc\?"):
        read_dataset(folder)


def test_a_document_type_is_refused_in_any_encoding(folder):
    entity = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    (folder / "Annotations/b.xml").write_bytes(entity.encode("utf-16"))
    dataset = read_dataset(folder)
    assert any("b.xml: declares a DOCTYPE" in str(problem) for problem in dataset.problems)


def beside(folder: Path, stem: str, *objects: str, suffix: str = ".jpg") -> None:
    """An image, and its XML file in the same folder."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 80, 3), dtype=np.uint8)).save(folder / f"{stem}{suffix}")
    text = f"<annotation><filename>{stem}{suffix}</filename>{''.join(objects)}</annotation>"
    (folder / f"{stem}.xml").write_text(text)


def test_the_folders_of_roboflow_hold_images_and_xml_side_by_side(tmp_path):
    beside(tmp_path / "train", "a_jpg.rf.1", entry("dog", 1, 1, 80, 40))
    beside(tmp_path / "train", "b_jpg.rf.2")
    beside(tmp_path / "valid", "c_jpg.rf.3", entry("cat", 11, 6, 20, 10))
    assert splits_of(tmp_path) == ("train", "val")
    train, val = (read_dataset(tmp_path, split) for split in ("train", "val"))
    assert train.names == val.names == ("cat", "dog")
    assert [sample.path.name for sample in train.samples] == ["a_jpg.rf.1.jpg", "b_jpg.rf.2.jpg"]
    assert [sample.labels.tolist() for sample in train.samples] == [[1], []]
    assert val.samples[0].boxes.tolist() == [[10, 5, 20, 10]]
    assert train.problems == val.problems == ()
    with pytest.raises(DataError, match="has no split 'test', but train and val"):
        read_dataset(tmp_path, "test")


def test_a_folder_of_images_with_their_xml_is_train(tmp_path):
    beside(tmp_path, "a", entry("dog", 1, 1, 80, 40), suffix=".PNG")
    assert splits_of(tmp_path) == ("train",)
    assert read_dataset(tmp_path).names == ("dog",)


def test_xml_files_without_images_are_no_data_set(tmp_path):
    (tmp_path / "pom.xml").write_text("<project/>")
    with pytest.raises(DataError, match=r"is not .*\.xml files beside the images"):
        read_dataset(tmp_path)


def test_files_that_macos_leaves_beside_xml_files_are_no_images(tmp_path):
    add(tmp_path, "a", entry("cat", 1, 1, 9, 9))
    (tmp_path / "Annotations" / "._a.xml").write_bytes(b"\0")
    dataset = read_dataset(tmp_path)
    assert len(dataset) == 1
    assert dataset.problems == ()
