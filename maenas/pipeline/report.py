"""`report.html` of a run: search, training, accuracy, latency and detections in one file."""

from __future__ import annotations

from maenas.blocks.files.atomic_write import write_text
from maenas.pipeline.card import card_rows
from maenas.pipeline.result import RunResult
from maenas.report import Figure, Page, Section, commands, facts, figures, foot, page_text, table
from maenas.report.saved import sections_of
from maenas.report.training import examples_in, examples_section, training_section
from maenas.runs.folders import SEARCH, TRAINING
from maenas.runs.training_table import training_rows

REPORT_FILE = "report.html"
OF_THE_SEARCH = ("summary", "commands", "provenance")  # told by sections of the run itself


def write_report(result: RunResult) -> None:
    """Write the report into the folder of a run.

    Raises:
        MaenasError: if a file cannot be read or written.
    """
    write_text(result.folder / REPORT_FILE, report_text(result))


def report_text(result: RunResult) -> str:
    """The HTML of the report of a run."""
    sections = [_summary(result), *_detections(result), *_training(result), *_search(result)]
    sections.append(_steps(result))
    lead = (
        f"A detector for {result.plan.data}, searched for {result.plan.device}, trained, "
        "exported and measured."
    )
    return page_text(Page("maenas run", lead, sections, foot()))


def _summary(result: RunResult) -> Section:
    found = result.record.result("search")
    shown = [
        Figure("AP", f"{result.ap:.3f}", f"AP50 {result.ap50:.3f}, split {result.split}"),
        *_latency(result),
        Figure("params", f"{found['params'] / 1e6:.2f} M", f"{found['layers']} layers"),
        Figure("MACs", f"{found['macs'] / 1e9:.3f} G", result.images),
    ]
    return Section("summary", "Summary", figures(shown) + facts(card_rows(result), "wide"))


def _latency(result: RunResult) -> list[Figure]:
    """Measured and predicted latency, where they are known."""
    limit = result.limit_ms
    shown = []
    for name, ms in (("measured", result.measured_ms), ("predicted", result.predicted_ms)):
        if ms is not None:
            note = "" if limit is None else f"of {limit:.3f} ms on {result.plan.device}"
            good = limit is not None and ms <= limit
            shown.append(Figure(f"latency, {name}", f"{ms:.3f} ms", note, good))
    return shown


def _training(result: RunResult) -> list[Section]:
    """The curves of the training; [] without its table."""
    rows = training_rows(result.folder / TRAINING)
    return [training_section(rows)] if rows else []


def _detections(result: RunResult) -> list[Section]:
    """Images with detections, as many as a page carries; [] without any."""
    examples = examples_in(result.folder / "detections")
    if not examples:
        return []
    about = f"Detections of the exported file on {len(examples)} images of split {result.split}."
    return [examples_section(examples, about)]


def _search(result: RunResult) -> list[Section]:
    """The sections of the search's own report."""
    sections = sections_of(result.folder / SEARCH / REPORT_FILE)
    if not sections:
        return []
    first = Section("search", "", "", groups=sections[0].groups)
    return [first, *(one for one in sections if one.anchor not in OF_THE_SEARCH)]


def _steps(result: RunResult) -> Section:
    """Each step as the command that does it alone."""
    steps = result.record.steps
    times = [(step.name, f"{step.seconds:.1f}") for step in steps]
    body = table("Seconds of each step", ("step", "seconds"), times, numbers=[1])
    listed = [(step.name, step.command) for step in steps]
    return Section("steps", "Steps", body + commands(listed))
