import numpy as np
import pytest
import spacy

from spacy_vaedie.analysis import text_scores as module
from spacy_vaedie.analysis.text_scores import TextScorer, find_extractor
from spacy_vaedie.analysis.uncertainty import pair_uncertainty
from spacy_vaedie.training.text_keys import text_key

from ..pipeline.extractors import fit
from ..pipeline.helpers import SMALL_EXTRACTOR, SMALL_VAE, TEXTS, blank, copies, relation_examples
from ..pipeline.test_generation import BAG


def make(en, decoder=None):
    nlp = blank(en)
    model = SMALL_VAE["model"] if decoder is None else {**SMALL_VAE["model"], "decoder": decoder}
    nlp.add_pipe("vae_encoder", config={"model": model})
    nlp.add_pipe("extractor", config=SMALL_EXTRACTOR)
    examples = relation_examples(en)
    fit(nlp, examples, steps=3)
    return nlp, [example.predicted for example in examples]


@pytest.fixture(scope="module")
def made(en):
    return make(en)


def scorer(nlp, extractor=True, **settings):
    pipes = nlp.get_pipe("vae_encoder"), nlp.get_pipe("extractor") if extractor else None
    return TextScorer(nlp, *pipes, given_entities=True, **settings)


def bare(doc):
    """The text, parsed and without a pair of spans."""
    (found,) = copies([doc], entities=False)
    return found


@pytest.mark.parametrize("measure", ["margin", "entropy"])
def test_the_least_sure_pair_counts(made, measure):
    nlp, docs = made
    encoder, extractor = nlp.get_pipe("vae_encoder"), nlp.get_pipe("extractor")
    scores = scorer(nlp, measure=measure).score(docs)
    for i, doc in enumerate(copies(docs)):
        encoder(doc)
        ((_, probabilities),) = extractor.predict([doc])
        unsure = pair_uncertainty(probabilities, extractor.labelling, measure)
        assert scores.uncertainty[i] == pytest.approx(unsure.max(), abs=1e-4)
    assert len(set(scores.uncertainty.round(4))) > 1
    assert scores.rows.tolist() == list(range(len(docs)))


def test_texts_without_pairs_are_counted(made):
    nlp, docs = made
    scores = scorer(nlp).score([bare(docs[0]), *docs[1:4]])
    assert np.isnan(scores.uncertainty).tolist() == [True, False, False, False]
    assert scores.n_without_pairs == 1
    assert np.isnan(scores.points).all(axis=1).tolist() == [True, False, False, False]
    assert scorer(nlp, extractor=False).score(docs).n_without_pairs is None


def test_labelled_and_repeated_texts_are_left_out(made, monkeypatch):
    monkeypatch.setattr(module, "BATCH_SIZE", 3)
    nlp, docs = made
    scores = scorer(nlp).score([*docs, *docs], excluded={text_key(TEXTS[1])}, labelled=copies(docs[4:6]))
    assert scores.rows.tolist() == [0, 2, 3, 6, 7]
    assert (scores.n_texts, scores.n_excluded, scores.n_repeated) == (16, 6, 5)


def test_docs_are_not_changed(made):
    nlp, docs = made
    (doc,) = copies(docs[:1])
    doc._.relations = []
    TextScorer(nlp, nlp.get_pipe("vae_encoder"), nlp.get_pipe("extractor")).score([doc])
    assert doc._.relations == []
    assert doc._.latents is None
    assert len(doc.ents) == 2


def test_given_entities_count_only_if_said_so(made):
    """Those that stand on a Doc are no help to a pipeline that has to find them."""
    nlp, docs = made
    scores = TextScorer(nlp, None, nlp.get_pipe("extractor")).score([]), scorer(nlp).score(docs)
    assert [len(item.rows) for item in scores] == [0, len(docs)]
    found = TextScorer(nlp, nlp.get_pipe("vae_encoder"), nlp.get_pipe("extractor")).score(docs)
    assert found.n_without_pairs == len(docs)


def test_points_are_those_of_the_pair(made):
    nlp, docs = made
    encoder = nlp.get_pipe("vae_encoder")
    (doc,) = copies(docs[:1])
    latents = encoder.predict([doc])[0]
    head, tail = doc.ents
    parts = [latents.mean[s:e].mean(axis=0) for s, e in ((head.start, head.end), (head.end, tail.start))]
    expected = np.concatenate([*parts, latents.mean[tail.start : tail.end].mean(axis=0)])
    assert scorer(nlp).score([doc]).points[0] == pytest.approx(expected, abs=1e-4)
    assert scorer(nlp, extractor=False).score([doc]).points[0] == pytest.approx(latents.doc_mean, abs=1e-4)


def test_either_span_may_be_the_head(made):
    nlp, docs = made
    latents = nlp.get_pipe("vae_encoder").predict(copies(docs[:1]))[0]
    assert (module._pair_point(latents, [0, 2, 3, 5]) == module._pair_point(latents, [3, 5, 0, 2])).all()
    # Nothing stands between neighbours, or within spans that overlap.
    width = latents.mean.shape[1]
    for pair in ([0, 2, 2, 4], [0, 3, 2, 4]):
        assert not module._pair_point(latents, pair)[width : 2 * width].any()


def test_novelty_next_to_what_is_labelled(made):
    nlp, docs = made
    same = copies(docs[:1])
    point = scorer(nlp).score(docs).points
    found = scorer(nlp).score(docs[1:], labelled=same)
    # The labelled text has one pair only.
    distances = np.linalg.norm(point[1:] - point[0], axis=1)
    assert found.novelty.argsort().tolist() == distances.argsort().tolist()
    assert (found.novelty.min(), found.novelty.max()) == (0.0, 1.0)
    with_bare = scorer(nlp).score([bare(docs[1]), *docs[2:]], labelled=same).novelty
    assert np.isnan(with_bare).tolist() == [True] + [False] * 6


def test_novelty_by_the_encoder(en):
    nlp, docs = make(en)
    assert np.isnan(scorer(nlp).score(docs).novelty).all()
    encoder = nlp.get_pipe("vae_encoder")
    encoder.calibrate(copies(docs))
    expected = [item.novelty for item in encoder.predict(copies(docs))]
    assert scorer(nlp).score(docs).novelty == pytest.approx(expected, abs=0.26)
    assert not np.isnan(scorer(nlp).score(docs).novelty).any()


def test_a_decoder_without_token_latents(en):
    nlp, docs = make(en, BAG)
    latents = nlp.get_pipe("vae_encoder").predict(copies(docs))
    expected = np.stack([item.doc_mean for item in latents])
    assert scorer(nlp).score(docs).points == pytest.approx(expected, abs=1e-4)


def test_find_extractor(made):
    nlp, _ = made
    assert find_extractor(nlp, "m") is nlp.get_pipe("extractor")
    with pytest.raises(ValueError, match=r"VE402.*'model-best'.*none"):
        find_extractor(spacy.blank("en"), "model-best")
    with pytest.raises(ValueError, match="VE005"):
        scorer(nlp, measure="guess")
