"""How many training images a second one worker prepares, with all augmentations.

    python -m benchmarks.bench_data [--peer PYTHON]

One thread makes mosaics of 640 pixels from JPEGs of COCO's sizes, from file to batch: rotation,
scale, shear, mixup, flip and SADA as at the end of training; once with mosaic partners from the
whole data set, once from the batch. PYTHON is the interpreter of an environment with the package
libreyolo 1.2.0 (MIT), whose DAMO-YOLO recipe is then timed on the same images; it has colour jitter
and no SADA. The programs take turns, and seconds are processor time, so that other work on the
machine has little effect. Prints medians over the rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.entry import Parser, existing_file, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.detector.data import Augmentation, Dataset, LoaderOptions, TrainLoader, read_dataset
from maenas.detector.data.augmentation import PARTNERS

SIZES = ((640, 480), (480, 640), (640, 427), (500, 375))  # width, height
IMAGES = 96  # images of a round; a multiple of BATCH
BATCH = 16
FAR = 1000  # epochs of the training; in the last ones SADA has its highest probability

PEER = """
import json, random, sys, time
from pathlib import Path
import cv2, numpy, torch
from torch.utils.data import DataLoader
from libreyolo.data.dataset import YOLODataset
from libreyolo.training.augment import MosaicMixupDataset, TrainTransform
from libreyolo.training.config import DAMOYOLOConfig as C
cv2.setNumThreads(1); torch.set_num_threads(1); random.seed(0); numpy.random.seed(0)
folder = Path(sys.argv[1]); files = sorted((folder / "images").glob("*.jpg"))
labels = [folder / "labels" / (file.stem + ".txt") for file in files]
c = C(); step = TrainTransform(max_labels=50, flip_prob=c.flip_prob, hsv_prob=c.hsv_prob)
data = YOLODataset(img_files=files, label_files=labels, img_size=(640, 640), preproc=step)
data = MosaicMixupDataset(data, (640, 640), True, step, c.degrees, c.translate, c.mosaic_scale,
    c.mixup_scale, c.shear, c.mixup_prob > 0, c.mosaic_prob, c.mixup_prob)
loader = DataLoader(data, batch_size=int(sys.argv[2]))
for line in sys.stdin:
    start, count = time.process_time(), 0
    for batch in loader:
        count += len(batch[0])
    print(json.dumps(count / (time.process_time() - start)), flush=True)
"""


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "--peer", type=existing_file, help="Python of an environment with libreyolo"
    )
    parser.add_argument("--rounds", type=positive, default=7, help="rounds that are timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder)
        dataset = read_dataset(folder)
        peer = start_peer(arguments.peer, folder) if arguments.peer else None
        for number in range(1 + arguments.rounds):
            found = {partners: our_rate(dataset, partners, number) for partners in PARTNERS}
            if peer is not None:
                found["libreyolo"] = peer_rate(peer)
            if number > 0:  # the first round warms up caches
                for who, rate in found.items():
                    rates.setdefault(who, []).append(rate)
        if peer is not None:
            peer.kill()
            peer.wait()
    report(rates)


def our_rate(dataset: Dataset, partners: str, number: int) -> float:
    """Images a second of one epoch at the end of a training."""
    options = LoaderOptions(
        (640, 640), BATCH, FAR, 0, Augmentation(partners=partners), plain_epochs=0
    )
    started = time.process_time()
    count = sum(len(batch) for batch in TrainLoader(dataset, options).epoch(FAR - 1 - number))
    return count / (time.process_time() - started)


def start_peer(python: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", PEER, str(folder), str(BATCH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def peer_rate(peer: subprocess.Popen[str]) -> float:
    assert peer.stdin
    assert peer.stdout
    peer.stdin.write("\n")
    peer.stdin.flush()
    return float(json.loads(peer.stdout.readline()))


def report(rates: dict[str, list[float]]) -> None:
    """Print the rate of each program and its ratio to the peer in the same round; write a CSV."""
    rows = []
    for who, found in rates.items():
        median, spread = statistics.median(found), (max(found) - min(found))
        line = f"{who}: {median:.1f} images/s ({len(found)} rounds, spread {spread / median:.0%})"
        row = {"partners": who, "images_per_s": round(median, 1), "rounds": len(found)}
        ratio = None
        if "libreyolo" in rates and who != "libreyolo":
            pairs = zip(found, rates["libreyolo"], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            line += f", {ratio:.2f} times libreyolo"
        print(line)
        rows.append(
            {**row, "ratio": None if ratio is None else round(ratio, 3), "commit": commit()}
        )
    print(write_csv("data", rows, list(rows[0])))


def write_images(folder: Path) -> None:
    """Write images as detailed as photographs, with three to ten objects each, in YOLO format."""
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for index in range(IMAGES):
        width, height = SIZES[index % len(SIZES)]
        y, x = np.mgrid[:height, :width]
        light = 128 + 60 * np.sin(x / (40 + index)) * np.cos(y / 70)
        pixels = light[..., None] + rng.normal(0, 12, (height, width, 3))
        lines = []
        for _ in range(int(rng.integers(3, 11))):
            w, h = rng.uniform(0.05, 0.4, 2)
            left, top = rng.uniform(0, 1 - w), rng.uniform(0, 1 - h)
            rows = slice(int(top * height), int((top + h) * height))
            columns = slice(int(left * width), int((left + w) * width))
            pixels[rows, columns] += rng.uniform(-60, 60, 3)
            kind = rng.integers(3)
            lines.append(f"{kind} {left + w / 2:.6f} {top + h / 2:.6f} {w:.6f} {h:.6f}\n")
        levels = pixels.clip(0, 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / "images" / f"{index:03}.jpg", quality=90)
        (folder / "labels" / f"{index:03}.txt").write_text("".join(lines))
    (folder / "data.yaml").write_text("train: images\nnames: [a, b, c]\n")


if __name__ == "__main__":
    run_main(main)
