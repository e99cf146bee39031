"""Gradients of torch networks against differences."""

import pytest
import torch


def double(*shape):
    return torch.randn(shape, dtype=torch.float64)


def assert_gradients(function, tensors, eps=1e-6):
    """Compare gradients with differences along a random direction of each tensor."""
    for tensor in tensors.values():
        tensor.requires_grad_(True)
        tensor.grad = None
    function().backward()
    with torch.no_grad():
        for name, tensor in tensors.items():
            assert tensor.grad is not None, name
            direction = torch.randn_like(tensor)
            before = tensor.data
            tensor.data = before + eps * direction
            above = function()
            tensor.data = before - eps * direction
            below = function()
            tensor.data = before
            expected = float(above - below) / (2 * eps)
            found = float((tensor.grad * direction).sum())
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-7), name
    assert any(float(tensor.grad.abs().sum()) > 0 for tensor in tensors.values())


def weigh(outputs):
    """One figure in which every output has a part of its own."""
    random = torch.Generator().manual_seed(3)
    return sum(
        (output * torch.randn(output.shape, generator=random, dtype=output.dtype)).sum() for output in outputs.values()
    )
