"""Token vectors that are there before anything is learned."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import numpy as np
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vectors import Mode
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import Warnings, warn
from .embed import split_rows

NAME = "spacy-vaedie.WordVectors.v1"


@registry.architectures("spacy-vaedie.WordVectors.v1")
def build_word_vectors() -> Model[List[Doc], List[Floats2d]]:
    """The word vectors of the vocabulary as they are, without a weight of its own: something to read beside the
    latents, by `@layers = "concatenate.v1"`.

    RETURNS (Model[List[Doc], List[Floats2d]]): The model. Zeros for a word without a vector. In initialization, it
        tells of a vocabulary that has no word vectors (VW104). *Shape:* (n_tokens, width of the vectors) for each Doc
    """
    return Model("word_vectors", forward, init=init, dims={"nO": None})


def init(model: Model[List[Doc], List[Floats2d]], X: Optional[List[Doc]] = None, Y: Optional[Any] = None) -> None:
    """Take the width of the vectors."""
    if not X:
        return
    width = X[0].vocab.vectors_length
    if not width:
        warn(Warnings.VW104.format(name=NAME))
    model.set_dim("nO", width)


def forward(
    model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """*Shape:* (n_tokens, width) for each Doc"""

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        return []

    if not docs:
        return [], backprop
    if not model.get_dim("nO"):
        return [model.ops.alloc2f(len(doc), 0) for doc in docs], backprop
    vectors = docs[0].vocab.vectors
    keys = np.concatenate([doc.to_array(vectors.attr) for doc in docs])
    if vectors.mode == Mode.floret:
        found = vectors.get_batch(keys)
    else:
        rows = vectors.find(keys=keys)
        found = vectors.data[rows]
        found[rows < 0] = 0.0
    return split_rows(model.ops.asarray2f(found), [len(doc) for doc in docs]), backprop
