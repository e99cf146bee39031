import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import NO_SPAN, OTHER_TEXT, OUTSIDE
from spacy_vaedie.training.converters.pubtator import read_pubtator

TITLE, ABSTRACT = "Zorbin and rash", "A rash came with Zorbin. Fever did not."
HEAD = [f"12|t|{TITLE}", f"12|a|{ABSTRACT}"]
MENTIONS = [
    "12\t0\t6\tZorbin\tChemical\tD1",
    "12\t11\t15\trash\tDisease\tD2",
    "12\t18\t22\trash\tDisease\tD2",
    "12\t33\t39\tZorbin\tChemical\tD1",
    "12\t41\t46\tFever\tDisease\tD3|D4\tfever",
]


def read(tmp_path, *lines):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8-sig")
    report = ConversionReport()
    docs = list(make_docs(read_pubtator(path, report), spacy.blank("en"), report))
    assert report.relations_read == report.relations_written + report.relations_lost.total()
    assert report.spans_read == report.spans_written + report.spans_lost.total()
    return docs, report


def test_relations_join_the_closest_mentions(tmp_path):
    relations = ["12\tCID\tD1\tD2", "12\tNot\tD1\tD4\tNovel"]
    (doc, other), report = read(tmp_path, *HEAD, *MENTIONS, *relations, "", "13|t|Rain.", "")
    assert doc.text == f"{TITLE} {ABSTRACT}"
    assert [ent.text for ent in doc.ents] == ["Zorbin", "rash", "rash", "Zorbin", "Fever"]
    ends = [(r.head.resolve(doc).start_char, r.tail.resolve(doc).start_char, r.label) for r in doc._.relations]
    assert ends == [(0, 11, "CID"), (33, 41, "Not")]
    assert [doc.user_data["doc_id"], other.user_data["doc_id"]] == ["12", "13"]
    assert (other.text, other._.relations, report.left_out) == ("Rain.", [], [])


def test_what_is_lost_is_counted(tmp_path):
    lines = [
        "12\t0\t99\tmuch\tX\tD7",
        "12\t0\t3\tFew\tX\tD8",
        "12\t0\t6\tZorbin\tX\t-1",
        "12\tCID\tD1\tD7",
        "12\tCID\t-1\tD1",
    ]
    _, report = read(tmp_path, *HEAD, *MENTIONS, *lines)
    assert report.relations_lost == {NO_SPAN: 2}
    assert (report.spans_lost[OUTSIDE], report.spans_lost[OTHER_TEXT]) == (1, 1)


def test_texts_without_a_blank_line_between(tmp_path):
    docs, _ = read(tmp_path, "1|t|One.", "2|t|Two.")
    assert [doc.text for doc in docs] == ["One.", "Two."]


@pytest.mark.parametrize("line", ["9\t0\t6\tZorbin\tChemical\tD1", "12 0 6", "12\tCID\tD1"])
def test_damaged_lines(tmp_path, line):
    with pytest.raises(ValueError, match=r"VE303.*a\.txt, line 3:"):
        read(tmp_path, *HEAD, line)


def test_texts_without_a_title_and_empty_files(tmp_path):
    with pytest.raises(ValueError, match=r"VE303.*line 1: expected a line ID\|t\|"):
        read(tmp_path, HEAD[1])
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path)
