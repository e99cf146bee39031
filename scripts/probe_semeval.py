"""Measure what a linear classifier finds in the latents, on SemEval-2010 Task 8 with few labels."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import spacy
import typer
from _arms import print_records
from _metrics import record, write_metrics
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_matrix
from score_semeval import check_sentence, directed_label
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, normalize
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from wasabi import msg

from spacy_vaedie.errors import Errors
from spacy_vaedie.models.candidates import Candidates
from spacy_vaedie.models.pair_index import index_pairs, inner_steps
from spacy_vaedie.scorer import score_semeval
from spacy_vaedie.training.readers import create_relation_corpus

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Labels = NDArray[np.str_]
Groups = Tuple[Ints, Ints]

PARTS = ("train", "dev", "test")


def beside_both(block: str) -> Dict[str, float]:
    """RETURNS (Dict[str, float]): Weights of an arm that reads a block of latents beside all the rest."""
    return {"lexical": 1.0, "vectors": 0.5, block: 0.2}


# Blocks of features of each arm, with their weights: the mean squared length of a sentence's features in that block.
# Tuned on the dev set.
ARMS: Dict[str, Dict[str, float]] = {
    "parse": {"lexical": 1.0},
    "vectors": {"vectors": 1.0},
    "both": {"lexical": 1.0, "vectors": 0.5},
    "means": {"means": 1.0},
    "hidden": {"hidden": 1.0},
    "both+means": beside_both("means"),
    "both+hidden": beside_both("hidden"),
}
LATENTS = ("means", "hidden")
SHARES = (5, 10, 30, 100)
# Inverse regularization, chosen on the dev set for each arm and share.
STRENGTHS = (3.0, 12.0, 48.0)
# Buckets of the lexical features: so many that hardly two of them meet.
BUCKETS = 2**20
BATCH_SIZE = 128
# Keeps the factor of a Gram matrix defined where two sentences have the same features.
JITTER = 1e-4


@dataclass(frozen=True, eq=False)
class Part:
    """One part of the data.

    labels (Labels): Directed label of each sentence. *Shape:* (n,)
    blocks (Dict[str, Any]): Features of the sentences, by name: arrays or sparse matrices. *Shape:* (n, width)
    """

    labels: Labels
    blocks: Dict[str, Any]


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy, dev.spacy and test.spacy")],
    model: Annotated[Path, typer.Argument(help="Pipeline with a trained 'vae_encoder' and static vectors")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    samples: Annotated[int, typer.Option(help="Label samples of each share", min=1)] = 3,
    shares: Annotated[str, typer.Option(help="Percent of the training sentences whose labels are used")] = (
        ",".join(map(str, SHARES))
    ),
    beside: Annotated[
        Optional[List[str]], typer.Option(help="NAME=FOLDER of another VAE, to be read in the place of the first one")
    ] = None,
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
) -> None:
    """Train a logistic regression on each set of features and each share of the labels, and score it on the test
    set. The regularization is chosen on the dev set. The two nominals are given, as in the task."""
    try:
        percents = read_shares(shares)
        nlp = spacy.load(model)
        parts = {name: read_part(nlp, corpus / f"{name}.spacy") for name in PARTS}
        arms = dict(ARMS)
        for name, folder in (item.split("=", 1) for item in beside or []):
            other = spacy.load(folder)
            for part in PARTS:
                blocks = read_part(other, corpus / f"{part}.spacy").blocks
                parts[part].blocks.update({f"{block} {name}": blocks[block] for block in LATENTS})
            arms.update({f"both+{block} {name}": beside_both(f"{block} {name}") for block in LATENTS})
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    grams = {name: make_grams([parts[part].blocks[name] for part in PARTS]) for name in parts["train"].blocks}
    labels = [parts[part].labels for part in PARTS]
    records = []
    for percent in percents:
        # With all labels, every sample is the same one.
        n_samples = 1 if percent == 100 else samples
        rows = [sample_labels(labels[0], percent / 100, seed) for seed in range(n_samples)]
        for arm, weights in arms.items():
            strength, scores = probe([add_grams(grams, weights, i) for i in range(len(PARTS))], labels, rows)
            msg.info(f"{arm}@{percent}%: C = {strength:g} on the dev set")
            records.append(record("micro_f1_directed", f"{arm}@{percent}%", scores))
    write_metrics(output, records, command or shlex.join(["python", *sys.argv]))
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


def read_shares(text: str) -> List[int]:
    """Read a list of percentages.

    text (str): The numbers, with commas between.
    RETURNS (List[int]): The numbers.
    RAISES (ValueError): VE005 for anything but whole numbers from 1 to 100.
    """
    for item in text.split(","):
        if not item.strip().isdecimal() or not 1 <= int(item) <= 100:
            raise ValueError(Errors.VE005.format(value=item, what="share", options="whole numbers from 1 to 100"))
    return [int(item) for item in text.split(",")]


def read_part(nlp: Language, path: Path) -> Part:
    """Read one part of the data, and describe its sentences.

    nlp (Language): The pipeline.
    path (Path): The converted and parsed sentences.
    RETURNS (Part): Labels and features.
    RAISES (ValueError): VE005 where the pipeline has no `vae_encoder` or no static vectors; VE401 for a sentence
        without its two nominals, or that was not annotated.
    """
    if "vae_encoder" not in nlp.pipe_names or not nlp.vocab.vectors_length:
        what = "pipeline with a 'vae_encoder' and static vectors"
        raise ValueError(Errors.VE005.format(value=nlp.path, what=what, options="what `train-semeval-vae` has trained"))
    examples: List[Example] = list(create_relation_corpus(path, entities="gold", parse=True)(nlp))
    for example in examples:
        check_sentence(example.reference)
    labels = np.array([directed_label(example.reference) for example in examples])
    return Part(labels, read_blocks(nlp, [example.predicted for example in examples]))


def read_blocks(nlp: Language, docs: List[Doc]) -> Dict[str, Any]:
    """Describe sentences with two entities each, the first one in the text as head.

    Lexical features are those of the extractor (`spacy-vaedie.LexicalFeatures.v1`): n-grams between the entities, words
    and labels of the dependency path, and so on. Of the vectors of tokens, a sentence has those of the topmost tokens
    of head and tail, and averages over the text between them and over the path without its ends.

    nlp (Language): The pipeline, with static vectors and a `vae_encoder`.
    docs (List[Doc]): The sentences, parsed.
    RETURNS (Dict[str, Any]): The blocks `lexical` (sparse), `vectors`, `means` and `hidden`.
    """
    index = index_pairs(docs, [one_pair(doc) for doc in docs])
    singles = np.arange(len(docs))
    regions = [(index.head_roots, singles), (index.tail_roots, singles), index.between, inner_steps(index.path)]
    encoder = nlp.get_pipe("vae_encoder")
    latents = [item for batch in minibatch(docs, BATCH_SIZE) for item in encoder.predict(batch)]
    tokens: Dict[str, Floats] = {
        "vectors": np.stack([token.vector for doc in docs for token in doc]),
        "means": np.concatenate([item.mean for item in latents]),
        "hidden": np.concatenate([item.hidden for item in latents]),
    }
    blocks: Dict[str, Any] = {
        name: np.concatenate([average(rows, region) for region in regions], axis=1) for name, rows in tokens.items()
    }
    lexical = group_matrix((index.features[0] % np.uint64(BUCKETS), index.features[1]), BUCKETS)
    lexical.data[:] = 1.0
    blocks["lexical"] = lexical
    return blocks


def one_pair(doc: Doc) -> Candidates:
    """The two entities of a sentence as a candidate pair, both of one type, which says nothing."""
    spans = np.array([[entity.start, entity.end] for entity in doc.ents], dtype="int64")
    return Candidates(spans, np.ones(2, dtype="uint64"), np.array([[0, 1]]))


def group_matrix(groups: Groups, n_columns: int) -> csr_matrix:
    """Groups of columns as a sparse matrix of their counts.

    groups (Tuple[Ints, Ints]): Columns, and the first place of each group. *Shape:* (n,), (n_groups,)
    n_columns (int): Width of the matrix.
    RETURNS (csr_matrix): *Shape:* (n_groups, n_columns)
    """
    columns, firsts = groups
    bounds = np.append(firsts, len(columns))
    matrix = csr_matrix((np.ones(len(columns), dtype="float32"), columns, bounds), shape=(len(firsts), n_columns))
    matrix.sum_duplicates()
    return matrix


def average(rows: Floats, groups: Groups) -> Floats:
    """Average groups of rows; zeros for an empty group.

    rows (Floats): *Shape:* (n, width)
    groups (Tuple[Ints, Ints]): Rows, and the first place of each group. *Shape:* (n_rows,), (n_groups,)
    RETURNS (Floats): *Shape:* (n_groups, width)
    """
    matrix = group_matrix(groups, len(rows))
    averages: Floats = (matrix @ rows) / np.maximum(np.asarray(matrix.sum(axis=1)), 1.0)
    return averages


def make_grams(blocks: Sequence[Any]) -> List[Floats]:
    """Inner products of the sentences of each part with those of the first one, the training part. Before, columns of
    arrays are standardized, and rows of sparse matrices get a length of one; after, the mean squared length of a
    training sentence is one, so that blocks can be weighted against each other.

    blocks (Sequence[Any]): The features of each part. *Shape:* (n, width) each
    RETURNS (List[Floats]): *Shape:* (n, n_train) each
    """
    if isinstance(blocks[0], csr_matrix):
        scaled = [normalize(block) for block in blocks]
        grams = [(block @ scaled[0].T).toarray() for block in scaled]
    else:
        scaler = StandardScaler().fit(blocks[0])
        scaled = [scaler.transform(block).astype("float32") for block in blocks]
        grams = [block @ scaled[0].T for block in scaled]
    size = np.diagonal(grams[0]).mean()
    return [gram / size for gram in grams]


def add_grams(grams: Mapping[str, List[Floats]], weights: Mapping[str, float], part: int) -> Floats:
    """The inner products of several blocks of features side by side.

    grams (Mapping[str, List[Floats]]): What `make_grams` gives, by name of the block.
    weights (Mapping[str, float]): Weight of each block that is used.
    part (int): Which part.
    RETURNS (Floats): *Shape:* (n, n_train)
    """
    weighted = [np.float32(weight) * grams[name][part] for name, weight in weights.items()]
    total: Floats = np.sum(weighted, axis=0)
    return total


def sample_labels(labels: Labels, share: float, seed: int) -> Ints:
    """Choose the sentences whose labels are used: of each label the same share, at least one. Of one seed, those of a
    smaller share are among those of a larger one.

    labels (Labels): All labels. *Shape:* (n,)
    share (float): How much of them.
    seed (int): Seed of the choice.
    RETURNS (Ints): Rows, in order.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = []
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        chosen.append(rows[: max(1, round(share * len(rows)))])
    return np.sort(np.concatenate(chosen))


