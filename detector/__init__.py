"""The DAMO-YOLO detector around a backbone."""

from detector.rep_gfpn import RepGFPN
from detector.template import Template, load_template, template_names
from detector.zero_head import ZeroHead

__all__ = ["RepGFPN", "Template", "ZeroHead", "load_template", "template_names"]
