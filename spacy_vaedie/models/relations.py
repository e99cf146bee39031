"""The model of the extractor: from Docs and candidate pairs to scores of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d, Floats3d

from ..errors import Errors
from ..tokens.dependency import Parse, Paths, read_parse, shortest_paths, span_roots
from .candidates import Candidates, concatenate, ranges
from .embed import split_rows

if TYPE_CHECKING:
    from .network.pairs import PairIndex

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
PairInput: TypeAlias = Tuple[List[Doc], List[Candidates]]
PairClassifier: TypeAlias = Model[PairInput, Floats3d]

# Tokens between two arguments that are read, and words left and right of them.
MAX_BETWEEN = 40
CONTEXT = 2
# Rows for the types of head and tail with their order, and how many pairs the frequencies over all types count for.
TYPE_BUCKETS = 4096
PRIOR_WEIGHT = 2.0


@registry.architectures("spacy-vaedie.PairClassifier.v1")
def build_pair_classifier(
    tok2vec: Model[List[Doc], List[Floats2d]],
    width: int = 192,
    n_heads: int = 3,
    buckets: int = 16384,
    lexical_width: int = 64,
    path_buckets: int = 512,
) -> PairClassifier:
    """Classifies candidate pairs. It reads the token vectors of head, tail and the text between them, a convolution
    along the dependency path, and hashed lexical features (n-grams between, words and labels of the path, argument
    words and types, order and distance, other spans between). Several small networks share these features, and their
    probabilities are averaged. What they say is added to a bias for the types of the two spans and their order, which
    starts from the frequencies in the training data (see `set_prior`).

    tok2vec (Model[List[Doc], List[Floats2d]]): Gives the token vectors, e.g. a `spacy-vaedie.LatentListener.v1`.
    width (int): Width of the hidden layers.
    n_heads (int): Networks that are averaged.
    buckets (int): Rows for hashed lexical features.
    lexical_width (int): Width of these rows.
    path_buckets (int): Rows for hashed dependency labels.
    RETURNS (Model[Tuple[List[Doc], List[Candidates]], Floats3d]): The model. It gives logits, the first label being
        "no relation". *Shape:* (n_heads, n_pairs, n_labels + 1)
    """
    from .network.pairs import PairNetwork
    from .network.shim import NetworkShim

    return Model(
        "pair_classifier",
        forward,
        init=init,
        layers=[tok2vec],
        refs={"tok2vec": tok2vec},
        dims={"nO": None},
        shims=[NetworkShim(PairNetwork)],
        attrs={
            "dropout_rate": 0.0,
            "settings": {
                "width": width,
                "n_heads": n_heads,
                "buckets": buckets,
                "lexical_width": lexical_width,
                "path_buckets": path_buckets,
            },
        },
    )


def init(model: PairClassifier, X: Optional[PairInput] = None, Y: Optional[Any] = None) -> None:
    """Build the network when the width of the token vectors and the number of labels (dimension nO) are known."""
    if X is None:
        return
    tok2vec = model.layers[0]
    tok2vec.initialize(X=X[0])
    if tok2vec.has_dim("nO") is not True:
        raise ValueError(Errors.VE108.format(upstream=getattr(tok2vec, "upstream_name", "vae_encoder")))
    model.shims[0].build(
        n_in=tok2vec.get_dim("nO"),
        n_labels=model.get_dim("nO"),
        type_buckets=TYPE_BUCKETS,
        **model.attrs["settings"],
    )


def resize(model: PairClassifier, n_labels: int) -> None:
    """Let a model predict more labels, and keep what it has learned.

    model (PairClassifier): The model.
    n_labels (int): Labels, the one for "no relation" included.
    """
    model.set_dim("nO", n_labels, force=True)
    shim = model.shims[0]
    if shim.is_built:
        shim.replace(shim.network.with_labels(n_labels), **{**shim.dims, "n_labels": n_labels})


def forward(
    model: PairClassifier, inputs: PairInput, is_train: bool
) -> Tuple[Floats3d, Callable[[Floats3d], PairInput]]:
    """*Shape:* (n_heads, n_pairs, n_labels + 1)"""
    docs, candidates = inputs
    vectors, bp_vectors = model.layers[0](docs, is_train)
    index = index_pairs(docs, candidates, model.attrs["settings"])
    dropout = model.attrs["dropout_rate"]
    xp = model.ops.xp
    outputs, bp_network = model.shims[0].run([xp.concatenate(vectors)], index, dropout, is_train=is_train)
    lengths = [len(doc) for doc in docs]

    def backprop(d_logits: Floats3d) -> PairInput:
        (d_vectors,) = bp_network({"logits": d_logits})
        bp_vectors(split_rows(d_vectors, lengths))
        return inputs

    return outputs["logits"], backprop


def index_pairs(docs: List[Doc], candidates: List[Candidates], settings: dict[str, int]) -> PairIndex:
    """Describe the candidate pairs of a batch by rows and buckets.

    docs (List[Doc]): The batch.
    candidates (List[Candidates]): The candidates of each Doc.
    settings (Dict[str, int]): `buckets` and `path_buckets`.
    RETURNS (PairIndex): What the network reads.
    """
    from .network.pairs import PairIndex

    parse = read_parse(docs)
    batch = concatenate(candidates, parse.starts)
    heads, tails = batch.spans[batch.pairs[:, 0]], batch.spans[batch.pairs[:, 1]]
    roots = span_roots(parse, batch.spans[:, 0], batch.spans[:, 1])
    head_roots, tail_roots = roots[batch.pairs[:, 0]], roots[batch.pairs[:, 1]]
    paths = shortest_paths(parse, head_roots, tail_roots)
    # The argument that comes first in the text ends before the text between starts.
    start = np.minimum(heads[:, 1], tails[:, 1])
    end = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), start)
    between = (start, np.minimum(end, start + MAX_BETWEEN))
    path_labels = _mix(parse.deps[paths.tokens], paths.directions.astype("uint64"))
    rows, owners = lexical_features(parse, batch, (head_roots, tail_roots), paths, between)
    order = np.argsort(owners, kind="stable")
    n_features = np.bincount(owners, minlength=len(batch.pairs))
    return PairIndex(
        heads=_group(heads[:, 0], heads[:, 1]),
        tails=_group(tails[:, 0], tails[:, 1]),
        head_roots=head_roots,
        tail_roots=tail_roots,
        between=_group(*between),
        path=(paths.tokens, _firsts(paths.lengths)),
        path_labels=(path_labels % np.uint64(settings["path_buckets"])).astype("int64"),
        features=((rows[order] % np.uint64(settings["buckets"])).astype("int64"), _firsts(n_features)),
        types=type_buckets(batch),
    )


def type_buckets(candidates: Candidates) -> Ints:
    """The bucket of each pair for the types of head and tail, and which of them comes first. *Shape:* (n_pairs,)"""
    heads, tails = candidates.pairs[:, 0], candidates.pairs[:, 1]
    forward = (candidates.spans[heads, 0] < candidates.spans[tails, 0]).astype("uint64")
    hashes = _mix(candidates.labels[heads], candidates.labels[tails], forward)
    return (hashes % np.uint64(TYPE_BUCKETS)).astype("int64")


def set_prior(model: PairClassifier, buckets: Ints, targets: Ints) -> None:
    """Start from what the types of two spans and their order say in the training data: log p(label | types), each
    frequency smoothed by that over all types. Without it, a few hundred updates go into learning it.

    model (PairClassifier): The model, initialized.
    buckets (Ints): What `type_buckets` gives, for all annotated pairs. *Shape:* (n_pairs,)
    targets (Ints): Their labels, 0 for "no relation". *Shape:* (n_pairs,)
    """
    n_labels = model.get_dim("nO")
    counts = np.zeros((TYPE_BUCKETS, n_labels))
    np.add.at(counts, (buckets, targets), 1.0)
    # No label is impossible, whatever the data.
    overall = counts.sum(axis=0) + 1.0
    overall /= overall.sum()
    smoothed = counts + PRIOR_WEIGHT * overall
    model.shims[0].network.set_prior(np.log(smoothed / smoothed.sum(axis=1, keepdims=True)).astype("float32"))


def lexical_features(
    parse: Parse, batch: Candidates, roots: Tuple[Ints, Ints], paths: Paths, between: Tuple[Ints, Ints]
) -> Tuple[Hashes, Ints]:
    """Hash what is written at, between and around two arguments and on their path.

    parse (Parse): The batch.
    batch (Candidates): All candidates of the batch, in rows of the batch.
    roots (Tuple[Ints, Ints]): Topmost token of head and tail. *Shape:* (n_pairs,) each
    paths (Paths): The dependency paths.
    between (Tuple[Ints, Ints]): First row between the arguments, and last, exclusive. *Shape:* (n_pairs,) each
    RETURNS (Tuple[Hashes, Ints]): Hashes, and the pair that each describes. *Shape:* (n_features,) each
    """
    n_pairs = len(batch.pairs)
    pairs = np.arange(n_pairs)
    head_words, tail_words = parse.words[roots[0]], parse.words[roots[1]]
    head_types, tail_types = batch.labels[batch.pairs[:, 0]], batch.labels[batch.pairs[:, 1]]
    forward = (roots[0] < roots[1]).astype("uint64")
    distance = np.minimum(np.log2(between[1] - between[0] + 1.0), 5).astype("uint64")
    found: List[Tuple[Hashes, Ints]] = [
        (_mix(head_words), pairs),
        (_mix(tail_words), pairs),
        (_mix(head_words, tail_words), pairs),
        (_mix(head_types, forward), pairs),
        (_mix(tail_types, forward), pairs),
        (_mix(head_types, tail_types, forward), pairs),
        (_mix(forward), pairs),
        (_mix(distance, forward), pairs),
    ]
    # Names are rare words: in the text around the arguments, their types say more.
    types = np.zeros(len(parse.words), dtype="uint64")
    lengths = batch.spans[:, 1] - batch.spans[:, 0]
    types[ranges(batch.spans[:, 0], batch.spans[:, 1])] = np.repeat(batch.labels, lengths)
    words = np.where(types > 0, types, parse.words)
    # With the last token of the first argument, and the first one of the second.
    first, last = np.maximum(between[0] - 1, 0), np.minimum(between[1] + 1, len(words))
    rows = ranges(first, last)
    owners = np.repeat(pairs, last - first)
    for size in (1, 2, 3):
        found.append(_ngrams(words, rows, owners, size, forward))
    found.extend(_path_features(parse, paths, pairs, words))
    found.extend(_rivals(batch, pairs, forward))
    doc_start = parse.starts[parse.doc_index[roots[0]]]
    doc_end = doc_start + parse.lengths[parse.doc_index[roots[0]]]
    spans = batch.spans[batch.pairs]
    left, right = spans[:, :, 0].min(axis=1), spans[:, :, 1].max(axis=1)
    for step in range(1, CONTEXT + 1):
        place = np.full(n_pairs, step, dtype="uint64")
        for row, inside in ((left - step, left - step >= doc_start), (right + step - 1, right + step - 1 < doc_end)):
            found.append((_mix(words[row[inside]], place[inside], forward[inside]), pairs[inside]))
    salted = [_mix(hashes, np.full(len(hashes), salt, dtype="uint64")) for salt, (hashes, _) in enumerate(found)]
    return np.concatenate(salted), np.concatenate([owner for _, owner in found])


def _rivals(batch: Candidates, pairs: Ints, forward: Hashes) -> List[Tuple[Hashes, Ints]]:
    """How many other spans of the head's and of the tail's type stand between the two, and whether any other does."""
    spans, labels = batch.spans, batch.labels
    heads, tails = batch.pairs[:, 0], batch.pairs[:, 1]
    order = np.argsort(spans[:, 0], kind="stable")
    starts = spans[order, 0]
    left, right = np.minimum(spans[heads, 1], spans[tails, 1]), np.maximum(spans[heads, 0], spans[tails, 0])
    first, last = np.searchsorted(starts, left), np.searchsorted(starts, right)
    last = np.maximum(first, last)
    inside = order[ranges(first, last)]
    owners = np.repeat(pairs, last - first)
    counts = []
    for end in (heads, tails):
        same = labels[inside] == labels[end[owners]]
        counts.append(np.minimum(np.bincount(owners[same], minlength=len(pairs)), 2).astype("uint64"))
    types = labels[heads], labels[tails]
    return [
        (_mix(counts[0], counts[1], forward), pairs),
        (_mix(*types, counts[0], counts[1], forward), pairs),
        (_mix(*types, (last - first > 0).astype("uint64"), forward), pairs),
    ]


def _path_features(parse: Parse, paths: Paths, pairs: Ints, words: Hashes) -> List[Tuple[Hashes, Ints]]:
    """Words and labels along the path, alone, beside each other, and as a whole. The ends count by their label only,
    since their words are features of their own."""
    owners = np.repeat(pairs, paths.lengths)
    firsts = _firsts(paths.lengths)
    place = np.arange(len(owners)) - np.repeat(firsts, paths.lengths)
    inner = (place > 0) & (place < np.repeat(paths.lengths, paths.lengths) - 1)
    directions = paths.directions.astype("uint64")
    labels = _mix(parse.deps[paths.tokens], directions)
    words = words[paths.tokens]
    steps = np.arange(len(owners))
    whole_labels = _whole(labels, place, owners, len(pairs))
    whole_words = _whole(words[inner], place[inner], owners[inner], len(pairs))
    return [
        (labels, owners),
        _ngrams(labels, steps, owners, 2, None),
        (_mix(words, directions)[inner], owners[inner]),
        (_mix(words, labels)[inner], owners[inner]),
        _ngrams(words, steps, owners, 2, None),
        (whole_labels, pairs),
        (whole_words, pairs),
        (_mix(whole_labels, whole_words), pairs),
    ]


def _ngrams(values: Hashes, rows: Ints, owners: Ints, size: int, flags: Optional[Hashes]) -> Tuple[Hashes, Ints]:
    """Hash runs of values that belong to the same pair, together with a flag of the pair."""
    n = max(len(rows) - size + 1, 0)
    inside = owners[:n] == owners[size - 1 : size - 1 + n]
    kept = owners[:n][inside]
    parts = [values[rows[i : i + n][inside]] for i in range(size)]
    if flags is not None:
        parts.append(flags[kept])
    return _mix(*parts), kept


def _whole(values: Hashes, place: Ints, owners: Ints, n_pairs: int) -> Hashes:
    """Hash everything that belongs to a pair, in order."""
    whole = np.zeros(n_pairs, dtype="uint64")
    np.add.at(whole, owners, _mix(values, place.astype("uint64")))
    return whole


def _mix(*columns: Hashes) -> Hashes:
    """Hash columns into one, row by row (the mixing steps of splitmix64, Steele et al. 2014)."""
    mixed = np.zeros(len(columns[0]), dtype="uint64")
    for column in columns:
        mixed = (mixed ^ column) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def _firsts(lengths: Ints) -> Ints:
    return np.cumsum(lengths) - lengths


def _group(starts: Ints, ends: Ints) -> Tuple[Ints, Ints]:
    return ranges(starts, ends), _firsts(ends - starts)


def split_pairs(rows: Any, candidates: Sequence[Candidates]) -> List[Any]:
    """Cut an array of all pairs into one array a Doc.

    rows (Any): *Shape:* (n_pairs, ...)
    candidates (Sequence[Candidates]): The candidates of each Doc.
    RETURNS (List[Any]): Views of the array.
    """
    return split_rows(rows, [len(item.pairs) for item in candidates])
