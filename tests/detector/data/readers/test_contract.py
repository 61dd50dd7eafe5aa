"""What holds for every reader of data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from maenas.detector.data.readers.coco.reader import CocoReader
from maenas.detector.data.readers.csv_list import CsvReader
from maenas.detector.data.readers.published.objects365 import Objects365Reader
from maenas.detector.data.readers.published.openimages import OpenImagesReader
from maenas.detector.data.readers.published.visdrone import VisDroneReader
from maenas.detector.data.readers.voc import VocReader
from maenas.detector.data.readers.yolo.reader import YoloReader
from maenas.testing import ReaderContract

SIDES = {"a": (32, 48), "b": (40, 20)}  # height and width of each image
XML = """<annotation><filename>{stem}.png</filename>
<size><width>{width}</width><height>{height}</height></size>
<object><name>cat</name><difficult>0</difficult><bndbox><xmin>3</xmin><ymin>5</ymin>
<xmax>12</xmax><ymax>18</ymax></bndbox></object></annotation>"""


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True)
    for stem, (height, width) in SIDES.items():
        Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(folder / f"{stem}.png")


class TestYolo(ReaderContract):
    reader = YoloReader

    def write(self, folder: Path) -> Path:
        for split in ("train", "val"):
            write_images(folder / "images" / split)
            labels = folder / "labels" / split
            labels.mkdir(parents=True)
            for stem in SIDES:
                (labels / f"{stem}.txt").write_text("1 0.5 0.5 0.5 0.4\n")
        text = "train: images/train\nval: images/val\nnames: [dog, cat]\n"
        (folder / "data.yaml").write_text(text)
        return folder / "data.yaml"


class TestCoco(ReaderContract):
    reader = CocoReader

    def write(self, folder: Path) -> Path:
        write_images(folder / "images")
        images = [
            {"id": number, "file_name": f"{stem}.png", "height": height, "width": width}
            for number, (stem, (height, width)) in enumerate(SIDES.items())
        ]
        annotations = [
            {"id": number, "image_id": number, "category_id": 7, "bbox": [2, 3, 10, 12]}
            for number in range(len(SIDES))
        ]
        data = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 7, "name": "cat"}],
        }
        (folder / "instances.json").write_text(json.dumps(data))
        return folder / "instances.json"


class TestVoc(ReaderContract):
    reader = VocReader

    def write(self, folder: Path) -> Path:
        write_images(folder / "JPEGImages")
        (folder / "Annotations").mkdir()
        for stem, (height, width) in SIDES.items():
            text = XML.format(stem=stem, height=height, width=width)
            (folder / "Annotations" / f"{stem}.xml").write_text(text)
        return folder


class TestCsv(ReaderContract):
    reader = CsvReader

    def write(self, folder: Path) -> Path:
        for split in ("train", "val"):
            write_images(folder / split)
            lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
            lines += [f"{stem}.png,{w},{h},cat,3,5,12,18" for stem, (h, w) in SIDES.items()]
            (folder / split / "_annotations.csv").write_text("\n".join(lines))
        return folder


class TestVisDrone(ReaderContract):
    reader = VisDroneReader

    def write(self, folder: Path) -> Path:
        for split in ("train", "val"):
            place = folder / f"VisDrone2019-DET-{split}"
            write_images(place / "images")
            (place / "annotations").mkdir()
            for stem in SIDES:
                text = "2,3,10,12,1,4,0,0\n0,0,20,9,0,0,0,0\n"
                (place / "annotations" / f"{stem}.txt").write_text(text)
        return folder


class TestObjects365(ReaderContract):
    reader = Objects365Reader

    def write(self, folder: Path) -> Path:
        for split in ("train", "val"):
            write_images(folder / split / "patch3")
            images = [
                {"id": n, "file_name": f"images/v1/patch3/{stem}.png", "height": h, "width": w}
                for n, (stem, (h, w)) in enumerate(SIDES.items())
            ]
            boxes = [{"image_id": n, "category_id": 5, "bbox": [2, 3, 10, 12]} for n in range(2)]
            categories = [{"id": 5, "name": "Hat"}, {"id": 6, "name": "Car"}]
            data = {"images": images, "annotations": boxes, "categories": categories}
            (folder / f"zhiyuan_objv2_{split}.json").write_text(json.dumps(data))
        return folder


class TestOpenImages(ReaderContract):
    reader = OpenImagesReader

    def write(self, folder: Path) -> Path:
        (folder / "class-descriptions-boxable.csv").write_text("/m/1,Car\n/m/2,Man\n")
        for split in ("train", "validation"):
            write_images(folder / split)
            rows = [f"{stem},x,/m/2,1,0.1,0.5,0.2,0.6,0,0,0,0,0" for stem in SIDES]
            header = (
                "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,"
                "IsGroupOf,IsDepiction,IsInside"
            )
            path = folder / f"{split}-annotations-bbox.csv"
            path.write_text("\n".join([header, *rows]))
        return folder
