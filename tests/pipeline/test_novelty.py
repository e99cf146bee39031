import pickle

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import fix_random_seed
from thinc.api import Adam

from spacy_vaedie.analysis.novelty import auroc, compare_novelty
from spacy_vaedie.models.novelty import BoundNovelty
from spacy_vaedie.pipeline.novelty import TextSample, checksum

from .helpers import SMALL_EXTRACTOR, SMALL_VAE, blank, copies, raw_examples, relation_examples, run_python

CHOICES = {
    "bound": {"@misc": "spacy-vaedie.BoundNovelty.v1", "kl_weight": 0.1},
    "mahalanobis": {"@misc": "spacy-vaedie.MahalanobisNovelty.v1"},
    "neighbours": {"@misc": "spacy-vaedie.NeighbourNovelty.v1", "k": 2},
}
ODD = ["0.5 ! 17 / 18 ( x )", "no", "Stop! Stop! Stop!"]


def make(en, **settings):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={**SMALL_VAE, **settings})
    return nlp


def train(nlp, raw, steps=5):
    optimizer = nlp.initialize(lambda: raw)
    for _ in range(steps):
        nlp.update(raw, sgd=optimizer)
    return optimizer


@pytest.fixture(scope="module")
def texts(en):
    """Parsed texts, enough of them to be calibrated on. Tests must not change them."""
    people, firms = ("Ada", "Tam", "Mira", "Bo", "Ida"), ("Bluefin Works", "Pell Mills", "Sandbar Press")
    verbs = ("founded", "bought", "runs")
    return list(en.pipe(f"{p} {verb} {firm}." for p in people for verb in verbs for firm in firms))


@pytest.fixture(scope="module")
def saved(en, texts, tmp_path_factory):
    """A folder with a trained encoder for each choice."""
    folder = tmp_path_factory.mktemp("novelty")
    for name, choice in CHOICES.items():
        fix_random_seed(0)
        nlp = make(en, novelty=choice)
        train(nlp, raw_examples(texts), steps=20)
        nlp.to_disk(folder / name)
    return folder


@pytest.fixture(params=sorted(CHOICES))
def nlp(saved, request):
    return spacy.load(saved / request.param)


def novelty_of(nlp, docs, **settings):
    return [doc._.novelty for doc in nlp.pipe(copies(docs), **settings)]


def test_a_trained_and_saved_encoder_knows_what_is_novel(nlp, en, texts):
    found = novelty_of(nlp, texts)
    assert all(type(value) is float and 0.0 <= value <= 1.0 for value in found)
    odd = novelty_of(nlp, list(en.pipe(ODD)))
    assert np.mean(odd) > np.mean(found) + 0.2
    assert auroc(found, odd) > 0.8


def test_saving_says_it_of_the_pipe_that_is_saved(en, texts, tmp_path):
    nlp = make(en)
    train(nlp, raw_examples(texts))
    assert novelty_of(nlp, texts[:2]) == [None, None]
    nlp.to_disk(tmp_path)
    expected = novelty_of(nlp, texts)
    assert None not in expected
    assert novelty_of(spacy.load(tmp_path), texts) == expected
    assert novelty_of(make(en).from_bytes(nlp.to_bytes()), texts) == expected


def test_it_is_not_measured_anew_where_nothing_has_changed(nlp, texts, monkeypatch, tmp_path):
    pipe = nlp.get_pipe("vae_encoder")
    monkeypatch.setattr(type(pipe), "calibrate", lambda *args: pytest.fail("calibrated again"))
    pipe._texts.add(texts)
    before = novelty_of(nlp, texts)
    nlp.to_disk(tmp_path)
    pipe.to_bytes()
    assert novelty_of(spacy.load(tmp_path), texts) == before


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_it_depends_on_the_text_alone(nlp, en, texts, batch_size):
    docs = [*texts[:5], *en.pipe(ODD)]
    pipe = nlp.get_pipe("vae_encoder")
    expected = pipe.novelty_scores(copies(docs))
    order = np.random.default_rng(0).permutation(len(docs))
    found = pipe.novelty_scores(copies(docs[i] for i in order))
    np.testing.assert_allclose(found, expected[order], rtol=1e-4)
    shares = novelty_of(nlp, docs)
    np.testing.assert_allclose(novelty_of(nlp, docs, batch_size=batch_size), shares, atol=0.1)
    assert novelty_of(nlp, docs) == shares


def test_shares_follow_the_raw_scores(nlp, en, texts):
    docs = [*texts, *en.pipe(ODD)]
    scores, shares = nlp.get_pipe("vae_encoder").novelty_scores(copies(docs)), novelty_of(nlp, docs)
    assert (np.diff(np.array(shares)[np.argsort(scores)]) >= 0).all()


