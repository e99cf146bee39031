"""The model of the extractor: from Docs and candidate pairs to scores of labels."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Model
from thinc.types import Floats2d, Floats3d

from ..errors import Errors, check_range
from .candidates import Candidates
from .embed import split_rows
from .label_term import LabelTermConfig, draw_pairs
from .pair_features import TYPE_BUCKETS
from .pair_index import index_blocks
from .pair_parts import DIRECT, OF_LEXICON, PairPartConfig, all_parts

Ints = NDArray[np.int64]
PairInput: TypeAlias = Tuple[List[Doc], List[Candidates]]
# In training with a generative term, the targets of the pairs, too.
TargetInput: TypeAlias = Tuple[List[Doc], List[Candidates], NDArray[np.int8]]
PairClassifier: TypeAlias = Model[PairInput, Floats3d]

# What `predict_without` calls the token vectors.
LATENTS = "latents"
NAME = "spacy-vaedie.PairClassifier.v2"
# How many pairs the frequencies over all types count for.
PRIOR_WEIGHT = 2.0


@registry.architectures("spacy-vaedie.PairClassifier.v2")
def build_pair_classifier(
    tok2vec: Model[List[Doc], List[Floats2d]],
    parts: Optional[Dict[str, Optional[PairPartConfig]]] = None,
    width: int = 192,
    n_heads: int = 3,
    term: Optional[LabelTermConfig] = None,
) -> PairClassifier:
    """Classifies candidate pairs. Each part describes a pair by some numbers; several small networks read all of them,
    each with a dropout of its own, and their probabilities are averaged. What they say is added to a bias for the types
    of the two spans and their order, which starts from the frequencies in the training data (see `set_prior`), and to
    the scores of parts that have weights for the labels themselves (e.g. `spacy-vaedie.LexicalWeights.v1`).

    tok2vec (Model[List[Doc], List[Floats2d]]): Gives the token vectors, e.g. a `spacy-vaedie.LatentListener.v1`.
    parts (Optional[Dict[str, Optional[PairPartConfig]]]): What a pair is read by, under names of your own, None for
        every part there is. A part that is None is left out.
    width (int): Width of the hidden layer.
    n_heads (int): Networks that are averaged.
    term (Optional[LabelTermConfig]): A generative term beside the loss of the annotated pairs, None for none.
    RETURNS (Model[Tuple[List[Doc], List[Candidates]], Floats3d]): The model. It gives logits, the first label being
        "no relation". *Shape:* (n_heads, n_pairs, n_labels + 1)
    RAISES (ValueError): VE107 for a number below 1, no part that the networks read, or one that is called "latents".
    """
    from .network.pairs import PairNetwork
    from .network.shim import NetworkShim

    chosen = all_parts() if parts is None else parts
    # In one order, whatever that of the config: the same seed gives the same weights.
    used = {name: {"kind": part.kind, **part.settings} for name, part in sorted(chosen.items()) if part is not None}
    n_read = sum(part["kind"] not in DIRECT for part in used.values())
    check_range(NAME, 1, width=width, n_heads=n_heads, parts=n_read)
    if LATENTS in used:
        must = "under another name: what is left out without the token vectors is called so"
        raise ValueError(Errors.VE107.format(setting="parts", value=LATENTS, must=must, owner=NAME))
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
                "parts": used,
                "width": width,
                "n_heads": n_heads,
                "term": None if term is None else term.network_settings,
            },
            "with_classes": any(part["kind"] in OF_LEXICON for part in used.values()),
            "pairs_of_term": 0 if term is None else term.max_pairs,
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
    model: PairClassifier, inputs: Union[PairInput, TargetInput], is_train: bool
) -> Tuple[Floats3d, Callable[[Floats3d], Union[PairInput, TargetInput]]]:
    """*Shape:* (n_heads, n_pairs, n_labels + 1)"""
    docs, candidates, *targets = inputs
    vectors, bp_vectors = model.layers[0](docs, is_train)
    blocks = index_blocks(docs, candidates, model.attrs["with_classes"])
    dropout = model.attrs["dropout_rate"]
    xp = model.ops.xp
    most = model.attrs["pairs_of_term"] if is_train and targets else 0
    labelled = draw_pairs(docs, candidates, targets[0], most, np.random) if most else None
    outputs, bp_network = model.shims[0].run(
        [xp.concatenate(vectors)], blocks, dropout, labelled=labelled, is_train=is_train
    )
    lengths = [len(doc) for doc in docs]

    def backprop(d_logits: Floats3d) -> Union[PairInput, TargetInput]:
        (d_vectors,) = bp_network({"logits": d_logits})
        bp_vectors(split_rows(d_vectors, lengths))
        return inputs

    return outputs["logits"], backprop


def predict_without(
    model: PairClassifier, docs: List[Doc], candidates: List[Candidates], without: Optional[str] = None
) -> Floats3d:
    """Score the labels where the model has to do without one of its sources.

    model (PairClassifier): The model.
    docs (List[Doc]): The batch.
    candidates (List[Candidates]): The candidates of each Doc.
    without (Optional[str]): Name of a part, `LATENTS` for the token vectors, None for nothing. What is left out is
        replaced by zeros.
    RETURNS (Floats3d): Logits. *Shape:* (n_heads, n_pairs, n_labels + 1)
    """
    vectors = model.ops.xp.concatenate(model.layers[0].predict(docs))
    if without == LATENTS:
        vectors = model.ops.xp.zeros_like(vectors)
    blocks = index_blocks(docs, candidates, model.attrs["with_classes"])
    outputs, _ = model.shims[0].run([vectors], blocks, 0.0, without, is_train=False)
    return outputs["logits"]


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


def split_pairs(rows: Any, candidates: Sequence[Candidates]) -> List[Any]:
    """Cut an array of all pairs into one array a Doc.

    rows (Any): *Shape:* (n_pairs, ...)
    candidates (Sequence[Candidates]): The candidates of each Doc.
    RETURNS (List[Any]): Views of the array.
    """
    return split_rows(rows, [len(item.pairs) for item in candidates])
