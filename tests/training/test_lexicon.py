import gzip

import pytest
import spacy
from spacy.util import registry

from spacy_vaedie.training.lexicon import create_lexicon


def write(path, *lines):
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def test_a_word_has_the_classes_of_all_its_lines(tmp_path):
    lines = ['{"word": "oak", "classes": ["tree", "plant"]}', "", '{"word": "oak", "classes": ["wood", "tree"]}']
    table = create_lexicon(write(tmp_path / "a.jsonl", *lines)).get_table("word_classes")
    assert table["oak"] == ["tree", "plant", "wood"]
    assert "elm" not in table


def test_gzip(tmp_path):
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf8") as file:
        file.write('{"word": "Übung", "classes": ["act"]}')
    assert create_lexicon(tmp_path / "a.jsonl.gz").get_table("word_classes")["Übung"] == ["act"]


@pytest.mark.parametrize(
    "line", ["[]", '{"word": "oak"}', '{"word": 1, "classes": []}', '{"word": "a", "classes": [1]}']
)
def test_another_line_is_named(tmp_path, line):
    path = write(tmp_path / "a.jsonl", '{"word": "oak", "classes": ["tree"]}', line)
    with pytest.raises(ValueError, match=r"VE303.*a\.jsonl, line 2"):
        create_lexicon(path)


def test_no_entry_and_no_file(tmp_path):
    with pytest.raises(ValueError, match="VE304"):
        create_lexicon(write(tmp_path / "a.jsonl", ""))
    with pytest.raises(FileNotFoundError, match="VE301"):
        create_lexicon(tmp_path / "none.jsonl")


def test_it_is_saved_with_a_pipeline(tmp_path):
    write(tmp_path / "a.jsonl", '{"word": "oak", "classes": ["tree"]}')
    nlp = spacy.blank("en")
    block = {"@misc": "spacy-vaedie.Lexicon.v1", "path": str(tmp_path / "a.jsonl")}
    nlp.config["initialize"]["lookups"] = block
    nlp.initialize()
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert loaded.vocab.lookups.get_table("word_classes")["oak"] == ["tree"]
    assert registry.misc.get("spacy-vaedie.Lexicon.v1") is create_lexicon
