"""The side of LibreYOLO in `bench_real`: train, detect and export, run by the Python of the peers.

    PEERS_PYTHON libreyolo_peer.py '{"do": "train", "model": "yolox-nano", ...}'

It is a program of its own for an environment that holds `libreyolo` (MIT); nothing imports it.
Everything is left at the defaults of LibreYOLO except what the benchmark states: image size, number
of epochs, batch size, random seed, one thread, random weights, and no early stop.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from libreyolo import LibreYOLO9, LibreYOLOX

MODELS = {
    "yolox-nano": (LibreYOLOX, "n"),
    "yolox-tiny": (LibreYOLOX, "t"),
    "yolov9t": (LibreYOLO9, "t"),
}
# As `val` of LibreYOLO has them; its `predict` takes 0.45 for the second.
MIN_SCORE, NMS_IOU, MAX_DETECTIONS = 0.001, 0.6, 300
KEPT = "kept"  # folder of whole checkpoints: those in `weights` are written in place


def main() -> None:
    job: dict[str, Any] = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    {"train": train, "detect": detect, "export": export}[job["do"]](job)


def train(job: dict[str, Any]) -> None:
    """Train from random weights, or continue after the last epoch that was kept."""
    out = Path(job["out"])
    last = out / KEPT / "last.pt"
    start: dict[str, Any] = {"pretrained": False}
    if last.exists():
        if torch.load(last, map_location="cpu")["epoch"] + 1 >= job["epochs"]:
            return
        start = {"resume": str(last)}
    fresh(job).train(
        data=job["data"],
        imgsz=job["size"],
        epochs=job["epochs"],
        batch=job["batch"],
        seed=job["seed"],
        project=str(out.parent),
        name=out.name,
        device="cpu",
        workers=0,
        patience=0,
        exist_ok=True,
        callbacks=Keeper(out),
        **start,
    )


class Keeper:
    """Copies the checkpoints of each epoch, so that an interruption never leaves half a file.

    Args:
        out: folder of the training.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_train_epoch_end(self, event: Any) -> None:
        """Keep `best.pt` before `last.pt`, which a training continues from."""
        kept = self.out / KEPT
        kept.mkdir(parents=True, exist_ok=True)
        for name in ("best.pt", "last.pt") if event.is_best else ("last.pt",):
            part = kept / f"{name}.part"
            shutil.copyfile(self.out / "weights" / name, part)
            part.replace(kept / name)


def detect(job: dict[str, Any]) -> None:
    """Write the detections of every image in a folder as JSON, by file name."""
    kind, size = MODELS[job["model"]]
    model = kind(str(Path(job["out"]) / KEPT / "best.pt"), size=size, device="cpu")
    found = {}
    for path in sorted(Path(job["images"]).iterdir()):
        boxes = model.predict(
            str(path), imgsz=job["size"], conf=MIN_SCORE, iou=NMS_IOU, max_det=MAX_DETECTIONS
        ).boxes
        columns = boxes.xyxy, boxes.conf[:, None], boxes.cls[:, None]
        found[path.name] = torch.cat(columns, dim=1).tolist()
    Path(job["to"]).write_text(json.dumps(found), encoding="utf-8")


def export(job: dict[str, Any]) -> None:
    """Export the network with random weights and the classes of the data set to ONNX."""
    model = fresh(job)
    model._rebuild_for_new_classes(job["classes"])  # as `train` does: YOLOv9 keeps its wide head
    if hasattr(model.model, "fuse"):  # YOLOv9: one convolution for 3x3 and 1x1 in parallel
        model.model.fuse()
    model.export(
        "onnx",
        output_path=job["to"],
        imgsz=job["size"],
        opset=17,
        simplify=False,
        dynamic=False,
        nms=False,
        device="cpu",
    )


def fresh(job: dict[str, Any]) -> Any:
    """The model without weights from a file, for 80 classes."""
    kind, size = MODELS[job["model"]]
    return kind(None, size=size, device="cpu")


if __name__ == "__main__":
    main()
