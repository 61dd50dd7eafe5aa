"""The page of `maenas compare --html`: networks side by side, drawn, with latency by part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.suffixes import suffix_of
from maenas.latency.comparison.compare import ComparedNetwork, notes_of
from maenas.latency.comparison.rows import rows
from maenas.latency.predict import LayerLatency, by_kernel
from maenas.report import (
    Bars,
    Curve,
    CurvePoint,
    Lines,
    Page,
    PlainNetwork,
    Section,
    chart,
    drawing_section,
    facts,
    foot,
    page_text,
    table,
)
from maenas.report.charts import bar_table, curve_table, data_of
from maenas.report.tables import notes, paragraph

SUFFIXES = (".html", ".htm")
SMALL = 0.01  # share of the latency below which a kind of operator has no bars of its own
OTHERS = "others"
SCORES = (
    "Scores compare only between networks with the same blocks, so each kind has a row of its own; "
    "a score is not the accuracy of a detector."
)


def check_page_path(path: Path) -> None:
    """Raise `MaenasError` unless the name is that of a page: a spec named by mistake stays."""
    if suffix_of(path) not in SUFFIXES:
        raise MaenasError(f"html: must name a file that ends in .html, got {path}.")


def write_page(found: Sequence[ComparedNetwork], path: Path) -> None:
    """Write the page of a comparison.

    Raises:
        MaenasError: if the file cannot be written.
    """
    write_text(path, comparison_text(found))


def comparison_text(found: Sequence[ComparedNetwork]) -> str:
    """The HTML of a comparison."""
    sections = [_overview(found)]
    backbones = [(one, one.backbone) for one in found if one.backbone is not None]
    if backbones:
        drawn = [PlainNetwork(one.name, backbone) for one, backbone in backbones]
        sections.append(drawing_section("stages", "Stages", drawn))
    if any(one.latencies for one in found):
        sections.append(_latencies(found))
    for index in range(len(found[0].latencies)):
        sections += _by_part(found, index)
    sections += _accuracy(found)
    names = ", ".join(one.name for one in found)
    return page_text(Page("maenas: networks compared", names, sections, foot()))


def _overview(found: Sequence[ComparedNetwork]) -> Section:
    listed = [(label, *cells) for label, cells in rows(found)]
    head = ("", *(one.name for one in found))
    body = table("Networks side by side, batch size 1", head, listed, range(1, len(head)))
    reasons = [
        f"{one.name} on {latency.device}: {latency.reason}"
        for one in found
        for latency in one.latencies
        if latency.reason is not None
    ]
    return Section(
        "overview", "Overview", body + paragraph(SCORES, "quiet") + notes(notes_of(found) + reasons)
    )


def _latencies(found: Sequence[ComparedNetwork]) -> Section:
    """Latency of each network on each device, and where the prices come from."""
    devices = [f"{latency.device}, {latency.kind}" for latency in found[0].latencies]
    bars = Bars("ms", devices, [(one.name, [each.ms for each in one.latencies]) for one in found])
    about = "Latency of each network on each device at batch size 1"
    body = chart("latency-chart", about, bar_table(about, bars), low=True)
    body += facts([(each.device, each.about) for each in found[0].latencies], "wide")
    return Section("latency", "Latency", body, {"latency-chart": data_of(bars)})


def _by_part(found: Sequence[ComparedNetwork], index: int) -> list[Section]:
    """Latency on one device by stage, neck and head, and by kind of operator."""
    priced = [(one, one.latencies[index].lines) for one in found if one.latencies[index].lines]
    if not priced:
        return []
    device = found[0].latencies[index].device
    staged = [(one.name, by_stage(lines)) for one, lines in priced if one.backbone is not None]
    kinds = [(one.name, large_kernels(lines)) for one, lines in priced]
    body, charts = "", {}
    for name, about, known in (
        ("stages", f"Milliseconds on {device} by stage, neck and head", staged),
        ("kinds", f"Milliseconds on {device} by kind of operator", kinds),
    ):
        if known:
            bars = _bars(known)
            anchor = f"latency-{index}-{name}"
            body += paragraph(f"{about}.") + chart(anchor, about, bar_table(about, bars), low=True)
            charts[anchor] = data_of(bars)
    return [Section(f"latency-{index}", f"Latency by part: {device}", body, charts)]


def by_stage(lines: Sequence[LayerLatency]) -> dict[str, float]:
    """Milliseconds by stage, neck and head, in order of execution."""
    sums: dict[str, float] = {}
    for line in lines:
        part = line.name.rpartition(".")[0]
        sums[part] = sums.get(part, 0.0) + line.ms
    return sums


def large_kernels(lines: Sequence[LayerLatency]) -> dict[str, float]:
    """Milliseconds by kind of operator, the small ones as one sum."""
    sums = by_kernel(lines)
    least = SMALL * sum(sums.values())
    large = {name: ms for name, ms in sums.items() if ms >= least}
    rest = sum(sums.values()) - sum(large.values())
    return {**large, OTHERS: rest} if len(large) < len(sums) else large


def _bars(known: Sequence[tuple[str, dict[str, float]]]) -> Bars:
    longest = max((parts for _, parts in known), key=len)
    names = list(dict.fromkeys([*longest, *(name for _, parts in known for name in parts)]))
    if OTHERS in names:
        names = [name for name in names if name != OTHERS] + [OTHERS]
    return Bars("ms", names, [(n, [parts.get(each) for each in names]) for n, parts in known])


def _accuracy(found: Sequence[ComparedNetwork]) -> list[Section]:
    """AP over latency on the first device; [] unless two networks have both."""
    known = [
        Curve(one.name, [CurvePoint(ms, one.ap)])
        for one in found
        if one.ap is not None and one.latencies and (ms := one.latencies[0].ms) is not None
    ]
    if len(known) < 2:
        return []
    latency = found[0].latencies[0]
    lines = Lines(f"latency, {latency.kind} on {latency.device} [ms]", "best AP", known, marks=True)
    about = f"Best AP of each training over its {lines.x_label}"
    body = chart("accuracy-chart", about, curve_table(about, lines.x_label, known))
    return [Section("accuracy", "Accuracy", body, {"accuracy-chart": data_of(lines)})]
