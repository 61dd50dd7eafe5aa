"""How long does a large data set take to read, and how much memory does it hold?

    python -m benchmarks.bench_large_data --images 200000 --form coco
    python -m benchmarks.bench_large_data --images 20000 --form yolo --check

It generates the labels of so many images (the images are links to a few files), reads them in
another process, and prints processor seconds, the peak of resident memory, and what stays.
`--check` runs `maenas data check` on them as well. Run it from another checkout for the figures
before a change.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.entry import Parser, existing, positive, run_main
from maenas.detector.data import read_dataset

OBJECTS = 7  # objects per image, as in COCO
CLASSES = 80
SIDE = 640
LINKS = 30_000  # most links to one file; file systems allow at least 32,000


def main() -> None:
    """Generate a data set and read it, or only read it if a path is given."""
    parser = Parser(__doc__)
    parser.add_argument("--images", type=positive, default=20_000, help="number of images")
    parser.add_argument(
        "--form", choices=("coco", "yolo"), default="coco", help="form of the files"
    )
    parser.add_argument("--check", action="store_true", help="run `maenas data check` too")
    parser.add_argument("--read", type=existing, help="read this data set and print figures")
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
        if arguments.check:
            print(f"{arguments.form}, {arguments.images:,} images, check: {checked(path)}")


def figures(path: Path) -> str:
    """Text with processor seconds and MB of reading a data set once."""
    before = memory("VmRSS")
    started, clock = time.process_time(), time.perf_counter()
    dataset = read_dataset(path)
    spent, elapsed = time.process_time() - started, time.perf_counter() - clock
    gc.collect()
    kept = memory("VmRSS")
    peak = memory("VmHWM")  # ru_maxrss would be that of the parent where it was larger
    return (
        f"{spent:.1f} s of a processor ({elapsed:.1f} s), peak {peak - before:,.0f} MB, "
        f"kept {kept - before:,.0f} MB, {dataset.objects:,} objects"
    )


def checked(path: Path) -> str:
    """Text with the seconds of `maenas data check`, and processor seconds of all its processes."""
    command = [sys.executable, "-m", "maenas", "data", "check", str(path)]
    before, clock = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    after, elapsed = os.times(), time.perf_counter() - clock
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return f"{elapsed:.1f} s, {spent:.1f} s of a processor, on {os.cpu_count()} cores"


def memory(name: str) -> float:
    """MB of this process: VmRSS now, VmHWM at the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def make_images(folder: Path, count: int) -> None:
    """Make links to a few image files of 55 kB."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(count):
        image = folder / f"{index:012d}.jpg"
        if index % LINKS == 0:
            first = image
            noise = rng.integers(0, 256, (SIDE // 16, SIDE // 16, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(first)
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
    run_main(main)
