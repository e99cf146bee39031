import gzip
import json

import spacy
from spacy.tokens import DocBin

from spacy_vaedie.training.text_keys import read_meta, read_text_keys, text_key


def test_white_space_does_not_count():
    assert text_key(" Rain  fell.\n") == text_key("Rain fell.")
    keys = {text_key(text) for text in ("Rain fell.", "Rain fell", "rain fell.", "Rainfell.", "")}
    assert len(keys) == 5
    assert {len(key) for key in keys} == {16}


def test_keys_of_all_kinds_of_files(tmp_path):
    nlp = spacy.blank("en")
    (tmp_path / "a.txt").write_text("Rain fell.\nSnow  fell.\n", encoding="utf8")
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf8") as file:
        file.write(json.dumps({"text": "Hail fell.", "spans": []}) + "\n")
    DocBin(docs=[nlp("Fog came.")]).to_disk(tmp_path / "c.spacy")
    expected = {text_key(text) for text in ("Rain fell.", "Snow fell.", "Hail fell.", "Fog came.")}
    assert read_text_keys(tmp_path, nlp.vocab) == expected
    assert read_text_keys(tmp_path / "c.spacy", nlp.vocab) == {text_key("Fog came.")}


def test_meta(tmp_path):
    nlp = spacy.blank("en")
    lines = [
        {"text": "Rain fell.", "meta": {"doc": "1"}},
        {"text": "Rain fell.", "meta": {"doc": "2"}},
        {"text": "Snow fell.", "meta": {"doc": "3"}},
        {"text": "Hail fell."},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf8")
    (tmp_path / "b.txt").write_text("Hail fell.", encoding="utf8")
    doc = nlp("Fog came.")
    doc.user_data["meta"] = {"doc": "4"}
    DocBin(docs=[doc, nlp("Fog went.")], store_user_data=True).to_disk(tmp_path / "c.spacy")
    keys = {text_key(text) for text in ("Rain fell.", "Hail fell.", "Fog came.", "Fog went.")}
    found = read_meta(tmp_path, keys, nlp.vocab)
    assert found == {text_key("Rain fell."): {"doc": "1"}, text_key("Fog came."): {"doc": "4"}}
