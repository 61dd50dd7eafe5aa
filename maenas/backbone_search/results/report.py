"""`report.html`: the report of a search in one file that works offline."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from maenas.backbone_search.plan import depth_limits
from maenas.backbone_search.results.lines import (
    costs_line,
    finalist_line,
    measured_on_line,
    optimum_line,
    random_line,
    score_line,
)
from maenas.backbone_search.results.result import Result
from maenas.budgets import show

NO_COMPARISON = (
    "Each search has a score of its own: scores of different spaces or scales do not compare, "
    "and none of them is the accuracy of a detector."
)
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; } td, th { padding: .2em .8em; text-align: left; }
tr { border-bottom: 1px solid #ddd; } code, pre { background: #f5f5f5; padding: .1em .3em; }
img { max-width: 48%; }
"""


def report_text(result: Result, folders: list[Path]) -> str:
    """The HTML of the report; `folders` are the folders with the plots."""
    best = result.best
    problem = best.subproblem.problem
    rows = [
        ("command", result.config.command()),
        ("scale", f"template {best.subproblem.template.name}, space {problem.space.name}"),
        ("classes", str(best.subproblem.template.head.num_classes)),
        ("depth limits", depth_limits(problem)),
        ("maximised", f"{problem.score.name}; {score_line(problem)}"),
        ("score", f"{best.score:.4f}; {optimum_line(best, 4)}"),
        ("baseline", random_line(best)),
        ("costs", costs_line(best)),
    ]
    if problem.device is not None:
        rows.append(("latency", problem.device.about))
    rows += [
        (
            f"finalist {entry.rank}",
            finalist_line(entry),
        )
        for entry in result.monte_carlo
    ]
    if result.reranking is not None:
        rows += [("re-ranked", line) for line in result.reranking.lines()]
    if result.verified:
        one = result.verified[0]
        measured = f"{one.measured_ms:.4f} ms, predicted {one.predicted_ms:.4f} ms"
        rows.append(("measured", f"{measured}; {measured_on_line(result.measured_on)}"))
    rows += [("note", note) for note in result.notes]
    parts = [
        "<!doctype html><meta charset=utf-8><title>maenas search</title>",
        f"<style>{STYLE}</style><h1>maenas search</h1>",
        _table(("", ""), rows),
        "<h2>Networks</h2>",
        _table(
            ("limit", "score", "of score's optimum", "layers", "params", "spec"),
            [
                (
                    show(problem.ranged.quantity, found.limit),
                    f"{found.score:.3f}",
                    f"{100 * found.share:.3f} %",
                    str(found.backbone.layers),
                    f"{found.cost.params / 1e6:.3f} M",
                    str(result.spec_path(found)),
                )
                for found in result.networks
            ],
        ),
        "<h2>Stages of the best</h2>",
        _table(
            ("block", "fields"),
            [(stage.kind, _fields(stage)) for stage in best.backbone.stages],
        ),
        "<h2>Search</h2>",
    ]
    for folder in folders:
        parts += [_image(folder / "curve.png"), _image(folder / "scatter.png")]
    return "\n".join(parts) + "\n"


def searches_text(folder: Path, head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """The HTML of the report on several searches, with a link to the report of each."""
    names = sorted({row[0] for row in rows if (folder / row[0] / "report.html").is_file()})
    links = [f'<li><a href="{html.escape(n)}/report.html">{html.escape(n)}</a>' for n in names]
    parts = [
        "<!doctype html><meta charset=utf-8><title>maenas searches</title>",
        f"<style>{STYLE}</style><h1>maenas: {len(names)} searches</h1>",
        _table(tuple(head), rows),
        f"<p>{html.escape(NO_COMPARISON)}</p>",
        _image(folder / "searches.png"),
        f"<ul>{''.join(links)}</ul>",
    ]
    return "\n".join(parts) + "\n"


def _fields(stage: object) -> str:
    from maenas.blocks.backbone_file import block_data

    data = block_data(stage)  # type: ignore[arg-type]
    return ", ".join(f"{key} {value}" for key, value in data.items() if key != "block")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = [
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    ]
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f"<table><tr>{heads}</tr>{''.join(cells)}</table>"


def _image(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(path.name)}" src="data:image/png;base64,{data}">'
