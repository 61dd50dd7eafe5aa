"""A page with every kind of chart and section, over 100,000 synthetic candidates."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from maenas.blocks import load_backbone
from maenas.blocks.backbone_file import backbone_text
from maenas.nas.history.sample import chosen_rows
from maenas.report import (
    Agreement,
    Bars,
    Candidates,
    Column,
    Curve,
    CurvePoint,
    Figure,
    Front,
    Gauge,
    History,
    Page,
    PlainNetwork,
    Plane,
    Section,
    chart,
    commands,
    drawing_section,
    facts,
    figures,
    gauges,
    page_text,
    selected_section,
)
from maenas.report.charts import Chart, data_of
from maenas.report.tables import notes, paragraph
from maenas.report.training import Example, examples_section, training_section
from maenas.search_spaces import load_space

COUNT = 100_000
ROWS = [{"epoch": n, "lr": 0.01 / n, "loss": 3 / n, "ap": 0.5 - 0.4 / n} for n in range(1, 9)]


def candidates(seed: int = 0) -> tuple[Candidates, list[int]]:
    """The sample of many networks as a search leaves it, and the indices of its front."""
    space, rng = load_space("res"), np.random.default_rng(seed)
    prices = 2.4 + 1.4 * rng.beta(3, 2, COUNT)
    scores = 600 * (1 - np.exp(-3 * (prices - 2.2))) * rng.beta(9, 2, COUNT)
    feasible = rng.random(COUNT) < 0.7
    rises = np.unique(np.maximum.accumulate(scores[feasible])).tolist()
    rows, counts, best, _ = chosen_rows(scores, prices, feasible, rises)
    genomes = np.column_stack([rng.integers(len(g.values), size=len(rows)) for g in space.genes])
    columns = [Column("latency, estimated", "ms", prices[rows])]
    columns += [Column(name, "G", rng.random(len(rows))) for name in ("MACs", "params", "memory")]
    last = int(best[-1])
    published = PlainNetwork("damo-yolo-s, published", load_backbone("zoo:damo-yolo-s"))
    known = Candidates(
        space, genomes, scores[rows], counts, columns, "score [nats]", {last: "best"}, published
    )
    return known, best.tolist()


def charts(known: Candidates, best: list[int]) -> list[Chart]:
    """One chart of each kind."""
    found, cloud = [("best", best[-1])], int(np.count_nonzero(known.counts))
    front = [CurvePoint(2.4 + n / 30, 600 - 400 / (n + 1)) for n in range(42)]
    history = Curve("this search", [CurvePoint(10.0**n, 100.0 * n, best[-1]) for n in range(2, 6)])
    return [
        Front("s", "latency [ms]", "score [nats]", cloud, best, front, found, [("budget", 3.8)],
              (3.9, 588.1, "damo-yolo-s")),
        Plane("s", 0, 1, "latency on t4 [ms]", "latency on cpu [ms]", cloud, found, [(3.8, 0.9)]),
        History("s", "score [nats]", [history], [("certified optimum 600", 600.0)]),
        Bars("ms", ["stage 0", "stage 1", "neck"], [("best", [1, 2, 3]), ("published", [1, 3, 3])]),
        Agreement("ms", [("finalist 1", 3.7, 3.9), ("finalist 2", 3.5, 3.4)], 3.8),
    ]  # fmt: skip


def picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (160, 90), (40, 120, 90)).save(content, format="JPEG")
    return content.getvalue()


def page() -> str:
    """The page."""
    known, best = candidates()
    tiles = figures([Figure("score", "600", "proven", True)] * 7)
    sections = [Section("summary", "Summary", tiles)]
    gauge = Gauge("latency", "3.7 ms", "3.8 ms", 0.97, True)
    lists = gauges([gauge]) + notes(["a note"]) + facts([("name", "value")])
    sections.append(Section("budgets", "Budgets", lists + paragraph("quiet", "quiet")))
    network = known.space.decode(known.genomes[best[-1]].tolist())
    plain, nano = PlainNetwork("best", network), load_backbone("zoo:damo-yolo-ns")
    for number, one in enumerate(charts(known, best)):
        body = chart(f"chart-{number}", f"about {one.kind}", steps=one.kind == "front")
        groups = {"s": known.coded()} if not number else {}
        data = {f"chart-{number}": data_of(one)}
        sections.append(Section(f"section-{number}", one.kind, body, data, groups))
    sections += [
        selected_section(plain, backbone_text(network), "s", best[-1]),
        drawing_section("drawn", "Drawn", [plain, PlainNetwork("nano", nano)]),
        training_section(ROWS),
        examples_section([Example(picture(), f"image {n}: 2 dogs") for n in range(6)]),
        Section("commands", "Commands", commands([("Repeat it.", "maenas search " + "x" * 200)])),
    ]  # fmt: skip
    return page_text(Page("Every chart", "of every kind", sections, "foot"))
