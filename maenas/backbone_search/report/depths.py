"""The section on limits on layers that `--layers auto` tried."""

from __future__ import annotations

from maenas.backbone_search.depth import NO_KNEE, has_knee
from maenas.backbone_search.results.result import Result
from maenas.report import Section, table
from maenas.report.tables import paragraph


def depths_section(result: Result) -> list[Section]:
    """The front of layers, score and latency; [] unless the limit on layers was chosen by it."""
    points = result.best.subproblem.depths
    if not points:
        return []
    rows = [
        (
            point.cap,
            point.layers,
            f"{point.score:.4f}",
            f"{point.optimum_at_most:.4f}",
            "" if point.latency_ms is None else f"{point.latency_ms:.4f}",
            f"{point.macs / 1e9:.3f}",
            "yes" if point.is_chosen else "",
        )
        for point in points
    ]
    head = ("limit", "layers", "score", "at most", "latency [ms]", "MACs [G]", "chosen")
    about = (
        "The knee is chosen: the optimum farthest above the line from the shallowest to the "
        "deepest one. A higher score of a deeper network is no evidence that it trains better."
    )
    if len(points) > 2 and not has_knee(points):
        about = f"Here {NO_KNEE}. A higher score is no evidence that a network trains better."
    body = table("Certified optimum under each limit on layers", head, rows, range(6))
    return [Section("depths", "Layers", body + paragraph(about))]
