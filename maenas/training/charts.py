"""The curves of a training: `results.csv`, `results.png` and `results.html`."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from maenas.blocks.files.atomic_write import write_bytes, write_text
from maenas.detector.train import OPTIONAL_PARTS, PARTS, EpochResult
from maenas.report import Page, Section, foot, page_text
from maenas.report.training import training_section
from maenas.runs.folders import TRAINING_TABLE

CSV_FILE, PNG_FILE, PAGE_FILE = TRAINING_TABLE, "results.png", "results.html"
VAL_FILE = "val.html"  # page of the evaluation that ends a training
COLUMNS = (
    *("epoch", "step", "lr", *PARTS, *OPTIONAL_PARTS, "loss"),
    *("ap", "ap50", "skipped", "train_s"),
)
PNG_EVERY_S = 60.0


class Charts:
    """Writer of the charts of a training, which it keeps up to date.

    Args:
        folder: folder of the run.
        rows: rows of the earlier epochs of a run that is resumed; they are not changed.
    """

    def __init__(self, folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
        self._folder = folder
        self._rows = list(rows)
        self._drawn = time.monotonic()

    def __enter__(self) -> Self:
        if self._rows:  # the table of a killed process may have one epoch more, or be damaged
            write_text(self._folder / CSV_FILE, table(self._rows))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._rows:
            self._draw()

    def epoch(self, epoch: EpochResult) -> None:
        """Add an epoch: write the table, and plot and page if the last ones are a minute old."""
        self._rows.append(epoch.row)
        write_text(self._folder / CSV_FILE, table(self._rows))
        if time.monotonic() - self._drawn >= PNG_EVERY_S:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        draw(self._rows, self._folder / PNG_FILE)
        write_text(self._folder / PAGE_FILE, page(self._rows, self._folder))


def table(rows: Sequence[Mapping[str, float]]) -> str:
    """The rows as CSV, one line an epoch; AP is empty where it was not evaluated."""
    text = io.StringIO()
    columns = [
        name for name in COLUMNS if name not in OPTIONAL_PARTS or any(name in row for row in rows)
    ]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{row[name]:.6g}" for name in columns if name in row})
    return text.getvalue()


def page(rows: Sequence[Mapping[str, float]], folder: Path) -> str:
    """The curves as a page of HTML, with the best epoch and the page of the evaluation."""
    about = f"Epoch {rows[-1]['epoch']:.0f}."
    sections = [_evaluation()] if (folder / VAL_FILE).is_file() else []
    if not sections:
        about += (
            f" `maenas val {folder}` writes the page of an evaluation: confusion, sizes and the "
            "worst images."
        )
    judged = [row for row in rows if "ap" in row]
    if judged:
        best = max(judged, key=lambda row: row["ap"])
        about = (
            f"Best: AP {best['ap']:.4f}, AP50 {best['ap50']:.4f} at epoch {best['epoch']:.0f}. "
            + about
        )
    lead = f"Training in {folder}."
    sections.insert(0, training_section(rows, about))
    return page_text(Page("maenas train", lead, sections, foot()))


def _evaluation() -> Section:
    """The link to the page of the evaluation."""
    link = f'<a href="{VAL_FILE}">{VAL_FILE}</a>'
    about = "metrics of each class, confusion, sizes and the worst images of the best detector"
    return Section("evaluation", "Evaluation", f"<p>{link}: {about}.</p>")


def draw(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot losses, accuracy and learning rate over the epochs, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracy, rate = figure.subplots(1, 3)
    epochs = [row["epoch"] for row in rows]
    for name in (*PARTS, *OPTIONAL_PARTS, "loss"):
        if name in rows[0]:
            losses.plot(epochs, [row[name] for row in rows], label=name.replace("_", " "))
    judged = [row for row in rows if "ap" in row]
    for name, label in (("ap", "AP"), ("ap50", "AP50")):
        _plot(accuracy, judged, name, label)
    rate.plot(epochs, [row["lr"] for row in rows])
    for axes in (losses, accuracy, rate):
        axes.xaxis.get_major_locator().set_params(integer=True)
    losses.set(xlabel="epoch", title="loss", ylim=(0, None))
    accuracy.set(xlabel="epoch", title="validation", ylim=(0, 1))
    rate.set(xlabel="epoch", title="learning rate", ylim=(0, None))
    for axes in (losses, accuracy) if judged else (losses,):  # below the axes
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())


def _plot(axes: Any, rows: Sequence[Mapping[str, float]], name: str, label: str) -> None:
    if rows:
        best = max(row[name] for row in rows)
        values = [row[name] for row in rows]
        axes.plot([row["epoch"] for row in rows], values, ".-", label=f"{label} (best {best:.3f})")
