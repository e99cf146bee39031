import numpy as np
import pytest

from spacy_vaedie.models.noun_pairs import build_pair_term, draw_noun_pairs
from spacy_vaedie.tokens.dependency import read_parse, shortest_paths

from . import parsed


def two_sentences():
    """Nouns 0, 2 | 4, 6, 7; the verbs are the roots."""
    words = ["rain", "made", "floods", ".", "men", "saw", "boats", "today"]
    pos = ["NOUN", "VERB", "NOUN", "PUNCT", "NOUN", "VERB", "NOUN", "NOUN"]
    heads, sents = [1, 1, 1, 1, 5, 5, 5, 5], [True, False, False, False, True, False, False, False]
    return parsed.Doc(parsed.VOCAB, words, heads=heads, deps=["dep"] * 8, pos=pos, sent_starts=sents)


def groups(rows, firsts):
    return [part.tolist() for part in np.split(rows, firsts[1:])] if len(firsts) else []


def draw(docs, per_doc=1, seed=0):
    return draw_noun_pairs(read_parse(docs), per_doc, np.random.default_rng(seed))


def test_pairs_are_nouns_of_one_sentence_and_all_of_them_come_up():
    found = set()
    for seed in range(200):
        pairs = draw([two_sentences()], seed=seed)
        assert len(pairs.heads) == 1
        found.add((int(pairs.heads[0]), int(pairs.tails[0])))
    assert found == {(0, 2), (2, 0), (4, 6), (6, 4), (4, 7), (7, 4), (6, 7), (7, 6)}


def test_one_pair_of_each_doc_that_has_two_nouns():
    docs = [parsed.empty(), two_sentences(), parsed.single(), parsed.random_doc(1), parsed.empty()]
    parse = read_parse(docs)
    pairs = draw(docs, per_doc=3)
    assert parse.doc_index[pairs.heads].tolist() == [1, 3] * 3
    assert np.array_equal(parse.doc_index[pairs.heads], parse.doc_index[pairs.tails])
    assert (pairs.heads != pairs.tails).all()


@pytest.mark.parametrize("docs", [[], [parsed.empty()], [parsed.single(), parsed.empty()]])
def test_texts_without_pairs(docs):
    pairs = draw(docs, per_doc=2)
    assert len(pairs.heads) == len(pairs.tails) == len(pairs.words) == 0
    assert [len(firsts) for _, firsts in pairs.context] == [0, 0, 0]


def test_without_parts_of_speech_each_token_is_a_noun():
    doc = parsed.Doc(parsed.VOCAB, ["a", "b"], heads=[1, 1], deps=["dep", "ROOT"])
    pairs = draw([doc])
    assert {int(pairs.heads[0]), int(pairs.tails[0])} == {0, 1}


def test_what_a_pair_is_read_by():
    docs = [parsed.single(), *(parsed.random_doc(seed, 16) for seed in range(6))]
    parse = read_parse(docs)
    pairs = draw(docs, per_doc=4)
    path, between, around = (groups(*rows) for rows in pairs.context)
    paths = shortest_paths(parse, pairs.heads, pairs.tails)
    steps = groups(paths.tokens, np.cumsum(paths.lengths) - paths.lengths)
    for i, ends in enumerate(zip(pairs.heads.tolist(), pairs.tails.tolist(), strict=True)):
        first, last = min(ends), max(ends)
        start = int(parse.starts[parse.doc_index[first]])
        end = start + int(parse.lengths[parse.doc_index[first]])
        assert path[i] == [row for row in steps[i] if row not in ends]
        assert between[i] == list(range(first + 1, last))
        assert around[i] == [*range(max(start, first - 4), first), *range(last + 1, min(end, last + 5))]
        assert pairs.words[pairs.owners == i].tolist() == sorted({*path[i], *between[i]})


@pytest.mark.parametrize(
    "settings", [{"width": 0}, {"latent_width": 0}, {"masked": 1.5}, {"weight": -1.0}, {"per_doc": 0}]
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=rf"VE107.*{next(iter(settings))}"):
        build_pair_term(**settings)
