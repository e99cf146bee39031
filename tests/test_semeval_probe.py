import sys
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np
import pytest
import spacy
import srsly
import typer
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from typer.testing import CliRunner, Result

from spacy_vaedie.tokens import Argument, Relation

from .pipeline.helpers import SMALL_VAE

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import probe_semeval  # noqa: E402

NOUNS = ("rain", "flood", "storm", "fire", "crack", "noise", "smoke", "leak")
VERBS = ("causes", "follows", "near")


def make_doc(nlp: Language, words: List[str], nominals: Tuple[int, ...] = (1, 4)) -> Doc:
    """A sentence of the form 'the rain causes the flood', or with more words between."""
    last = len(words) - 1
    heads, deps = [1, 2, 2, last, 2], ["det", "nsubj", "ROOT", "det", "dobj"]
    doc = Doc(nlp.vocab, words=words, heads=heads, deps=deps, pos=["DET", "NOUN", "VERB", "DET", "NOUN"])
    doc.ents = [Span(doc, i, i + 1, label="NOMINAL") for i in nominals]
    return doc


def relation_of(verb: str) -> Optional[Relation]:
    first, second = Argument(1, 2, "NOMINAL"), Argument(4, 5, "NOMINAL")
    if verb == "causes":
        return Relation(first, second, "Cause-Effect")
    return Relation(second, first, "Cause-Effect") if verb == "follows" else None


