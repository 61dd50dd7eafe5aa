"""Official checkpoints become our weights, key by key, or say which keys do not fit."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor, nn

from maenas.blocks.layers.deploy import deploy
from maenas.blocks.layers.rep_conv import RepConv
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.checkpoints.import_weights import (
    CheckpointError,
    Imported,
    import_checkpoint,
    official_spec,
    recognised,
)
from maenas.detector.checkpoints.official import official_names
from maenas.detector.errors import ModelError
from maenas.detector.model.coco_names import COCO_NAMES
from maenas.testing.recorder import trained
from tests.golden import CONSTANT, official_weights

CLASSIFIER = [f"head.gfl_cls.{level}.{name}" for level in range(3) for name in ("weight", "bias")]


def official(model: str, num_classes: int = 80) -> tuple[nn.Module, dict[str, Tensor]]:
    """A network of ours that learnt something, and its state dict as the official code saves it."""
    torch.manual_seed(0)
    spec = official_spec(model)
    spec = replace(spec, head=replace(spec.head, num_classes=num_classes))
    network = trained(spec.build()).float()
    state = network.state_dict()
    weights = {theirs: state[ours].clone() for theirs, ours in official_names(spec)}
    return network, {**weights, CONSTANT: torch.arange(spec.head.reg_max + 1.0)}


def merged(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The official deploy form of T: RepConvs merged, every other BatchNorm kept."""
    names = {ours: theirs for theirs, ours in official_names(official_spec("damo-yolo-t"))}
    kept = dict(weights)
    for path, layer in network.named_modules():
        if isinstance(layer, RepConv):
            unit = names[f"{path}.dense.conv.weight"].removesuffix(".rbr_dense.conv.weight")
            kept = {key: value for key, value in kept.items() if not key.startswith(f"{unit}.rbr_")}
            single = deploy(layer).merged
            kept |= {f"{unit}.rbr_reparam.{name}": p for name, p in single.named_parameters()}
    return {key: value.detach() for key, value in kept.items()}


@pytest.fixture(scope="module")
def nano() -> tuple[nn.Module, dict[str, Tensor]]:
    return official("damo-yolo-ns")


@pytest.fixture(scope="module")
def tiny() -> tuple[nn.Module, dict[str, Tensor]]:
    return official("damo-yolo-t")


Saved = Callable[..., Path]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes what it is given as a checkpoint."""

    def save(data: object, **options: Any) -> Path:
        path = tmp_path / "official.pth"
        torch.save(data, path, **options)
        return path

    return save


def outputs(network: Any) -> list[Tensor]:
    """What a network predicts on noise."""
    images = 255 * torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return list(network.eval().predict(images))


def rebuilt(imported: Imported) -> nn.Module:
    """The network of what was imported; refuses weights that do not fit it."""
    return build_network(imported.spec, imported.weights)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"model": weights, "epoch": 300, "optimizer": {"lr": 0.01}},
        lambda weights: weights,
        lambda weights: {"model": {f"module.{key}": value for key, value in weights.items()}},
        lambda weights: {key: value for key, value in weights.items() if key != CONSTANT},
    ],
    ids=["under model", "bare", "distributed", "without the constant bins"],
)
def test_a_training_form_comes_back_as_the_network_it_was(nano, saved, wrap) -> None:
    network, weights = nano
    imported = import_checkpoint(saved(wrap(weights)), "damo-yolo-ns")
    assert imported.report.fits
    assert imported.report.form == "training"
    torch.testing.assert_close(outputs(rebuilt(imported)), outputs(network), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("wrap", "stripped"),
    [
        (lambda w: {"state_dict": w, "epoch": 3}, ("`state_dict`",)),
        (lambda w: {"model_state_dict": w}, ("`model_state_dict`",)),
        (lambda w: {"ema": w, "model": {}}, ("`ema`",)),
        (lambda w: {"model_ema": {"module": w, "updates": 7}}, ("`model_ema`", "`module`")),
        (lambda w: {"model": {"state_dict": w}}, ("`model`", "`state_dict`")),
        (lambda w: named(w, "_orig_mod."), ("`_orig_mod.` in names",)),
        (
            lambda w: named(w, "module._orig_mod."),
            ("`_orig_mod.` in names", "prefix `module.`"),
        ),
        (
            lambda w: {"state_dict": named(w, "model.")},
            ("`state_dict`", "prefix `model.`"),
        ),
        (
            lambda w: {**named(w, "module."), "n_averaged": torch.tensor(5)},
            ("prefix `module.`",),
        ),
        (
            lambda w: {key.replace("neck.", "neck._orig_mod."): v for key, v in w.items()},
            ("`_orig_mod.` in names",),
        ),
    ],
    ids=[
        "state_dict",
        "model_state_dict",
        "ema before model",
        "ema of timm",
        "two keys",
        "compiled",
        "compiled and distributed",
        "lightning",
        "averaged",
        "a part compiled",
    ],
)
def test_what_trainers_put_around_a_state_dict_is_stripped_and_named(
    nano, saved, wrap, stripped
) -> None:
    network, weights = nano
    imported = import_checkpoint(saved(wrap(weights)), "damo-yolo-ns")
    assert imported.report.fits
    assert imported.report.stripped == stripped
    torch.testing.assert_close(outputs(rebuilt(imported)), outputs(network), rtol=0, atol=0)


def named(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The same tensors under names that begin with a prefix."""
    return {f"{prefix}{key}": value for key, value in weights.items()}


