"""The corpus of the quickstart keeps its promises."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spacy
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from spacy_vaedie.training.converters import DEV, TEST, TRAIN, ConversionReport, get_converter, split_documents
from spacy_vaedie.training.files import read_lines
from spacy_vaedie.training.schema import find_overlaps, find_problems, read_schema

FOLDER = Path(__file__).parents[1] / "assets" / "quickstart"
FEWEST = {TRAIN: 300, DEV: 40, TEST: 80}
TAGS = {"passive", "apposition", "relative", "negation", "hedge", "unrelated"}


@pytest.fixture(scope="module")
def schema():
    return read_schema(FOLDER / "schema.json")


@pytest.fixture(scope="module")
def annotations():
    report = ConversionReport()
    found = list(get_converter("prodigy").read(FOLDER / "annotations.jsonl", report))
    assert report.left_out == []
    assert report.docs_rejected == 0
    return found


@pytest.fixture(scope="module")
def raw():
    return [line for _, line in read_lines(FOLDER / "raw.txt")]


def test_size_of_the_parts(annotations, raw):
    assert all(annotation.relations is not None for annotation in annotations)
    assert all(annotation.meta["doc"] for annotation in annotations)
    sizes = Counter(annotation.meta["split"] for annotation in annotations)
    assert set(sizes) == set(FEWEST)
    for split, fewest in FEWEST.items():
        assert sizes[split] >= fewest, split
    assert len(raw) >= 1500


def test_documents_stand_in_one_part(annotations):
    splits = split_documents(annotations)
    documents = {split: {annotation.meta["doc"] for annotation in part} for split, part in splits.items()}
    assert len(set.union(*documents.values())) == sum(len(names) for names in documents.values())
    for split, part in splits.items():
        assert {annotation.meta["split"] for annotation in part} == {split}


def test_labels_stand_in_each_part(annotations, schema):
    assert len(schema.entities) >= 5
    assert len(schema.relations) >= 8
    for split, part in split_documents(annotations).items():
        assert {label for annotation in part for *_, label in annotation.spans} == schema.entities, split
        assert {label for annotation in part for *_, label in annotation.relations} == set(schema.relations), split


def test_nothing_is_wrong(annotations, schema):
    assert list(find_problems(annotations, schema)) == []
    assert list(find_overlaps(split_documents(annotations), schema)) == []


def test_tokens_are_those_of_spacy():
    tokenizer = spacy.blank("en").tokenizer
    for number, line in read_lines(FOLDER / "annotations.jsonl"):
        value = json.loads(line)
        doc = tokenizer(value["text"])
        tokens = [
            {"text": t.text, "start": t.idx, "end": t.idx + len(t), "id": t.i, "ws": bool(t.whitespace_)} for t in doc
        ]
        assert value["tokens"] == tokens, number
        for span in value["spans"]:
            found = doc.char_span(span["start"], span["end"])
            assert found is not None, (number, span)
            assert (found.start, found.end - 1) == (span["token_start"], span["token_end"]), number


def test_tags_are_there(annotations):
    tags = Counter(tag for annotation in annotations for tag in annotation.meta["tags"])
    assert set(tags) >= TAGS
    for split, part in split_documents(annotations).items():
        assert {tag for annotation in part for tag in annotation.meta["tags"]} >= TAGS, split


def normalize(sentence):
    return " ".join(words_of(sentence))


def words_of(sentence):
    return re.findall(r"[\w'-]+", sentence.lower())


def test_no_sentence_stands_in_two_places(annotations, raw):
    counts = Counter(map(normalize, [*(annotation.text for annotation in annotations), *raw]))
    assert [sentence for sentence, n in counts.items() if n > 1 or not sentence] == []


def find_alike(sentences):
    """Pairs of sentences whose longest common subsequence of words is longer than 60 % of the longer one."""
    ids = {}
    # a character a word, beyond the surrogates
    strings = ["".join(chr(0x10000 + ids.setdefault(word, len(ids))) for word in words_of(s)) for s in sentences]
    order = sorted(range(len(strings)), key=lambda i: len(strings[i]))
    lengths = np.array([len(strings[i]) for i in order])
    for place, i in enumerate(order):
        # where the longer one is too long, the shorter one is no 60 % of it
        end = np.searchsorted(3 * lengths, 5 * lengths[place])
        others = order[place + 1 : end]
        if not others:
            continue
        cutoff = 3 * len(strings[i]) // 5
        (common,) = cdist([strings[i]], [strings[j] for j in others], scorer=LCSseq.similarity, score_cutoff=cutoff)
        for k in np.flatnonzero(5 * common > 3 * lengths[place + 1 : end]):
            yield sentences[i], sentences[others[k]]


def test_alike():
    ten = "one two three four five six seven eight nine ten"
    assert list(find_alike([ten, "One, two - three four five six!"])) == []
    assert list(find_alike([ten, "one two three x four five six"])) == []
    assert list(find_alike([ten, "seven six five four three two one"])) == []
    short = "One, two, three; four... five six seven"
    assert list(find_alike([ten, "nothing", short])) == [(short, ten)]
    other = "x two three y five six seven eight nine x"
    assert list(find_alike([ten, other])) == [(ten, other)]
    assert list(find_alike(["it's so", "It's so."])) == [("it's so", "It's so.")]


def test_sentences_differ(annotations, raw):
    assert list(find_alike([*(annotation.text for annotation in annotations), *raw])) == []