@pytest.fixture(scope="module")
def nlp() -> Language:
    """Static vectors, and an encoder with random weights."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.vocab.reset_vectors(width=6)
    rng = np.random.default_rng(0)
    for word in ("the", *NOUNS, *VERBS):
        nlp.vocab.set_vector(word, rng.normal(size=6).astype("float32"))
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    docs = [make_doc(nlp, ["the", noun, verb, "the", "storm"]) for noun in NOUNS for verb in VERBS]
    nlp.initialize(lambda: [Example(doc, doc) for doc in docs])
    return nlp


def write_corpus(folder: Path, nlp: Language, nominals: Tuple[int, ...] = (1, 4), annotated: bool = True) -> None:
    """In each part, other nouns stand at the ends: what they share is the verb."""
    folder.mkdir()
    for part, second in (("train", "noise"), ("dev", "smoke"), ("test", "leak")):
        docs = DocBin(store_user_data=True)
        for noun in NOUNS:
            for verb in VERBS:
                doc = make_doc(nlp, ["the", noun, verb, "the", second], nominals)
                relation = relation_of(verb)
                doc._.relations = ([] if relation is None else [relation]) if annotated else None
                docs.add(doc)
        docs.to_disk(folder / f"{part}.spacy")


def run_probe(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(probe_semeval.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_scores_every_arm_and_share(nlp: Language, tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", nlp)
    nlp.to_disk(tmp_path / "model")
    output = tmp_path / "metrics" / "semeval_probe.json"
    result = run_probe(
        tmp_path / "corpus", tmp_path / "model", output, "--samples=2", "--shares=50,100", "--command=spacy project"
    )
    assert result.exit_code == 0, result.stdout
    metrics = srsly.read_json(output)
    assert metrics["command"] == "spacy project"
    records = {item["arm"]: item for item in metrics["records"]}
    assert set(records) == {f"{arm}@{share}%" for arm in probe_semeval.ARMS for share in (50, 100)}
    assert {item["figure"] for item in records.values()} == {"micro_f1_directed"}
    # all labels are one sample
    assert (records["parse@50%"]["n"], records["parse@100%"]["n"]) == (2, 1)
    # the verb decides, which an encoder with random weights does not tell from the unseen nouns
    means = {arm: records[f"{arm}@100%"]["mean"] for arm in probe_semeval.ARMS}
    assert {arm for arm, mean in means.items() if mean == 100.0} >= {"parse", "vectors", "both"}
    assert 0.0 < means["means"] < 100.0


def test_other_encoders_stand_beside(nlp: Language, tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", nlp)
    nlp.to_disk(tmp_path / "model")
    output = tmp_path / "out.json"
    other = f"--beside=twin={tmp_path / 'model'}"
    result = run_probe(tmp_path / "corpus", tmp_path / "model", output, "--samples=1", "--shares=50", other)
    assert result.exit_code == 0, result.stdout
    means = {item["arm"]: item["mean"] for item in srsly.read_json(output)["records"]}
    assert len(means) == len(probe_semeval.ARMS) + 2
    for block in ("means", "hidden"):
        assert means[f"both+{block} twin@50%"] == means[f"both+{block}@50%"]


def test_failures_have_a_code(nlp: Language, tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", nlp)
    write_corpus(tmp_path / "lost", nlp, nominals=(1,))
    write_corpus(tmp_path / "raw", nlp, annotated=False)
    nlp.to_disk(tmp_path / "model")
    spacy.blank("en").to_disk(tmp_path / "blank")
    for corpus, model, shares, expected in (
        ("corpus", "blank", "10", "VE005"),
        ("corpus", "model", "10,some", "VE005"),
        ("corpus", "model", "0", "VE005"),
        ("none", "model", "10", "VE301"),
        ("lost", "model", "10", "VE401"),
        ("raw", "model", "10", "VE310"),
    ):
        output = tmp_path / "out.json"
        result = run_probe(tmp_path / corpus, tmp_path / model, output, "--shares", shares)
        assert result.exit_code == 1, corpus
        assert expected in result.stdout
        assert not output.exists()


def test_blocks_of_a_sentence(nlp: Language) -> None:
    doc = make_doc(nlp, ["the", "rain", "causes", "the", "flood"])
    other = make_doc(nlp, ["the", "flood", "causes", "the", "rain"])
    blocks = probe_semeval.read_blocks(nlp, [doc, other])
    widths = {name: block.shape for name, block in blocks.items()}
    assert widths == {"vectors": (2, 24), "means": (2, 32), "hidden": (2, 64), "lexical": (2, 2**20)}
    v = [token.vector for token in doc]
    # topmost tokens, between, and the path without its ends
    expected = np.concatenate([v[1], v[4], (v[2] + v[3]) / 2, v[2]])
    np.testing.assert_allclose(blocks["vectors"][0], expected, rtol=1e-5)
    (latents,) = nlp.get_pipe("vae_encoder").predict([doc])
    np.testing.assert_allclose(blocks["means"][0, :8], latents.mean[1], atol=1e-5)
    np.testing.assert_allclose(blocks["hidden"][0, 16:32], latents.hidden[4], atol=1e-5)
    # the arguments' order counts, and a feature is there or not
    assert (blocks["lexical"][0] != blocks["lexical"][1]).nnz
    assert set(blocks["lexical"].data) == {1.0}


def test_average_of_groups() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype="float32")
    groups = (np.array([0, 1, 2, 2]), np.array([0, 2, 2]))
    np.testing.assert_allclose(probe_semeval.average(rows, groups), [[2.0, 3.0], [0.0, 0.0], [5.0, 6.0]])


def test_blocks_are_scaled_by_the_training_part() -> None:
    rng = np.random.default_rng(1)
    train, test = rng.normal(3.0, [1.0, 100.0], (50, 2)), rng.normal(size=(5, 2))
    grams = probe_semeval.make_grams([train, test])
    assert [gram.shape for gram in grams] == [(50, 50), (5, 50)]
    assert np.diagonal(grams[0]).mean() == pytest.approx(1.0, rel=1e-5)
    scaled = [(part - train.mean(axis=0)) / train.std(axis=0) for part in (train, test)]
    np.testing.assert_allclose(grams[1], scaled[1] @ scaled[0].T / 2, rtol=1e-4, atol=1e-5)
    sparse = probe_semeval.make_grams([csr_matrix(np.array([[2.0, 0.0], [3.0, 3.0]], dtype="float32"))])
    np.testing.assert_allclose(sparse[0], [[1.0, 0.5**0.5], [0.5**0.5, 1.0]], rtol=1e-5)


def test_weights_add_up() -> None:
    grams = {"a": [np.full((2, 2), 1.0, "float32")], "b": [np.full((2, 2), 10.0, "float32")], "c": []}
    np.testing.assert_allclose(probe_semeval.add_grams(grams, {"a": 1.0, "b": 0.5}, 0), np.full((2, 2), 6.0))


def test_samples_are_stratified_and_nested() -> None:
    labels = np.array(["A"] * 60 + ["B"] * 40 + ["C"])
    small, large = (probe_semeval.sample_labels(labels, share, 3) for share in (0.1, 0.3))
    assert [int((labels[small] == label).sum()) for label in "ABC"] == [6, 4, 1]
    assert [int((labels[large] == label).sum()) for label in "ABC"] == [18, 12, 1]
    assert set(small) < set(large)
    assert list(small) == sorted(set(small))
    assert list(small) == list(probe_semeval.sample_labels(labels, 0.1, 3))
    assert list(small) != list(probe_semeval.sample_labels(labels, 0.1, 4))
    assert list(probe_semeval.sample_labels(labels, 1.0, 0)) == list(range(101))


def test_answers_are_those_of_all_features() -> None:
    """Fewer coordinates than features, with the same inner products, give the same classifier."""
    rng = np.random.default_rng(2)
    parts = [rng.normal(size=(n, 80)).astype("float32") for n in (60, 20, 30)]
    target = rng.normal(size=(80, 3))
    labels = [np.array(["Other", "A(e1,e2)", "A(e2,e1)"])[(part @ target).argmax(axis=1)] for part in parts]
    grams = [part @ parts[0].T for part in parts]
    rows = np.arange(0, 60, 2)
    fitted, dev, test = probe_semeval.find_coordinates(grams, rows)
    assert [part.shape for part in (fitted, dev, test)] == [(30, 30), (20, 30), (30, 30)]
    np.testing.assert_allclose(test @ fitted.T, grams[2][:, rows], rtol=1e-3, atol=1e-2)
    settings = {"C": 0.1, "tol": 1e-6, "max_iter": 1000}
    whole = LogisticRegression(**settings).fit(parts[0][rows], labels[0][rows])
    short = LogisticRegression(**settings).fit(fitted, labels[0][rows])
    np.testing.assert_allclose(short.predict_proba(test), whole.predict_proba(parts[2]), atol=1e-3)
    best, scores = probe_semeval.probe(grams, labels, [rows, rows + 1])
    assert best in probe_semeval.STRENGTHS
    expected = LogisticRegression(C=best, max_iter=500, tol=1e-3).fit(parts[0][rows], labels[0][rows])
    assert scores[0] == pytest.approx(probe_semeval.score(labels[2], expected.predict(parts[2])), abs=2.0)
    assert len(scores) == 2


def test_two_equal_sentences_can_be_fitted() -> None:
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype="float32")
    coordinates = probe_semeval.find_coordinates([features @ features.T] * 3, np.arange(3))
    assert all(np.isfinite(part).all() for part in coordinates)


def test_score_leaves_other_out() -> None:
    key = np.array(["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other", "Other"])
    answers = np.array(["Cause-Effect(e1,e2)", "Cause-Effect(e1,e2)", "Other", "Cause-Effect(e2,e1)"])
    # 1 right of 3 answers, and 2 in the key
    assert probe_semeval.score(key, answers) == pytest.approx(40.0)