def test_what_was_stripped_is_named_where_the_rest_does_not_fit(tiny, saved) -> None:
    path = saved({"ema": named(tiny[1], "module.")})
    with pytest.raises(
        CheckpointError, match=r"is not a damo-yolo-ns after removing `ema`, prefix `module.`"
    ):
        import_checkpoint(path, "damo-yolo-ns")


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(ModelError, match=r"pipe.pth: is a pipe or a device"):
        import_checkpoint(tmp_path / "pipe.pth", "damo-yolo-ns")
    with pytest.raises(ModelError, match="cannot be read: File name too long"):
        import_checkpoint(tmp_path / ("a" * 300), "damo-yolo-ns")


def test_the_format_of_old_versions_of_torch_is_read(nano, saved) -> None:
    _, weights = nano
    path = saved({"model": weights}, _use_new_zipfile_serialization=False)
    assert import_checkpoint(path, "damo-yolo-ns").report.fits


def test_half_precision_is_widened(nano, saved) -> None:
    _, weights = nano
    halves = {key: v.half() if v.is_floating_point() else v for key, v in weights.items()}
    imported = import_checkpoint(saved(halves), "zoo:damo-yolo-ns")
    assert {v.dtype for v in imported.weights.values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize("model", ["damo-yolo-s", "damo-yolo-m", "damo-yolo-nl"])
def test_every_family_of_the_official_code_is_imported(saved, model) -> None:
    scale = model.removeprefix("damo-yolo-").capitalize()
    weights = official_weights(scale)  # under the keys of the reference itself
    imported = import_checkpoint(saved({"model": weights}), model)
    assert set(imported.weights) == set(imported.spec.build().state_dict())


def test_published_weights_keep_their_classes_and_their_stretched_images(nano, saved) -> None:
    _, weights = nano
    spec = import_checkpoint(saved(weights), "damo-yolo-ns").spec
    assert (spec.names, spec.resize) == (COCO_NAMES, "stretch")
    assert len(set(COCO_NAMES)) == 80
    assert COCO_NAMES[-1] == "toothbrush"


def test_a_deploy_form_predicts_what_the_training_form_did(tiny, saved) -> None:
    network, weights = tiny
    deployed = merged(network, weights)
    assert len(deployed) == 346  # as counted on the official code

    imported = import_checkpoint(saved({"model": deployed}), "damo-yolo-t")

    assert imported.report.fits
    assert imported.report.form == "deploy"
    again = rebuilt(imported)
    for expected in (again, deploy(again)):
        torch.testing.assert_close(outputs(expected), outputs(network), rtol=2e-3, atol=2e-3)


def test_a_merged_kernel_comes_back_as_it_was_and_can_be_trained(tiny, saved) -> None:
    network, weights = tiny
    deployed = merged(network, weights)
    unit = "backbone.block_list.1.block_list.0.conv2.rbr_reparam"

    again = rebuilt(import_checkpoint(saved(deployed), "damo-yolo-t"))
    layer = again.get_submodule("backbone.stages.1.0.chain.1")
    assert isinstance(layer, RepConv)
    single = deploy(layer).merged

    torch.testing.assert_close(single.weight, deployed[f"{unit}.weight"])
    torch.testing.assert_close(single.bias, deployed[f"{unit}.bias"])
    layer.train()(torch.randn(2, *single.weight.shape[1:2], 8, 8)).square().sum().backward()
    assert layer.pointwise.bn.weight.grad.any()  # zero, yet not stuck there
    assert layer.pointwise.conv.weight.any()


def test_a_legacy_classifier_loses_the_class_nobody_looked_at(saved) -> None:
    network, weights = official("damo-yolo-ns", num_classes=81)
    imported = import_checkpoint(saved(weights), "damo-yolo-ns")

    (scores, boxes), (legacy, same) = outputs(rebuilt(imported)), outputs(network)
    torch.testing.assert_close(scores, legacy[..., :80], rtol=0, atol=1e-6)
    torch.testing.assert_close(boxes, same, rtol=0, atol=0)
    assert imported.report.dropped == tuple(CLASSIFIER)
    assert (imported.report.num_classes, imported.spec.names) == (81, COCO_NAMES)


def test_a_model_of_81_classes_keeps_them_if_told_so(saved) -> None:
    network, weights = official("damo-yolo-ns", num_classes=81)
    imported = import_checkpoint(saved(weights), "damo-yolo-ns", num_classes=81)
    assert imported.spec.head.num_classes == 81
    assert imported.spec.names == ()
    torch.testing.assert_close(outputs(rebuilt(imported)), outputs(network), rtol=0, atol=0)


def test_any_number_of_classes_is_taken_from_the_checkpoint(saved) -> None:
    _, weights = official("damo-yolo-ns", num_classes=7)
    spec = import_checkpoint(saved(weights), "damo-yolo-ns").spec
    assert (spec.head.num_classes, spec.names) == (7, ())


def test_other_classes_keep_everything_but_the_classifier(nano, saved) -> None:
    network, weights = nano
    path = saved(weights)
    imported = import_checkpoint(path, "damo-yolo-ns", num_classes=3)

    assert imported.report.fits
    assert imported.report.reinitialised == tuple(CLASSIFIER)
    (scores, boxes), (_, same) = outputs(rebuilt(imported)), outputs(network)
    assert scores.shape[-1] == 3
    assert imported.spec.head.num_classes == 3
    torch.testing.assert_close(boxes, same, rtol=0, atol=0)
    again = import_checkpoint(path, "damo-yolo-ns", num_classes=3)  # the same new classifier
    assert all(torch.equal(imported.weights[name], again.weights[name]) for name in again.weights)


def test_importing_draws_nothing_from_the_random_numbers_of_others(nano, saved) -> None:
    _, weights = nano
    path = saved(weights)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    import_checkpoint(path, "damo-yolo-ns", num_classes=3)
    assert torch.equal(torch.rand(3), expected)


def test_every_key_that_does_not_fit_is_named(nano, saved) -> None:
    _, weights = nano
    broken = dict(weights)
    first, second, *_ = broken
    del broken[first], broken[second]
    broken |= {"neck.extra.weight": torch.zeros(1), "head.scales.1.scale": torch.ones(2)}

    with pytest.raises(CheckpointError) as raised:
        import_checkpoint(saved(broken), "damo-yolo-ns")

    report = raised.value.report
    assert report.missing == (first, second)
    assert report.extra == ("neck.extra.weight",)
    assert report.misshaped == (("head.scales.1.scale", (2,), ()),)
    assert str(raised.value).endswith(
        f"official.pth: is not a damo-yolo-ns: 2 missing, 1 extra, 1 of another shape (first "
        "missing "
        f"{first}, extra neck.extra.weight, mis-shaped head.scales.1.scale is [2], should be [])."
    )


def test_levels_with_different_classes_are_of_another_shape(nano, saved) -> None:
    _, weights = nano
    broken = {**weights, "head.gfl_cls.1.bias": torch.zeros(7)}
    with pytest.raises(CheckpointError) as raised:
        import_checkpoint(saved(broken), "damo-yolo-ns", num_classes=80)
    assert raised.value.report.misshaped == (("head.gfl_cls.1.bias", (7,), (80,)),)


def test_a_head_without_classifier_lacks_it(nano, saved) -> None:
    _, weights = nano
    backbone = {key: value for key, value in weights.items() if key not in CLASSIFIER}
    with pytest.raises(CheckpointError) as raised:
        import_checkpoint(saved(backbone), "damo-yolo-ns", num_classes=3)
    assert raised.value.report.missing == tuple(CLASSIFIER)


def test_weights_that_are_not_finite_are_refused_by_name(nano, saved) -> None:
    _, weights = nano
    name = next(name for name, value in weights.items() if value.ndim == 4)
    path = saved({"model": {**weights, name: torch.full_like(weights[name], torch.nan)}})
    with pytest.raises(ModelError, match=r"1 tensors hold numbers that are not finite \(first "):
        import_checkpoint(path, "damo-yolo-ns")


@pytest.mark.slow
def test_the_checkpoint_of_another_model_is_recognised(tiny, saved) -> None:
    network, weights = tiny
    for state in (weights, merged(network, weights)):
        with pytest.raises(
            CheckpointError, match=r"is not a damo-yolo-s: .* looks like damo-yolo-t"
        ):
            import_checkpoint(saved(state), "damo-yolo-s")
    assert recognised({"layer.weight": torch.zeros(1)}) is None


def test_a_name_that_is_no_published_detector_is_answered_with_those(saved) -> None:
    with pytest.raises(
        ModelError, match="damo-yolo-xl: is not a published detector; known: damo-yol"
    ):
        import_checkpoint(saved({}), "damo-yolo-xl")


class Intruder:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, saved) -> None:
    mark = tmp_path / "was here"
    path = saved({"model": {"layer.weight": torch.zeros(1)}, "hook": Intruder(mark)})
    with pytest.raises(ModelError, match=r"holds Python objects \(.*mkdir\).*would run code"):
        import_checkpoint(path, "damo-yolo-ns")
    path.write_bytes(pickle.dumps(Intruder(mark)))
    with pytest.raises(ModelError, match=r"that PyTorch can load safely"):
        import_checkpoint(path, "damo-yolo-ns")
    assert not mark.exists()


