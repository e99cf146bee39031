"""What the pipes with a network share: one-time warnings, a clear word about damaged weights, and a way back where a
training goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Optional, Sequence, Set, Tuple, Union
from weakref import WeakSet

from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from thinc.api import Optimizer

from ..errors import Errors, warn
from ..models.last_update import LastUpdate

# A loss that is no use any more. One that knows nothing is about 10 nats a prediction; weights that give this much, or
# no number at all, overflow in the next text.
MAX_LOSS = 1e6
# What an error shows of a text.
SHOWN = 200
# Pipes that are being trained. An optimizer that ruins one of them has ruined the others with the same update.
_TRAINED: WeakSet[NetworkPipe] = WeakSet()


class NetworkPipe(TrainablePipe):
    """A trainable pipe whose model holds a torch network.

    Where a loss, a bound or a gradient is no number any more, the weights go back to those before the last update, in
    all pipes of this kind that the same optimizer has updated. So what `spacy train` saves then is sound.
    """

    name: str
    cfg: Dict[str, Any]
    _warned: Set[Tuple[Any, ...]]
    _last_update: Optional[LastUpdate] = None
    # Updates since the pipe was made, for errors, and the longest text since the last one.
    _n_updates: int = 0
    _longest: str = ""

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> NetworkPipe:
        """Load the pipe from disk.

        path (Union[str, Path]): The folder.
        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (NetworkPipe): This pipe.
        RAISES (ValueError): VE106 where the folder is incomplete or damaged.
        """

        def load() -> None:
            cfg = Path(path) / "cfg"
            # spaCy takes a missing one for an empty one, and labels or steps would be gone in silence.
            if "cfg" not in exclude and not cfg.exists():
                raise FileNotFoundError(cfg)
            super(NetworkPipe, self).from_disk(path, exclude=exclude)

        self._load(load)
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> NetworkPipe:
        """Load the pipe from bytes.

        bytes_data (bytes): What `to_bytes` gave.
        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (NetworkPipe): This pipe.
        RAISES (ValueError): VE106 where the bytes are incomplete or damaged.
        """
        self._load(lambda: super(NetworkPipe, self).from_bytes(bytes_data, exclude=exclude))
        return self

    def finish_update(self, sgd: Optimizer) -> None:
        """Let the optimizer change the weights.

        sgd (Optimizer): The optimizer.
        RAISES (ValueError): VE111 where a gradient is no number any more; the last update is undone then.
        """
        shim = self.model.shims[0]
        parameter = shim.find_unsound_gradient() if shim.is_built else None
        if parameter is not None:
            text = self._longest[:SHOWN]
            message = Errors.VE111.format(name=self.name, parameter=parameter, step=self._step, text=text)
            self._undo_last_update()
            raise ValueError(message)
        last = self._keep_weights(sgd)
        super().finish_update(sgd)
        last.close(self.model)
        self._n_updates += 1
        self._longest = ""

    def _begin_update(self, docs: Sequence[Doc]) -> None:
        """To be called with a batch before its forward pass, which changes what the network counts along."""
        if self._last_update is None:
            self._keep_weights(None)
        self._longest = max(self._longest, longest_text(docs), key=len)

    def _check_loss(self, loss: float, docs: Sequence[Doc]) -> None:
        """Stop a training that has diverged. To be called with the loss of a batch.

        RAISES (ValueError): VE110 where it is no number any more, or far above all sense; the last update is undone.
        """
        if not abs(loss) <= MAX_LOSS:
            text = longest_text(docs)[:SHOWN]
            message = Errors.VE110.format(name=self.name, loss=loss, step=self._step, text=text)
            self._undo_last_update()
            raise ValueError(message)

    @property
    def _step(self) -> int:
        return int(self.cfg.get("step", self._n_updates))

    def _keep_weights(self, sgd: Optional[Optimizer]) -> LastUpdate:
        if self._last_update is None:
            self._last_update = LastUpdate()
        self._last_update.open(self.model, sgd, self.cfg.get("step"))
        _TRAINED.add(self)
        return self._last_update

    def _undo_last_update(self) -> None:
        optimizer = None if self._last_update is None else self._last_update.optimizer
        for pipe in list(_TRAINED):
            last = pipe._last_update
            if last is not None and (pipe is self or (optimizer is not None and last.optimizer is optimizer)):
                last.undo()
                if last.step is not None:
                    pipe.cfg["step"] = last.step

    def _load(self, load: Callable[[], Any]) -> None:
        try:
            load()
        except Exception as error:
            # What a cut file raises depends on where it was cut: msgpack, zip, JSON and torch each have their own.
            reason = f"{type(error).__name__}: {error}"
            raise ValueError(Errors.VE106.format(name=self.name, reason=reason)) from error

    def _check_built(self) -> None:
        if not self.model.shims[0].is_built:
            raise ValueError(Errors.VE101.format(name=self.name))

    def _warn_once(self, message: str, *key: Any) -> None:
        """Warn, unless this pipe has done so for the same key."""
        if key not in self._warned:
            self._warned.add(key)
            warn(message, stacklevel=3)


def longest_text(docs: Iterable[Doc]) -> str:
    """RETURNS (str): The longest text, for errors; empty where there is none."""
    return max((doc.text for doc in docs), key=len, default="")
