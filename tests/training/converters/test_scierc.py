import json
from collections import Counter

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import ConversionReport, convert_file, get_converter, make_docs
from spacy_vaedie.training.converters.scierc import read_scierc
from spacy_vaedie.training.readers import create_relation_corpus

FOLDER = "JerryHao2001/thesis-tanl/main/data/scierc"
SENTENCES = [["Parsers", "read", "long", "text", "."], ["Neural", "parsers", "are", "fast"]]
GOOD = {
    "doc_key": "A_1",
    "sentences": SENTENCES,
    "ner": [[[0, 0, "Method"], [2, 3, "Material"]], [[5, 6, "Method"], [6, 6, "Generic"]]],
    "relations": [[[0, 0, 2, 3, "USED-FOR"]], [[6, 6, 5, 6, "HYPONYM-OF"]]],
}


def read(path, *texts):
    path.write_text("\n".join(map(json.dumps, texts)), encoding="utf8")
    report = ConversionReport()
    return list(read_scierc(path, report)), report


def test_nested_entities_and_sentences(tmp_path):
    annotations, report = read(tmp_path / "a.json", GOOD)
    (doc,) = make_docs(annotations, spacy.blank("en"), report, spans_key="sc")
    assert [token.text for token in doc] == [word for sentence in SENTENCES for word in sentence]
    assert doc.user_data["doc_id"] == "A_1"
    assert [sentence.text for sentence in doc.sents] == ["Parsers read long text .", "Neural parsers are fast"]
    # inclusive ends, counted over the whole abstract
    expected = [("Parsers", "Method"), ("long text", "Material"), ("Neural parsers", "Method"), ("parsers", "Generic")]
    assert [(span.text, span.label_) for span in doc.spans["sc"]] == expected
    assert doc._.relations == [
        Relation(Argument(0, 1, "Method"), Argument(2, 4, "Material"), "USED-FOR"),
        Relation(Argument(6, 7, "Generic"), Argument(5, 7, "Method"), "HYPONYM-OF"),
    ]
    assert report.left_out == []
    assert (report.docs_read, report.spans_written, report.relations_written) == (1, 4, 2)


def test_without_a_spans_key_nesting_is_told(tmp_path):
    annotations, report = read(tmp_path / "a.json", GOOD)
    (doc,) = make_docs(annotations, spacy.blank("en"), report)
    assert [ent.text for ent in doc.ents] == ["Parsers", "long text", "Neural parsers"]
    assert [reason.split(" overlaps")[0] for _, reason in report.left_out] == [
        "span 'parsers' (Generic, characters 32 to 39)",
        "relation 'HYPONYM-OF': its head was left out",
    ]
    assert (report.spans_read, report.spans_written) == (4, 3)
    assert (report.relations_read, report.relations_written) == (2, 1)


def test_a_parser_keeps_the_sentences(tmp_path, en):
    """Also where it would have cut otherwise."""
    words = ["We", "ran", "it", ".", "It", "worked", "."]
    text = {"doc_key": "B", "sentences": [words], "ner": [[]], "relations": [[]]}
    annotations, report = read(tmp_path / "a.json", text, GOOD)
    one, two = make_docs(annotations, en, report)
    assert len(list(en(" ".join(words)).sents)) == 2
    assert len(list(one.sents)) == 1
    assert [len(sentence) for sentence in two.sents] == [5, 4]
    assert one.has_annotation("DEP")


@pytest.mark.parametrize("model", [True, False])
def test_sentences_survive_the_file_and_the_reader(tmp_path, en, model):
    nlp = en if model else spacy.blank("en")
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    convert_file(tmp_path / "a.json", tmp_path / "a.spacy", get_converter("scierc"), nlp, spans_key="sc", strict=True)
    (example,) = create_relation_corpus(tmp_path / "a.spacy", entities="none")(nlp)
    assert [len(sentence) for sentence in example.predicted.sents] == [5, 4]
    assert not example.predicted.spans


def test_no_field_and_empty_lists_differ(tmp_path):
    without = {key: value for key, value in GOOD.items() if key != "relations"}
    (first, second), _ = read(tmp_path / "a.json", without, {**GOOD, "relations": [[], []]})
    assert first.relations is None
    assert second.relations == []


