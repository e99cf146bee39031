from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from spacy_vaedie.analysis.configured_gate import default_gate, read_config_gate, read_model_gate

from .judged import VOCAB

CONFIGS = Path(__file__).parents[2] / "configs"


def write(path, text):
    path.write_text(text, encoding="utf8")
    return path


def two_sentences():
    doc = Doc(VOCAB, words=["Ada", "sings", "Bo", "sings"], sent_starts=[True, False, True, False])
    doc.ents = [doc.char_span(0, 3, label="PER"), doc.char_span(10, 12, label="PER")]
    return doc


def test_the_default_is_one_sentence():
    gate = default_gate()
    assert gate.source == "default"
    assert len(gate.find(two_sentences(), None).pairs) == 0
    assert not gate.learns_types


CONFIG = """
[training]
annotating_components = ["parser"]
[components]
[components.ner]
source = "nowhere"
[components.parser]
source = "nowhere"
[components.extractor]
factory = "extractor"
multi_label = true
[components.extractor.candidates]
@misc = "spacy-vaedie.EntityPairs.v2"
max_sentences = 1
types = "learned"
[components.extractor.schema]
@misc = "spacy-vaedie.Schema.v1"
symmetric = ["KNOWS"]
"""


def test_read_from_a_config_whose_files_are_missing(tmp_path):
    gate = read_config_gate(write(tmp_path / "config.cfg", CONFIG))
    assert gate.learns_types
    assert gate.multi_label
    assert gate.parses
    assert gate.schema.symmetric == {"KNOWS"}
    assert gate.candidates["max_sentences"] == 1
    assert len(gate.find(two_sentences(), None).pairs) == 2
    assert len(gate.find(two_sentences(), {("PER", "ORG")}).pairs) == 0


@pytest.mark.parametrize(
    "name", ["extractor.cfg", "end_to_end.cfg", "end_to_end_spans.cfg", "joint.cfg", "baseline.cfg"]
)
def test_the_configs_that_come_with_the_package(name):
    gate = read_config_gate(CONFIGS / name)
    assert gate.candidates["@misc"] in ("spacy-vaedie.EntityPairs.v2", "spacy-vaedie.SpanPairs.v2")
    assert not gate.parses


@pytest.mark.parametrize(
    ("text", "code"),
    [('[components]\n[components.ner]\nfactory = "ner"\n', "VE452"), ("[components\n", "VE453"), (None, "VE301")],
)
def test_no_gate(tmp_path, text, code):
    path = tmp_path / "config.cfg"
    if text is not None:
        write(path, text)
    with pytest.raises((ValueError, FileNotFoundError), match=rf"\[{code}\]"):
        read_config_gate(path)


def test_noun_chunks_know_their_language(tmp_path):
    text = '[nlp]\nlang = "en"\n[components]\n[components.extractor]\nfactory = "extractor"\n'
    text += '[components.extractor.candidates]\n@misc = "spacy-vaedie.NounChunkPairs.v1"\n'
    gate = read_config_gate(write(tmp_path / "config.cfg", text))
    words, pos = ["Ada", "founded", "Acme"], ["PROPN", "VERB", "PROPN"]
    doc = Doc(gate.vocab, words=words, heads=[1, 1, 1], deps=["nsubj", "ROOT", "dobj"], pos=pos)
    assert len(gate.find(doc, None).pairs) == 2


def test_a_setting_out_of_range_has_its_own_code(tmp_path):
    text = CONFIG.replace("max_sentences = 1", "max_sentences = -1")
    with pytest.raises(ValueError, match=r"\[VE107\]"):
        read_config_gate(write(tmp_path / "config.cfg", text))


def test_read_from_a_pipeline(tmp_path):
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match=r"\[VE452\].*none"):
        read_model_gate(str(tmp_path / "blank"))
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 8, "depth": 1, "embed_size": 10, "window_size": 1}
    tok2vec |= {"maxout_pieces": 2, "subword_features": False, "pretrained_vectors": None}
    config = {
        "model": {"width": 8, "tok2vec": tok2vec},
        "candidates": {"@misc": "spacy-vaedie.EntityPairs.v2", "max_sentences": 1},
        "schema": {"@misc": "spacy-vaedie.Schema.v1", "functional": ["BORN_IN"]},
    }
    nlp.add_pipe("extractor", config=config)
    nlp.to_disk(tmp_path / "model")
    gate = read_model_gate(str(tmp_path / "model"))
    assert gate.candidates["max_sentences"] == 1
    assert gate.schema.functional == {"BORN_IN"}
    assert len(gate.find(two_sentences(), None).pairs) == 2
    # A config that takes the extractor from there.
    text = f"[components]\n[components.extractor]\nsource = {str(tmp_path / 'model')!r}\n".replace("'", '"')
    assert read_config_gate(write(tmp_path / "config.cfg", text)).schema.functional == {"BORN_IN"}
