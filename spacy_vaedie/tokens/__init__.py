"""What stands on a Doc. Importing this module registers the extension attributes, once."""

from typing import Any

from spacy.tokens import Doc, Span, Token

from ..errors import Errors
from .latents import Latents, doc_latent, doc_novelty, get_latents, set_latents, span_latent, token_latent
from .relation import (
    Argument,
    Evidence,
    Relation,
    align_regions,
    align_relations,
    annotated_regions,
    get_relations,
    set_relations,
)
from .similarity import latent_similarity
from .triple import Triple, get_triples, set_triples


def _register(owner: Any, name: str, **functions: Any) -> None:
    if not owner.has_extension(name):
        owner.set_extension(name, **functions)
        return
    # A reloaded module registers the same attribute again; what another package made is not ours to replace.
    _, method, getter, _ = owner.get_extension(name)
    expected = functions.get("getter") or functions.get("method")
    if getattr(getter or method, "__module__", None) != expected.__module__:
        raise ValueError(Errors.VE008.format(owner=owner.__name__, name=name))


_register(Doc, "relations", getter=get_relations, setter=set_relations)
_register(Doc, "triples", getter=get_triples, setter=set_triples)
_register(Doc, "latents", getter=get_latents, setter=set_latents)
_register(Doc, "latent", getter=doc_latent)
_register(Doc, "novelty", getter=doc_novelty)
_register(Span, "latent", getter=span_latent)
_register(Token, "latent", getter=token_latent)
for _owner in (Doc, Span, Token):
    _register(_owner, "latent_similarity", method=latent_similarity)

__all__ = [
    "Argument",
    "Evidence",
    "Latents",
    "Relation",
    "Triple",
    "align_regions",
    "align_relations",
    "annotated_regions",
]
