"""The DAMO-YOLO detector around a backbone."""

from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.template import (
    Template,
    bundled_templates,
    load_template,
    template_names,
)
from maenas.detector.model.zero_head import ZeroHead

__all__ = [
    "RepGFPN",
    "Template",
    "ZeroHead",
    "bundled_templates",
    "load_template",
    "template_names",
]
