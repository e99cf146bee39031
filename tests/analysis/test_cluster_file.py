import json
from dataclasses import replace

import pytest
from spacy.tokens import DocBin

from spacy_vaedie.analysis.cluster_file import apply_clusters, read_clusters
from spacy_vaedie.analysis.pairs import text_hash
from spacy_vaedie.tokens import Relation
from spacy_vaedie.training.examples import predicted_copy
from spacy_vaedie.training.readers import create_relation_corpus

from ..pipeline.helpers import SMALL_EXTRACTOR, blank, triples
from .discovered import discovered_docs, raw_texts


@pytest.fixture(scope="module")
def docs(en):
    """Two founded firms, one that was bought, and one employee."""
    found = discovered_docs(en)
    return [found[0], found[1], found[8], found[16]]


def member(doc, of=1, score=0.5, **changes):
    first, second = ([ent.start_char, ent.end_char] for ent in doc.ents)
    return {"text": text_hash(doc.text), "head": first, "tail": second, "score": score, "of": of, **changes}


def line(name, docs, swap=False, **changes):
    return {"id": "0", "size": 0, "name": name, "swap": swap, "members": [member(doc) for doc in docs], **changes}


def write(path, *lines):
    path.write_text("\n".join(json.dumps(item) if not isinstance(item, str) else item for item in lines), "utf8")
    return path


def run(en, docs, path, *lines, **settings):
    return apply_clusters(blank(en), raw_texts(docs), read_clusters(write(path, *lines)), **settings)


def test_named_merged_turned_and_dropped(en, docs, tmp_path):
    """Two clusters of one name are one relation; a passive one is turned round; null leaves its pairs unlabelled."""
    lines = [
        line("MADE", docs[:1]),
        line(" MADE ", docs[1:2]),
        line("BOUGHT", docs[2:3], swap=True),
        line(None, docs[3:]),
    ]
    applied = run(en, docs, tmp_path / "c.jsonl", *lines)
    assert [doc.text for doc in applied.docs] == [doc.text for doc in docs[:3]]
    firm, person = docs[2].ents
    assert triples(applied.docs[2]) == [(str(person), str(firm), "BOUGHT")]
    assert [triples(doc)[0][2] for doc in applied.docs[:2]] == ["MADE", "MADE"]
    assert (applied.labels, applied.n_left, applied.n_unrelated) == ({"MADE": 2, "BOUGHT": 1}, 1, 0)
    (relation,) = applied.docs[2]._.relations
    assert (relation.provenance, relation.score, relation.evidence.trigger) == ("model", 0.5, "buy")
    assert (relation.head.label, relation.tail.label) == ("PER", "ORG")


def test_what_is_annotated_is_not_read(en, docs, tmp_path):
    applied = run(en, docs[:1], tmp_path / "c.jsonl", line("MADE", docs[:1]))
    (relation,) = applied.docs[0]._.relations
    assert relation.label == "MADE"
    assert docs[0]._.relations[0].label == "FOUNDED"


def test_an_empty_name_says_no_relation(en, docs, tmp_path):
    applied = run(en, docs[:2], tmp_path / "c.jsonl", line("MADE", docs[:1]), line("", docs[1:2]))
    assert [len(doc._.relations) for doc in applied.docs] == [1, 0]
    assert applied.n_unrelated == 1


def test_texts_with_unlabelled_pairs(en, docs, tmp_path):
    """A line that was deleted leaves its pairs unlabelled, as null does: they are no negatives unless one says so."""
    pair = member(docs[0], of=2)
    noise = {**member(docs[1], of=2), "head": member(docs[1])["tail"], "tail": member(docs[1])["head"]}
    lines = [
        line("MADE", [], members=[pair, member(docs[1], of=2), member(docs[2])]),
        line(None, [], members=[noise, member(docs[3])]),
    ]
    applied = run(en, docs, tmp_path / "c.jsonl", *lines)
    assert [doc.text for doc in applied.docs] == [docs[2].text]
    assert applied.n_left == 3
    # A text where nobody has labelled anything stays out in any case.
    applied = run(en, docs, tmp_path / "c.jsonl", *lines, unlabelled="negative")
    assert [doc.text for doc in applied.docs] == [doc.text for doc in docs[:3]]
    assert [len(doc._.relations) for doc in applied.docs] == [1, 1, 1]
    assert applied.n_left == 1
    with pytest.raises(ValueError, match="VE005.*leave, negative"):
        run(en, docs, tmp_path / "c.jsonl", *lines, unlabelled="drop")


