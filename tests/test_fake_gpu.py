"""The pretended GPU of the tests raises where a GPU does."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from tests.fake_gpu import GPU, MixedDevices, pretended_gpu


def test_tensors_of_two_devices_do_not_meet() -> None:
    with pretended_gpu():
        ours, theirs = torch.ones(2, device="cuda"), torch.ones(2)
        assert (ours.device, theirs.device.type) == (GPU, "cpu")
        assert float((ours * torch.tensor(3.0)).sum()) == 6.0  # a number is no tensor
        with pytest.raises(MixedDevices, match=r"aten\.add\.Tensor: got cuda\[2\], cpu\[2\]"):
            ours + theirs
        with pytest.raises(MixedDevices):
            ours[torch.tensor([0])] += theirs[:1]
        assert ours[torch.tensor([1])].device == GPU  # indices may come from the CPU
        with pytest.raises(MixedDevices):
            theirs[torch.tensor([1]).cuda()]
        with pytest.raises(MixedDevices, match="numpy"):
            ours.numpy()
        assert (ours.cpu() + theirs).tolist() == [2.0, 2.0]


def test_a_gradient_that_crosses_devices_is_found_in_the_backward_pass() -> None:
    class Crossing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.ones(2)  # made on the CPU

    with pretended_gpu():
        weight = torch.ones(2, device="cuda", requires_grad=True)
        (weight.cpu() * 2).sum().backward()
        assert weight.grad is not None
        assert (weight.grad.device, weight.grad.tolist()) == (GPU, [2.0, 2.0])
        with pytest.raises(MixedDevices):
            Crossing.apply(weight).sum().backward()


def test_a_module_moves_and_its_file_holds_its_numbers() -> None:
    module = nn.Conv2d(3, 4, 3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pretended_gpu():
        module.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
        assert {value.device for value in module.state_dict().values()} == {GPU}
        assert module.weight.is_contiguous(memory_format=torch.channels_last)
        with torch.autocast("cuda", torch.float16):
            assert module(torch.zeros(1, 3, 8, 8, device="cuda")).dtype is torch.float16
        content = io.BytesIO()
        torch.save(module.state_dict(), content)
    content.seek(0)
    after = torch.load(content, weights_only=True)
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_memory_that_nothing_has_written_holds_no_number() -> None:
    with pretended_gpu():
        assert torch.empty_like(torch.ones(2, device="cuda")).isnan().all()
