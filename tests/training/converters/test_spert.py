import json

import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import NO_SPAN
from spacy_vaedie.training.converters.spert import read_spert

GOOD = {
    "tokens": ["Ada", "Quill", "met", "Bo-Lind", "."],
    "entities": [{"start": 0, "end": 2, "type": "Peop"}, {"start": 3, "end": 4, "type": "Peop"}],
    "relations": [{"head": 1, "tail": 0, "type": "Met"}],
    "orig_id": 4041,
}


def read(tmp_path, *values):
    (tmp_path / "a.json").write_text(json.dumps(values))
    report = ConversionReport()
    return list(make_docs(read_spert(tmp_path / "a.json", report), spacy.blank("en"), report)), report


def test_tokens_entities_and_relations(tmp_path):
    plain = {"tokens": GOOD["tokens"], "entities": []}
    (first, second), report = read(tmp_path, GOOD, plain)
    assert [token.text for token in first] == GOOD["tokens"]
    assert [(ent.text, ent.label_) for ent in first.ents] == [("Ada Quill", "Peop"), ("Bo-Lind", "Peop")]
    (relation,) = first._.relations
    assert (relation.head.start, relation.tail.start, relation.label) == (3, 0, "Met")
    assert second._.relations is None
    assert [doc.user_data["doc_id"] for doc in (first, second)] == ["4041", "2"]
    assert report.left_out == []


def test_relations_without_their_entities_are_counted(tmp_path):
    relations = [{"head": 0, "tail": 7, "type": "Met"}, {"head": -1, "tail": 0, "type": "Met"}, *GOOD["relations"]]
    (doc,), report = read(tmp_path, {**GOOD, "relations": relations})
    assert (report.relations_read, len(doc._.relations), report.relations_lost) == (3, 1, {NO_SPAN: 2})
    assert report.left_out[0] == ("4041", "relation 'Met': no entity for its tail")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": ["a", ""]}, "'tokens'"),
        ({"entities": [{"start": 3, "end": 9, "type": "X"}]}, "tokens 3 to 9, is not in 5 tokens"),
        ({"relations": [{"head": 0, "tail": 1}]}, "'relations.type' is missing"),
        ({"relations": [{"head": 0, "tail": 1, "type": ""}]}, "'relations.type' is empty"),
    ],
)
def test_damaged_texts(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line 1:.*{message}"):
        read(tmp_path, {**GOOD, **changes})


def test_empty_file(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path)
