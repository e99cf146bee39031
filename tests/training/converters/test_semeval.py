from collections import Counter

import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs, split_dev
from spacy_vaedie.training.converters.semeval import read_semeval

FOLDER = "onehaitao/SemEval2010-to-TACRED/master/SemEval2010_task8_all_data"
SMALL = """\
11\t"The <e1>frost</e1> split the old <e2>pipe</e2>, they "said"."
Cause-Effect(e1,e2)
Comment: a comment

12\t"A non-<e1>stick</e1><e2>pan</e2> fell."\r
Component-Whole(e2,e1)\r
Comment:\r
\r

13\t"<e1>Bees</e1> like <e2>jazz</e2>"
Other
14\t"No key for this <e1>one</e1> of the <e2>lot</e2>."
"""


def read(path, content=None):
    if content is not None:
        path.write_bytes(content.encode())
    report = ConversionReport()
    return list(read_semeval(path, report)), report


def test_sentences(tmp_path):
    annotations, report = read(tmp_path / "a.txt", SMALL)
    assert [a.doc_id for a in annotations] == ["11", "12", "13", "14"]
    assert annotations[0].text == 'The frost split the old pipe, they "said".'
    assert [a.text[slice(*span[:2])] for a in annotations for span in a.spans] == [
        *("frost", "pipe"),
        *("stick", "pan"),
        *("Bees", "jazz"),
        *("one", "lot"),
    ]
    assert {span[2] for a in annotations for span in a.spans} == {"NOMINAL"}
    assert [a.relations for a in annotations] == [[(0, 1, "Cause-Effect")], [(1, 0, "Component-Whole")], [], None]
    assert report.docs_read == 4


def test_docs_of_nominals_inside_tokens(tmp_path):
    annotations, report = read(tmp_path / "a.txt", SMALL)
    docs = list(make_docs(annotations, spacy.blank("en"), report, split_at_spans=True))
    assert [[e.text for e in doc.ents] for doc in docs][:2] == [["frost", "pipe"], ["stick", "pan"]]
    (relation,) = docs[1]._.relations
    assert (docs[1][relation.head.start].text, docs[1][relation.tail.start].text) == ("pan", "stick")
    assert report.left_out == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("just text\n", 1, "a tab and a sentence"),
        ('1\t"No nominals."\nOther\n', 1, "<e1>"),
        ('1\t"The <e2>b</e2> and <e1>a</e1>."\nOther\n', 1, "<e1>"),
        ('\n1\t"<e1>A</e1> and <e2>b</e2>."\nCause-Effect(e1,e3)\n', 3, "Cause-Effect"),
        ('1\t"<e1>A</e1> and <e2>b</e2>."\nother\n', 2, "'other'"),
    ],
)
def test_damaged_blocks(tmp_path, content, line, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.txt, line {line}:.*{message}"):
        read(tmp_path / "a.txt", content)


def test_empty_file(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path / "a.txt", "\n\n")


@pytest.mark.parametrize(
    ("name", "size", "other"),
    [
        ("SemEval2010_task8_training/TRAIN_FILE.TXT", 8000, 1410),
        ("SemEval2010_task8_testing_keys/TEST_FILE_FULL.TXT", 2717, 454),
    ],
)
def test_no_sentence_of_the_real_files_is_lost(data_root, name, size, other):
    annotations, report = read(data_root / FOLDER / name)
    assert len({a.doc_id for a in annotations}) == report.docs_read == size
    nlp = spacy.blank("en")
    n_docs = 0
    for doc, annotation in zip(make_docs(annotations, nlp, report, split_at_spans=True), annotations, strict=True):
        assert doc.text == annotation.text
        assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == annotation.spans
        assert len(doc._.relations) == len(annotation.relations)
        n_docs += 1
    assert n_docs == report.docs_written == size
    assert (report.spans_written, report.relations_written) == (2 * size, size - other)
    assert report.left_out == []


def test_dev_split_of_the_real_file(data_root):
    annotations, _ = read(data_root / FOLDER / "SemEval2010_task8_training/TRAIN_FILE.TXT")
    chosen = [annotations[i] for i in split_dev(annotations, 800)]
    labels = Counter(a.relations[0] if a.relations else None for a in chosen)
    assert labels[None] == 141
    assert labels[(1, 0, "Cause-Effect")] == 66
    assert sum(labels.values()) == 800
