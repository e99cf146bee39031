"""What is found for a whole batch before polarity is read."""

from itertools import combinations

import pytest
import spacy
import srsly
from spacy.tokens import Doc

from spacy_vaedie.lang.polarity import PolarityReader
from spacy_vaedie.lang.polarity_cues import read_cues
from spacy_vaedie.lang.polarity_rules import load_polarity_rules
from spacy_vaedie.tokens.dependency import read_evidences

from ..test_layout import ROOT

RECORDS = list(srsly.read_jsonl(ROOT / "tests" / "data" / "polarity.jsonl"))
VOCABS = {lang: spacy.blank(lang).vocab for lang in ("en", "zh")}
TUNING = (ROOT / "tests" / "data" / "polarity_tuning_en.txt").read_text(encoding="utf8").splitlines()


def make_doc(record):
    names = ("words", "spaces", "lemmas", "tags", "pos", "heads", "deps")
    return Doc(VOCABS[record["lang"]], **{name: record[name] for name in names})


def read_all(doc, everywhere):
    """The polarity of all paths between two words, found with or without a walk for each of them."""
    reader = PolarityReader(doc)
    if everywhere:
        reader._clauses.near = reader._clauses.touched = [True] * len(doc)
    pairs = [(i, i + 1, j, j + 1) for i, j in combinations(range(len(doc)), 2)]
    return [reader.read(evidence.tokens) for evidence in read_evidences(doc, pairs)]


@pytest.mark.parametrize("lang", VOCABS)
def test_nothing_is_missed(lang):
    """A walk that is not taken, or cut short, gives what the whole one gives."""
    for doc in (make_doc(record) for record in RECORDS if record["lang"] == lang):
        assert read_all(doc, everywhere=False) == read_all(doc, everywhere=True)


def test_nothing_is_missed_in_parsed_text(en):
    for doc in en.pipe(line.split("|")[0] for line in TUNING[::3]):
        assert read_all(doc, everywhere=False) == read_all(doc, everywhere=True)


def test_words_that_stand_apart_are_left_out(en, monkeypatch):
    """Not every sentence with such a word is walked: "may" says nothing about the main clause."""
    doc = en("Ada owns the mill that Bo may buy.")
    assert PolarityReader(doc).read([5, 7]) == "hypothetical"
    monkeypatch.setattr("spacy_vaedie.lang.polarity._Walk", None)
    assert PolarityReader(doc).read([0, 1, 3]) == "asserted"
    assert not PolarityReader(doc).has_cues([0, 1, 3])


def test_part_of_a_phrase_is_no_cue(en):
    rules = load_polarity_rules("en")
    (cues,) = read_cues([en("Ada owns the mill as well as one barn.")], rules)
    assert not any(cues.touched)
    (cues,) = read_cues([en("No one owns the mill.")], rules)
    assert any(cues.touched)


def test_a_batch_is_read_as_its_docs_are(en):
    docs = [make_doc(RECORDS[0]), Doc(VOCABS["en"]), Doc(VOCABS["en"], ["not", "parsed"]), en("Nobody came.")]
    # Their vocab has never seen the labels and words of the others.
    assert docs[0].vocab is not docs[-1].vocab
    readers = PolarityReader.of_batch(docs, load_polarity_rules("en"))
    assert [reader.read([0, 1]) for reader in readers[2:]] == [None, "negated"]
    for doc, reader in zip(docs, readers, strict=True):
        tokens = range(len(doc))
        assert reader.read(tokens) == PolarityReader(doc).read(tokens)
    assert PolarityReader.of_batch([], load_polarity_rules("en")) == []
    assert PolarityReader.of_batch(docs, None)[-1].read([0, 1]) == "negated"
