"""Sound data sets in every format, and what a command reads of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from maenas.detector.data.check import check, open_splits, summary
from tests.trainings import write_data

COCO = {
    "images": [
        {"id": 1, "file_name": "images/0.png", "height": 64, "width": 64},
        {"id": 7, "file_name": "images/1.png", "height": 64, "width": 64},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 3,
            "bbox": [1, 2, 30.5, 20],
            "area": 610.0,
            "iscrowd": 0,
            "segmentation": [[1, 2, 31, 2, 31, 22]],
        },
        {"id": 2, "image_id": 7, "category_id": 9, "bbox": [0, 0, 9, 9]},
        {
            "id": 3,
            "image_id": 7,
            "category_id": 3,
            "bbox": [4, 4, 9, 9],
            "iscrowd": 1,
            "segmentation": {"size": [64, 64], "counts": [100, 20, 3976]},
        },
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
}


VOC = """\
<annotation>
  <filename>0.png</filename>
  <size><width>64</width><height>64</height><depth>3</depth></size>
  <object>
    <name>cat</name><difficult>0</difficult>
    <bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20.5</xmax><ymax>30</ymax></bndbox>
  </object>
  <object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>
"""


def made_coco(folder: Path) -> None:
    write_data(folder, images=2)
    (folder / "annotations.json").write_text(json.dumps(COCO))


def made_data(folder: Path) -> None:
    write_data(folder, images=2)
    with (folder / "labels" / "0.txt").open("a") as file:
        # rows of several lengths that can be no boxes are polygons
        file.write("1 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.2 0.2 0.6 0.2 0.7 0.6 0.4 0.8 0.2 0.6\n")


def made_voc(folder: Path) -> None:
    """A Pascal VOC folder of two images, one of them in the list of the split train."""
    write_data(folder, images=2)
    (folder / "data.yaml").unlink()
    (folder / "images").rename(folder / "JPEGImages")
    for name, text in (("Annotations/0.xml", VOC), ("ImageSets/Main/train.txt", "0\n1 -1\n")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(folder / "Annotations" / "0.xml", folder / "Annotations" / "1.xml")


def made_list(folder: Path) -> None:
    """A data set whose images are listed in a text file."""
    write_data(folder, images=2)
    (folder / "train.txt").write_text("images/0.png\n./images/1.png\n")
    (folder / "data.yaml").write_text("train: train.txt\nnames: [a, b, c]\n")


def made_csv(folder: Path) -> None:
    """A CSV list of two images, one of them background."""
    write_data(folder, images=2)
    (folder / "data.yaml").unlink()
    text = (
        "filename,class,xmin,ymin,xmax,ymax\n0.png,cat,1,2,30.5,20\n0.png,dog,3,4,9,9\n1.png,,,,,\n"
    )
    (folder / "list.csv").write_text(text)


def made_openimages(folder: Path) -> None:
    """OpenImages of two images, with a hierarchy and labels of whole images."""
    write_data(folder, images=2)
    (folder / "data.yaml").unlink()
    (folder / "images").rename(folder / "train")
    hierarchy = {"LabelName": "/m/0", "Subcategory": [{"LabelName": "/m/1", "Subcategory": []}]}
    for name, text in {
        "class-descriptions-boxable.csv": "/m/0,Animal\n/m/1,Cat\n",
        "bbox_labels_600_hierarchy.json": json.dumps(hierarchy),
        "train-annotations-bbox.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n"
        "0,/m/1,0.1,0.5,0.2,0.6,0\n1,/m/0,0.1,0.9,0.2,0.6,1\n",
        "train-annotations-human-imagelabels.csv": "ImageID,Source,LabelName,Confidence\n"
        "0,verification,/m/0,0\n",
    }.items():
        (folder / name).write_text(text)


def made_visdrone(folder: Path) -> None:
    """VisDrone of two images."""
    write_data(folder, images=2)
    (folder / "data.yaml").write_text("format: visdrone\n")
    (folder / "labels").rename(folder / "annotations")
    for stem in ("0", "1"):
        rows = "1,2,10,20,1,4,0,0\n0,0,9,9,0,0,0,0\n"
        (folder / "annotations" / f"{stem}.txt").write_text(rows)


def made_union(folder: Path) -> None:
    """A union of a data set with itself under other names."""
    write_data(folder, images=2)
    source = {"data": "data.yaml", "classes": {"cat": "cat", "dog": "ignore", "bird": "split"}}
    other = {"data": "data.yaml", "classes": {"cat": ["cat", "dog"], "dog": "dog", "bird": "cat"}}
    data = {"format": "maenas/union@1", "sources": {"one": source, "two": other}}
    (folder / "both.yaml").write_text(json.dumps(data))


def checked(path: Path) -> object:
    """What `maenas data check` asks of a data set."""
    splits, problems = open_splits(path)
    return summary(path, splits, [*problems, *check(path, splits, (64, 64), most=0)])


def beside(path: Path) -> object:
    """What `maenas data check` asks of the data set in whose folder a file lies."""
    return checked(path.parent)
