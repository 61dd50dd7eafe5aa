"""The page of several searches: one table, and a chart of its own for each search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maenas.backbone_search.report.summary import NO_COMPARISON
from maenas.backbone_search.results.plots import UNITS
from maenas.blocks import load_backbone
from maenas.report import (
    Curve,
    CurvePoint,
    Lines,
    Page,
    PlainNetwork,
    Section,
    chart,
    drawing_section,
    foot,
    page_text,
    table,
)
from maenas.report.charts import curve_table, data_of
from maenas.report.tables import paragraph, text

Networks = Mapping[str, Sequence[Mapping[str, Any]]]


def searches_text(
    folder: Path, head: Sequence[str], rows: Sequence[tuple[str, ...]], found: Networks
) -> str:
    """The HTML of the report on several searches, with a link to the report of each.

    Args:
        folder: folder that holds the folders of the searches.
        head: titles of the columns of the table.
        rows: cells of the table, the name of the search first.
        found: networks of each search, as stored in its `result.json`.
    """
    names = sorted({row[0] for row in rows if (folder / row[0] / "report.html").is_file()})
    links = [f'<li><a href="{text(n)}/report.html">{text(n)}</a></li>' for n in names]
    overview = table("Networks of all searches", head, rows) + paragraph(NO_COMPARISON)
    sections = [
        Section("overview", "All searches", overview),
        *_drawn(folder, found),
        *(
            _search(number, name, found[name])
            for number, name in enumerate(found)
            if len(found[name]) > 1
        ),
        Section("reports", "Report of each search", f"<ul>{''.join(links)}</ul>"),
    ]
    lead = "Each search has its own score, so none shares an axis with another."
    return page_text(Page(f"maenas: {len(names)} searches", lead, sections, foot()))


def _drawn(folder: Path, found: Networks) -> list[Section]:
    """The best network of each search, stage by stage; [] without any."""
    specs = {name: folder / name / "best.yaml" for name in found}
    networks = [PlainNetwork(n, load_backbone(spec)) for n, spec in specs.items() if spec.is_file()]
    return [drawing_section("stages", "Best network of each search", networks)] if networks else []


def _search(number: int, name: str, networks: Sequence[Mapping[str, Any]]) -> Section:
    quantity = next(iter(networks[0]["budget"]))
    scale, label = UNITS[quantity]
    places = [network[quantity] / scale for network in networks]
    curves = [
        Curve(title, [CurvePoint(x, n[key]) for x, n in zip(places, networks, strict=True)])
        for title, key in (
            ("found", "score"),
            ("certified optimum", "optimum_at_most"),
            ("random search", "random_score"),
        )
        if all(network[key] is not None for network in networks)
    ]
    lines = Lines(label, "score of this search", curves, marks=True)
    about = f"Score over {label} of the networks of search {name}, with the certified optima"
    body = chart(f"search-{number}-chart", about, curve_table("Scores", label, curves))
    return Section(f"search-{number}", name, body, {f"search-{number}-chart": data_of(lines)})
