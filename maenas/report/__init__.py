"""Pages of HTML in one file that need no network: typed data in, sections out."""

from maenas.report.candidates import Candidates, Column
from maenas.report.charts import (
    Agreement,
    Bars,
    Curve,
    CurvePoint,
    Front,
    History,
    Lines,
    Plane,
    chart,
)
from maenas.report.networks import PlainNetwork, drawing_section, selected_section
from maenas.report.page import Page, Section, foot, page_text
from maenas.report.tables import Facts, Figure, Gauge, commands, facts, figures, gauges, table

__all__ = [
    "Agreement",
    "Bars",
    "Candidates",
    "Column",
    "Curve",
    "CurvePoint",
    "Facts",
    "Figure",
    "Front",
    "Gauge",
    "History",
    "Lines",
    "Page",
    "PlainNetwork",
    "Plane",
    "Section",
    "chart",
    "commands",
    "drawing_section",
    "facts",
    "figures",
    "foot",
    "gauges",
    "page_text",
    "selected_section",
    "table",
]
