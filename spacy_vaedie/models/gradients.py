"""How much a component that listens has to say in the encoder that it shares."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple, TypeAlias

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Errors

Tok2Vec: TypeAlias = Model[List[Doc], List[Floats2d]]


@registry.architectures("spacy-vaedie.ScaledGradient.v1")
def build_scaled_gradient(tok2vec: Tok2Vec, factor: float = 1.0) -> Tok2Vec:
    """Give token vectors as they are, and scale the gradient that goes back. Around a listener, it weighs one component
    against the others that share an encoder: spaCy's `ner` and `spancat` sum their gradients over the tokens or spans
    of a batch, where the encoder's own objective and the extractor average theirs.

    tok2vec (Model[List[Doc], List[Floats2d]]): Gives the token vectors, e.g. a listener.
    factor (float): What the gradient is multiplied by. At 0 the component learns, but does not change the encoder.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model. *Shape:* as that of `tok2vec`
    RAISES (ValueError): VE107 for a negative factor.
    """
    if factor < 0:
        owner = "spacy-vaedie.ScaledGradient.v1"
        raise ValueError(Errors.VE107.format(setting="factor", value=factor, must="0 or more", owner=owner))
    return Model(
        "scaled_gradient",
        forward,
        init=init,
        layers=[tok2vec],
        dims={"nO": tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None},
        attrs={"factor": factor},
    )


def init(model: Tok2Vec, X: Optional[List[Doc]] = None, Y: Optional[Any] = None) -> None:
    """Initialize the layer, and take on its width, which a listener may not know before."""
    tok2vec = model.layers[0]
    tok2vec.initialize(X=X, Y=Y)
    if tok2vec.has_dim("nO"):
        model.set_dim("nO", tok2vec.get_dim("nO"), force=True)


def forward(
    model: Tok2Vec, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """*Shape:* (n_tokens, width) for each Doc"""
    outputs, bp_tok2vec = model.layers[0](docs, is_train)
    factor = model.attrs["factor"]

    def backprop(d_outputs: List[Floats2d]) -> List[Doc]:
        # Not in place: the gradient belongs to the layer above.
        docs: List[Doc] = bp_tok2vec([gradient * factor for gradient in d_outputs])
        return docs

    return outputs, backprop
