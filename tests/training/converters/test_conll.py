import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.conll import read_conll

FOLDER = "leondz/emerging_entities_17/master"
CONTENT = "Ada\tB-person\nQuill\tI-person\nleft\tO\n\t\nLark\tB-place\nton\tB-place\n \t \n\nNobody\tO\n"


def read(path, content):
    path.write_text(content, encoding="utf8")
    report = ConversionReport()
    return list(read_conll(path, report)), report


def entities(annotations):
    docs = make_docs(annotations, spacy.blank("en"), ConversionReport())
    return [[(e.text, e.label_) for e in doc.ents] for doc in docs]


def test_tokens_and_tags(tmp_path):
    annotations, report = read(tmp_path / "a.conll", CONTENT)
    assert [a.doc_id for a in annotations] == ["1", "5", "9"]
    assert [a.words for a in annotations] == [["Ada", "Quill", "left"], ["Lark", "ton"], ["Nobody"]]
    assert entities(annotations) == [[("Ada Quill", "person")], [("Lark", "place"), ("ton", "place")], []]
    assert report.docs_read == 3
    docs = list(make_docs(annotations, spacy.blank("en"), report))
    assert [[t.text for t in doc] for doc in docs] == [list(a.words) for a in annotations]
    assert all(doc._.relations is None for doc in docs)
    assert docs[2].has_annotation("ENT_IOB")
    assert all(doc.has_unknown_spaces for doc in docs)


def test_given_tokens_are_kept(tmp_path):
    annotations, report = read(tmp_path / "a.conll", "don't\tO\n:-)\tO\nU.S.A.-based\tB-place\na\u00a0b\tI-place\n")
    (doc,) = make_docs(annotations, spacy.blank("en"), report)
    assert [t.text for t in doc] == ["don't", ":-)", "U.S.A.-based", "a\u00a0b"]
    assert [(e.start, e.end) for e in doc.ents] == [(2, 4)]


def test_the_older_variant_and_columns_between(tmp_path):
    content = "Ada\tNNP\tI-PER\nQuill\tNNP\tI-PER\nBo\tNNP\tB-PER\nLarkton\tNNP\tI-LOC\n"
    annotations, _ = read(tmp_path / "a.conll", content)
    assert entities(annotations) == [[("Ada Quill", "PER"), ("Bo", "PER"), ("Larkton", "LOC")]]


def test_windows_line_ends(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"Ada\tB-PER\r\n\r\nBo\tO\r\n")
    assert entities(read_conll(tmp_path / "a.conll", ConversionReport())) == [[("Ada", "PER")], []]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("Ada\tO\nQuill O\n", 2, "a tab and a tag, found 'Quill O'"),
        ("\tO\n", 1, "no token"),
        ("\nAda\tPER\n", 2, "'PER' is no BIO tag"),
        ("Ada\tB-\n", 1, "'B-' is no BIO tag"),
        ("Ada\tU-PER\n", 1, "'U-PER' is no BIO tag"),
        ("Ada\t\n", 1, "'' is no BIO tag"),
    ],
)
def test_damaged_lines(tmp_path, content, line, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.conll, line {line}:.*{message}"):
        read(tmp_path / "a.conll", content)


@pytest.mark.parametrize("content", ["", "\n\t\n"])
def test_empty_file(tmp_path, content):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path / "a.conll", content)


@pytest.mark.parametrize(
    ("name", "size", "n_entities"),
    [
        ("wnut17train.conll", 3394, 1975),
        ("emerging.dev.conll", 1009, 836),
        ("emerging.test.annotated", 1287, 1079),
    ],
)
def test_nothing_of_the_real_files_is_lost(data_root, name, size, n_entities):
    report = ConversionReport()
    docs = list(make_docs(read_conll(data_root / FOLDER / name, report), spacy.blank("en"), report))
    assert len(docs) == report.docs_read == size
    assert sum(len(doc.ents) for doc in docs) == report.spans_read == n_entities
    assert report.left_out == []
