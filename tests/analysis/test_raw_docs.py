import json

import pytest
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span

from spacy_vaedie.analysis.raw_docs import annotate, parse_bare, read_raw_docs

from ..pipeline.helpers import SMALL_VAE, blank, predicted_copy

RECORD = {
    "text": "Ada met Bo Hart.",
    "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 15, "label": "PER"}],
    "relations": [],
}


@Language.component("note_run", assigns=["token.dep"])
def note_run(doc: Doc) -> Doc:
    doc.user_data["runs"] = doc.user_data.get("runs", 0) + 1
    return doc


@pytest.fixture
def folder(en, tmp_path):
    doc = en("Tam Reed sings.")
    doc.ents = [Span(doc, 0, 2, label="PER")]
    doc.spans["sc"] = [Span(doc, 0, 1, label="NAME")]
    doc._.relations = []
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    (tmp_path / "b.jsonl").write_text(json.dumps(RECORD), encoding="utf8")
    return tmp_path


def test_raw_text_has_no_annotation(en, folder):
    docs = list(read_raw_docs(en, folder))
    assert [doc.text for doc in docs] == ["Tam Reed sings.", "Ada met Bo Hart."]
    assert not any(doc.ents or doc.spans or doc._.relations is not None for doc in docs)
    assert [doc.has_annotation("DEP") for doc in docs] == [True, False]


def test_entities_are_kept_if_asked_for(en, folder):
    docs = list(read_raw_docs(en, folder, entities=True))
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs] == [
        [("Tam Reed", "PER")],
        [("Ada", "PER"), ("Bo Hart", "PER")],
    ]
    assert [span.label_ for span in docs[0].spans["sc"]] == ["NAME"]
    # What was annotated beside them is nobody's business here.
    assert not any(doc._.relations is not None for doc in docs)


def test_spans_that_do_not_fit_are_told(en, tmp_path):
    record = {**RECORD, "spans": [{"start": 1, "end": 3, "label": "PER"}]}
    (tmp_path / "b.jsonl").write_text(json.dumps(record), encoding="utf8")
    with pytest.warns(UserWarning, match="VW301"):
        (doc,) = read_raw_docs(en, tmp_path / "b.jsonl", entities=True)
    assert not doc.ents


def test_files_without_entities(en, tmp_path):
    (tmp_path / "b.txt").write_text("Rain.", encoding="utf8")
    assert [doc.text for doc in read_raw_docs(en, tmp_path / "b.txt")] == ["Rain."]
    with pytest.raises(ValueError, match="VE302"):
        list(read_raw_docs(en, tmp_path / "b.txt", entities=True))
    with pytest.raises(FileNotFoundError, match="VE301"):
        list(read_raw_docs(en, tmp_path / "none.txt"))


def test_what_has_a_parse_is_not_parsed_again(en):
    nlp = blank(en)
    nlp.add_pipe("note_run")
    parsed = predicted_copy(en("Rain fell."))
    bare = nlp.make_doc("Rain fell.")
    assert "runs" not in annotate(nlp, [parsed])[0].user_data
    assert [doc.user_data["runs"] for doc in annotate(nlp, [parsed, bare])] == [1, 1]
    assert "runs" not in annotate(nlp, [nlp.make_doc("Rain fell.")], disable=["note_run"])[0].user_data


def test_only_what_the_encoder_needs_runs(en):
    nlp = blank(en)
    nlp.add_pipe("note_run", name="before")
    encoder = nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.add_pipe("note_run", name="after")
    parsed, bare = predicted_copy(en("Rain fell.")), nlp.make_doc("Rain fell.")
    parse_bare(nlp, [parsed, bare], encoder)
    assert [doc.user_data.get("runs") for doc in (parsed, bare)] == [None, 1]