def test_a_whole_module_is_refused(saved) -> None:
    with pytest.raises(ModelError, match=r"holds Python objects \(torch.nn.*Conv2d\).*state dict"):
        import_checkpoint(saved(nn.Conv2d(1, 1, 1)), "damo-yolo-ns")


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "old format"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_file_that_was_cut_short_says_so(nano, saved, is_zip, share) -> None:
    _, weights = nano
    path = saved({"model": weights}, _use_new_zipfile_serialization=is_zip)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"official.pth: is damaged or cut short"):
        import_checkpoint(path, "damo-yolo-ns")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2], "holds no state dict"),
        ({"model": {"epoch": 3}}, "holds no state dict"),
        (
            {"weights": {"layer": torch.zeros(1)}},
            "holds no state dict, neither alone nor under mod",
        ),
        ({}, "holds no state dict"),
    ],
    ids=["a list", "numbers", "under another key", "empty"],
)
def test_what_is_no_state_dict_is_refused(saved, data, message) -> None:
    with pytest.raises(ModelError, match=message):
        import_checkpoint(saved(data), "damo-yolo-ns")


def test_a_torchscript_program_is_refused(tmp_path) -> None:
    path = tmp_path / "program.pth"
    # What torch.jit.save writes: an archive with its code beside the tensors.
    with ZipFile(path, "w") as archive:
        archive.writestr("program/data.pkl", pickle.dumps({}))
        archive.writestr("program/constants.pkl", pickle.dumps(()))
        archive.writestr("program/version", "3")
    with pytest.raises(ModelError, match=r"program.pth: is a TorchScript program"):
        import_checkpoint(path, "damo-yolo-ns")


def test_a_web_page_or_a_folder_or_nothing_is_refused(tmp_path) -> None:
    page = tmp_path / "page.pth"
    page.write_text("<!DOCTYPE html><title>404</title>")
    with pytest.raises(ModelError, match=r"page.pth: is not a checkpoint"):
        import_checkpoint(page, "damo-yolo-ns")
    with pytest.raises(ModelError, match="is a folder"):
        import_checkpoint(tmp_path, "damo-yolo-ns")
    with pytest.raises(ModelError, match="no such file"):
        import_checkpoint(tmp_path / "missing.pth", "damo-yolo-ns")