def test_weights_that_changed_say_nothing(nlp, texts):
    raw = raw_examples(texts)
    nlp.update(raw, sgd=nlp.resume_training())
    pipe = nlp.get_pipe("vae_encoder")
    assert novelty_of(nlp, texts[:2]) == [None, None]
    with pytest.raises(ValueError, match=r"VE116.*'vae_encoder'.*weights were changed"):
        pipe.novelty_scores(copies(texts[:2]))
    pipe.calibrate()
    assert None not in novelty_of(nlp, texts[:2])


def test_averaged_weights(en, texts, tmp_path):
    raw = raw_examples(texts)
    nlp = make(en)
    optimizer = nlp.initialize(lambda: raw, sgd=Adam(0.01, use_averages=True))
    for _ in range(5):
        nlp.update(raw, sgd=optimizer)
    pipe = nlp.get_pipe("vae_encoder")
    nlp.to_disk(tmp_path / "last")
    last = novelty_of(nlp, texts)
    with nlp.use_params(optimizer.averages):
        # Other weights, for which nothing is known until they are saved.
        assert novelty_of(nlp, texts[:1]) == [None]
        nlp.to_disk(tmp_path / "averaged")
        expected = novelty_of(nlp, texts)
    assert None not in expected
    assert novelty_of(spacy.load(tmp_path / "averaged"), texts) == expected
    assert novelty_of(spacy.load(tmp_path / "last"), texts) == last
    assert novelty_of(nlp, texts[:1]) == [None]
    assert checksum(pipe.model) != pipe.model.attrs["novelty"]["weights"]


def test_frozen(nlp, texts, tmp_path):
    before = novelty_of(nlp, texts)
    nlp.update(raw_examples(texts[:5]), exclude=["vae_encoder"], annotates=["vae_encoder"], sgd=nlp.resume_training())
    assert novelty_of(nlp, texts) == before
    nlp.to_disk(tmp_path)
    assert novelty_of(spacy.load(tmp_path), texts) == before


def test_sourced(nlp, en, texts, tmp_path):
    other = blank(en)
    other.add_pipe("vae_encoder", source=nlp)
    assert novelty_of(other, texts) == novelty_of(nlp, texts)
    other.to_disk(tmp_path)
    assert novelty_of(spacy.load(tmp_path), texts) == novelty_of(nlp, texts)


def test_replaced_listeners(nlp, en, texts):
    before = novelty_of(nlp, texts)
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    nlp.get_pipe("extractor").initialize(lambda: relation_examples(en), nlp=nlp)
    nlp.replace_listeners("vae_encoder", "extractor", ["model.tok2vec"])
    assert [doc._.novelty for doc in nlp.pipe(copies(texts), disable=["extractor"])] == before


def test_two_processes(nlp, texts):
    # With few texts to compare with, the last digit of a score can move it past one of them.
    found = novelty_of(nlp, texts[:6], n_process=2, batch_size=3)
    np.testing.assert_allclose(found, novelty_of(nlp, texts[:6]), atol=0.1)


FRESH = """
import json, sys, spacy
from spacy.tokens import DocBin
nlp = spacy.load(sys.argv[1])
docs = DocBin().from_disk(sys.argv[2]).get_docs(nlp.vocab)
print(json.dumps([doc._.novelty for doc in nlp.pipe(docs)]))
"""


def test_in_a_fresh_process(saved, texts, tmp_path):
    nlp = spacy.load(saved / "neighbours")
    DocBin(docs=copies(texts)).to_disk(tmp_path / "docs.spacy")
    found = run_python(FRESH, saved / "neighbours", tmp_path / "docs.spacy")
    np.testing.assert_allclose(found, novelty_of(nlp, texts), atol=0.1)


def test_another_choice_needs_no_new_training(saved, texts):
    config = {"components": {"vae_encoder": {"novelty": CHOICES["mahalanobis"]}}}
    nlp = spacy.load(saved / "bound", config=config)
    assert novelty_of(nlp, texts) == novelty_of(spacy.load(saved / "mahalanobis"), texts)


def test_a_pickle_does_not_carry_the_texts(en, texts):
    nlp = make(en)
    train(nlp, raw_examples(texts))
    pipe = nlp.get_pipe("vae_encoder")
    assert len(pipe._texts.docs) == len(texts)
    assert pickle.loads(pickle.dumps(pipe._texts)).docs == []
    assert texts[0].text.encode() not in pipe.to_bytes(exclude=["vocab"])


