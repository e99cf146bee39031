import json

import pytest
import spacy

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.conll04 import read_conll04

FOLDER = "LorrinWWW/two-are-better-than-one/master/datasets/unified"
WORDS = ["Ada", "Quill", "of", "Lark-ton", "left", "."]
GOOD = {
    "tokens": WORDS,
    "entities": [[0, 2, "Peop"], [3, 4, "Loc"]],
    "relations": [[0, 2, 3, 4, "Live_In"]],
}


def read(path, *texts, **dumps):
    path.write_text(json.dumps(texts, **dumps), encoding="utf8")
    report = ConversionReport()
    return list(read_conll04(path, report)), report


def test_entities_and_relations(tmp_path):
    annotations, report = read(tmp_path / "a.json", GOOD, {**GOOD, "relations": [[3, 4, 0, 2, "R"]]})
    assert [a.doc_id for a in annotations] == ["1", "2"]
    first, second = make_docs(annotations, spacy.blank("en"), report)
    assert [t.text for t in first] == WORDS
    assert [(e.text, e.label_) for e in first.ents] == [("Ada Quill", "Peop"), ("Lark-ton", "Loc")]
    assert first._.relations == [Relation(Argument(0, 2, "Peop"), Argument(3, 4, "Loc"), "Live_In")]
    assert second._.relations == [Relation(Argument(3, 4, "Loc"), Argument(0, 2, "Peop"), "R")]
    assert (report.docs_read, report.spans_written, report.relations_written) == (2, 4, 2)


def test_no_field_and_an_empty_one_differ(tmp_path):
    without = {key: value for key, value in GOOD.items() if key != "relations"}
    (first, second), _ = read(tmp_path / "a.json", without, {**GOOD, "relations": []})
    assert first.relations is None
    assert second.relations == []


def test_a_relation_between_no_entities_is_named(tmp_path):
    annotations, report = read(tmp_path / "a.json", {**GOOD, "relations": [[0, 1, 3, 4, "R"], [0, 2, 4, 5, "S"]]})
    assert annotations[0].relations == []
    assert report.relations_read == 2
    assert report.left_out == [
        ("1", "relation 'R': no entity for its head"),
        ("1", "relation 'S': no entity for its tail"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": ["Ada", 5]}, "'tokens'"),
        ({"tokens": ["Ada", ""]}, "'tokens'"),
        ({"tokens": None}, "'tokens' is NoneType"),
        ({"entities": [[0, 2]]}, r"'entities', found \[0, 2\]"),
        ({"entities": [[0, True, "X"]]}, "'entities'"),
        ({"entities": [[0, 7, "X"]]}, "tokens 0 to 7"),
        ({"entities": [[1, 1, "X"]]}, "tokens 1 to 1"),
        ({"relations": [[0, 2, "X"]]}, "'relations'"),
        ({"relations": {}}, "'relations' is dict"),
    ],
)
def test_damaged_texts(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line 1:.*{message}"):
        read(tmp_path / "a.json", GOOD, {**GOOD, **changes})


def test_the_line_of_a_damaged_text(tmp_path):
    with pytest.raises(ValueError, match=r"VE303.*a\.json, line 33:.*'entities'"):
        read(tmp_path / "a.json", GOOD, {**GOOD, "entities": 5}, indent=1)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ('{"tokens": []}', 1, "expected a JSON list"),
        ('[{"tokens": ["a"], "entities": []},\n{"tokens": ["b", ]}]', 2, "no valid JSON"),
        ('[{"tokens": ["a"], "entities": []}\n{}]', 2, "no valid JSON"),
        ('[{"tokens": ["a"], "entities": []},', 1, "no valid JSON"),
        ('[{"tokens": ["a"], "entities": []}', 1, "no valid JSON"),
        ("[5]", 1, "expected an object, found int"),
    ],
)
def test_damaged_json(tmp_path, content, line, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line {line}:.*{message}"):
        list(read_conll04(tmp_path / "a.json", ConversionReport()))


@pytest.mark.parametrize("content", ["", " \n", "[]", "[ ]\n"])
def test_empty_file(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match="VE304"):
        list(read_conll04(tmp_path / "a.json", ConversionReport()))


@pytest.mark.parametrize(
    ("name", "size", "n_entities", "n_relations"),
    [("train", 922, 3377, 1283), ("valid", 231, 893, 343), ("test", 288, 1079, 422)],
)
def test_nothing_of_the_real_files_is_lost(data_root, name, size, n_entities, n_relations):
    report = ConversionReport()
    path = data_root / FOLDER / f"{name}.CoNLL04.json"
    docs = list(make_docs(read_conll04(path, report), spacy.blank("en"), report))
    assert len(docs) == report.docs_read == size
    assert (report.spans_written, report.relations_written) == (n_entities, n_relations)
    assert report.left_out == []


@pytest.mark.parametrize("rest", [" more", "[{}]", ","])
def test_nothing_is_read_past_the_end_in_silence(tmp_path, rest):
    path = tmp_path / "texts.json"
    text = '[{"tokens": ["Rain"], "entities": [], "relations": []}' + (",]" if rest == "," else f"]{rest}")
    path.write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match="VE303"):
        list(read_conll04(path, ConversionReport()))
