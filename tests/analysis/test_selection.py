import numpy as np
import pytest
import spacy

from spacy_vaedie.analysis.selection import check_terms, choose_texts, select_texts
from spacy_vaedie.analysis.text_scores import TextScores

from ..pipeline.helpers import TEXTS, blank, copies, triples
from .test_text_scores import bare, make


def scores_of(uncertainty, novelty=None, points=None):
    n = len(uncertainty)
    unsure = np.array(uncertainty, dtype="float64")
    return TextScores(
        rows=np.arange(n) * 2,
        uncertainty=unsure,
        novelty=np.full(n, np.nan) if novelty is None else np.array(novelty, dtype="float64"),
        points=np.zeros((n, 0)) if points is None else np.array(points, dtype="float64"),
        n_texts=n,
        n_excluded=0,
        n_repeated=0,
    )


def places(scores, n, *by, **settings):
    return choose_texts(scores, n, by=by, **settings).places.tolist()


def test_each_term_counts():
    scores = scores_of([0.9, 0.5, 0.8, 0.1], [0.1, 0.9, 0.5, 1.0])
    assert places(scores, 4, "uncertainty") == [0, 2, 1, 3]
    assert places(scores, 4, "novelty") == [3, 1, 2, 0]
    assert places(scores, 3, "novelty", "uncertainty") == [1, 2, 3]
    found = choose_texts(scores, 2, by=("uncertainty", "novelty"))
    assert found.score == pytest.approx([0.45, 0.4])
    assert found.cluster is None


def test_equal_scores_keep_the_order_of_the_texts():
    assert places(scores_of([0.5, 0.7, 0.5, 0.7]), 4, "uncertainty") == [1, 3, 0, 2]


def test_who_has_no_pair_is_not_chosen():
    scores = scores_of([np.nan, 0.5, np.nan, 0.1], [0.9, 0.1, 0.8, np.nan])
    assert places(scores, 4, "uncertainty") == [1, 3]
    # A novelty that is not known counts as none.
    assert places(scores, 4, "uncertainty", "novelty") == [1, 3]
    assert places(scores, 2, "novelty") == [0, 2]
    assert len(places(scores, 4, "random")) == 4


# Three groups far apart; the first one holds all that is most uncertain.
POINTS = [[0, 0], [0.1, 0], [0, 0.1], [9, 0], [9, 0.1], [0, 9], [0.1, 9]]
UNSURE = [0.9, 0.89, 0.88, 0.5, 0.4, 0.3, 0.2]


def test_diversity_takes_the_best_of_each_cluster_in_turn():
    scores = scores_of(UNSURE, points=POINTS)
    assert places(scores, 3, "uncertainty") == [0, 1, 2]
    found = choose_texts(scores, 3, by=("uncertainty", "diversity"))
    assert found.places.tolist() == [0, 3, 5]
    assert len(set(found.cluster.tolist())) == 3
    assert found.score == pytest.approx([0.9, 0.5, 0.3])
    # Only so many of the best are clustered.
    assert places(scores, 3, "uncertainty", "diversity", pool=1) == [0, 1, 2]
    assert set(places(scores, 2, "uncertainty", "diversity", pool=2)) == {0, 3}


def test_fewer_clusters_than_texts():
    """Texts that are alike make one cluster, and are taken one after the other."""
    scores = scores_of([0.1, 0.2, 0.3, 0.4], points=[[0, 1], [0, 1], [5, 1], [0, 1]])
    assert places(scores, 4, "uncertainty", "diversity") == [3, 2, 1, 0]
    assert places(scores_of([0.0, 0.0], points=[[1, 1], [1, 1]]), 2, "uncertainty", "diversity") == [0, 1]


def test_diversity_alone_takes_the_middle_of_each_cluster():
    points = [[0, 0], [0, 1], [0, 2], [50, 0], [50, 1], [50, 2]]
    assert sorted(places(scores_of([np.nan] * 6, points=points), 2, "diversity")) == [1, 4]
    unknown = [[np.nan, np.nan], [0, 0], [5, 5]]
    assert sorted(places(scores_of([np.nan, 1, 1], points=unknown), 3, "diversity")) == [1, 2]


def test_the_same_seed_gives_the_same_choice():
    random = np.random.default_rng(0)
    scores = scores_of(random.random(200), random.random(200), random.normal(size=(200, 4)))
    for by in (("random",), ("uncertainty", "novelty", "diversity")):
        first = places(scores, 20, *by, seed=3)
        assert places(scores, 20, *by, seed=3) == first
        assert places(scores, 20, *by, seed=4) != first
        assert len(set(first)) == 20


def test_random_is_even():
    scores = scores_of(np.linspace(0, 1, 10))
    counts = np.bincount(np.concatenate([places(scores, 3, "random", seed=seed) for seed in range(500)]), minlength=10)
    assert counts.min() > 100
    assert counts.max() < 200


def test_terms():
    assert check_terms(["diversity", "uncertainty", "diversity"]) == ("uncertainty", "diversity")
    assert check_terms(["random"]) == ("random",)
    for by in ([], [""], ["guess"], ["random", "novelty"], ["random", "random"]):
        with pytest.raises(ValueError, match="VE005"):
            check_terms(by)
    for settings in ({"n": 0}, {"n": 1, "pool": 0}):
        with pytest.raises(ValueError, match="VE107"):
            choose_texts(scores_of([0.5]), **settings)


@pytest.fixture(scope="module")
def made(en):
    nlp, docs = make(en)
    nlp.get_pipe("vae_encoder").calibrate(copies(docs))
    return nlp, docs


def select(made, n, docs=None, **settings):
    nlp, all_docs = made
    return select_texts(nlp, lambda: all_docs if docs is None else docs, n, given_entities=True, **settings)


def test_select(made):
    nlp, docs = made
    found = select(made, 3)
    assert [doc.text for doc in found.docs] == [TEXTS[meta["row"]] for meta in found.meta]
    assert {meta["by"] for meta in found.meta} == {"uncertainty,novelty,diversity"}
    for meta in found.meta:
        place = meta["row"]
        assert meta["uncertainty"] == pytest.approx(found.scores.uncertainty[place], abs=1e-4)
        assert meta["score"] == pytest.approx(meta["uncertainty"] * meta["novelty"], abs=1e-3)
    expected = {doc.text: triples(doc) for doc in nlp.pipe(copies(docs))}
    assert all(triples(doc) == expected[doc.text] for doc in found.docs)
    again = select(made, 3)
    assert again.meta == found.meta


def test_select_by_chance(made):
    found = select(made, 4, by=["random"], seed=1)
    assert all(set(meta) == {"row", "by"} for meta in found.meta)
    # The relations are there, though nothing was scored.
    assert all(doc._.relations is not None for doc in found.docs)
    assert [meta["row"] for meta in select(made, 4, by=["random"], seed=2).meta] != [m["row"] for m in found.meta]


def test_fewer_than_asked_for(made):
    _, docs = made
    some = [bare(docs[0]), docs[1], docs[1], docs[2], docs[3]]
    with pytest.warns(UserWarning, match=r"VW521.*5 texts.*2 are.*1 of them are labelled, 1 are repeated, 1 have no"):
        found = select(made, 5, some, labelled=copies(docs[3:4]), by=["uncertainty"])
    assert sorted(doc.text for doc in found.docs) == sorted([docs[1].text, docs[2].text])


def test_nothing_to_select(made):
    _, docs = made
    with pytest.raises(ValueError, match="VE521.*all 8 are labelled"):
        select(made, 3, labelled=copies(docs))
    with pytest.raises(ValueError, match="VE521.*there was none"):
        select(made, 3, [])
    with pytest.raises(ValueError, match=r"VE523.*2 texts.*'extractor'"):
        select(made, 3, [bare(doc) for doc in docs[:2]])
    with pytest.raises(ValueError, match=r"VE522.*'vae_encoder'.*uncertainty and diversity"):
        select((make_uncalibrated(made), docs), 3)


def make_uncalibrated(made):
    nlp, _ = made
    other = spacy.blank("en", vocab=nlp.vocab)
    for name in nlp.pipe_names:
        other.add_pipe(name, source=nlp)
    other.get_pipe("vae_encoder").novelty = None
    return other


def test_what_a_pipeline_lacks(made, en):
    nlp, docs = made
    nothing = blank(en)
    for by, code in (("uncertainty", "VE402"), ("novelty", "VE503"), ("diversity", "VE503")):
        with pytest.raises(ValueError, match=code):
            select((nothing, docs), 3, by=[by])
    found = select((nothing, docs), 3, by=["random"])
    assert [doc._.relations for doc in found.docs] == [None] * 3
    encoder = blank(en)
    encoder.add_pipe("vae_encoder", source=nlp)
    assert len(select((encoder, docs), 3, by=["diversity"]).docs) == 3
