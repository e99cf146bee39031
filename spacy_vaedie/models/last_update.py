"""Taking back the last update of a model's weights, where they turn out unsound."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Tuple

from thinc.api import Model, Optimizer, torch2xp
from thinc.types import FloatsXd

Key = Tuple[int, str]


class LastUpdate:
    """The weights of a model before its last update. It is kept in memory alone: neither saved nor pickled.

    Whether weights are sound shows in the next forward pass, which is one update too late. A copy for each update costs
    little beside the update, and the memory of the weights once more.
    """

    def __init__(self) -> None:
        self.step: Optional[int] = None
        self.optimizer: Optional[Optimizer] = None
        self._before: Dict[Key, FloatsXd] = {}
        self._averages: Dict[Key, FloatsXd] = {}
        self._live: Dict[Key, FloatsXd] = {}

    def __reduce__(self) -> Tuple[Any, ...]:
        return LastUpdate, ()

    def open(self, model: Model[Any, Any], optimizer: Optional[Optimizer], step: Optional[int]) -> None:
        """Keep the weights, and the averages of them. To be called before an update.

        model (Model): The model.
        optimizer (Optional[Optimizer]): What is about to change the weights, None where nothing is.
        step (Optional[int]): The number of updates so far, where somebody counts them.
        """
        self.optimizer, self.step = optimizer, step
        live = dict(_arrays(model))
        averages = getattr(optimizer, "averages", None) or {}
        self._before = _copy(live, self._before)
        self._averages = _copy({key: averages[key] for key in live if key in averages}, self._averages)
        self._live = live

    def close(self, model: Model[Any, Any]) -> None:
        """Note where the weights lie. To be called after the update: an optimizer may give other arrays.

        model (Model): The model.
        """
        self._live = dict(_arrays(model))

    def undo(self) -> None:
        """Put the weights back. In place, so that it also reaches those that `use_params` has put aside for a while,
        and the averages that it has put there."""
        averages = getattr(self.optimizer, "averages", None) or {}
        for key, before in self._before.items():
            if key in self._live:
                self._live[key][...] = before
            if key in averages:
                averages[key][...] = self._averages.get(key, before)


def _arrays(model: Model[Any, Any]) -> Iterator[Tuple[Key, FloatsXd]]:
    """The weights of a model and of torch networks in it, of whatever package, and what these count along. Not copies:
    what is written into them is written into the model."""
    for node in model.walk():
        for name in node.param_names:
            if node.has_param(name):
                yield (node.id, name), node.get_param(name)
        for shim in node.shims:
            network = getattr(shim, "_model", None)
            for kind in ("named_parameters", "named_buffers"):
                for name, tensor in getattr(network, kind, dict)():
                    yield (shim.id, name), torch2xp(tensor.data)


def _copy(arrays: Dict[Key, FloatsXd], old: Dict[Key, FloatsXd]) -> Dict[Key, FloatsXd]:
    """Copies, in the memory of the last ones: to ask for new memory in each update makes a training grow."""
    copies = {}
    for key, array in arrays.items():
        copies[key] = old[key] if key in old and old[key].shape == array.shape else array.copy()
        copies[key][...] = array
    return copies
