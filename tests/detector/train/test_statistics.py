"""BatchNorm's statistics in the first steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from maenas.blocks.layers.conv_bn_act import BN_EPS, BN_MOMENTUM
from maenas.detector.data import EvalLoader, read_dataset
from maenas.detector.train import statistics as module
from maenas.detector.train.statistics import Statistics, measure_statistics, trained_norms
from tests.small_detector import small_spec
from tests.trainings import write_data


def norm() -> nn.BatchNorm2d:
    return nn.BatchNorm2d(2, eps=BN_EPS, momentum=BN_MOMENTUM)


def feed(module: nn.BatchNorm2d, statistics: Statistics, batches: list[torch.Tensor]) -> None:
    for batch in batches:
        statistics.before_forward()
        module(batch)


def batches(count: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [100 + 50 * torch.randn(4, 2, 8, 8) for _ in range(count)]


def test_at_first_they_are_the_mean_of_the_batches_so_far() -> None:
    module, given = norm(), batches(20)
    feed(module, Statistics(module), given)
    mean = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in given]).mean(0)
    torch.testing.assert_close(module.running_mean, mean)


def test_later_they_move_as_published() -> None:
    module = norm()
    feed(module, Statistics(module), batches(40))
    assert module.momentum == BN_MOMENTUM


def test_those_of_a_trained_network_are_not_thrown_away() -> None:
    module = norm()
    module.num_batches_tracked.fill_(1000)  # type: ignore[union-attr]
    module.running_mean.fill_(7.0)  # type: ignore[union-attr]
    given = batches(1)
    feed(module, Statistics(module), given)
    expected = 0.97 * 7 + 0.03 * given[0].mean(dim=(0, 2, 3))
    torch.testing.assert_close(module.running_mean, expected)


def test_continued_they_go_on_where_they_were() -> None:
    whole, parts, given = norm(), norm(), batches(10)
    feed(whole, Statistics(whole), given)
    feed(parts, Statistics(parts), given[:4])
    again = norm()
    again.load_state_dict(parts.state_dict())
    feed(again, Statistics(again), given[4:])
    assert torch.equal(whole.running_mean, again.running_mean)  # type: ignore[arg-type]


def test_measured_they_are_the_mean_over_batches_of_plain_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEASURED_IMAGES", 5)
    monkeypatch.setattr(module, "MEASURED_AT_A_TIME", 2)
    dataset = read_dataset(write_data(tmp_path, images=10), "train")
    torch.manual_seed(0)
    spec = small_spec()
    network = spec.build().eval()
    first = next(iter(trained_norms(network)))
    seen: list[torch.Tensor] = []
    before = network.get_submodule(first)
    before.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    loader = EvalLoader(dataset, (3, 64, 64), 2, spec.resize, rank=0, world=2)
    plain = [batch for batch in loader if len(batch) > 1]  # images 0, 2, 4, 6; the fifth is alone
    with torch.no_grad():
        for batch in plain:
            network(batch.to("cpu").images)
    expected = torch.stack([each.mean(dim=(0, 2, 3)) for each in seen]).mean(0)
    measure_statistics(network, trained_norms(network), spec, dataset)
    assert len(plain) == 2
    assert [batch.image_ids for batch in plain] == [(0, 2), (4, 6)]
    torch.testing.assert_close(before.running_mean, expected)
    assert before.momentum == BN_MOMENTUM
    assert not network.training
    assert not any(norm.training for norm in trained_norms(network).values())


def test_measuring_leaves_layers_that_are_not_named_and_a_single_image_changes_nothing(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    spec = small_spec()
    network = spec.build()
    one, *others = trained_norms(network)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    data = read_dataset(write_data(tmp_path / "one", images=1), "train")
    measure_statistics(network, [one, *others], spec, data)
    assert all(torch.equal(kept[name], value) for name, value in network.state_dict().items())
    data = read_dataset(write_data(tmp_path / "more", images=4), "train")
    measure_statistics(network, others, spec, data)
    state = network.state_dict()
    assert torch.equal(state[f"{one}.running_mean"], kept[f"{one}.running_mean"])
    assert not torch.equal(state[f"{others[0]}.running_mean"], kept[f"{others[0]}.running_mean"])
