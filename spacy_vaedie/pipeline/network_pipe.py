"""What the pipes with a network share: one-time warnings, and a clear word about damaged weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterable, Set, Tuple, Union

from spacy.pipeline import TrainablePipe
from thinc.api import Optimizer

from ..errors import Errors, warn


class NetworkPipe(TrainablePipe):
    """A trainable pipe whose model holds a torch network."""

    name: str
    _warned: Set[Tuple[Any, ...]]

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
        RAISES (ValueError): VE111 where a gradient is no number any more; the weights stay as they are then.
        """
        shim = self.model.shims[0]
        parameter = shim.find_unsound_gradient() if shim.is_built else None
        if parameter is not None:
            raise ValueError(Errors.VE111.format(name=self.name, parameter=parameter, step=self.cfg.get("step", "-")))
        super().finish_update(sgd)

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
