"""How long does the index of millions of images take to build and to open, and how much memory?

    python -m benchmarks.bench_index --images 200000
    python -m benchmarks.bench_index --images 2000000 --keep FOLDER

It writes a COCO file with ten objects an image (the images are links to a few files), builds its
index in another process, opens it in a third, and starts further processes that read samples at
random from it. It prints seconds, the peak of resident memory, and what each further process holds
for itself; pages of the index that several processes share are not counted there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.entry import Parser, existing, output_folder, positive, run_main

OBJECTS = 10  # objects per image
CLASSES = 365
SIDE = 640
LINKS = 30_000  # most links to one file; file systems allow at least 32,000
PER_FOLDER = 20_000  # images per folder
READ = 20_000  # samples that a further process reads


def main() -> None:
    """Generate a data set, build its index and open it."""
    parser = Parser(__doc__)
    parser.add_argument("--images", type=positive, default=200_000, help="number of images")
    parser.add_argument(
        "--keep", type=output_folder, help="folder of the data set, to use it again"
    )
    parser.add_argument("--read", type=existing, help="read this data set and print figures")
    parser.add_argument("--worker", action="store_true", help="read samples as a worker does")
    arguments = parser.parse_args()
    if arguments.read is not None:
        print(figures(arguments.read, arguments.worker))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "set"
        path = folder / "set.json"
        if not path.exists():
            make_set(folder, arguments.images)
        cache = {**os.environ, "XDG_CACHE_HOME": str(Path(temporary) / "cache")}
        size = path.stat().st_size / 1e9
        print(f"{arguments.images:,} images, {arguments.images * OBJECTS:,} objects, {size:.2f} GB")
        for what in ("build", "open", "worker"):
            command = [sys.executable, "-m", "benchmarks.bench_index", "--read", str(path)]
            command += ["--worker"] * (what == "worker")
            done = subprocess.run(command, env=cache, check=True, stdout=subprocess.PIPE, text=True)
            print(f"{what}: {done.stdout.strip()}", flush=True)


def figures(path: Path, is_worker: bool) -> str:
    """Text with the seconds and MB of reading a data set in this process."""
    from maenas.detector.data import read_dataset

    before, private = memory("VmRSS"), unshared()
    started, clock = time.process_time(), time.perf_counter()
    dataset = read_dataset(path)
    spent, elapsed = time.process_time() - started, time.perf_counter() - clock
    if is_worker:
        rng = np.random.default_rng(os.getpid())
        for index in rng.integers(0, len(dataset), READ).tolist():
            _ = dataset.samples[index].boxes.sum()
    text = (
        f"{elapsed:.1f} s ({spent:.1f} s of a processor), peak {memory('VmHWM') - before:,.0f} MB, "
        f"{unshared() - private:,.0f} MB of its own, {dataset.objects:,} objects"
    )
    return text + (f", {READ:,} samples read" if is_worker else "")


def memory(name: str) -> float:
    """MB of this process: VmRSS now, VmHWM at the most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def unshared() -> float:
    """MB of memory of this process alone: pages of files, which processes share, do not count."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def make_set(folder: Path, count: int) -> None:
    """Make a data set with one COCO annotation file."""
    rng = np.random.default_rng(0)
    first = folder
    for index in range(count):
        image = folder / "images" / f"patch{index // PER_FOLDER}" / f"{index:08d}.jpg"
        if index % PER_FOLDER == 0:
            image.parent.mkdir(parents=True)
        if index % LINKS == 0:
            first = image
            noise = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(noise).save(first)
        else:
            os.link(first, image)
    part = folder / "part.json"
    with part.open("w") as file:
        file.write('{"info": {"description": "generated"}, "images": [')
        for index in range(count):
            name = f"patch{index // PER_FOLDER}/{index:08d}.jpg"
            comma = ", " if index else ""
            row = f'"id": {index}, "file_name": "{name}", "height": {SIDE}, "width": {SIDE}'
            file.write(f"{comma}{{{row}}}")
        file.write('], "annotations": [')
        for index in range(count):
            file.write((", " if index else "") + ", ".join(rows_of(index, rng)))
        rows = ", ".join(f'{{"id": {i}, "name": "class {i}"}}' for i in range(CLASSES))
        file.write(f'], "categories": [{rows}]}}\n')
    part.rename(folder / "set.json")


def rows_of(image: int, rng: np.random.Generator) -> list[str]:
    """The annotations of an image as JSON."""
    numbers = rng.integers(800, 32_000, (OBJECTS, 4)) / 100
    return [
        f'{{"id": {OBJECTS * image + place}, "image_id": {image}, '
        f'"category_id": {(image + place) % CLASSES}, "bbox": [{x}, {y}, {w}, {h}], '
        f'"area": {w * h:.2f}, "iscrowd": 0}}'
        for place, (x, y, w, h) in enumerate(numbers.tolist())
    ]


if __name__ == "__main__":
    run_main(main)