def test_calibrate_on_given_texts(nlp, en, texts):
    pipe = nlp.get_pipe("vae_encoder")
    odd = list(en.pipe(f"{a} ! {b} / ( x )" for a in range(4) for b in range(8)))
    before = np.mean(novelty_of(nlp, odd))
    pipe.calibrate(iter([Doc(nlp.vocab), *copies(odd)]))
    assert np.mean(novelty_of(nlp, odd)) < before - 0.2


def test_too_few_texts(en, texts):
    nlp = make(en)
    train(nlp, raw_examples(texts[:3]))
    pipe = nlp.get_pipe("vae_encoder")
    nlp.to_bytes()
    assert novelty_of(nlp, texts[:1]) == [None]
    with pytest.raises(ValueError, match=r"VE116.*3 texts that it was trained on"):
        pipe.calibrate()
    with pytest.raises(ValueError, match=r"VE116.*2 texts that it was given"):
        pipe.calibrate(copies(texts[:2]))
    pipe.calibrate(copies(texts[:4]))
    assert None not in novelty_of(nlp, texts[:1])


def test_uninitialized(en, texts):
    nlp = make(en)
    pipe = nlp.get_pipe("vae_encoder")
    for call in (pipe.calibrate, lambda: pipe.novelty_scores(copies(texts[:1]))):
        with pytest.raises(ValueError, match="VE101"):
            call()
    assert make(en).from_bytes(nlp.to_bytes()) is not None


def test_initialize_starts_anew(nlp, texts):
    pipe = nlp.get_pipe("vae_encoder")
    pipe._texts.add(texts)
    pipe.initialize(lambda: raw_examples(texts[:8]), nlp=nlp)
    assert pipe._texts.docs == []
    assert novelty_of(nlp, texts[:1]) == [None]


def test_switched_off(en, texts, tmp_path):
    nlp = make(en, novelty=None)
    train(nlp, raw_examples(texts))
    nlp.to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    assert novelty_of(nlp, texts[:1]) == [None]
    assert nlp.get_pipe("vae_encoder").model.attrs["novelty"] == {}
    with pytest.raises(ValueError, match="VE116.*`novelty` is null"):
        nlp.get_pipe("vae_encoder").novelty_scores(copies(texts[:1]))


@pytest.mark.filterwarnings("ignore:.*VW101")
def test_odd_texts(nlp, texts):
    docs = [Doc(nlp.vocab), nlp.make_doc("x"), nlp.make_doc(" \n"), *copies(texts[:1])]
    scores = nlp.get_pipe("vae_encoder").novelty_scores(docs)
    assert np.isnan(scores).tolist() == [True, False, False, False]
    shares = [doc._.novelty for doc in nlp.pipe(docs)]
    assert shares[0] is None
    assert None not in shares[1:]
    assert nlp.get_pipe("vae_encoder").novelty_scores([]).shape == (0,)


def test_every_choice_can_be_compared(nlp, en, texts):
    pipe = nlp.get_pipe("vae_encoder")
    found = compare_novelty(pipe, copies(texts), {"odd": list(en.pipe(ODD))})
    assert len(found) == 3
    assert all(0.5 < kinds["odd"] <= 1.0 for kinds in found.values())
    scores = [pipe.novelty_scores(copies(docs), BoundNovelty(0.1)) for docs in (texts, list(en.pipe(ODD)))]
    assert found["spacy-vaedie.BoundNovelty.v1"]["odd"] == auroc(*scores)


def test_the_sample_is_the_same_in_any_order(texts):
    found = []
    for order in (range(len(texts)), reversed(range(len(texts)))):
        sample = TextSample(10)
        for _ in range(2):
            sample.add(texts[i] for i in order)
        found.append([doc.text for doc in sample.docs])
    assert found[0] == found[1]
    assert len(set(found[0])) == 10


def test_the_sample_is_spread_over_the_texts(en):
    nlp = blank(en)
    sample = TextSample(200)
    sample.add(nlp.make_doc(f"text {i}") for i in range(2000))
    numbers = np.array([int(doc[1].text) for doc in sample.docs])
    assert len(numbers) == 200
    assert abs(numbers.mean() - 1000) < 150
    assert np.abs(np.histogram(numbers, bins=4, range=(0, 2000))[0] - 50).max() < 25


def test_the_sample_keeps_text_and_parse_alone(texts, vocab_doc):
    sample = TextSample(5)
    sample.add([Doc(texts[0].vocab), vocab_doc])
    (doc,) = sample.docs
    assert doc is not vocab_doc
    assert doc.text == vocab_doc.text
    assert [token.head.i for token in doc] == [token.head.i for token in vocab_doc]
    assert doc.user_data == {}


@pytest.fixture
def vocab_doc(texts):
    (doc,) = copies(texts[:1])
    doc._.relations = []
    return doc
