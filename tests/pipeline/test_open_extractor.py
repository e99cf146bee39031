import cProfile
import pstats
import subprocess
import sys

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Doc

from spacy_vaedie.pipeline.open_extractor import OpenExtractor
from spacy_vaedie.pipeline.tuples import MAX_PAIRS
from spacy_vaedie.tokens import Argument, Triple

from ..test_layout import ROOT
from .helpers import NO_TORCH
from .sentences import EN, SENTENCES, extract, parse


def test_roles_of_arguments_confidence_and_pattern():
    doc = OpenExtractor(EN.vocab)(parse(SENTENCES["a passive with an agent"][0]))
    (triple,) = doc._.triples
    assert [argument.label for argument in (triple.subject, *triple.objects)] == ["subject", "agent", "preposition"]
    assert triple == Triple(
        Argument(0, 1, "subject"),
        (1, 2, 5),
        (Argument(6, 7, "agent"), Argument(3, 5, "preposition")),
        pattern="main_oblique",
        polarity="asserted",
        confidence=0.75,
    )


def test_confidence_can_be_cut_off():
    text = SENTENCES["a possessor"][0]
    assert extract(text, min_confidence=0.24) == ["Mira | has | mill"]
    assert extract(text, min_confidence=0.26) == []


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_settings_are_checked(value):
    with pytest.raises(ValueError, match="VE107.*min_confidence"):
        EN.create_pipe("open_extractor", config={"min_confidence": value})


def test_a_language_without_rules_is_named():
    with pytest.raises(ValueError, match=r"VE005.*'de'.*en, zh"):
        spacy.blank("de").add_pipe("open_extractor")
    assert spacy.blank("de").add_pipe("open_extractor", config={"lang": "en"})


def test_labels_of_another_vocab():
    """A pipe that was sourced or made with another vocab looks labels up where the Doc has them."""
    text = "Mira/PROPN/nsubj:weird/1 cast/VERB/root/1 bells/NOUN/obj:odd/1"
    other = spacy.blank("en")
    pipe = OpenExtractor(spacy.blank("en").vocab)
    for _ in range(2):
        doc = pipe(parse(text, other))
        assert [triple.texts(doc) for triple in doc._.triples] == [("Mira", "cast", "bells")]


def test_a_doc_without_a_parse_is_named():
    pipe = OpenExtractor(EN.vocab)
    with pytest.raises(ValueError, match="VE251.*'Not parsed '"):
        pipe(Doc(EN.vocab, words=["Not", "parsed"]))


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_an_error_handler_takes_what_has_no_parse(batch_size):
    """That Doc alone: the others of its batch are read."""
    pipe, seen = OpenExtractor(EN.vocab), []
    pipe.set_error_handler(lambda name, component, docs, error: seen.append((name, len(docs), str(error)[:7])))
    first, last = (parse("Rain/NOUN/nsubj/1 fell/VERB/ROOT/1") for _ in range(2))
    docs = [first, Doc(EN.vocab, words=["Not", "parsed"]), last]
    assert list(pipe.pipe(docs, batch_size=batch_size)) == [first, last]
    assert [len(doc._.triples) for doc in (first, last)] == [1, 1]
    assert seen == [("open_extractor", 1, "[VE251]")]


@pytest.mark.parametrize("words", [[], [" "], ["\n", " "]])
def test_nothing_to_read(words):
    doc = OpenExtractor(EN.vocab)(Doc(EN.vocab, words=words))
    assert doc._.triples == []


@pytest.mark.parametrize(
    "text", ["Rain/NOUN/ROOT/0", "Go/VERB/ROOT/0", "Go/VERB/nsubj/0", "!/PUNCT/punct/0", "x/X/conj/0"]
)
def test_one_token(text):
    assert extract(text) == []


@pytest.mark.parametrize("heads", [[1, 0, 1, 2], [1, 2, 3, 0], [1, 2, 0, 0], [3, 3, 3, 0], [2, 2, 1, 1]])
@pytest.mark.parametrize(
    "deps", [["nsubj", "conj", "dobj", "conj"], ["advcl", "advcl", "advcl", "advcl"], ["pcomp"] * 4]
)
@pytest.mark.parametrize("pos", ["VERB", "NOUN"])
def test_cyclic_parses(heads, deps, pos):
    doc = Doc(EN.vocab, words=list("abcd"), heads=heads, deps=deps, pos=[pos] * 4)
    assert isinstance(OpenExtractor(EN.vocab)(doc)._.triples, list)