def test_a_relation_between_no_entities_is_named(tmp_path):
    annotations, report = read(tmp_path / "a.json", {**GOOD, "relations": [[[0, 1, 2, 3, "R"]], [[5, 6, 7, 7, "S"]]]})
    assert annotations[0].relations == []
    assert report.relations_read == 2
    assert report.left_out == [
        ("A_1", "relation 'R': no entity for its head"),
        ("A_1", "relation 'S': no entity for its tail"),
    ]


def test_an_empty_sentence_starts_none(tmp_path):
    text = {**GOOD, "sentences": [[], *SENTENCES], "ner": [[], *GOOD["ner"]], "relations": [[], *GOOD["relations"]]}
    annotations, report = read(tmp_path / "a.json", text)
    (doc,) = make_docs(annotations, spacy.blank("en"), report, spans_key="sc")
    assert [len(sentence) for sentence in doc.sents] == [5, 4]
    assert report.left_out == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"doc_key": 5}, "'doc_key' is int"),
        ({"sentences": "Parsers"}, "'sentences' is str"),
        ({"sentences": [["a", ""], ["b"]]}, "'sentences' must hold lists"),
        ({"sentences": ["ab", ["b"]]}, "'sentences' must hold lists"),
        ({"ner": [[]]}, "2 sentences, but 1 lists in 'ner'"),
        ({"ner": [[[0, 1]], []]}, r"'ner', found \[0, 1\]"),
        ({"ner": [[[0, True, "X"]], []]}, "'ner'"),
        ({"ner": [5, []]}, "'ner', found 5"),
        ({"ner": [[[4, 5, "X"]], []]}, r"tokens 4 to 5, is not in its sentence \(tokens 0 to 4\)"),
        ({"ner": [[[2, 1, "X"]], []]}, "tokens 2 to 1"),
        ({"ner": [[], [[8, 9, "X"]]]}, r"\(tokens 5 to 8\)"),
        ({"relations": [[[0, 0, "X"]], []]}, "'relations'"),
        ({"relations": None}, "'relations' is NoneType"),
    ],
)
def test_damaged_texts(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.json, line 2:.*{message}"):
        read(tmp_path / "a.json", GOOD, {**GOOD, **changes})


def test_damaged_and_empty_files(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(GOOD) + "\n{")
    with pytest.raises(ValueError, match=r"VE303.*a\.json, line 2"):
        list(read_scierc(tmp_path / "a.json", ConversionReport()))
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(ValueError, match="VE303.*found list"):
        list(read_scierc(tmp_path / "a.json", ConversionReport()))
    (tmp_path / "a.json").write_text("\n")
    with pytest.raises(ValueError, match="VE304"):
        list(read_scierc(tmp_path / "a.json", ConversionReport()))


@pytest.mark.parametrize(("name", "counts"), [("train", (350, 5598, 3219)), ("dev", (50, 811, 455))])
def test_nothing_of_the_real_files_is_lost(data_root, name, counts):
    path = data_root / FOLDER / f"{name}.json"
    report = ConversionReport()
    docs = list(make_docs(read_scierc(path, report), spacy.blank("en"), report, spans_key="sc"))
    assert (report.docs_read, report.spans_written, report.relations_written) == counts
    assert report.left_out == []
    raw = [json.loads(line) for line in path.read_text().splitlines()]
    assert [len(list(doc.sents)) for doc in docs] == [len(text["sentences"]) for text in raw]
    labels = Counter(row[4] for text in raw for rows in text["relations"] for row in rows)
    assert Counter(relation.label for doc in docs for relation in doc._.relations) == labels


def test_abstracts_can_be_held_out(data_root, tmp_path):
    """The same ones everywhere."""
    path, out, dev = data_root / FOLDER / "train.json", tmp_path / "train.spacy", tmp_path / "dev.spacy"
    nlp = spacy.blank("en")
    convert_file(path, out, get_converter("scierc"), nlp, spans_key="sc", dev=(35, dev), strict=True)
    docs = list(DocBin().from_disk(dev).get_docs(nlp.vocab))
    assert (len(docs), len(list(DocBin().from_disk(out).get_docs(nlp.vocab)))) == (35, 315)
    assert sorted(doc.user_data["doc_id"] for doc in docs)[:2] == ["C80-1039", "C82-1054"]
