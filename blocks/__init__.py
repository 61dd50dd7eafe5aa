"""Operators, block specs, backbones, their YAML form and their modules."""

from maenas.blocks.backbone import BLOCKS, Backbone
from maenas.blocks.backbone_file import backbone_text, dump_backbone, load_backbone, zoo_names
from maenas.blocks.block import Block
from maenas.blocks.conv_stem import ConvStem
from maenas.blocks.csp import CSP
from maenas.blocks.errors import MaenasError, SpecError
from maenas.blocks.focus_stem import FocusStem
from maenas.blocks.mob import Mob
from maenas.blocks.op import Op, Shape
from maenas.blocks.res_k1dwk1 import ResK1DWK1
from maenas.blocks.res_k1dwsek1 import ResK1DWSEK1
from maenas.blocks.res_k1kx import ResK1KX
from maenas.blocks.res_k1kxk1 import ResK1KXK1
from maenas.blocks.res_kxkx import ResKXKX
from maenas.blocks.spp import SPP

__all__ = [
    "BLOCKS",
    "CSP",
    "SPP",
    "Backbone",
    "Block",
    "ConvStem",
    "FocusStem",
    "MaenasError",
    "Mob",
    "Op",
    "ResK1DWK1",
    "ResK1DWSEK1",
    "ResK1KX",
    "ResK1KXK1",
    "ResKXKX",
    "Shape",
    "SpecError",
    "backbone_text",
    "dump_backbone",
    "load_backbone",
    "zoo_names",
]
