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
from maenas.runs.forecast import forecast
from maenas.runs.training_table import best_row

CSV_FILE, PNG_FILE, PAGE_FILE = TRAINING_TABLE, "results.png", "results.html"
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
        epochs: number of epochs of the whole training.
        plain_epochs: number of its last epochs without mosaic.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[Mapping[str, float]],
        epochs: int,
        plain_epochs: int = 0,
    ) -> None:
        self._folder = folder
        self._epochs, self._plain_epochs = epochs, plain_epochs
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
        end = forecast(self._rows, self._epochs, "ap50", self._plain_epochs)
        about = f"of {self._epochs}"
        if end is not None:
            about += f". AP50 expected at the end: {end}"
        write_text(self._folder / PAGE_FILE, page(self._rows, self._folder, about))


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


def page(
    rows: Sequence[Mapping[str, float]],
    folder: Path,
    ahead: str = "",
    evaluation: Sequence[Section] = (),
) -> str:
    """The curves as a page of HTML, with the best epoch and the evaluation of its detector.

    Args:
        rows: rows of the epochs, see `training_section`.
        folder: folder of the run.
        ahead: words after the number of the epoch on what is to come; "" without any.
        evaluation: sections of the evaluation, a summary first; () without one.
    """
    about = f"Epoch {rows[-1]['epoch']:.0f} {ahead}".rstrip() + "."
    best = best_row(rows)
    if best is not None:
        about = (
            f"Best: AP {best['ap']:.4f}, AP50 {best['ap50']:.4f} at epoch {best['epoch']:.0f}. "
            + about
        )
    if not evaluation:
        about += (
            f" `maenas val {folder}` writes the page of an evaluation: confusion, sizes and the "
            "worst images."
        )
    sections = [*evaluation[:1], training_section(rows, about), *evaluation[1:]]
    lead = f"Training in {folder}" + (
        " and evaluation of its best detector." if evaluation else "."
    )
    return page_text(Page("maenas train", lead, sections, foot()))


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
