"""State dicts inside what trainers and wrappers put around them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from maenas.detector.checkpoints.state_dict import stripped
from maenas.detector.errors import ModelError

ONE = {"stem.weight": torch.zeros(1), "head.bias": torch.ones(1)}


def under(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in ONE.items()}


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        ({"ema": {}, "model": ONE}, ("`model`",)),
        ({"ema": {"decay": 0.9, "updates": 7}, "model": ONE}, ("`model`",)),
        ({"ema": {"updates": 7, "module": ONE}, "model": under("x.")}, ("`ema`", "`module`")),
        ({"model": {"cfg": "s"}, "net": ONE}, ("`net`",)),
        ({"ema_model": ONE, "optimizer": {"lr": 1}}, ("`ema_model`",)),
        (under("net."), ("prefix `net.`",)),
        (under("_fsdp_wrapped_module."), ("`_fsdp_wrapped_module.` in names",)),
        (
            under("module._fsdp_wrapped_module._orig_mod."),
            ("`_orig_mod.` in names", "`_fsdp_wrapped_module.` in names", "prefix `module.`"),
        ),
    ],
)
def test_the_state_dict_is_found_behind_what_is_none(
    content: Mapping[str, object], removed: tuple[str, ...]
) -> None:
    found = stripped(content, Path("a.pth"))
    assert found.weights == ONE
    assert found.stripped == removed


@pytest.mark.parametrize("content", [{}, {"ema": {}}, {"model": {"model": {"lr": 1}}}, [ONE], None])
def test_a_checkpoint_without_a_state_dict_is_refused(content: object) -> None:
    with pytest.raises(ModelError, match=r"a\.pth: holds no state dict"):
        stripped(content, Path("a.pth"))
