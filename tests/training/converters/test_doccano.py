import json

import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import NO_SPAN, NO_TOKENS, REPEATED
from spacy_vaedie.training.converters.doccano import read_doccano

TEXT = "\U0001f600 Ada met Bo."
ENTITIES = [
    {"id": 10, "start_offset": 2, "end_offset": 5, "label": "PER"},
    {"id": 11, "start_offset": 10, "end_offset": 12, "label": "PER"},
]
RELATIONS = [{"id": 1, "from_id": 11, "to_id": 10, "type": "MET"}]
GOOD = {"id": 3, "text": TEXT, "entities": ENTITIES, "relations": RELATIONS}


def read(tmp_path, *values):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(value) + "\r\n" for value in values), encoding="utf-8-sig", newline="")
    report = ConversionReport()
    docs = list(make_docs(read_doccano(path, report), spacy.blank("en"), report))
    assert report.relations_read == report.relations_written + report.relations_lost.total()
    return docs, report


def test_entities_and_relations(tmp_path):
    docs, report = read(tmp_path, GOOD, {"text": TEXT, "entities": ENTITIES}, {"text": TEXT, "label": [[2, 5, "PER"]]})
    assert [[ent.text for ent in doc.ents] for doc in docs] == [["Ada", "Bo"], ["Ada", "Bo"], ["Ada"]]
    (relation,) = docs[0]._.relations
    assert (relation.head.resolve(docs[0]).text, relation.label) == ("Bo", "MET")
    assert [doc._.relations for doc in docs[1:]] == [None, None]
    assert [doc.user_data["doc_id"] for doc in docs] == ["3", "2", "3"]
    assert report.docs_repeated == ["3"]


def test_what_is_lost_is_counted(tmp_path):
    entities = [*ENTITIES, {**ENTITIES[0], "start_offset": 6}, {**ENTITIES[0], "id": 12, "start_offset": 3}]
    relations = [*RELATIONS, {**RELATIONS[0], "to_id": 5}, {**RELATIONS[0], "from_id": 12}]
    _, report = read(tmp_path, {**GOOD, "entities": entities, "relations": relations})
    assert report.spans_lost == {REPEATED: 1, NO_TOKENS: 1}
    assert report.relations_lost == {NO_SPAN: 1, NO_TOKENS: 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": 5}, "'text' is int"),
        ({"entities": [{"id": 1}]}, "'entities.start_offset' is missing"),
        ({"relations": None}, "'relations' is NoneType"),
        ({"relations": [{**RELATIONS[0], "type": ""}]}, "'relations.type' is empty"),
    ],
)
def test_damaged_lines(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.jsonl, line 2:.*{message}"):
        read(tmp_path, GOOD, {**GOOD, **changes})


def test_other_fields_and_empty_files(tmp_path):
    with pytest.raises(ValueError, match=r"VE303.*'labels' is missing"):
        read(tmp_path, {"text": TEXT})
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path)
