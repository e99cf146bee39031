"""The listener protocol of spaCy (`spacy.ty.ListenedToComponent`), as the encoder keeps it."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

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
        # Later components, and which upstreams their stock listeners and their latent listeners name.
        self._later: List[Tuple[Any, List[str], List[str]]] = []

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
        RAISES (ValueError): VE107 for a stock listener of another width.
        """
        width = self.model.get_dim("nO")
        if isinstance(listener, LatentListener):
            listener.set_dim("nO", width, force=True)
        elif listener.has_dim("nO") and listener.get_dim("nO") != width:
            must = f"{width}: `latent_width` and `width` of '{self.name}', which '{component_name}' listens to"
            owner, value = "spacy.Tok2VecListener.v1", listener.get_dim("nO")
            raise ValueError(Errors.VE107.format(setting="width", value=value, must=must, owner=owner))
        found = self.listener_map.setdefault(component_name, [])
        if listener not in found:
            found.append(listener)

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

    def reset_listeners(self) -> None:
        """Let the listeners forget the last update, so that they can be trained on what stands on the Docs when this
        encoder is frozen in the next one."""
        for listener in self.listeners:
            if isinstance(listener, LatentListener):
                listener.forget()
            else:
                listener.receive(None, None, None)

    def find_listeners(self, component: Any) -> None:
        """Look for listeners in a later component. Only those that name this encoder are taken: the wildcard `*`
        attaches to every upstream.

        component (Any): The component.
        RAISES (ValueError): VE102 where a stock listener would read another component's vectors, VE107 where it has
            another width, VE109 where a listener stands behind another encoder.
        """
        model = getattr(component, "model", None)
        nodes = list(model.walk()) if isinstance(model, Model) else []
        for node in nodes:
            if isinstance(node, (LatentListener, Tok2VecListener)) and node.upstream_name == self.name:
                self.add_listener(node, component.name)
        stock = [node.upstream_name for node in nodes if isinstance(node, Tok2VecListener)]
        latent = [node.upstream_name for node in nodes if isinstance(node, LatentListener)]
        self._later.append((component, stock, latent))
        self._check_latents()
        if self.writes_tensor:
            self._check_readers()

    def _check_latents(self) -> None:
        """Refuse a listener of this encoder behind another encoder: in prediction it would read that one's latents."""
        other = None
        for component, _, upstreams in self._later:
            if other is not None and self.name in upstreams:
                raise ValueError(Errors.VE109.format(reader=component.name, name=self.name, other=other))
            if isinstance(component, Upstream):
                other = component.name

    def _check_readers(self) -> None:
        """Follow doc.tensor through the later components, from writer to writer."""
        read = {upstream for _, upstreams, _ in self._later for upstream in upstreams}
        writer = self.name
        for component, upstreams, _ in self._later:
            for upstream in upstreams:
                if upstream != self.name and writer == self.name:
                    detail = f"'{component.name}' listens to another upstream"
                elif upstream == self.name and writer != self.name:
                    detail = f"'{writer}' writes it again in between"
                else:
                    continue
                raise ValueError(Errors.VE102.format(reader=component.name, name=self.name, detail=detail))
            if isinstance(component, Tok2Vec) or (isinstance(component, Upstream) and component.name in read):
                writer = component.name


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