def probe(grams: Sequence[Floats], labels: Sequence[Labels], samples: Sequence[Ints]) -> Tuple[float, List[float]]:
    """Choose the regularization on the dev set, and score on the test set.

    A regularized linear model is a sum of training sentences, so it is fitted in coordinates that have the same inner
    products, one a training sentence: the answers are those of all features, in a fraction of the time.

    grams (Sequence[Floats]): Inner products of training, dev and test sentences with the training sentences.
    labels (Sequence[Labels]): The directed labels of the three.
    samples (Sequence[Ints]): Rows of the training sentences whose labels are used, a sample each.
    RETURNS (Tuple[float, List[float]]): The strength that is best on the dev set over all samples, and with it the
        micro-F1 over directed labels on the test set, in percent, of each sample.
    """
    scores: Dict[float, List[Tuple[float, float]]] = {strength: [] for strength in STRENGTHS}
    for rows in samples:
        fitted, dev, test = find_coordinates(grams, rows)
        for strength, found in scores.items():
            classifier = LogisticRegression(C=strength, max_iter=500, tol=1e-3).fit(fitted, labels[0][rows])
            found.append((score(labels[1], classifier.predict(dev)), score(labels[2], classifier.predict(test))))
    best = max(STRENGTHS, key=lambda strength: sum(on_dev for on_dev, _ in scores[strength]))
    return best, [on_test for _, on_test in scores[best]]


def find_coordinates(grams: Sequence[Floats], rows: Ints) -> Tuple[Floats, Floats, Floats]:
    """Coordinates of sentences that have the same inner products with the chosen training sentences as their features.

    grams (Sequence[Floats]): Inner products of training, dev and test sentences with the training sentences.
    rows (Ints): The chosen training sentences.
    RETURNS (Tuple[Floats, Floats, Floats]): The chosen sentences, dev and test. *Shape:* (n, n_chosen) each
    """
    gram = grams[0][np.ix_(rows, rows)] + JITTER * np.eye(len(rows), dtype="float32")
    factor = cholesky(gram, lower=True)
    dev, test = (solve_triangular(factor, part[:, rows].T, lower=True).T for part in grams[1:])
    return factor, dev, test


def score(key: Labels, answers: Labels) -> float:
    """RETURNS (float): Micro-F1 over the directed labels, `Other` left out, in percent."""
    rows = [str(i) for i in range(len(key))]
    pair = dict(zip(rows, key, strict=True)), dict(zip(rows, answers, strict=True))
    return 100 * score_semeval(*pair).micro_f1_directed


if __name__ == "__main__":
    typer.run(main)
