"""The script that turns WordNet's database into a lexicon, on a database of a few words in its format."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import build_lexicon  # noqa: E402

from spacy_vaedie.training.lexicon import create_lexicon  # noqa: E402

LICENCE = "  1 This software and database is being provided to you\n"
# Place, lexicographer's file, part of speech, words (a hexadecimal number of them), pointers, gloss.
NOUNS = """\
00000001 00 n 01 entity 0 001 ~ 00000002 n 0000 | what is
00000002 01 n 02 tree 0 Arbor_vitae 1 002 @ 00000001 n 0000 ~ 00000003 n 0000 | tall; "a tree | here"
00000003 01 n 01 oak 0 002 @ 00000002 n 0000 #m 00000004 n 0000 | a tree
00000004 02 n 01 oak 1 001 @i 00000001 n 0000 | wood
"""
NOUN_INDEX = """\
entity n 1 1 ~ 1 1 00000001
arbor_vitae n 1 1 @ 1 0 00000002
tree n 1 2 @ ~ 1 1 00000002
oak n 2 2 @ #m 2 1 00000003 00000004
"""
VERBS = '00000009 03 v 01 tree 0 000 01 + 08 00 | "tree the cat"\n'
VERB_INDEX = "tree v 1 0 1 0 00000009\n"


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    folder = tmp_path / "wordnet"
    folder.mkdir()
    fields = ["noun.Tops", "noun.plant", "noun.substance", "verb.motion"]
    (folder / "lexnames").write_text("".join(f"{i:02}\t{name}\t1\n" for i, name in enumerate(fields)))
    for name, text in (("noun", NOUNS), ("verb", VERBS)):
        (folder / f"data.{name}").write_text(LICENCE + text)
    for name, text in (("noun", NOUN_INDEX), ("verb", VERB_INDEX)):
        (folder / f"index.{name}").write_text(LICENCE + text)
    return folder


def test_classes_go_up_from_the_first_meaning(wordnet: Path) -> None:
    lexicon = build_lexicon.read_wordnet(wordnet, n_senses=1)
    assert lexicon["oak"] == ["oak.n.00000003", "tree.n.00000002", "entity.n.00000001", "noun.plant"]
    assert lexicon["tree"][-2:] == ["tree.v.00000009", "verb.motion"]
    assert "arbor_vitae" not in lexicon


def test_more_meanings(wordnet: Path) -> None:
    both = build_lexicon.read_wordnet(wordnet, n_senses=2)["oak"]
    assert both[-2:] == ["oak.n.00000004", "noun.substance"]
    assert len(both) == len(set(both)) == 6


def test_small_classes_are_left_out(wordnet: Path, tmp_path: Path) -> None:
    build_lexicon.main(wordnet, tmp_path / "new" / "lexicon.jsonl.gz", n_senses=1, min_words=2)
    table = create_lexicon(tmp_path / "new" / "lexicon.jsonl.gz").get_table("word_classes")
    assert table["oak"] == ["tree.n.00000002", "entity.n.00000001", "noun.plant"]
    assert table["entity"] == ["entity.n.00000001"]
