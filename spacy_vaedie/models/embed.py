"""What a token is made of before it is encoded: its word, and its place in the parse."""

from __future__ import annotations

from typing import Callable, List, Tuple

from spacy.ml import FeatureExtractor
from spacy.tokens import Doc
from thinc.api import HashEmbed, Model, chain, concatenate, list2ragged, ragged2list, with_array
from thinc.types import Floats2d

EmbedBackprop = Callable[[Floats2d, Floats2d], None]


def syntax_embed(width: int) -> Model[List[Doc], List[Floats2d]]:
    """Embed part of speech and dependency label, half of the width each.

    width (int): Width of the rows, an even number.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model.
    """
    half = width // 2
    columns = concatenate(HashEmbed(half, 200, column=0, seed=7), HashEmbed(width - half, 500, column=1, seed=8))
    return chain(FeatureExtractor(["POS", "DEP"]), list2ragged(), with_array(columns), ragged2list())


def embed_docs(
    words: Model[List[Doc], List[Floats2d]], syntax: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> Tuple[Floats2d, Floats2d, EmbedBackprop]:
    """Embed a batch, all tokens in one array.

    words (Model[List[Doc], List[Floats2d]]): Embeds words.
    syntax (Model[List[Doc], List[Floats2d]]): Embeds parts of speech and dependency labels.
    docs (List[Doc]): The batch.
    is_train (bool): Whether a backward pass may follow.
    RETURNS (Tuple[Floats2d, Floats2d, EmbedBackprop]): Rows of both, *Shape:* (n_tokens, width) each, and a callback
        that takes their gradients.
    """
    filled = [doc for doc in docs if len(doc)]
    if not filled:
        ops = words.ops
        empty = ops.alloc2f(0, words.get_dim("nO")), ops.alloc2f(0, syntax.get_dim("nO"))
        return *empty, lambda d_words, d_syntax: None
    word_rows, bp_words = words(filled, is_train)
    syntax_rows, bp_syntax = syntax(filled, is_train)
    lengths = [len(doc) for doc in filled]

    def backprop(d_words: Floats2d, d_syntax: Floats2d) -> None:
        bp_words(split_rows(d_words, lengths))
        bp_syntax(split_rows(d_syntax, lengths))

    ops = words.ops
    return ops.xp.concatenate(word_rows), ops.xp.concatenate(syntax_rows), backprop


def initialize_embed(
    words: Model[List[Doc], List[Floats2d]], syntax: Model[List[Doc], List[Floats2d]], docs: List[Doc]
) -> Tuple[int, int]:
    """Initialize both layers.

    docs (List[Doc]): Some Docs.
    RETURNS (Tuple[int, int]): The widths of their rows.
    """
    words.initialize(X=docs)
    syntax.initialize(X=docs)
    if words.has_dim("nO") is not True:
        words.set_dim("nO", words.predict(docs[:1])[0].shape[1])
    return words.get_dim("nO"), syntax.get_dim("nO")


def listens(embed: Model[List[Doc], List[Floats2d]]) -> bool:
    """RETURNS (bool): Whether a layer reads what another component has computed, which copies of a Doc lack."""
    return any(hasattr(node, "upstream_name") for node in embed.walk())


def split_rows(rows: Floats2d, lengths: List[int]) -> List[Floats2d]:
    """Cut an array of all tokens into one array a Doc.

    rows (Floats2d): *Shape:* (n_tokens, width)
    lengths (List[int]): Tokens of each Doc.
    RETURNS (List[Floats2d]): Views of the array.
    """
    parts, start = [], 0
    for length in lengths:
        parts.append(rows[start : start + length])
        start += length
    return parts
