"""What a teacher is worth: the table of the report, on generated images.

    python -m benchmarks.bench_distill [--seeds 0 1 2] [--cells alone cwd@0.5 ..] [--work FOLDER]
                                       [--epochs 48] [--batch 32] [--on-trained]

A student of 0.23 M params is trained on the hard shapes for the same number of steps alone, with
Mimicking, MGD and CWD, and with CWD at three weights; its teacher has 3.8 M params. All runs start
from random weights or, with --on-trained, from a student that was trained alone for as many steps,
the same for all cells of a seed. Each value of --epochs, --batch and --on-trained makes its own
table. Finished cells are skipped and an interrupted run is continued, so a table can be made in
several runs. Prints AP and gain of each cell, with mean and spread over the seeds, and writes a row
for each run, and the curves of AP.

FOLDER (runs/bench-distill) holds everything but the table: images, teacher, a run for each cell.
"""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.entry import CONTINUES, Parser, output_folder, positive, run_main
from benchmarks.machine import (
    RESULTS,
    commit,
    machine,
    maenas,
    read_csv,
    result_path,
    write_csv,
)
from maenas.blocks import Backbone, FocusStem, ResK1KX
from maenas.blocks.files.atomic_write import write_bytes
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.data.shapes import SHAPES
from maenas.detector.model.spec import DetectorSpec

SIDE, CLASSES, IMAGES = 96, 3, 1000
TEACHER_EPOCHS, EPOCHS, BATCH = 40, 48, 32
CELLS = ("alone", "mimic@0.5", "mgd@0.5", "cwd@0.5", "cwd@2", "cwd@10")
COLUMNS = (
    *("cell", "seed", "ap", "ap50", "best_ap", "epochs", "step"),
    *("teacher_ap", "train_s", "commit"),
)


@dataclass(frozen=True)
class Bench:
    """Settings of a table and the paths of its files."""

    work: Path
    epochs: int = EPOCHS
    batch: int = BATCH
    on_trained: bool = False

    @property
    def name(self) -> str:
        return "distill" + ("" if self.kind == Bench(self.work).kind else f"-{self.kind}")

    @property
    def kind(self) -> str:
        """Name of the settings that all cells of a table share."""
        start = "on-trained-" if self.on_trained else ""
        return f"{start}{self.epochs}-epochs-batch-{self.batch}"

    @property
    def data(self) -> Path:
        return self.work / "shapes" / "data.yaml"

    @property
    def teacher(self) -> Path:
        return self.work / "teacher"

    def run(self, cell: str, seed: int) -> Path:
        return self.work / self.kind / f"{cell.replace('@', '-')}-seed{seed}"

    def student(self, seed: int) -> Path:
        """Folder of the student that a run starts from."""
        if self.on_trained:
            return replace(self, on_trained=False).run("alone", seed) / "last"
        return self.work / "student_spec"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument(
        "--cells", nargs="+", choices=CELLS, default=list(CELLS), help="cells of the table"
    )
    parser.add_argument(
        "--work", type=output_folder, default="runs/bench-distill", help="folder of all trainings"
    )
    parser.add_argument("--epochs", type=positive, default=EPOCHS, help="epochs of a student")
    parser.add_argument("--batch", type=positive, default=BATCH, help="batch size of a student")
    parser.add_argument("--on-trained", action="store_true", help="start from trained weights")
    arguments = parser.parse_args()
    bench = Bench(arguments.work, arguments.epochs, arguments.batch, arguments.on_trained)
    prepare(bench)
    rows = read_csv(result_path(bench.name))
    for cell in arguments.cells:
        for seed in arguments.seeds:
            if not any((row["cell"], row["seed"]) == (cell, str(seed)) for row in rows):
                rows.append(learn(bench, cell, seed))
                rows.sort(key=lambda row: (CELLS.index(row["cell"]), int(row["seed"])))
                write_csv(bench.name, rows, COLUMNS)
    for line in summary(rows):
        print(line)
    print(result_path(bench.name))
    curves = RESULTS / f"{bench.name}-curves-{machine()}.png"
    draw(bench, rows, curves)
    print(curves)


def prepare(bench: Bench) -> None:
    """Make the images and both specs, and train the teacher."""
    if not bench.data.exists():
        size = ("--images", IMAGES, "--size", SIDE, "--classes", CLASSES)
        maenas("data", "make-shapes", "--out", bench.data.parent, "--level", "hard", *size)
    save_folder(bench.work / "student_spec", spec_of(8, (1, 1, 1, 1), 1), None)
    save_folder(bench.work / "teacher_spec", spec_of(32, (1, 2, 2, 1), 2), None)
    if finished_epochs(bench.teacher) < TEACHER_EPOCHS:
        words = ("--epochs", TEACHER_EPOCHS, "--set", "compute.amp=bf16")
        train("train", bench.work / "teacher_spec", bench, bench.teacher, *words)


