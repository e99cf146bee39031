from collections import Counter

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_vaedie.training.converters import ConversionReport, convert_file, get_converter, make_docs, split_documents
from spacy_vaedie.training.converters.topics import read_topics

FOLDER = "MIND-Lab/OCTIS/master/preprocessed_datasets"
CONTENT = "ball goal\ttrain\tsport\nvote law\tval\tpolitics\n\nchip code\ttest\ttech\ngoal net\ttrain\tsport\n"


def read(path, content=CONTENT):
    path.write_text(content, encoding="utf8")
    report = ConversionReport()
    return list(read_topics(path, report)), report


def test_every_text_says_something_about_every_topic(tmp_path):
    annotations, report = read(tmp_path / "a.tsv")
    assert [(a.doc_id, a.text, a.meta["split"]) for a in annotations] == [
        ("1", "ball goal", "train"),
        ("2", "vote law", "dev"),
        ("4", "chip code", "test"),
        ("5", "goal net", "train"),
    ]
    doc = next(make_docs(annotations, spacy.blank("en"), report))
    assert doc.cats == {"politics": 0.0, "sport": 1.0, "tech": 0.0}
    # no annotation is not the same as no entities
    assert not doc.has_annotation("ENT_IOB")
    assert doc._.relations is None
    assert report.docs_read == 4


def docs_of(path, split, tmp_path):
    out = tmp_path / "out.spacy"
    report = convert_file(path, out, get_converter("topics"), spacy.blank("en"), split=split)
    return list(DocBin().from_disk(out).get_docs(spacy.blank("en").vocab)), report


def test_one_split_to_one_file(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(CONTENT)
    for split, texts in (("train", ["ball goal", "goal net"]), ("dev", ["vote law"]), ("test", ["chip code"])):
        docs, report = docs_of(path, split, tmp_path)
        assert [doc.text for doc in docs] == texts
        # labels of all parts, so that they fit together
        assert all(len(doc.cats) == 3 for doc in docs)
        assert (report.docs_read, report.docs_written) == (len(texts), len(texts))
        assert report.docs_elsewhere == 4 - len(texts)
    assert len(docs_of(path, None, tmp_path)[0]) == 4


def test_an_unknown_split(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(CONTENT)
    with pytest.raises(ValueError, match=r"VE317.*a\.tsv: no text is for 'val'.*dev, test, train"):
        docs_of(path, "val", tmp_path)
    assert not (tmp_path / "out.spacy").exists()
    path = tmp_path / "a.conll"
    path.write_text("Ada\tO\n")
    with pytest.raises(ValueError, match="VE317.*do not say"):
        convert_file(path, tmp_path / "out.spacy", get_converter("conll"), spacy.blank("en"), split="train")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a\ttrain\tx\nb\ttrain\n", 2, "found 2 column"),
        ("a\ttrain\tx\ty\n", 1, "found 4 column"),
        ("\n\ttrain\tx\n", 2, "column 1 .*empty"),
        ("a\ttrain\t \n", 1, "column 3 .*empty"),
        ("a\ttrian\tx\n", 1, "'trian' in the second column"),
    ],
)
def test_damaged_lines(tmp_path, content, line, message):
    with pytest.raises(ValueError, match=rf"VE303.*a\.tsv, line {line}:.*{message}"):
        read(tmp_path / "a.tsv", content)


def test_empty_file(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path / "a.tsv", "\n")


@pytest.mark.parametrize(
    ("name", "train", "other", "n_labels"), [("BBC_News", 1556, (334, 335), 5), ("M10", 5847, (1254, 1254), 10)]
)
def test_nothing_of_the_real_files_is_lost(data_root, name, train, other, n_labels):
    annotations, report = read_real(data_root / FOLDER / name / "corpus.tsv")
    sizes = Counter(annotation.meta["split"] for annotation in annotations)
    assert (sizes["train"], sizes["dev"], sizes["test"]) == (train, *other)
    assert {len(annotation.cats) for annotation in annotations} == {n_labels}
    assert all(sum(annotation.cats.values()) == 1 for annotation in annotations)
    assert report.docs_read == sum(sizes.values())


def read_real(path):
    report = ConversionReport()
    return list(read_topics(path, report)), report


def test_the_split_is_the_one_that_other_code_reads(tmp_path):
    annotations, _ = read(tmp_path / "a.tsv")
    with pytest.raises(ValueError, match="VE314.*no text is annotated with relations"):
        split_documents(annotations)
