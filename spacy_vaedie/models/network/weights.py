"""Whether weights have changed."""

from __future__ import annotations

from typing import Any, Tuple

from thinc.api import Model
from torch import nn


def sum_weights(model: Model[Any, Any]) -> Tuple[float, ...]:
    """Sum up each array of weights of a model, those of Thinc and those of torch networks of whatever package. Other
    sums mean other weights; it is cheaper than a copy or a hash.

    model (Model): The model.
    RETURNS (Tuple[float, ...]): One sum an array, in a fixed order.
    """
    sums = []
    for node in model.walk():
        sums += [float(node.get_param(name).sum()) for name in node.param_names if node.has_param(name)]
        for shim in node.shims:
            network = getattr(shim, "_model", None)
            if isinstance(network, nn.Module):
                sums += [float(parameter.detach().sum()) for parameter in network.parameters()]
    return tuple(sums)