def spec_of(width: int, depths: Sequence[int], neck_depth: int) -> DetectorSpec:
    """Spec of a detector like DAMO-YOLO T with another width and depth."""
    stages = [
        ResK1KX(
            out_channels=share * width,
            bottleneck_channels=share * width // 2,
            stride=2,
            depth=depth,
            rep=True,
        )
        for share, depth in zip((2, 3, 4, 8), depths, strict=True)
    ]
    shape = (3, SIDE, SIDE)
    backbone = Backbone((FocusStem(out_channels=width), *stages), (2, 3, 4), shape)
    neck = RepGFPN(out_channels=(3 * width, 4 * width, 8 * width), depth=neck_depth)
    names = tuple(SHAPES)[:CLASSES]
    return DetectorSpec(backbone, neck, ZeroHead(num_classes=CLASSES), names, "stretch")


def learn(bench: Bench, cell: str, seed: int) -> dict[str, str]:
    """Run one training; returns its row of the table."""
    fresh = replace(bench, on_trained=False)
    if bench.on_trained and finished_epochs(fresh.run("alone", seed)) < bench.epochs:
        learn(fresh, "alone", seed)
    out, student = bench.run(cell, seed), bench.student(seed)
    # 8 channels in `channels_last` order crash the convolutions of torch 2.14 on this CPU.
    words: list[object] = ["--epochs", bench.epochs]
    for change in (f"seed={seed}", "compute.channels_last=false", f"compute.batch={bench.batch}"):
        words += ["--set", change]
    if cell == "alone":
        result = train("train", student, bench, out, *words)
    else:
        method, weight = cell.split("@")
        words += ["--teacher", bench.teacher, "--set", "distill.amp=bf16"]
        words += ["--set", f"distill.method={method}", "--set", f"distill.weight={weight}"]
        result = train("distill", student, bench, out, *words)
    epochs = table_of(out)
    last = epochs[-1]
    print(f"{cell}, seed {seed}: AP {float(last['ap']):.4f}", flush=True)
    return {
        "cell": cell,
        "seed": str(seed),
        "ap": last["ap"],
        "ap50": last["ap50"],
        "best_ap": f"{result['best_ap']:.6g}",
        "epochs": str(len(epochs)),
        "step": last["step"],
        "teacher_ap": table_of(bench.teacher)[-1]["ap"],
        "train_s": f"{sum(float(row['train_s']) for row in epochs):.0f}",
        "commit": commit(),
    }


def train(
    command: str, detector: Path, bench: Bench, out: Path, *words: object
) -> dict[str, float]:
    """Train by the command line, or continue an interrupted training; returns its result."""
    resumed = ("--resume",) if (out / "resume.pt").exists() else ()
    arguments = ("--data", bench.data, "--recipe", "ns", "--out", out, "--workers", 0, "--json")
    scores: dict[str, float] = json.loads(maenas(command, detector, *arguments, *words, *resumed))
    return scores


def finished_epochs(run: Path) -> int:
    """Number of finished epochs of a run; 0 if there is no run."""
    return len(table_of(run))


def table_of(run: Path) -> list[dict[str, str]]:
    """Rows of the epochs of a run."""
    return read_csv(run / "results.csv")


def summary(rows: Sequence[dict[str, str]]) -> list[str]:
    """AP of each cell over its seeds, and its gain over training alone with the same seed."""
    alone = {row["seed"]: float(row["ap"]) for row in rows if row["cell"] == "alone"}
    lines = [f"teacher: AP {float(rows[0]['teacher_ap']):.4f}"] if rows else []
    for cell in CELLS:
        found = {row["seed"]: float(row["ap"]) for row in rows if row["cell"] == cell}
        if not found:
            continue
        values = list(found.values())
        line = f"{cell}: AP {statistics.mean(values):.4f}, {min(values):.4f}..{max(values):.4f}"
        gains = [value - alone[seed] for seed, value in found.items() if seed in alone]
        if cell != "alone" and gains:
            line += f", gain {statistics.mean(gains):+.4f}, {min(gains):+.4f}..{max(gains):+.4f}"
        lines.append(f"{line} ({len(values)} seeds)")
    return lines


def draw(bench: Bench, rows: Sequence[dict[str, str]], path: Path) -> None:
    """Plot validation AP over epochs: a colour per cell, a line per seed whose run still exists."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, cell in enumerate(CELLS):
        label: str | None = cell
        for row in rows:
            run = bench.run(cell, int(row["seed"]))
            if row["cell"] != cell or finished_epochs(run) == 0:
                continue
            judged = [epoch for epoch in table_of(run) if epoch["ap"]]
            epochs, aps = zip(
                *((int(each["epoch"]), float(each["ap"])) for each in judged), strict=True
            )
            axes.plot(epochs, aps, color=f"C{index}", label=label)
            label = None
    axes.set(xlabel="epoch", ylabel="validation AP", title="A student, alone and taught")
    axes.legend(loc="upper left")
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())


if __name__ == "__main__":
    run_main(main, CONTINUES)
