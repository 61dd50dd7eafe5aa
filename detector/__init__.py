"""The DAMO-YOLO detector around a backbone."""

from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.template import Template, load_template, template_names
from maenas.detector.model.zero_head import ZeroHead

__all__ = ["RepGFPN", "Template", "ZeroHead", "load_template", "template_names"]
