"""What stands on a Doc. Importing this module registers the extension attributes, once."""

from spacy.tokens import Doc, Span, Token

from .latents import Latents, doc_latent, get_latents, set_latents, span_latent, token_latent
from .relation import (
    Argument,
    Evidence,
    Relation,
    align_relations,
    annotated_regions,
    get_relations,
    set_relations,
)

if not Doc.has_extension("relations"):
    Doc.set_extension("relations", getter=get_relations, setter=set_relations)
    Doc.set_extension("latents", getter=get_latents, setter=set_latents)
    Doc.set_extension("latent", getter=doc_latent)
    Span.set_extension("latent", getter=span_latent)
    Token.set_extension("latent", getter=token_latent)

__all__ = [
    "Argument",
    "Evidence",
    "Latents",
    "Relation",
    "align_relations",
    "annotated_regions",
]
