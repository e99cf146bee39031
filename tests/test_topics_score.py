import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import spacy
from scipy.integrate import quad
from scipy.sparse import csr_matrix
from scipy.stats import beta as beta_distribution
from spacy.cli.train import train
from spacy.tokens import DocBin
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import _lda  # noqa: E402
import score_topics  # noqa: E402

WORDS = {"sea": ["wave", "boat", "sail", "harbour", "tide"], "hill": ["rock", "climb", "peak", "rope", "snow"]}


class Topics:
    """Stands in for a fitted LatentDirichletAllocation."""

    def __init__(self, components, alpha):
        self.components_ = np.array(components)
        self.doc_topic_prior_ = alpha


def test_one_topic_leaves_nothing_to_infer():
    counts = csr_matrix([[2.0, 1.0], [0.0, 3.0]])
    exact = [2 * np.log(0.75) + np.log(0.25), 3 * np.log(0.25)]
    bound, importance = _lda.lda_bounds(Topics([[3.0, 1.0]], 0.5), counts, samples=2)
    np.testing.assert_allclose(bound, exact)
    np.testing.assert_allclose(importance, exact)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_the_bounds_lie_below_the_likelihood(alpha):
    counts = np.array([[3.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    topics = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])

    def likelihood(row):
        def density(theta):
            words = theta * topics[0] + (1 - theta) * topics[1]
            return np.prod(words**row) * beta_distribution.pdf(theta, alpha, alpha)

        return np.log(quad(density, 0, 0.5)[0] + quad(density, 0.5, 1)[0])

    exact = np.array([likelihood(row) for row in counts])
    bound, importance = _lda.lda_bounds(Topics(5 * topics, alpha), csr_matrix(counts), samples=20000)
    assert (bound < exact).all()
    assert (bound > exact - 0.7).all()
    np.testing.assert_allclose(importance, exact, atol=0.03)


def test_words_outside_of_the_vocabulary_are_not_counted():
    nlp = spacy.blank("en")
    words = sorted(["wave", "rock"], key=nlp.vocab.strings.add)
    vocabulary = np.array([nlp.vocab.strings[word] for word in words], dtype="uint64")
    counts = score_topics.count_words([nlp("Wave wave snow"), nlp("snow"), nlp("rock")], vocabulary).toarray()
    assert [dict(zip(words, row, strict=True)) for row in counts] == [
        {"wave": 2, "rock": 0},
        {"wave": 0, "rock": 0},
        {"wave": 0, "rock": 1},
    ]


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Two topics that share no words."""
    folder = tmp_path_factory.mktemp("corpora")
    nlp = spacy.blank("en")
    random = np.random.default_rng(0)
    (folder / "tiny").mkdir()
    for name, size in (("train", 60), ("dev", 12), ("test", 12)):
        docs = DocBin()
        for i in range(size):
            topic = sorted(WORDS)[i % 2]
            doc = nlp(" ".join(random.choice(WORDS[topic], size=8)))
            doc.cats = {label: float(label == topic) for label in WORDS}
            docs.add(doc)
        docs.to_disk(folder / "tiny" / f"{name}.spacy")
    return folder


@pytest.fixture(scope="module")
def trained(corpora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    overrides = {
        "paths.train": str(corpora / "tiny" / "train.spacy"),
        "paths.dev": str(corpora / "tiny" / "dev.spacy"),
        "training.max_steps": 60,
        "training.eval_frequency": 60,
        "training.optimizer.learn_rate.warmup_steps": 1,
        "components.vae_encoder.model.doc_latent_width": 2,
        "components.vae_encoder.model.width": 16,
        "components.vae_encoder.model.embed.width": 16,
        "components.vae_encoder.model.embed.rows": [300, 100, 100, 100],
        "components.vae_encoder.objective.kl_weight.warmup_steps": 30,
    }
    (folder / "vae-tiny-2" / "seed-0").mkdir(parents=True)
    with warnings.catch_warnings():
        # Before the first update, no latent says anything.
        warnings.filterwarnings("ignore", message=r"\[VW102\]")
        train(ROOT / "configs" / "topics.cfg", folder / "vae-tiny-2" / "seed-0", overrides=overrides)
    return folder


def run(corpora, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(score_topics, "N_LABELS", 10)
    monkeypatch.setattr(_lda, "PRIORS", _lda.PRIORS[:1])
    monkeypatch.setattr(_lda, "SCHEDULES", _lda.SCHEDULES[:1])
    app = score_topics.typer.Typer()
    app.command()(score_topics.main)
    arguments = [corpora, trained, tmp_path / "topics.json", "--words", tmp_path / "words.txt"]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_figures_of_all_arms(corpora, trained, tmp_path, monkeypatch):
    result = run(corpora, trained, tmp_path, monkeypatch)
    assert result.exit_code == 0, result.output
    records = json.loads((tmp_path / "topics.json").read_text())["records"]
    found = {(item["arm"], item["figure"]): item for item in records}
    measured = {"perplexity", "perplexity_iw", "npmi", "diversity", "probe_accuracy_100"}
    for arm in ("vae-tiny-2", "lda-tiny-2", "lda-tuned-tiny-2"):
        assert {figure for name, figure in found if name == arm} == measured
        assert found[arm, "perplexity_iw"]["mean"] < found[arm, "perplexity"]["mean"]
        assert found[arm, "perplexity_iw"]["mean"] < 11
        assert found[arm, "npmi"]["n"] == 1
    assert found["vae-tiny-2", "probe_accuracy_100"]["n"] == 5
    assert found["tfidf-tiny", "probe_accuracy_100"]["mean"] == 100.0
    assert {figure for name, figure in found if name == "tfidf-tiny"} == {"probe_accuracy_100"}
    lines = (tmp_path / "words.txt").read_text().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("vae-tiny-2 seed-0 0: ")
    assert set(lines[0].split(": ")[1].split()) <= {word for words in WORDS.values() for word in words}


def test_texts_without_a_topic(corpora, trained, tmp_path, monkeypatch):
    nlp = spacy.blank("en")
    (tmp_path / "tiny").mkdir()
    for name in ("train", "dev", "test"):
        DocBin(docs=[nlp("wave rock")]).to_disk(tmp_path / "tiny" / f"{name}.spacy")
    result = run(tmp_path, trained, tmp_path, monkeypatch)
    assert result.exit_code == 1
    assert "VE401" in result.output