def test_an_extractor_learns_from_it(en, docs, tmp_path):
    """The Docs are read as annotated ones, with parse, entities and spans."""
    applied = run(en, docs, tmp_path / "c.jsonl", line("MADE", docs[:2]), line("BOUGHT", docs[2:], swap=True))
    path = tmp_path / "weak.spacy"
    DocBin(docs=applied.docs, store_user_data=True).to_disk(path)
    nlp = blank(en)
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 8, "depth": 1, "embed_size": 100}
    tok2vec = {**tok2vec, "window_size": 1, "maxout_pieces": 2, "subword_features": False, "pretrained_vectors": None}
    pipe = nlp.add_pipe("extractor", config={"model": {**SMALL_EXTRACTOR["model"], "tok2vec": tok2vec}})
    examples = list(create_relation_corpus(path)(nlp))
    assert all(example.predicted.has_annotation("DEP") for example in examples)
    assert [len(example.predicted.ents) for example in examples] == [2] * 4
    assert [len(example.predicted.spans["sc"]) for example in examples] == [2] * 4
    assert all(isinstance(r, Relation) for example in examples for r in example.reference._.relations)
    nlp.initialize(lambda: examples)
    assert set(pipe.labels) == {"MADE", "BOUGHT"}


def test_arguments_that_are_no_entities(en, docs, tmp_path):
    bare = [replace(raw, doc=predicted_copy(raw.doc, entities=False)) for raw in raw_texts(docs[:1])]
    members = read_clusters(write(tmp_path / "c.jsonl", line("MADE", docs[:1])))
    (doc,) = apply_clusters(blank(en), bare, members).docs
    (relation,) = doc._.relations
    assert (relation.head.label, relation.tail.label) == ("", "")
    assert [span.text for span in doc.spans["sc"]] == [ent.text for ent in docs[0].ents]


def test_members_that_are_not_there(en, docs, tmp_path):
    """Another file, or another tokenizer."""
    (tmp_path / "other").mkdir()
    lines = [line("MADE", docs[:2]), line("", docs[3:])]
    with pytest.warns(UserWarning, match="VW532.*1 member.*1 in texts that are not there, 0 between"):
        applied = run(en, docs[1:], tmp_path / "c.jsonl", *lines)
    assert applied.labels == {"MADE": 1}
    shifted = line("MADE", [], members=[member(docs[0]), member(docs[1], head=[1, 4])])
    with pytest.warns(UserWarning, match="VW532.*0 in texts that are not there, 1 between"):
        applied = run(en, docs, tmp_path / "c.jsonl", shifted)
    # Nor does what was lost become a negative.
    assert [doc.text for doc in applied.docs] == [docs[0].text]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ("{", "no valid JSON"),
        ("[]", "a cluster is an object"),
        ({"members": []}, "'name' is missing"),
        ({"name": "X"}, "'members' is missing"),
        ({"name": 3, "members": []}, "'name' is a text, or null"),
        ({"name": "X", "swap": "no", "members": []}, "'swap' is true"),
        ({"name": "X", "members": "none"}, "'members' is a list"),
        ({"name": "X", "members": [{"text": "0"}]}, "a member has a text"),
        ({"name": "X", "members": [{"text": "0", "head": [0], "tail": [1, 2], "score": 1, "of": 1}]}, "a member has"),
        ({"name": "X", "members": ["0"]}, "a member has a text"),
    ],
)
def test_broken_lines(docs, tmp_path, second, reason):
    path = write(tmp_path / "c.jsonl", line("MADE", docs[:1]), second)
    with pytest.raises(ValueError, match=f"VE303.*line 2: .*{reason}"):
        read_clusters(path)


def test_a_pair_in_two_clusters(docs, tmp_path):
    path = write(tmp_path / "c.jsonl", line("MADE", docs[:1]), line("BOUGHT", docs[:1], swap=True))
    with pytest.raises(ValueError, match="VE303.*line 2.*stands in line 1, too"):
        read_clusters(path)


def test_nothing_to_apply(en, docs, tmp_path):
    path = tmp_path / "c.jsonl"
    with pytest.raises(FileNotFoundError, match="VE301"):
        read_clusters(path)
    with pytest.raises(ValueError, match="VE304"):
        read_clusters(write(path, ""))
    with pytest.raises(ValueError, match="VE533.*no line of .* has a name"):
        read_clusters(write(path, line(None, docs), line("", [])))
    with pytest.raises(ValueError, match="VE533.*1 text.*--unlabelled negative"):
        run(en, docs, path, line("MADE", [], members=[member(docs[0], of=2)]))
