"""What is written for people who annotate comes back as it was."""

import json
import tempfile
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.tokens.relation import POLARITIES
from spacy_vaedie.training.converters import WRITERS, convert_file, export_file, get_converter

KEY = "sc"
NLP = spacy.blank("en")
LABELS = st.sampled_from(["PER", "Live In", "50%", "Ort-Größe", "a:b", "人", "\U0001f600", ""])
# Words as files have them: with characters beyond U+FFFF, ones that combine, and ones that look like white space.
WORDS = st.text(st.sampled_from("abcé\u0301人\U0001f600\U0001d4d0'\"\\;%#|.-\u00ad\u200b"), min_size=1, max_size=6)
BREAKS = st.sampled_from([" ", "", "\n", "\r\n", "\r\n\r\n", "\t", "  ", "\u00a0", "\u2028", "\x0b", "\r"])


@st.composite
def docs(draw: st.DrawFn) -> Doc:
    pieces = draw(st.lists(st.tuples(WORDS, BREAKS), max_size=12))
    doc = NLP("".join(word + space for word, space in pieces))
    doc.user_data["doc_id"] = draw(st.sampled_from(["7", "a b", "../x", "é", ""]))
    doc.spans[KEY] = []
    annotated = draw(st.booleans())
    if len(doc):
        tokens = st.integers(0, len(doc) - 1)
        ends = st.tuples(tokens, tokens, LABELS).map(lambda end: Argument(min(end[:2]), max(end[:2]) + 1, end[2]))
        arguments = draw(st.lists(ends, min_size=1, max_size=5))
        doc.spans[KEY] = [Span(doc, end.start, end.end, label=end.label) for end in arguments]
        one = st.builds(
            Relation,
            st.sampled_from(arguments),
            st.sampled_from(arguments),
            LABELS.filter(bool),
            polarity=st.sampled_from([None, *POLARITIES]),
        )
        doc._.relations = draw(st.lists(one, max_size=6)) if annotated else None
    elif annotated:
        doc._.relations = []
    return doc


def there_and_back(made: list[Doc], to: str, folder: Path, **settings: object) -> list[Doc]:
    DocBin(docs=made, store_user_data=True).to_disk(folder / "in.spacy")
    written = export_file(folder / "in.spacy", folder / "there", NLP, to, spans_key=KEY)
    read = convert_file(folder / "there", folder / "out.spacy", get_converter(to), NLP, spans_key=KEY, **settings)
    assert read.left_out == []
    n_relations = sum(len(doc._.relations or ()) for doc in made)
    assert written.relations_read == written.relations_written == read.relations_read == n_relations
    assert read.relations_written == n_relations
    return list(DocBin().from_disk(folder / "out.spacy").get_docs(NLP.vocab))


def as_characters(doc: Doc) -> object:
    """Relations by characters, which stay where the tokens are others."""

    def end(argument: Argument) -> tuple[int, int, str]:
        span = argument.resolve(doc)
        return span.start_char, span.end_char, argument.label

    if doc._.relations is None:
        return None
    return [(end(r.head), end(r.tail), r.label, r.polarity, r.score, r.provenance) for r in doc._.relations]


@pytest.mark.parametrize("to", WRITERS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(made=docs())
def test_relations_come_back(to: str, made: Doc) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (found,) = there_and_back([made], to, Path(folder))
    assert found.text == made.text
    assert [token.text for token in found] == [token.text for token in made]
    assert found._.relations == made._.relations
    if made._.relations is not None:
        assert {(s.start, s.end, s.label_) for s in found.spans.get(KEY, ())} == {
            (span.start, span.end, span.label_) for span in made.spans[KEY]
        }


@pytest.mark.parametrize("to", WRITERS)
def test_tokens_of_another_tokenizer(to: str, tmp_path: Path) -> None:
    """Prodigy's files have the tokens, for the others they are split where a span needs it."""
    doc = Doc(NLP.vocab, words=["anti", "rust", "ing", "\U0001f600", "coat"], spaces=[False, False, False, True, False])
    doc.user_data["doc_id"] = "1"
    doc._.relations = [
        Relation(Argument(1, 2, "X"), Argument(4, 5, "Y"), "R"),
        Relation(Argument(0, 4), Argument(1, 3), "S"),
    ]
    (found,) = there_and_back([doc], to, tmp_path, split_at_spans=True)
    assert as_characters(found) == as_characters(doc)


@pytest.mark.parametrize("to", WRITERS)
def test_several_texts_of_one_name(to: str, tmp_path: Path) -> None:
    made = []
    for i in range(4):
        doc = NLP(f"Ada met Bo {i}.")
        doc.user_data["doc_id"] = "same"
        doc._.relations = [Relation(Argument(0, 1, "P"), Argument(2, 3, "P"), f"R{i}")]
        made.append(doc)
    found = there_and_back(made, to, tmp_path)
    assert sorted(map(str, map(as_characters, found))) == sorted(map(str, map(as_characters, made)))
    assert len({doc.text for doc in found}) == 4


def test_meta_is_kept(tmp_path: Path) -> None:
    doc = NLP("Rain.")
    doc.user_data["meta"] = {"doc": "a7", "n": [1, 2]}
    for to in ("prodigy", "label-studio"):
        (tmp_path / to).mkdir()
        (found,) = there_and_back([doc], to, tmp_path / to)
        assert json.loads(json.dumps(found.user_data["meta"])) == {"doc": "a7", "n": [1, 2]}
