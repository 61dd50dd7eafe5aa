"""A detector in a folder: what is saved is loaded, and nothing damaged or foreign is."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.checkpoints.checkpoint import (
    ORIGINS_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    build_network,
    folder_is_trained,
    folder_mapped_from,
    load_folder,
    load_weights,
    save_folder,
)
from maenas.detector.model.spec import DetectorSpec

STAGES = [ResK1KX(out_channels=w, bottleneck_channels=8, stride=2) for w in (8, 16, 24, 32)]
SPEC = DetectorSpec(
    Backbone((ConvStem(out_channels=8), *STAGES), (2, 3, 4), (3, 64, 64)),
    RepGFPN(out_channels=(8, 16, 24), depth=1),
    ZeroHead(num_classes=2),
    ("cat", "dog"),
)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return SPEC.build().state_dict()


def test_a_folder_gives_back_the_spec_and_every_tensor(tmp_path, weights) -> None:
    folder = tmp_path / "runs" / "mine"
    save_folder(folder, SPEC, weights, ("a receipt",))

    for path in (folder, folder / SPEC_FILE):
        spec, loaded = load_folder(path)
        assert spec == SPEC
        assert loaded is not None
        assert list(loaded)
        assert set(loaded) == set(weights)
        assert all(torch.equal(loaded[name], value) for name, value in weights.items())
    assert (folder / SPEC_FILE).read_text().startswith("# a receipt\n")
    assert sorted(path.name for path in folder.iterdir()) == [SPEC_FILE, WEIGHTS_FILE]


def test_a_detector_without_weights_is_a_spec_alone(tmp_path) -> None:
    save_folder(tmp_path / "mine", SPEC, None)
    assert load_folder(tmp_path / "mine") == (SPEC, None)
    assert not (tmp_path / "mine" / WEIGHTS_FILE).exists()


def test_weights_say_what_they_are(tmp_path, weights) -> None:
    save_folder(tmp_path, SPEC, weights)
    with safe_open(tmp_path / WEIGHTS_FILE, "pt") as file:
        (said,) = file.metadata().values()
    assert re.fullmatch("maenas/weights@2 crc32:[0-9a-f]{8}", said)


@pytest.mark.parametrize(
    ("trained", "batches", "is_inherited", "expected"),
    [
        (True, 0, False, True),
        (False, 5, False, False),
        (None, 5, False, True),
        (None, 5, True, None),  # the source was trained, not this detector
        (None, 0, False, None),
    ],
)
def test_weights_say_whether_training_made_them(
    tmp_path, weights, trained, batches, is_inherited, expected
) -> None:
    assert folder_is_trained(tmp_path) is False
    count = next(name for name in weights if name.endswith("num_batches_tracked"))
    save_folder(tmp_path, SPEC, {**weights, count: torch.tensor(batches)}, trained=trained)
    if is_inherited:
        (tmp_path / ORIGINS_FILE).touch()
    assert folder_is_trained(tmp_path) is expected
    assert folder_is_trained(tmp_path / "detector.yaml") is expected
    assert load_folder(tmp_path)[1] is not None


@pytest.mark.parametrize(
    ("trained", "origin", "is_inherited", "expected"),
    [
        (False, "runs/train/mapped from crc32:12345678", True, "ORIGIN"),
        (False, "a detector trained", True, "ORIGIN"),
        (False, None, True, "another detector"),  # of 0.1.0, which did not name it
        (False, None, False, None),
        (True, None, True, None),
        (None, None, True, None),
    ],
)
def test_untrained_weights_say_what_they_were_mapped_from(
    tmp_path, weights, trained, origin, is_inherited, expected
) -> None:
    assert folder_mapped_from(tmp_path) is None
    save_folder(tmp_path, SPEC, weights, trained=trained, mapped_from=origin)
    if is_inherited:
        (tmp_path / ORIGINS_FILE).touch()
    for path in (tmp_path, tmp_path / SPEC_FILE):
        assert folder_mapped_from(path) == (origin if expected == "ORIGIN" else expected)
        assert folder_is_trained(path) is trained
        assert load_folder(path)[1] is not None


def test_one_changed_bit_anywhere_in_the_weights_is_found(tmp_path, weights) -> None:
    save_folder(tmp_path, SPEC, weights)
    path = tmp_path / WEIGHTS_FILE
    content, rng = path.read_bytes(), random.Random(0)
    indices = [*range(8, 60), *(rng.randrange(len(content)) for _ in range(100))]
    for index in indices:
        changed = bytearray(content)
        changed[index] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(SpecError, match=r"weights\.safetensors: (is damaged|cannot be read)"):
            load_folder(tmp_path)


def test_weights_of_others_and_of_before_have_no_checksum(tmp_path, weights) -> None:
    save_folder(tmp_path, SPEC, weights)
    for metadata in (None, {"format": "pt"}, {"format": "maenas/weights@1"}):
        (tmp_path / WEIGHTS_FILE).write_bytes(save(weights, metadata))
        loaded = load_folder(tmp_path)[1]
        assert loaded is not None
        assert loaded.keys() == weights.keys()


def test_views_and_parameters_are_saved_by_their_values(tmp_path, weights) -> None:
    name = "head.scores.0.0.weight"
    doubled = torch.nn.Parameter(weights[name].repeat_interleave(2, dim=0))
    save_folder(tmp_path, SPEC, {**weights, name: doubled[::2]})
    _, loaded = load_folder(tmp_path)
    assert loaded is not None
    assert torch.equal(loaded[name], weights[name])


def test_a_network_takes_the_weights_or_starts_afresh(weights) -> None:
    network = build_network(SPEC, weights)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    fresh = build_network(SPEC, None).state_dict()
    assert not torch.equal(fresh["head.scores.0.0.weight"], weights["head.scores.0.0.weight"])


def test_a_tensor_that_is_missing_is_named(weights) -> None:
    first = next(iter(weights))
    del weights[first]
    with pytest.raises(SpecError, match=rf"mine: lacks {first} \[8, 3, 3, 3\]; is it of another"):
        build_network(SPEC, weights, "mine")


def test_a_tensor_of_no_part_is_named(weights) -> None:
    weights["tail.weight"] = torch.zeros(1)
    with pytest.raises(SpecError, match=r"weights: tail.weight belongs to no part of the detector"):
        build_network(SPEC, weights)


def test_a_tensor_of_another_shape_is_named(weights) -> None:
    other = replace(SPEC, head=replace(SPEC.head, num_classes=3), names=())
    message = r"head.scores.0.0.weight is \[2, 8, 3, 3\], the detector has \[3, 8, 3, 3\]"
    with pytest.raises(SpecError, match=message):
        build_network(other, weights)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_damaged_weights_are_refused(tmp_path: Path, weights, share: float) -> None:
    save_folder(tmp_path, SPEC, weights)
    path = tmp_path / WEIGHTS_FILE
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SpecError, match=r"weights.safetensors: cannot be read as safetensors") as e:
        load_folder(tmp_path)
    assert "\n" not in str(e.value)


def test_a_pickle_is_no_weights_file(tmp_path, weights) -> None:
    path = tmp_path / WEIGHTS_FILE
    torch.save(weights, path)
    with pytest.raises(SpecError, match="cannot be read as safetensors"):
        load_weights(path)


def test_a_folder_without_spec_is_refused(tmp_path) -> None:
    with pytest.raises(SpecError, match=r"detector.yaml: no such file"):
        load_folder(tmp_path)
    with pytest.raises(SpecError, match=r"no such file"):
        load_folder(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="file/mine: cannot be created: Not a directory"):
        save_folder(tmp_path / "file" / "mine", SPEC, None)
