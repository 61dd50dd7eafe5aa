"""CSV lists: with and without a header, as Roboflow exports them, and as people damage them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError
from maenas.detector.data.readers.read import read_dataset, splits_of

HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


@pytest.fixture
def listed(tmp_path):
    """Writes two images of 80 x 40 and a list; returns the path of the list."""

    def write(text, name="set.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for stem in ("a", "b"):
            Image.fromarray(np.zeros((40, 80, 3), np.uint8)).save(path.parent / f"{stem}.jpg")
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "a.jpg,80,40,dog,1,2,30.5,20\nb.jpg,80,40,cat,0,0,80,40\n",
        "a.jpg,1,2,30.5,20,dog\nb.jpg,0,0,80,40,cat\n",  # as keras-retinanet has it
        "\ufeffImage;Label;Left;Top;Right;Bottom\r\na.jpg;dog;1;2;30.5;20\r\n\r\nb.jpg;cat;0;0;80;40\r\n",
        "\nimage\tlabel\tx1\ty1\tx2\ty2\na.jpg\tdog\t1\t2\t30.5\t20\nb.jpg\tcat\t0\t0\t80\t40\n",
        "a.jpg\t1\t2\t30.5\t20\tdog\nb.jpg\t0\t0\t80\t40\tcat\n",
        "image;label,as text;xmin;ymin;xmax;ymax;class\n"
        "a.jpg;;1;2;30.5;20;dog\nb.jpg;;0;0;80;40;cat\n",
    ],
    ids=["roboflow", "bare", "semicolons", "tabs", "bare-tabs", "commas-in-names"],
)
def test_a_list_gives_images_classes_and_corners(listed, text):
    data = read_dataset(listed(text))
    assert data.names == ("cat", "dog")
    assert data.problems == ()
    assert [each.path.name for each in data.samples] == ["a.jpg", "b.jpg"]
    assert data.samples[0].boxes.tolist() == [[1, 2, 30.5, 20]]
    assert [int(each.labels[0]) for each in data.samples] == [1, 0]


@pytest.mark.parametrize(
    "header",
    [
        "filename,class,x,y,w,h",
        "filename,class,x,y,width,height",
        "filename,class,left,top,width,height",
        "filename,class,bbox_x,bbox_y,bbox_width,bbox_height",
    ],
)
def test_a_corner_with_width_and_height_is_a_box(listed, header):
    dataset = read_dataset(listed(f"{header}\na.jpg,dog,10,5,20,30\nb.jpg,,,,,\n"))
    assert dataset.samples[0].boxes.tolist() == [[10, 5, 30, 35]]
    assert len(dataset.samples[1].boxes) == 0
    assert dataset.problems == ()


def test_sides_of_a_box_and_those_of_the_image_stand_in_one_list(listed):
    header = "filename,width,height,class,x,y,w,h"
    dataset = read_dataset(listed(f"{header}\na.jpg,80,40,dog,10,5,20,30\nb.jpg,8,4,dog,1,1,2,2\n"))
    assert dataset.samples[0].boxes.tolist() == [[10, 5, 30, 35]]
    (problem,) = dataset.problems
    assert "b.jpg is 80x40 when upright, but line 3 is for 8x4" in problem.what


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("filename,width,height,class,x,y", "lacks a column for x1"),  # a point in an image
        ("filename,class,x_center,y_center,w,h", "lacks a column for x1"),
        ("filename,class,x,xmin,y,w,h", "columns 'xmin' and 'x' may both be x1"),
        ("filename,class,x,y,w,w,h", "columns 'w' and 'w' may both be w"),
        ("filename,x,y,w,h", "lacks a column for class"),
    ],
)
def test_a_corner_that_may_be_something_else_is_refused(listed, header, message):
    with pytest.raises(DataError, match=message):
        read_dataset(listed(f"{header}\na.jpg,1,2,3,4,5,6\n"))


def test_a_list_with_tabs_may_have_a_suffix_of_its_own(listed):
    path = listed("a.jpg\t1\t2\t30\t20\tdog\n", "set.TSV")
    assert read_dataset(path).objects == 1


def test_a_decimal_comma_between_semicolons_is_named(listed):
    text = "filename;class;x;y;w;h\na.jpg;dog;1,5;2,5;3,5;4,5\nb.jpg;dog;1;2;3;4\n"
    (problem,) = read_dataset(listed(text)).problems[:1]
    assert problem.what.startswith("x must be a number, got '1,5' (write a decimal point")


@pytest.mark.parametrize(
    "text",
    [
        "dog,1,2,30,20,a.jpg,80,40\ncat,0,0,80,40,b.jpg,80,40\n",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
        "dog,1,2,30,20,a.jpg,80,40\ncat,0,0,80,40,b.jpg,80,40\n",
    ],
    ids=["bare", "header"],
)
def test_a_list_of_make_sense_is_read(listed, text):
    data = read_dataset(listed(text))
    assert data.problems == ()
    assert [each.boxes.tolist() for each in data.samples] == [[[1, 2, 31, 22]], [[0, 0, 80, 40]]]


def test_a_list_of_make_sense_states_the_size_of_its_images(listed):
    (problem,) = read_dataset(listed("dog,1,2,9,9,a.jpg,8,4\ncat,0,0,9,9,b.jpg,80,40\n")).problems
    assert "a.jpg is 80x40 when upright, but line 1 is for 8x4" in problem.what


def test_a_list_of_vgg_image_annotator_says_what_to_export(listed):
    header = "filename,file_size,region_count,region_shape_attributes,region_attributes"
    with pytest.raises(DataError, match=r"is a list of VGG Image Annotator, .* export its annot"):
        read_dataset(listed(f"{header}\na.jpg,9,1,{{}},{{}}\n"))


def test_absolute_paths_to_images_in_the_folder_of_the_list_are_read(listed):
    path = listed("")
    path.write_text(f"{path.parent}/a.jpg,1,2,30,20,dog\n/other/b.jpg,1,2,30,20,dog\n")
    data = read_dataset(path)
    assert [each.path for each in data.samples] == [path.parent / "a.jpg"]
    (problem,) = data.problems
    advice = "is an absolute path, which does not lie in the folder of the list"
    assert problem.what == f"image '/other/b.jpg' {advice}"


def test_a_column_is_called_as_in_the_list(listed):
    lines = "a.jpg,1,2,x,20,dog\na.jpg,1,2,30,20,\n"
    path = listed(f"image,xmin,ymin,XMax,ymax,Label\n{lines}a.jpg,1,2,30,20,dog\n")
    number, label = read_dataset(path).problems
    assert number.what == "XMax must be a number, got 'x'"
    assert label.what.startswith("Label: must be text")


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("latin-1", ": line 3 has the byte 0xe9; save it as UTF-8 (Excel: CSV UTF-8)."),
        ("utf-16", ", but in UTF-16; save it as UTF-8 (Excel: CSV UTF-8)."),
    ],
)
def test_a_list_in_another_encoding_is_refused_with_the_line(listed, encoding, message):
    path = listed("")
    path.write_bytes("a.jpg,1,2,3,4,dog\n\nb.jpg,1,2,3,4,caf\u00e9\n".encode(encoding))
    with pytest.raises(DataError) as raised:
        read_dataset(path)
    assert str(raised.value) == f"{path}: is not text in UTF-8{message}"


def test_four_corners_give_the_smallest_upright_box_around_them(listed):
    text = "filename,x1,y1,x2,y2,x3,y3,x4,y4,class\na.jpg,30,2,50,10,30,20,10,12,dog\n"
    dataset = read_dataset(listed(text + "b.jpg,nan,2,50,10,30,20,10,12,dog\nb.jpg,,,,,,,,,\n"))
    assert dataset.samples[0].boxes.tolist() == [[10, 2, 50, 20]]
    (first, _) = dataset.problems
    assert first.what == "holds a number that is not finite"


def test_an_image_of_another_size_than_its_lines_state_is_left_out(listed):
    path = listed(
        HEADER + "a.jpg,80,40,dog,1,2,3,4\na.jpg,160,80,dog,2,4,6,8\nb.jpg,80,40,cat,1,2,3,4\n"
    )
    dataset = read_dataset(path)
    assert [sample.path.name for sample in dataset.samples] == ["b.jpg"]
    (problem,) = dataset.problems
    assert problem.group == "images"
    assert problem.skips
    assert "a.jpg is 80x40 when upright, but line 3 is for 160x80 (columns" in problem.what


@pytest.mark.parametrize("sides", ["80.0,40.0", ",", "0,0"])
def test_a_size_that_is_right_or_unknown_is_no_fault(listed, sides):
    assert read_dataset(listed(f"{HEADER}a.jpg,{sides},dog,1,2,3,4\n")).problems == ()


def test_a_line_without_its_last_optional_columns_is_complete(listed):
    header = "filename,class,xmin,ymin,xmax,ymax,width,height\n"
    dataset = read_dataset(listed(f"{header}a.jpg,dog,1,2,3,4\n"))
    assert dataset.problems == ()
    assert len(dataset) == 1


def test_columns_of_the_box_do_not_hide_those_of_the_image(listed):
    header = "filename,img_width,img_height,width,height,class,xmin,ymin,xmax,ymax\n"
    assert read_dataset(listed(f"{header}a.jpg,80,40,2,2,dog,1,2,3,4\n")).problems == ()


def test_a_folder_of_roboflow_has_its_splits_and_one_list_of_classes(listed, tmp_path):
    listed(HEADER + "a.jpg,80,40,dog,1,2,3,4\n", "train/_annotations.csv")
    listed(HEADER + "a.jpg,80,40,cat,1,2,3,4\n", "valid/_annotations.csv")
    assert splits_of(tmp_path) == ("train", "val")
    assert read_dataset(tmp_path, "train").names == ("cat", "dog")
    assert read_dataset(tmp_path, "val").samples[0].labels.tolist() == [0]


def test_a_data_yaml_names_lists_and_the_order_of_classes(listed, tmp_path):
    listed("a.jpg,1,2,3,4,dog\nb.jpg,,,,,\n")
    (tmp_path / "data.yaml").write_text("train: set.csv\nval: set.csv\nnames: [dog, cat]\n")
    data = read_dataset(tmp_path, "val")
    assert data.names == ("dog", "cat")
    assert [len(each.labels) for each in data.samples] == [1, 0]  # b is background


@pytest.mark.parametrize(
    ("one", "other"),
    [("./a.jpg", "a.jpg"), ("images/a.jpg", "images\\a.jpg"), ("images//a.jpg", "a.jpg")],
)
def test_two_spellings_of_an_image_are_one_image_with_all_labels(listed, one, other):
    path = listed(f"{one},1,2,30,20,dog\n{other},5,6,40,30,cat\n")
    if "images" in one:
        (path.parent / "images").mkdir()
        (path.parent / "a.jpg").rename(path.parent / "images" / "a.jpg")
    (sample,) = read_dataset(path).samples
    assert sample.boxes.tolist() == [[1, 2, 30, 20], [5, 6, 40, 30]]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a.jpg,1,x,3,4,dog", "y1 must be a number, got 'x'"),
        ("a.jpg,1,,3,4,dog", "y1 is missing"),
        ('a.jpg,1,2,"1,000",4,dog', "x2 must be a number, got '1,000' (write a decimal point, and"),
        ("a.jpg,1,nan,3,4,dog", "holds a number that is not finite"),
        ("a.jpg,1,2,3,4,", "class: must be text of 1 to 200 characters, got ''"),
        ("a.jpg,1,2,3", "has 4 columns, needs 6"),
        ("a.jpg,30,2,3,4,dog", "has a width or height of zero or less"),
        ("c.jpg,1,2,3,4,dog", "image 'c.jpg' is in none of"),
        ("../a.jpg,1,2,3,4,dog", "image '../a.jpg' leads out of it"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(listed, line, what):
    path = listed(f"b.jpg,1,2,30,40,cat\n{line}\na.jpg,1,2,30,40,cat\n")
    (problem,) = read_dataset(path).problems
    assert problem.where == f"{path}:2"
    assert what in problem.what
    assert problem.skips


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", r"set\.csv: lists no image"),
        (
            "file,kind,x,y,a,b\n",
            r"set\.csv:1: lacks a column for x1 \(xmin or x_min\), .* got file",
        ),
        (
            "image,label,x1,y1,x2,y2,category\na.jpg,dog,1,2,3,4,pet\n",
            r"set\.csv:1: columns 'label' and 'category' may both be class; rename or delete",
        ),
        (
            "Image,File,class,x1,y1,x2,y2\na.jpg,b.jpg,dog,1,2,3,4\n",
            "columns 'image' and 'file' may both be image",
        ),
        ("file,class,x1,y1,x2,y2,class\n", "columns 'class' and 'class' may both be class"),
        ("file,class,x1,y1,x2,y2,xmin\n", "columns 'x1' and 'xmin' may both be x1"),
        ("file,class,x1,y1,x2,y2,x3,y3\n", "column 'x3' is neither a corner of a box"),
        ("file,class,x0,y0,x1,y1,x2,y2\n", "column 'x0' is neither a corner of a box"),
        ("file,class,xmin,ymin,xmax,ymax,x3,y3,x4,y4\n", "column 'x3' is neither"),
        ('a.jpg,1,2,3,4,"dog\n', r"set\.csv:1: is no CSV: unexpected end"),
        ("a.jpg,0.1,0.2,0.3,0.4,dog\n", "every corner is in 0..1"),
        ("a.jpg,.1,.2,.3,.4,dog\na.jpg,.5,.5,1.002,.9,dog\n", "every corner is in 0..1"),
        ("a.jpg,.1,.2,.3,.4,dog\na.jpg,nan,.5,x,.9,dog\n", "every corner is in 0..1"),
        ("a.jpg,.1,.2,.3,.4,dog\na.jpg,nan,.5,.7,.9,dog\n", "every corner is in 0..1"),
        (HEADER + "a.jpg,1,2\n", "no line has a class; .*:2: has 3 columns, needs 8"),
        ("c.jpg,1,2,3,4,dog\n", "lists no image that can be used, such as"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_in_a_line(listed, text, what):
    with pytest.raises(DataError, match=what):
        read_dataset(listed(text))
