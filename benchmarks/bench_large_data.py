"""How long does a large data set take to read, and how much memory does it hold?

    python -m benchmarks.bench_large_data --images 200000 --form coco
    python -m benchmarks.bench_large_data --images 20000 --form yolo

It generates the labels of so many images (the images are links to one file), reads them in another
process, and prints processor seconds, the peak of resident memory, and what stays. Run it from
another checkout for the figures before a change.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maenas.detector.data import read_dataset

OBJECTS = 7  # objects per image, as in COCO
CLASSES = 80
SIDE = 640
LINKS = 30_000  # most links to one file; file systems allow at least 32,000


def main() -> None:
    """Generate a data set and read it, or only read it if a path is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--form", choices=("coco", "yolo"), default="coco")
    parser.add_argument("--read", type=Path, help="Read this data set and print figures.")
    arguments = parser.parse_args()
    if arguments.read is not None:
        print(figures(arguments.read))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = make_coco if arguments.form == "coco" else make_yolo
        path = make(folder, arguments.images)
        command = [sys.executable, "-m", "benchmarks.bench_large_data", "--read", str(path)]
        for run in ("first", "second"):
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{arguments.form}, {arguments.images:,} images, {run} time: {output.strip()}")


def figures(path: Path) -> str:
    """Text with processor seconds and MB of reading a data set once."""
    before = resident()
    started, clock = time.process_time(), time.perf_counter()
    dataset = read_dataset(path)
    spent, elapsed = time.process_time() - started, time.perf_counter() - clock
    gc.collect()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{spent:.1f} s of a processor ({elapsed:.1f} s), peak {peak - before:,.0f} MB, "
        f"kept {resident() - before:,.0f} MB, {dataset.objects:,} objects"
    )


def resident() -> float:
    """Resident memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def make_images(folder: Path, count: int) -> None:
    """Make links to a few image files."""
    folder.mkdir(parents=True)
    for index in range(count):
        image = folder / f"{index:012d}.jpg"
        if index % LINKS == 0:
            first = image
            Image.new("RGB", (SIDE, SIDE)).save(first)
        else:
            os.link(first, image)


def boxes(count: int) -> NDArray[np.float64]:
    """Random boxes (count, OBJECTS, 4): x, y, width, height in pixels."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, SIDE / 2, (count, OBJECTS, 2))
    return np.concatenate((corners, rng.uniform(8, SIDE / 2, corners.shape)), axis=2).round(2)


def make_coco(folder: Path, count: int) -> Path:
    """Make a data set with one COCO annotation file."""
    make_images(folder / "images", count)
    sizes = {"width": SIDE, "height": SIDE}
    images = [{"id": i, "file_name": f"{i:012d}.jpg", **sizes} for i in range(count)]
    annotations = [
        {
            "id": OBJECTS * image + position,
            "image_id": image,
            "category_id": (image + position) % CLASSES,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for image, rows in enumerate(boxes(count).tolist())
        for position, box in enumerate(rows)
    ]
    categories = [{"id": index, "name": f"class {index}"} for index in range(CLASSES)]
    path = folder / "set.json"
    data = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(data))
    return path


def make_yolo(folder: Path, count: int) -> Path:
    """Make a data set with one YOLO label file for each image."""
    make_images(folder / "images", count)
    (folder / "labels").mkdir()
    for image, rows in enumerate(boxes(count) / SIDE):
        lines = [
            f"{(image + index) % CLASSES} {x + w / 2:.6f} {y + h / 2:.6f} {w:.6f} {h:.6f}"
            for index, (x, y, w, h) in enumerate(rows.tolist())
        ]
        (folder / "labels" / f"{image:012d}.txt").write_text("\n".join(lines))
    path = folder / "data.yaml"
    path.write_text(f"train: images\nnc: {CLASSES}\n")
    return path


if __name__ == "__main__":
    main()
