import json

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.converters import (
    CONVERTERS,
    WRITERS,
    Annotation,
    Converter,
    convert_file,
    export_file,
    open_writer,
)
from spacy_vaedie.training.readers import create_relation_corpus

TEXT = "Ada met Bo."
SPANS = [(0, 3, "PER"), (8, 10, "PER")]


@pytest.fixture
def nlp():
    return spacy.blank("en")


def texts(n, bad=False):
    spans = [*SPANS, (1, 3, "X")] if bad else SPANS
    return Converter(
        lambda path, report: (Annotation(str(i), TEXT, spans, [(0, 1, "MET")]) for i in range(n)), options=()
    )


def test_a_folder_of_parts_is_a_corpus(tmp_path, nlp):
    report = convert_file(tmp_path / "in", tmp_path / "out", texts(5), nlp, docs_per_file=2)
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [f"part-00000{i}.spacy" for i in (1, 2, 3)]
    examples = list(create_relation_corpus(tmp_path / "out")(nlp))
    assert [example.reference.user_data["doc_id"] for example in examples] == list("01234")
    assert report.relations_written == report.docs_written == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_parts_are_written_while_texts_are_read(tmp_path, nlp):
    """So memory holds one part, however many there are."""
    seen = []

    def watch(docs):
        for doc in docs:
            seen.append(len(list(tmp_path.rglob("*.spacy"))))
            yield doc

    convert_file(tmp_path / "in", tmp_path / "out", texts(6), nlp, docs_per_file=2, progress=watch)
    assert seen == [0, 0, 1, 1, 2, 2]


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path, nlp):
    (tmp_path / "out").mkdir()
    convert_file(tmp_path / "in", tmp_path / "out", texts(1), nlp, docs_per_file=2)
    with pytest.raises(ValueError, match=r"VE342.*out: this folder is not empty"):
        convert_file(tmp_path / "in", tmp_path / "out", texts(1), nlp, docs_per_file=2)
    assert len(list(tmp_path.rglob("*.spacy"))) == 1


@pytest.mark.parametrize(("to", "size"), [("docbin", 0), ("docbin", 1), *((to, 0) for to in WRITERS)])
def test_strict_leaves_nothing_behind(tmp_path, nlp, to, size):
    with pytest.raises(ValueError, match="VE306"):
        convert_file(tmp_path / "in", tmp_path / "out", texts(3, True), nlp, to=to, docs_per_file=size, strict=True)
    assert list(tmp_path.iterdir()) == []


def test_both_parts_as_folders(tmp_path, nlp):
    dev = (2, tmp_path / "dev")
    convert_file(tmp_path / "in", tmp_path / "out", texts(5), nlp, docs_per_file=1, dev=dev)
    assert [len(list((tmp_path / name).iterdir())) for name in ("out", "dev")] == [3, 2]


def test_settings_that_do_not_go_together(tmp_path, nlp):
    with pytest.raises(ValueError, match="VE343.*--max-docs"):
        convert_file(tmp_path / "in", tmp_path / "out", texts(1), nlp, to="brat", docs_per_file=2)
    options = {"split_discontinuous": True}
    with pytest.raises(ValueError, match="VE343.*no setting split_discontinuous"):
        convert_file(tmp_path / "in", tmp_path / "out", CONVERTERS["prodigy"], nlp, options=options)
    with (
        pytest.raises(ValueError, match=r"VE309.*'spert'.*brat, docbin, label-studio, prodigy"),
        open_writer(tmp_path / "out", "spert"),
    ):
        pass
    with pytest.raises(ValueError, match="VE343.*--to"):
        export_file(tmp_path / "a.spacy", tmp_path / "out", nlp, "docbin")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in CONVERTERS if name not in ("brat", "bioc")])
def test_no_format_reads_a_line_of_any_length(tmp_path, nlp, name):
    """A list of JSON needs not end before what is too long does, a line must not be read to its end."""
    path = tmp_path / "a.txt"
    path.write_text(("[" if name in ("conll04", "spert", "label-studio") else "") + '"' + "x" * 5000)
    with pytest.raises(ValueError, match=r"VE341.*a\.txt, line 1"):
        convert_file(path, tmp_path / "out", CONVERTERS[name], nlp, options={"max_bytes": 1000})
    assert not (tmp_path / "out").exists()


def test_what_is_written(tmp_path, nlp):
    doc = nlp("\U0001f600 Ada met Bo.")
    doc.user_data["doc_id"] = "a7"
    doc._.relations = [Relation(Argument(1, 2, "PER"), Argument(3, 4, "PER"), "MET", polarity="negated")]
    (tmp_path / "in").mkdir()
    for i in range(2):
        DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "in" / f"{i}.spacy")
    for to in WRITERS:
        report = export_file(tmp_path / "in", tmp_path / to, nlp, to)
        assert (report.docs_written, report.spans_written, report.relations_written) == (2, 4, 2)
    lines = "T1\tPER 2 5\tAda\nT2\tPER 10 12\tBo\nR1\tMET Arg1:T1 Arg2:T2\nA1\tPolarity R1 negated\n"
    assert {path.name: path.read_text(encoding="utf8") for path in (tmp_path / "brat").iterdir()} == {
        **{f"{name}.txt": doc.text for name in ("a7", "text-000002")},
        **{f"{name}.ann": lines for name in ("a7", "text-000002")},
    }
    tasks = json.loads((tmp_path / "label-studio").read_text(encoding="utf8"))
    assert tasks[0]["data"] == {"text": doc.text, "doc_id": "a7"}
    head, tail, relation = tasks[0]["annotations"][0]["result"]
    # UTF-16 code units.
    assert (head["value"]["start"], head["value"]["end"], head["value"]["labels"]) == (3, 6, ["PER"])
    assert (relation["from_id"], relation["to_id"], relation["labels"]) == (head["id"], tail["id"], ["MET"])
    first, _ = map(json.loads, (tmp_path / "prodigy").read_text(encoding="utf8").splitlines())
    assert [(item["head"], item["child"], item["label"]) for item in first["relations"]] == [(1, 3, "MET")]
