"""The encoder without the autoencoder: token vectors learned from a downstream loss alone."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..tokens.dependency import read_parse
from .embed import embed_docs, initialize_embed, split_rows, syntax_embed


@registry.architectures("spacy-vaedie.ParseTok2Vec.v1")
def build_parse_tok2vec(
    embed: Model[List[Doc], List[Floats2d]],
    width: int = 192,
    window_layers: int = 2,
    parse_layers: int = 2,
    maxout_pieces: int = 3,
    syntax_width: int = 64,
) -> Model[List[Doc], List[Floats2d]]:
    """The encoder of the VAE as a plain tok2vec layer: convolutions over the window, then message passing along the
    dependency arcs. It is what the VAE is compared with.

    embed (Model[List[Doc], List[Floats2d]]): Embeds words; any such layer of spaCy's registry.
    width (int): Width of the token vectors.
    window_layers (int): Layers that read the neighbours.
    parse_layers (int): Layers that read head and children.
    maxout_pieces (int): Pieces of each maxout layer.
    syntax_width (int): Width of the embedded part of speech and dependency label.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model. *Shape:* (n_tokens, width) for each Doc.
    """
    from .network.encoder import Tok2VecNetwork
    from .network.shim import NetworkShim

    return Model(
        "parse_tok2vec",
        forward,
        init=init,
        layers=[embed, syntax_embed(syntax_width)],
        dims={"nO": width},
        shims=[NetworkShim(Tok2VecNetwork)],
        attrs={
            "dropout_rate": 0.0,
            "encoder": {
                "width": width,
                "window_layers": window_layers,
                "parse_layers": parse_layers,
                "pieces": maxout_pieces,
            },
        },
    )


def init(model: Model[List[Doc], List[Floats2d]], X: Optional[List[Doc]] = None, Y: Optional[Any] = None) -> None:
    """Build the network when the width of the embedding is known."""
    if X is not None:
        n_in = sum(initialize_embed(model.layers[0], model.layers[1], X))
        model.shims[0].build(n_in=n_in, **model.attrs["encoder"])


def forward(
    model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """*Shape:* (n_tokens, width) for each Doc"""
    words, syntax, bp_embed = embed_docs(model.layers[0], model.layers[1], docs, is_train)
    dropout = model.attrs["dropout_rate"]
    outputs, bp_network = model.shims[0].run([words, syntax], read_parse(docs), dropout, is_train=is_train)
    lengths = [len(doc) for doc in docs]

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        bp_embed(*bp_network({"hidden": model.ops.xp.concatenate(d_vectors)}))
        return []

    return split_rows(outputs["hidden"], lengths), backprop
