"""A slow layer below the encoder, e.g. a transformer: in groups of like length, and once a text while it is frozen."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from spacy.attrs import ORTH, SENT_START, SPACY
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import check_range
from .gradients import Tok2Vec

Backprop = Callable[[List[Floats2d]], List[Doc]]


class Memory:
    """Rows of texts, in the memory of this process alone: they are not saved, and a copy of the model starts anew. When
    it is full, no further text is kept: in training, all texts come again, so dropping the oldest would drop each of
    them before it is needed.

    max_words (int): How many words to keep at most.
    """

    def __init__(self, max_words: int) -> None:
        self.max_words = max_words
        self.clear()

    def __deepcopy__(self, memo: Dict[int, Any]) -> Memory:
        return Memory(self.max_words)

    def clear(self) -> None:
        """Forget all."""
        self.rows: Dict[bytes, Floats2d] = {}
        self.n_words = 0
        self.weights: Optional[Tuple[float, ...]] = None

    def add(self, key: bytes, rows: Floats2d) -> None:
        """Keep the rows of a text, where there is room.

        key (bytes): What `text_key` gives.
        rows (Floats2d): *Shape:* (n_tokens, width)
        """
        if self.n_words + len(rows) <= self.max_words:
            # A copy, so that one text does not keep the rows of a whole group alive.
            self.rows[key] = rows.copy()
            self.n_words += len(rows)


@registry.architectures("spacy-vaedie.RememberedTok2Vec.v1")
def build_remembered_tok2vec(
    tok2vec: Tok2Vec, frozen: bool = True, max_words: int = 200000, group_words: int = 500
) -> Tok2Vec:
    """Run a slow layer, e.g. a transformer, on texts of like length together, so that little of it is padding. While it
    is frozen, it runs without dropout, gets no gradient, and the rows of the texts of a training are computed once and
    remembered, those of the development set as well. Its rows may depend on nothing but the words and the sentences.

    tok2vec (Model[List[Doc], List[Floats2d]]): The layer.
    frozen (bool): Whether its weights stay as they are. False to train it with the rest; nothing is remembered then.
    max_words (int): How many words to remember, of 4 bytes times the width each. 0 for none. In a pipeline that is not
        being trained, nothing is remembered.
    group_words (int): Size of a group of texts, in words with their padding. A longer text is a group by itself.
    RETURNS (Model[List[Doc], List[Floats2d]]): The model. *Shape:* as that of `tok2vec`
    RAISES (ValueError): VE107 for a size that is out of range.
    """
    owner = "spacy-vaedie.RememberedTok2Vec.v1"
    check_range(owner, 0, max_words=max_words)
    check_range(owner, 1, group_words=group_words)
    return Model(
        "remembered_tok2vec",
        forward,
        init=init,
        layers=[tok2vec],
        dims={"nO": tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None},
        attrs={"frozen": frozen, "group_words": group_words, "memory": Memory(max_words)},
    )


def init(model: Tok2Vec, X: Optional[List[Doc]] = None, Y: Optional[Any] = None) -> None:
    """Initialize the layer, and take on its width."""
    tok2vec = model.layers[0]
    model.attrs["memory"].clear()
    tok2vec.initialize(X=X, Y=Y)
    if tok2vec.has_dim("nO"):
        model.set_dim("nO", tok2vec.get_dim("nO"), force=True)
    elif X:
        model.set_dim("nO", tok2vec.predict(X[:1])[0].shape[1], force=True)


def forward(model: Tok2Vec, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Backprop]:
    """*Shape:* (n_tokens, width) for each Doc"""
    from .network.shim import limit_threads

    limit_threads()
    if model.attrs["frozen"]:
        return recall(model, docs, is_train), lambda gradients: []
    model.attrs["memory"].clear()
    return run_groups(model, docs, is_train)


def recall(model: Tok2Vec, docs: List[Doc], is_train: bool) -> List[Floats2d]:
    """Give the rows of a batch, those that are not remembered by running the layer.

    docs (List[Doc]): The batch.
    is_train (bool): Whether this is training, from which on rows are remembered.
    RETURNS (List[Floats2d]): *Shape:* (n_tokens, width) for each Doc
    """
    from .network.weights import sum_weights

    memory = model.attrs["memory"]
    if memory.weights is None and not (is_train and memory.max_words):
        return run_groups(model, docs, False)[0]
    weights = sum_weights(model.layers[0])
    if weights != memory.weights:
        memory.clear()
        memory.weights = weights
    keys = [text_key(doc) for doc in docs]
    unknown = {key: doc for key, doc in zip(keys, docs, strict=True) if key not in memory.rows}
    found = dict(zip(unknown, run_groups(model, list(unknown.values()), False)[0], strict=True))
    for key, rows in found.items():
        memory.add(key, rows)
    # Copies, since what is above may work in place.
    return [(found[key] if key in found else memory.rows[key]).copy() for key in keys]


def text_key(doc: Doc) -> bytes:
    """RETURNS (bytes): The words of a text, the spaces between them, and where sentences start."""
    key: bytes = doc.to_array([ORTH, SPACY, SENT_START]).tobytes()
    return key


def run_groups(model: Tok2Vec, docs: List[Doc], is_train: bool) -> Tuple[List[Floats2d], Backprop]:
    """Run the layer group by group.

    docs (List[Doc]): The batch.
    is_train (bool): Whether a backward pass may follow.
    RETURNS (Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]): Rows of each Doc in the order of the batch,
        none for an empty one, and a callback that takes their gradients.
    """
    width = model.get_dim("nO") if model.has_dim("nO") else 0
    rows = [model.ops.alloc2f(0, width) for _ in docs]
    callbacks = []
    for group in group_by_length([len(doc) for doc in docs], model.attrs["group_words"]):
        found, callback = model.layers[0]([docs[i] for i in group], is_train)
        callbacks.append((group, callback))
        for i, part in zip(group, found, strict=True):
            rows[i] = part

    def backprop(d_rows: List[Floats2d]) -> List[Doc]:
        for group, callback in callbacks:
            callback([d_rows[i] for i in group])
        return []

    return rows, backprop


def group_by_length(lengths: Sequence[int], group_words: int) -> List[List[int]]:
    """Put texts of like length together.

    lengths (Sequence[int]): Words of each text.
    group_words (int): Number of texts times the longest of their lengths, at most, in a group of several.
    RETURNS (List[List[int]]): The groups, as places in `lengths`. Empty texts are in none.
    """
    groups: List[List[int]] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if groups and lengths[i] * (len(groups[-1]) + 1) <= group_words:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups
