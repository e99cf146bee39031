from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from spacy_vaedie.analysis.clustering import (
    MIN_SAMPLES,
    NOISE,
    Clustering,
    build_blocks,
    build_vectors,
    cluster_pairs,
    describe_path,
)
from spacy_vaedie.analysis.discovery import (
    Discovery,
    cluster_or_none,
    describe_clusters,
    discover,
    score_discovery,
    show_path,
    suggest_name,
)
from spacy_vaedie.analysis.pairs import Pair, Pairs
from spacy_vaedie.tokens import Evidence

from .discovered import N_EACH, discovered_docs, make_pipeline, raw_texts


@pytest.fixture(scope="module")
def found(en):
    docs = discovered_docs(en)
    nlp = make_pipeline(en, docs)
    return discover(nlp, nlp.get_pipe("vae_encoder"), raw_texts(docs), min_size=5, fine=True)


def make_pair(deps=("<nsubj", "dobj"), lemmas=("ada", "found", "acme"), pos=("PROPN", "VERB", "PROPN"), **changes):
    text = f"{' '.join(lemmas)}."
    pair = Pair(
        text="0" * 16,
        n_pairs=1,
        head=(0, len(lemmas[0])),
        tail=(len(text) - 1 - len(lemmas[-1]), len(text) - 1),
        types=("PER", "ORG"),
        evidence=Evidence(tuple(range(len(lemmas))), tuple(deps), "found"),
        lemmas=tuple(lemmas),
        pos=tuple(pos),
        context=text,
        context_start=0,
    )
    return replace(pair, **changes)


def make_pairs(n, width=4, **changes):
    random = np.random.default_rng(0)
    arguments, path = random.normal(size=(n, 2 * width)), random.normal(size=(n, width))
    return Pairs([make_pair(**changes) for _ in range(n)], arguments, path, n)


def test_each_way_to_say_it_is_a_cluster(found):
    """The three relations, told apart by whatever there is."""
    assert found.clustering.labels.shape == found.clustering.scores.shape == (24,)
    assert found.clustering.n_clusters == 3
    for start in (0, 8, 16):
        part = [label for label in found.clustering.labels[start : start + N_EACH] if label != NOISE]
        assert len(set(part)) == 1
        assert len(part) >= 5
    scores = score_discovery(found, min_size=5, fine=True)
    assert list(scores) == ["clusters", "types", "path"]
    assert scores["clusters"].precision == 1
    # Two relations are between a person and a firm: 8 items are all alike, 16 are half and half.
    assert (scores["types"].precision, scores["types"].recall) == (pytest.approx(2 / 3), 1)


def test_large_clusters_where_they_last(found):
    """Types come first, unless it is small clusters that are asked for."""
    clusters = cluster_pairs(found.pairs, min_size=5)
    assert clusters.labels.tolist() == [0] * 8 + [1] * 8 + [0] * 8


@pytest.mark.parametrize("by", [["path"], ["latents"], ["types"], ["path", "latents"]])
def test_parts(found, by):
    clusters = cluster_pairs(found.pairs, by=by, min_size=5)
    assert clusters.n_clusters >= 2


def test_kmeans(found):
    clusters = cluster_pairs(found.pairs, by=["path"], n_clusters=3)
    assert sorted(Counter(clusters.labels.tolist()).values()) == [8, 8, 8]
    assert (clusters.scores == 1).all()
    again = cluster_pairs(found.pairs, by=["path"], n_clusters=3)
    assert (clusters.labels == again.labels).all()


def test_blocks_have_the_same_variance(found):
    path, arguments, way, types = build_blocks(found.pairs, ["path", "latents", "types"])
    for block, variance in ((path, 1), (arguments, 1), (way, 1), (types, 4)):
        np.testing.assert_allclose(block.mean(axis=0), 0, atol=1e-6)
        assert (block**2).sum(axis=1).mean() == pytest.approx(variance)
    assert build_vectors(found.pairs).shape == (24, 15)


def test_no_pair_outweighs_the_others():
    """Directions of latents count, not their lengths."""
    pairs = make_pairs(20)
    pairs.arguments[3] *= 10
    lengths = np.linalg.norm(build_blocks(pairs, ["latents"])[0], axis=1)
    assert lengths.max() < 2


def test_a_part_that_is_everywhere_the_same_says_nothing():
    (types,) = build_blocks(make_pairs(6), ["types"])
    assert not types.any()
    (path,) = build_blocks(make_pairs(6), ["path"])
    assert not path.any()


def test_features_of_a_path():
    assert describe_path(make_pair()) == ["step=<nsubj", "step=dobj", "lemma=found", "<nsubj=found"]
    assert describe_path(make_pair(["<poss"], ["ada", "acme"], ["PROPN"] * 2)) == ["step=<poss"]


@pytest.mark.parametrize("by", [[], ["words"], ["path", "words"]])
def test_unknown_parts(by):
    with pytest.raises(ValueError, match="VE005.*path, latents, types"):
        cluster_pairs(make_pairs(20), by=by)


def test_no_clusters():
    with pytest.raises(ValueError, match="VE532.*4 pair"):
        cluster_pairs(make_pairs(MIN_SAMPLES - 1), by=["path"], min_size=2)
    with pytest.raises(ValueError, match="VE532.*20 pair.*12"):
        cluster_pairs(make_pairs(20), by=["latents"], min_size=12)
    with pytest.raises(ValueError, match="VE532"):
        cluster_pairs(make_pairs(20), n_clusters=21)
    with pytest.raises(ValueError, match="VE107.*min_size"):
        cluster_pairs(make_pairs(20), min_size=-1)
    assert cluster_or_none(make_pairs(3)) == [None] * 3
    with pytest.raises(ValueError, match="VE005"):
        cluster_or_none(make_pairs(20), by=["words"])


def test_the_largest_cluster_comes_first(found):
    sizes = Counter(found.clustering.labels[found.clustering.labels != NOISE].tolist())
    assert [sizes[number] for number in sorted(sizes)] == sorted(sizes.values(), reverse=True)
    assert Clustering(np.array([1, NOISE, 0]), np.ones(3)).named() == [1, None, 0]


def test_lines(found):
    """What a person reads: every pair is on one line, and its offsets fit."""
    texts = {pair.text: pair for pair in found.pairs.pairs}
    lines = [line for line in found.lines if line["id"] != "noise"]
    assert sum(line["size"] for line in found.lines) == 24
    assert {line["name"] for line in lines} == {"FOUND", "BUY_BY", "WORK_FOR"}
    for line in found.lines:
        assert line["size"] == len(line["members"])
        assert line["swap"] is False
        assert all(texts[member["text"]].head == tuple(member["head"]) for member in line["members"])
        scores = [member["score"] for member in line["members"]]
        assert scores == sorted(scores, reverse=True)
    (founded,) = (line for line in lines if line["name"] == "FOUND")
    assert founded["paths"] == [{"path": "<nsubj found dobj", "count": founded["size"]}]
    assert founded["types"] == [{"types": ["PER", "ORG"], "count": founded["size"]}]
    example = founded["examples"][0]
    names = [example["text"][slice(*example[key])] for key in ("head", "tail")]
    assert f"{names[0]} founded {names[1]}." == example["text"]


def test_examples_count_from_their_sentence():
    pair = make_pair(head=(100, 103), tail=(110, 114), context_start=100)
    lines = describe_clusters(Pairs([pair], np.zeros((1, 2)), np.zeros((1, 1)), 1), Clustering(np.zeros(1), np.ones(1)))
    assert lines[0]["examples"] == [{"text": "ada found acme.", "head": [0, 3], "tail": [10, 14]}]
    assert lines[0]["members"][0]["head"] == [100, 103]


def test_noise_comes_last_and_has_no_name():
    pairs = make_pairs(3)
    lines = describe_clusters(pairs, Clustering(np.array([NOISE, 0, 0]), np.array([0.0, 0.5, 1.0])))
    assert [(line["id"], line["name"], line["size"]) for line in lines] == [("0", "FOUND", 2), ("noise", None, 1)]
    assert [member["score"] for member in lines[0]["members"]] == [1.0, 0.5]
    # Three times the same sentence.
    assert len(lines[0]["examples"]) == 1


def test_suggested_names_differ():
    lines = describe_clusters(make_pairs(4), Clustering(np.array([0, 0, 1, 2]), np.ones(4)))
    assert [line["name"] for line in lines] == ["FOUND", "FOUND_2", "FOUND_3"]


@pytest.mark.parametrize(
    ("deps", "words", "name"),
    [
        (["<nsubj", "dobj"], ["ada/PROPN", "found/VERB", "acme/PROPN"], "FOUND"),
        (["<nsubj", "prep", "pobj"], ["ada/PROPN", "live/VERB", "in/ADP", "oxhill/PROPN"], "LIVE_IN"),
        # The head is the topmost word.
        (["prep", "pobj"], ["box/NOUN", "of/ADP", "tin/NOUN"], "OF"),
        (["acl", "agent", "pobj"], ["fire/NOUN", "cause/VERB", "by/ADP", "rain/NOUN"], "CAUSE_BY"),
        # A preposition before the trigger belongs to the other side.
        (["<pobj", "<prep", "dobj"], ["may/PROPN", "in/ADP", "open/VERB", "shop/NOUN"], "OPEN"),
        (["<compound"], ["tin/NOUN", "box/NOUN"], "PER_ORG"),
    ],
)
def test_suggested_name(deps, words, name):
    lemmas, pos = zip(*(word.split("/") for word in words), strict=True)
    assert suggest_name([make_pair(deps, lemmas, pos)] * 3) == name


def test_a_rare_trigger_names_nothing():
    other = make_pair(["<compound"], ["tin", "box"], ["NOUN", "NOUN"])
    assert suggest_name([make_pair(), *[other] * 8]) == "FOUND"
    assert suggest_name([make_pair(), *[other] * 12]) == "PER_ORG"


def test_show_path():
    assert show_path(make_pair()) == "<nsubj found dobj"
    assert show_path(make_pair(["<poss"], ["ada", "acme"], ["PROPN"] * 2)) == "<poss"
    assert show_path(make_pair([], ["ada"], ["PROPN"])) == ""


def test_nothing_to_score(found):
    pairs = replace(found.pairs, pairs=[replace(pair, gold=None) for pair in found.pairs.pairs])
    assert score_discovery(Discovery(pairs, found.clustering, [])) is None