def test_a_headless_parse_has_labels_alone():
    doc = Doc(EN.vocab, words=["She", "sold", "it"], deps=["nsubj", "ROOT", "dobj"], pos=["PRON", "VERB", "PRON"])
    assert OpenExtractor(EN.vocab)(doc)._.triples == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_any_parse_gives_triples_that_fit(lang):
    """Random labels on random graphs, with cycles, crossing arcs and tokens without a head."""
    nlp = spacy.blank(lang)
    pipe = nlp.add_pipe("open_extractor")
    labels = [nlp.vocab.strings[label] for label in pipe._rules.roles if label in nlp.vocab.strings] or ["nsubj"]
    labels = sorted({"nsubj", "conj", "dobj", "obl", "case", "xcomp", "cop", "acl:relcl", "prep", "pobj", *labels})
    words = ["who", "to", "of", "by", "not", "mill", "的", '"', ";", "sold"]
    random = np.random.default_rng(0)
    for _ in range(300):
        n = int(random.integers(1, 15))
        doc = Doc(
            nlp.vocab,
            words=random.choice(words, n).tolist(),
            heads=random.integers(0, n, n).tolist(),
            deps=random.choice(labels, n).tolist(),
            pos=random.choice(["VERB", "NOUN", "PROPN", "ADJ", "AUX", "ADP"], n).tolist(),
            tags=random.choice(["VBN", "VBG", "NN"], n).tolist(),
        )
        assert all(triple.texts(doc) for triple in pipe(doc)._.triples)


@pytest.mark.parametrize("label", ["conj", "xcomp", "advcl", "prep"])
def test_deep_parses(label):
    n = 3000
    heads = [0, *range(n - 1)]
    doc = Doc(EN.vocab, words=["a"] * n, heads=heads, deps=["ROOT", "nsubj", *[label] * (n - 2)], pos=["VERB"] * n)
    assert OpenExtractor(EN.vocab)(doc)._.triples is not None


def test_too_many_pairs_stay_together():
    n = MAX_PAIRS // 2
    left = [f"A{i}/PROPN/{'conj' if i else 'nsubj'}/{max(i - 1, 0) if i else n}" for i in range(n)]
    right = [f"B{i}/NOUN/{'conj' if i else 'dobj'}/{n + i if i else n}" for i in range(n)]
    found = extract(" ".join([*left, f"met/VERB/ROOT/{n}", *right]))
    assert found == [f"{' '.join(f'A{i}' for i in range(n))} | met | {' '.join(f'B{i}' for i in range(n))}"]


def test_one_by_one_and_in_batches(en):
    texts = ["Mira founded a firm.", "", "It was sold by Tam, her brother.", "Go!", "She wants to buy it."] * 3
    pipe = OpenExtractor(en.vocab)
    single = [pipe(doc)._.triples for doc in en.pipe(texts)]
    assert single == [doc._.triples for doc in pipe.pipe(en.pipe(texts), batch_size=4)]
    assert len(single[0]) == 1


def test_in_a_pipeline(en, tmp_path):
    nlp = spacy.blank("en", vocab=en.vocab)
    for name in ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer"):
        nlp.add_pipe(name, source=en)
    nlp.add_pipe("open_extractor", config={"min_confidence": 0.3})
    assert nlp.analyze_pipes()["problems"]["open_extractor"] == []
    texts = ["Mira Holt founded Brightwell in 2009.", "Brightwell was sold to a firm that makes bells."]
    docs = list(nlp.pipe(texts))
    assert docs[0]._.triples[0].texts(docs[0]) == ("Mira Holt", "founded", "Brightwell", "in 2009")
    assert [triple.texts(docs[1]) for triple in docs[1]._.triples][-1] == ("a firm", "makes", "bells")
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert loaded.get_pipe("open_extractor").min_confidence == 0.3
    assert [doc._.triples for doc in loaded.pipe(texts)] == [doc._.triples for doc in docs]
    assert [doc._.triples for doc in nlp.pipe(texts, n_process=2, batch_size=1)] == [doc._.triples for doc in docs]


FRESH = (
    NO_TORCH
    + """
import spacy
nlp = spacy.blank("en")
pipe = nlp.add_pipe("open_extractor")
doc = spacy.tokens.Doc(nlp.vocab, ["Ada", "sings"], heads=[1, 1], deps=["nsubj", "ROOT"], pos=["PROPN", "VERB"])
print(pipe(doc)._.triples[0].texts(doc))
"""
)


def test_without_torch():
    found = subprocess.run([sys.executable, "-W", "ignore", "-c", FRESH], capture_output=True, text=True)
    assert found.stdout == "('Ada', 'sings')\n", found.stderr


def test_work_per_word():
    """Words a second are in docs/triples.md. Here calls are counted, which no other load on a machine changes: 46 a
    word when this was written, 70 before polarity was read for a batch at once. Half of the sentences are those that
    polarity was measured on, full of its words."""
    names = ("words", "spaces", "lemmas", "tags", "pos", "heads", "deps")
    records = srsly.read_jsonl(ROOT / "tests" / "data" / "polarity.jsonl")
    docs = [Doc(EN.vocab, **{name: item[name] for name in names}) for item in records if item["lang"] == "en"]
    docs += [parse(text) for text, _, _ in SENTENCES.values()]
    pipe, profile = OpenExtractor(EN.vocab), cProfile.Profile()
    list(pipe.pipe(docs))
    profile.enable()
    list(pipe.pipe(docs))
    profile.disable()
    assert pstats.Stats(profile).total_calls < 50 * sum(map(len, docs))
