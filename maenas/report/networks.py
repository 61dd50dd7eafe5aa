"""Networks on a page: drawn stage by stage, with the stages as a table and the spec to copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maenas.blocks import Backbone
from maenas.blocks.backbone_file import FORMAT, block_data
from maenas.report.page import Section
from maenas.report.tables import copyable, folded, table, text


@dataclass(frozen=True, slots=True)
class PlainNetwork:
    """A network that does not belong to a group of candidates.

    Attributes:
        name: name shown.
        backbone: network.
        facts: score and costs as text: name and value.
    """

    name: str
    backbone: Backbone
    facts: Sequence[tuple[str, str]] = ()

    def coded(self) -> dict[str, Any]:
        """The network as the page reads it."""
        return {
            "name": self.name,
            "format": FORMAT,
            "in_shape": list(self.backbone.in_shape),
            "features": list(self.backbone.features),
            "stages": [block_data(stage) for stage in self.backbone.stages],
            "sizes": [list(ops[-1].out_shape[1:]) for ops in self.backbone.stage_ops()],
            "facts": [list(fact) for fact in self.facts],
        }


def stage_table(caption: str, backbone: Backbone) -> str:
    """The stages of a network as a table."""
    rows = []
    for index, (stage, ops) in enumerate(zip(backbone.stages, backbone.stage_ops(), strict=True)):
        data = block_data(stage)
        rest = [f"{key} {value}" for key, value in data.items() if key not in _SHOWN]
        size = "x".join(map(str, ops[-1].out_shape[1:]))
        mark = " (feature)" if index in backbone.features else ""
        width = ops[-1].out_shape[0]
        depth = getattr(stage, "depth", 1)
        rows.append([f"{index}{mark}", stage.kind, size, width, depth, ", ".join(rest)])
    head = ("stage", "block", "output", "channels", "units", "other fields")
    return table(caption, head, rows, numbers=(3, 4))


_SHOWN = ("block", "out_channels", "depth")


def selected_section(best: PlainNetwork, spec: str, group: str, index: int) -> Section:
    """The network that the reader has selected, at first the best, beside the published one.

    Args:
        best: network that is shown first, and on pages without scripts.
        spec: text of its spec.
        group: group of candidates that holds it.
        index: index of the network in the group.
    """
    names = f'data-group="{text(group)}" data-index="{index}"'
    body = (
        "<p>A network selected in a chart or a table is drawn here stage by stage: each block is "
        "one unit, its height the number of channels. Its spec can be copied.</p>"
        f'<div id="selected" {names}><h3>{text(best.name)}</h3>'
        f"{stage_table('Stages', best.backbone)}{copyable(spec, 'Spec of the network')}</div>"
    )
    return Section("network", "Selected network", body)


def drawing_section(anchor: str, title: str, networks: Sequence[PlainNetwork]) -> Section:
    """Several networks drawn one below the other, stage by stage."""
    tables = "".join(stage_table(one.name, one.backbone) for one in networks)
    body = (
        "<p>Each block is one unit of a stage, its height the number of channels.</p>"
        f'<figure><div class="drawing" id="{text(anchor)}-drawing" role="img" aria-label="Networks '
        f'stage by stage"></div>{folded("Stages as tables", tables)}</figure>'
    )
    drawn = {"kind": "drawing", "networks": [one.coded() for one in networks]}
    return Section(anchor, title, body, charts={f"{anchor}-drawing": drawn})
