"""The listener protocol of spaCy (`spacy.ty.ListenedToComponent`), as the encoder keeps it."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

from spacy.pipeline.tok2vec import Tok2Vec, Tok2VecListener
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors
from ..models.listeners import LatentListener


class Upstream:
    """Knows who listens. Mixed into a pipe with a `name` and a `model`.

    Listeners of this package read `doc._.latents`. Stock ones (`spacy.Tok2VecListener.v1`) predict from `doc.tensor`,
    whoever wrote it last, so a pipeline in which they would read something else is refused when it is put together.
    """

    name: str
    model: Model[Any, Any]

    @property
    def listener_map(self) -> Dict[str, List[Model[Any, Any]]]:
        """Listeners by the name of their component. spaCy assigns an empty one before it links a pipeline anew."""
        return self._listener_map

    @listener_map.setter
    def listener_map(self, value: Dict[str, List[Model[Any, Any]]]) -> None:
        self._listener_map = value
        # Later components that write doc.tensor, and later ones that expect it from somebody else.
        self._later_writers: List[str] = []
        self._foreign_readers: List[str] = []

    @property
    def listeners(self) -> List[Model[Any, Any]]:
        """All listeners, in the order of the pipeline."""
        return [listener for found in self.listener_map.values() for listener in found]

    @property
    def listening_components(self) -> List[str]:
        """Names of the components that listen."""
        return list(self.listener_map)

    @property
    def writes_tensor(self) -> bool:
        """Whether a stock listener needs doc.tensor."""
        return any(isinstance(listener, Tok2VecListener) for listener in self.listeners)

    def add_listener(self, listener: Model[Any, Any], component_name: str) -> None:
        """Add a listener.

        listener (Model): The listener.
        component_name (str): Whose model it is part of.
        RAISES (ValueError): VE102 where it would read another component's vectors.
        """
        found = self.listener_map.setdefault(component_name, [])
        if listener not in found:
            found.append(listener)
        if isinstance(listener, LatentListener):
            listener.set_dim("nO", self.model.get_dim("nO"), force=True)
        elif self._later_writers:
            detail = f"'{self._later_writers[0]}' writes it again in between"
            raise ValueError(Errors.VE102.format(reader=component_name, name=self.name, detail=detail))

    def remove_listener(self, listener: Model[Any, Any], component_name: str) -> bool:
        """Remove a listener.

        listener (Model): The listener.
        component_name (str): Whose model it is part of.
        RETURNS (bool): Whether it was there.
        """
        found = self.listener_map.get(component_name, [])
        if listener not in found:
            return False
        found.remove(listener)
        if not found:
            del self.listener_map[component_name]
        return True

    def find_listeners(self, component: Any) -> None:
        """Look for listeners in a later component. Only those that name this encoder are taken: the wildcard `*`
        attaches to every upstream.

        component (Any): The component.
        RAISES (ValueError): VE102 where a stock listener would read another component's vectors.
        """
        model = getattr(component, "model", None)
        if not isinstance(model, Model):
            return
        for node in model.walk():
            if isinstance(node, (LatentListener, Tok2VecListener)) and node.upstream_name == self.name:
                self.add_listener(node, component.name)
            elif isinstance(node, Tok2VecListener):
                self._foreign_readers.append(component.name)
        if isinstance(component, Tok2Vec) or (isinstance(component, Upstream) and component.writes_tensor):
            self._later_writers.append(component.name)
        # A foreign reader behind a writer of its own gets what it expects.
        if self.writes_tensor and self._foreign_readers and not self._later_writers:
            reader = self._foreign_readers[0]
            detail = f"'{reader}' listens to another upstream"
            raise ValueError(Errors.VE102.format(reader=reader, name=self.name, detail=detail))


class GradientSum:
    """Adds up what listeners send back, and passes the sum on when the last one has reported.

    A listener in a frozen component never reports, so the owner calls `flush` before its next update.

    vectors (List[Floats2d]): What the listeners got. *Shape:* (n_tokens, width) for each Doc
    n_listeners (int): How many there are.
    backprop (Callable[[List[Floats2d]], None]): Takes the sum.
    """

    def __init__(self, vectors: List[Floats2d], n_listeners: int, backprop: Callable[[List[Floats2d]], None]) -> None:
        self._sum = [vector * 0.0 for vector in vectors]
        self._waiting = n_listeners
        self._backprop = backprop

    def add(self, gradient: List[Floats2d]) -> None:
        """Take the gradient of one listener.

        gradient (List[Floats2d]): *Shape:* (n_tokens, width) for each Doc
        """
        for total, part in zip(self._sum, gradient, strict=True):
            total += part
        self._waiting -= 1
        if self._waiting == 0:
            self._backprop(self._sum)

    def flush(self) -> None:
        """Pass on what has come so far, unless it has been passed on."""
        if self._waiting > 0:
            self._waiting = 0
            self._backprop(self._sum)
