"""What stands on a Doc. Importing this module registers the extension attributes, once."""

from typing import Any

from spacy.tokens import Doc, Span, Token

from ..errors import Errors
from .latents import Latents, doc_latent, get_latents, set_latents, span_latent, token_latent
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


def _register(owner: Any, name: str, getter: Any, setter: Any = None) -> None:
    if not owner.has_extension(name):
        owner.set_extension(name, getter=getter, setter=setter)
    # A reloaded module registers the same attribute again; what another package made is not ours to replace.
    elif getattr(owner.get_extension(name)[2], "__module__", None) != getter.__module__:
        raise ValueError(Errors.VE008.format(owner=owner.__name__, name=name))


_register(Doc, "relations", get_relations, set_relations)
_register(Doc, "latents", get_latents, set_latents)
_register(Doc, "latent", doc_latent)
_register(Span, "latent", span_latent)
_register(Token, "latent", token_latent)

__all__ = [
    "Argument",
    "Evidence",
    "Latents",
    "Relation",
    "align_regions",
    "align_relations",
    "annotated_regions",
]
