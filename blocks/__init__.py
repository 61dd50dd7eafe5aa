"""Operators, block specs, backbones, their YAML form and their modules."""

from blocks.backbone import (
    BLOCKS,
    Backbone,
    backbone_text,
    dump_backbone,
    load_backbone,
    zoo_names,
)
from blocks.block import Block
from blocks.conv_stem import ConvStem
from blocks.csp import CSP
from blocks.errors import MaenasError, SpecError
from blocks.focus_stem import FocusStem
from blocks.mob import Mob
from blocks.op import Op, Shape
from blocks.res_k1dwk1 import ResK1DWK1
from blocks.res_k1dwsek1 import ResK1DWSEK1
from blocks.res_k1kx import ResK1KX
from blocks.res_k1kxk1 import ResK1KXK1
from blocks.res_kxkx import ResKXKX
from blocks.spp import SPP

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
