"""How a Thinc model holds a torch network."""

from __future__ import annotations

import contextlib
import multiprocessing
from io import BytesIO
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import srsly
import torch
from thinc.api import Optimizer, PyTorchShim, torch2xp, xp2torch
from thinc.types import FloatsXd
from torch import nn

from ...errors import Errors

Arrays = Dict[str, FloatsXd]
Backprop = Callable[[Mapping[str, FloatsXd]], List[FloatsXd]]


class NetworkShim(PyTorchShim):
    """Holds a network that is built when its dimensions are known, and rebuilt from them when it is loaded.

    Beside Thinc's own shim: averaged parameters are really used (`[training.optimizer] use_averages`), copies train
    apart from the original, weights are read with `weights_only`, and a worker process keeps to one thread.

    build (Callable[..., nn.Module]): Makes the network from the keyword arguments in `dims`.
    """

    def __init__(self, build: Callable[..., nn.Module]) -> None:
        super().__init__(None)
        self._build = build
        self.dims: Dict[str, Any] = {}

    def build(self, **dims: Any) -> None:
        """Make a new network with random weights.

        dims (Any): Keyword arguments of the function that builds it, of types that JSON knows.
        """
        self.dims = dims
        self._model = self._build(**dims).to(self.device)

    def replace(self, network: nn.Module, **dims: Any) -> None:
        """Go on with another network, e.g. one with more labels. The shim gets a new id, so that an optimizer does
        not apply the moments of other shapes.

        network (nn.Module): The network.
        dims (Any): The keyword arguments that it would be built with.
        """
        self.id: int = NetworkShim(self._build).id
        self.dims = dims
        self._model = network.to(self.device)

    @property
    def is_built(self) -> bool:
        """Whether there is a network yet."""
        return self._model is not None

    @property
    def network(self) -> nn.Module:
        """The network. RAISES (ValueError): VE101 where there is none yet."""
        if self._model is None:
            raise ValueError(Errors.VE101.format(name="spacy-vaedie"))
        return self._model

    @property
    def device(self) -> Any:
        """Where the network lies, or will lie."""
        return super().device if self._model is not None else xp2torch(torch2xp(torch.zeros(1))).device

    def run(self, inputs: Sequence[FloatsXd], *args: Any, is_train: bool, **kwargs: Any) -> Tuple[Arrays, Backprop]:
        """Run the network forward.

        inputs (Sequence[FloatsXd]): Arrays that get a gradient.
        args (Any), kwargs (Any): What else the network takes.
        is_train (bool): Whether a backward pass may follow.
        RETURNS (Tuple[Arrays, Backprop]): The outputs by name, and a callback that takes the gradient of some of them
            by name and gives that of the inputs. An output called `loss` always takes part, with a gradient of one.
        """
        limit_threads()
        network = self.network
        network.train(is_train)
        tensors = [xp2torch(array, requires_grad=is_train, device=self.device) for array in inputs]
        with torch.set_grad_enabled(is_train):
            outputs: Dict[str, torch.Tensor] = network(*tensors, *args, **kwargs)

        def backprop(d_outputs: Mapping[str, FloatsXd]) -> List[FloatsXd]:
            roots = [outputs[name] for name in d_outputs]
            gradients: List[Optional[torch.Tensor]] = [
                xp2torch(gradient, device=self.device) for gradient in d_outputs.values()
            ]
            if "loss" in outputs:
                roots.append(outputs["loss"])
                gradients.append(None)
            if roots:
                torch.autograd.backward(roots, gradients)
            return [torch2xp(torch.zeros_like(t) if t.grad is None else t.grad) for t in tensors]

        return {name: torch2xp(output.detach()) for name, output in outputs.items()}, backprop

    def find_unsound_gradient(self) -> Optional[str]:
        """RETURNS (Optional[str]): Name of a weight whose gradient is not finite, None where all are."""
        for name, parameter in self.network.named_parameters():
            # A sum is one pass, and is not finite where a number is not. It is asked at each update.
            if parameter.grad is None or bool(torch.isfinite(parameter.grad.sum())):
                continue
            if not bool(torch.isfinite(parameter.grad).all()):
                return str(name)
        return None

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let the optimizer change the weights. Nothing happens while there is no network."""
        if self.is_built:
            super().finish_update(optimizer)

    @contextlib.contextmanager
    def use_params(self, params: Mapping[Any, FloatsXd]) -> Iterator[None]:
        """Use other weights for a while, e.g. averages. Thinc's own shim looks for keys that its optimizer does not
        write, and so ignores averages."""
        if not self.is_built:
            yield
            return
        tensors = dict(self.network.named_parameters())
        backup = {name: tensor.data for name, tensor in tensors.items() if (self.id, name) in params}
        for name in backup:
            tensors[name].data = xp2torch(params[(self.id, name)], device=self.device).reshape(backup[name].shape)
        try:
            yield
        finally:
            for name, data in backup.items():
                tensors[name].data = data

    def copy(self) -> NetworkShim:
        """RETURNS (NetworkShim): A copy with an id of its own, so that no optimizer confuses the two."""
        copied = NetworkShim(self._build)
        return copied.from_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): Dimensions and weights."""
        state = BytesIO()
        if self.is_built:
            torch.save(self.network.state_dict(), state)
        data: bytes = srsly.msgpack_dumps({"dims": self.dims, "state": state.getvalue()})
        return data

    def from_bytes(self, bytes_data: bytes) -> NetworkShim:
        """Rebuild the network from its dimensions and load its weights.

        bytes_data (bytes): What `to_bytes` gave.
        RETURNS (NetworkShim): This shim.
        """
        msg = srsly.msgpack_loads(bytes_data)
        self.dims, self._model = {}, None
        if msg["state"]:
            self.build(**msg["dims"])
            state = torch.load(BytesIO(msg["state"]), map_location=self.device, weights_only=True)
            self.network.load_state_dict(state)
        return self


def limit_threads() -> None:
    """A forked worker must not start torch's thread pool: the parent's locks hang it."""
    if multiprocessing.parent_process() is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
