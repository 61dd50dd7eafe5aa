"""A peer's side of `bench_real`: train, detect and export, run by the Python of the peers.

    PEERS_PYTHON ultralytics_peer.py '{"do": "train", "model": "yolo11n", ...}'

It is a program of its own for an environment that holds `ultralytics` (AGPL-3.0); nothing imports
it. Everything is left at the defaults of Ultralytics except what the benchmark states: image size,
epochs, batch size, images in a step, random seed, one thread, random weights, and no early stop.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from ultralytics import YOLO, settings
from ultralytics.nn.tasks import yaml_model_load

MIN_SCORE, MAX_DETECTIONS = 0.001, 300  # as `yolo val` has them


def main() -> None:
    job: dict[str, Any] = json.loads(sys.argv[1])
    settings.update({"sync": False})  # no usage reports
    torch.set_num_threads(1)
    {"train": train, "detect": detect, "export": export}[job["do"]](job)


def train(job: dict[str, Any]) -> None:
    """Train from random weights, or continue from `last.pt`."""
    out = Path(job["out"])
    last = out / "weights" / "last.pt"
    if last.exists():
        epoch = torch.load(last, weights_only=False, map_location="cpu")["epoch"]
        if epoch == -1 or epoch + 1 >= job["epochs"]:  # -1: the optimiser was stripped at the end
            return
        YOLO(last).train(resume=True, device="cpu")
        return
    changed = {"nbs": job["images_a_step"]} if "images_a_step" in job else {}
    YOLO(f"{job['model']}.yaml").train(
        data=job["data"],
        imgsz=job["size"],
        epochs=job["epochs"],
        batch=job["batch"],
        seed=job["seed"],
        project=str(out.parent),
        name=out.name,
        device="cpu",
        workers=0,
        pretrained=False,
        patience=0,
        amp=False,
        plots=False,
        exist_ok=True,
        **changed,
    )


def detect(job: dict[str, Any]) -> None:
    """Write the detections of every image in a folder as JSON, by file name."""
    model = YOLO(Path(job["out"]) / "weights" / "best.pt")
    found = {}
    for path in sorted(Path(job["images"]).iterdir()):
        (result,) = model.predict(
            path,
            imgsz=job["size"],
            conf=MIN_SCORE,
            max_det=MAX_DETECTIONS,
            device="cpu",
            verbose=False,
        )
        found[path.name] = result.boxes.data.tolist()  # x1, y1, x2, y2, confidence, class
    Path(job["to"]).write_text(json.dumps(found), encoding="utf-8")


def export(job: dict[str, Any]) -> None:
    """Export the network with random weights and the classes of the data set to ONNX."""
    config = yaml_model_load(f"{job['model']}.yaml") | {"nc": job["classes"]}
    named = Path(job["to"]).with_name(f"{job['model']}.yaml")  # its name tells the scale
    named.write_text(yaml.safe_dump(config), encoding="utf-8")
    model = YOLO(named)
    written = model.export(format="onnx", imgsz=job["size"], opset=17, simplify=False, device="cpu")
    Path(written).replace(job["to"])


if __name__ == "__main__":
    main()
