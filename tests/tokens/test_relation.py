import subprocess
import sys

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_vaedie.tokens import Argument, Evidence, Relation, align_relations, annotated_regions

from . import round_trips

# Ada Quill founded Bluefin Works in Delmore.
#  0    1      2      3       4    5    6    7
FOUNDED = Relation(
    Argument(0, 2, "PERSON"),
    Argument(3, 5, "ORG"),
    "FOUNDED",
    score=0.625,
    provenance="model",
    evidence=Evidence((1, 2, 4), ("<nsubj", "dobj"), "found"),
    polarity="negated",
)
LOCATED = Relation(Argument(3, 5, "ORG"), Argument(6, 7, "GPE"), "LOCATED_IN")
PLAIN = Relation(Argument(0, 1), Argument(2, 3), "PLAIN")
STATES = [None, [], [FOUNDED, LOCATED]]


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def make_doc(vocab, relations=None):
    words = ["Ada", "Quill", "founded", "Bluefin", "Works", "in", "Delmore", "."]
    doc = Doc(vocab, words=words, spaces=[True] * 6 + [False, False])
    doc._.relations = relations
    return doc


def shift(relation, n):
    head, tail, evidence = relation.head, relation.tail, relation.evidence
    return Relation(
        Argument(head.start + n, head.end + n, head.label),
        Argument(tail.start + n, tail.end + n, tail.label),
        relation.label,
        relation.score,
        relation.provenance,
        None if evidence is None else Evidence(tuple(i + n for i in evidence.tokens), evidence.deps, evidence.trigger),
        relation.polarity,
    )


@Language.component("test_relations_by_text")
def relations_by_text(doc):
    doc._.relations = {"n": None, "e": [], "r": [PLAIN]}[doc.text[0]]
    return doc


def test_a_new_doc_is_not_annotated(vocab):
    doc = Doc(vocab, words=["Hello"])
    assert doc._.relations is None
    assert annotated_regions(doc) == []


@pytest.mark.parametrize("relations", STATES)
def test_get_what_was_set(vocab, relations):
    doc = make_doc(vocab, [PLAIN])
    doc._.relations = relations
    assert doc._.relations == relations
    assert annotated_regions(doc) == ([] if relations is None else [(0, 8)])


def test_a_tuple_may_be_set(vocab):
    doc = make_doc(vocab)
    doc._.relations = (PLAIN,)
    assert doc._.relations == [PLAIN]


def test_each_call_gives_a_new_list(vocab):
    doc = make_doc(vocab, [FOUNDED])
    doc._.relations.append(LOCATED)
    assert doc._.relations == [FOUNDED]
    empty = make_doc(vocab, [])
    empty._.relations.append(LOCATED)
    assert empty._.relations == []


def test_reading_writes_nothing(vocab):
    doc = make_doc(vocab)
    assert doc._.relations is None
    assert doc.user_data == {}


def test_arguments_resolve_to_spans(vocab):
    doc = make_doc(vocab)
    span = FOUNDED.tail.resolve(doc)
    assert (span.text, span.label_) == ("Bluefin Works", "ORG")


def test_same_offsets_under_two_labels_stay_apart(vocab):
    both = [
        Relation(Argument(0, 2, "PERSON"), Argument(3, 5, "ORG"), "FOUNDED"),
        Relation(Argument(0, 2, "ARTIST"), Argument(3, 5, "ORG"), "FOUNDED"),
        Relation(Argument(0, 2, "PERSON"), Argument(3, 5, "PLACE"), "OWNS"),
    ]
    assert make_doc(vocab, both)._.relations == both


@pytest.mark.parametrize(("start", "end"), [(0, 0), (2, 1), (-1, 2), (7, 9), (8, 9)])
def test_arguments_must_fit(vocab, start, end):
    doc = make_doc(vocab, [PLAIN])
    with pytest.raises(ValueError, match="VE001"):
        doc._.relations = [FOUNDED, Relation(Argument(start, end), Argument(3, 5), "X")]
    with pytest.raises(ValueError, match="VE001"):
        doc._.relations = [Relation(Argument(3, 5), Argument(start, end), "X")]
    assert doc._.relations == [PLAIN]


@pytest.mark.parametrize("value", ["FOUNDED", FOUNDED, {"relations": []}, [(0, 1)], [None], 3])
def test_only_relations_may_be_set(vocab, value):
    with pytest.raises(ValueError, match="VE002"):
        make_doc(vocab)._.relations = value


def test_unknown_provenance_and_polarity():
    with pytest.raises(ValueError, match="VE005.*provenance.*model, rule, gold"):
        Relation(Argument(0, 1), Argument(1, 2), "X", provenance="guess")
    with pytest.raises(ValueError, match="VE005.*polarity.*negated"):
        Relation(Argument(0, 1), Argument(1, 2), "X", polarity="maybe")


@pytest.mark.parametrize("fields", [{"label": ""}, {"label": 5}, {"score": None}, {"score": "high"}])
def test_label_and_score_have_types(fields):
    with pytest.raises(ValueError, match="VE007"):
        Relation(Argument(0, 1), Argument(1, 2), **{"label": "KNOWS", **fields})


def test_extensions_of_others_are_not_replaced():
    code = "from spacy.tokens import Doc; Doc.set_extension('latent', default=0); import spacy_vaedie"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "VE008" in result.stderr


def test_relations_cannot_be_changed():
    with pytest.raises(AttributeError):
        FOUNDED.label = "OTHER"  # type: ignore[misc]


@pytest.mark.parametrize("relations", STATES)
@pytest.mark.parametrize("carry", round_trips.ALL)
def test_round_trip(vocab, tmp_path, carry, relations):
    assert carry(make_doc(vocab, relations), tmp_path)._.relations == relations


@pytest.mark.parametrize("relations", [None, []])
@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("words", [[], [" "], ["\n", " "]])
def test_round_trip_without_words(vocab, tmp_path, carry, relations, words):
    doc = Doc(vocab, words=words, spaces=[False] * len(words))
    doc._.relations = relations
    assert carry(doc, tmp_path)._.relations == relations


def test_copies_are_apart(vocab):
    doc = make_doc(vocab, [FOUNDED])
    other = doc.copy()
    other._.relations = None
    assert doc._.relations == [FOUNDED]


def test_workers_send_relations_back():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_relations_by_text")
    texts = ["none of it", "empty it is", "rocks make walls", "n", "roads meet towns"]
    docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [doc._.relations for doc in docs] == [None, [], [PLAIN], None, [PLAIN]]


@pytest.mark.parametrize("ensure_whitespace", [True, False])
def test_merge_moves_offsets(vocab, ensure_whitespace):
    parts = [make_doc(vocab, [FOUNDED, LOCATED]), make_doc(vocab, [LOCATED]), make_doc(vocab, [])]
    merged = Doc.from_docs(parts, ensure_whitespace=ensure_whitespace)
    assert (merged[7].whitespace_ == " ") is ensure_whitespace
    assert merged._.relations == [FOUNDED, LOCATED, shift(LOCATED, 8)]
    assert annotated_regions(merged) == [(0, 8), (8, 16), (16, 24)]
    assert [merged._.relations[2].head.resolve(merged).text, merged._.relations[2].tail.resolve(merged).text] == [
        "Bluefin Works",
        "Delmore",
    ]


@pytest.mark.parametrize("ensure_whitespace", [True, False])
def test_merge_with_trailing_white_space(vocab, ensure_whitespace):
    spaced = Doc(vocab, words=["Rain", "fell", "\n"], spaces=[True, False, False])
    trailing = Doc(vocab, words=["Rain", "fell"], spaces=[True, True])
    merged = Doc.from_docs(
        [spaced, make_doc(vocab, [FOUNDED]), trailing, make_doc(vocab, [FOUNDED])], ensure_whitespace=ensure_whitespace
    )
    assert merged._.relations == [shift(FOUNDED, 3), shift(FOUNDED, 13)]
    assert annotated_regions(merged) == [(3, 11), (13, 21)]


def test_merge_of_annotated_and_not_annotated(vocab):
    merged = Doc.from_docs([make_doc(vocab), make_doc(vocab, [FOUNDED]), make_doc(vocab), make_doc(vocab, [])])
    assert merged._.relations == [shift(FOUNDED, 8)]
    assert annotated_regions(merged) == [(8, 16), (24, 32)]
    assert Doc.from_docs([make_doc(vocab), make_doc(vocab)])._.relations is None
    assert Doc.from_docs([make_doc(vocab), make_doc(vocab, [])])._.relations == []


@pytest.mark.parametrize("between", [None, []])
def test_merge_with_empty_docs_between(vocab, between):
    empty = Doc(vocab)
    empty._.relations = between
    merged = Doc.from_docs([empty, make_doc(vocab, [FOUNDED]), empty, empty, make_doc(vocab, [LOCATED]), empty])
    assert merged._.relations == [FOUNDED, shift(LOCATED, 8)]
    assert annotated_regions(merged) == [(0, 8), (8, 16)]


def test_an_empty_annotated_part_does_not_annotate_the_rest(vocab):
    empty = Doc(vocab)
    empty._.relations = []
    assert Doc.from_docs([empty, make_doc(vocab)])._.relations is None


def test_merge_of_merged(vocab):
    pair = Doc.from_docs([make_doc(vocab), make_doc(vocab, [FOUNDED])])
    merged = Doc.from_docs([pair, pair])
    assert merged._.relations == [shift(FOUNDED, 8), shift(FOUNDED, 24)]
    assert annotated_regions(merged) == [(8, 16), (24, 32)]


@pytest.mark.parametrize("carry", round_trips.ALL)
def test_round_trip_of_merged(vocab, tmp_path, carry):
    merged = Doc.from_docs([make_doc(vocab), make_doc(vocab, [FOUNDED]), make_doc(vocab, [])])
    carried = carry(merged, tmp_path)
    assert carried._.relations == [shift(FOUNDED, 8)]
    assert annotated_regions(carried) == [(8, 16), (16, 24)]


def test_setting_on_a_merged_doc_replaces_everything(vocab):
    merged = Doc.from_docs([make_doc(vocab, [FOUNDED]), make_doc(vocab, [FOUNDED])])
    merged._.relations = [LOCATED]
    assert merged._.relations == [LOCATED]
    assert annotated_regions(merged) == [(0, 16)]
    merged._.relations = None
    assert merged._.relations is None
    assert merged.user_data == {}


def test_cut_out_shifts_what_is_inside(vocab):
    doc = Doc.from_docs([Doc(vocab, words=["Well", ","]), make_doc(vocab)])
    doc._.relations = [shift(FOUNDED, 2)]
    part = doc[2:10].as_doc(copy_user_data=True)
    assert part._.relations == [FOUNDED]
    assert annotated_regions(part) == [(0, 8)]


def test_cut_out_keeps_the_difference_of_none_and_empty(vocab):
    assert make_doc(vocab)[1:4].as_doc(copy_user_data=True)._.relations is None
    assert make_doc(vocab, [])[1:4].as_doc(copy_user_data=True)._.relations == []
    assert make_doc(vocab, [FOUNDED])[1:4].as_doc()._.relations is None


@pytest.mark.parametrize(
    ("start", "end", "kept"), [(0, 5, [FOUNDED]), (3, 8, [shift(LOCATED, -3)]), (1, 5, []), (5, 8, [])]
)
def test_cut_out_names_what_is_left_out(vocab, start, end, kept):
    doc = make_doc(vocab, [FOUNDED, LOCATED])
    part = doc[start:end].as_doc(copy_user_data=True)
    with pytest.warns(UserWarning, match=rf"VW001\] {2 - len(kept)} relation"):
        relations = part._.relations
    assert relations == kept


def test_cut_out_without_the_evidence(vocab):
    relation = Relation(Argument(3, 4), Argument(4, 5), "X", evidence=Evidence((3, 2, 4), ("<a", "b"), "found"))
    part = make_doc(vocab, [relation])[3:6].as_doc(copy_user_data=True)
    assert part._.relations == [Relation(Argument(0, 1), Argument(1, 2), "X")]


def test_cut_out_of_a_merged_doc(vocab):
    merged = Doc.from_docs([make_doc(vocab, [FOUNDED]), make_doc(vocab), make_doc(vocab, [])])
    assert merged[0:8].as_doc(copy_user_data=True)._.relations == [FOUNDED]
    assert merged[8:16].as_doc(copy_user_data=True)._.relations is None
    with pytest.warns(UserWarning, match="VW001"):
        assert merged[16:24].as_doc(copy_user_data=True)._.relations == []


def test_a_part_merged_with_another_text_is_an_error(vocab):
    """What was annotated of the first Doc must not be taken for words of the second."""
    doc = Doc(vocab, words=["Ann", "met", "Bo", "in", "Oslo"])
    doc._.relations = [Relation(Argument(0, 1), Argument(4, 5), "VISITED")]
    merged = Doc.from_docs([doc[:3].as_doc(copy_user_data=True), Doc(vocab, words=["Nobody", "came", "to", "Rome"])])
    with pytest.raises(ValueError, match="VE006"):
        _ = merged._.relations
    with pytest.raises(ValueError, match="VE006"):
        annotated_regions(merged)
    merged._.relations = None
    assert merged._.relations is None


def test_cut_apart_and_put_together(vocab):
    doc = Doc.from_docs([make_doc(vocab), make_doc(vocab)])
    doc._.relations = [FOUNDED, shift(LOCATED, 8)]
    parts = [doc[0:8].as_doc(copy_user_data=True), doc[8:16].as_doc(copy_user_data=True)]
    together = Doc.from_docs(parts)
    assert together.text == doc.text
    assert together._.relations == [FOUNDED, shift(LOCATED, 8)]
    assert annotated_regions(together) == [(0, 16)]


def test_merged_tokens_cover_the_arguments(vocab):
    doc = make_doc(vocab, [FOUNDED, LOCATED])
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.merge(doc[3:5])
    founded, located = doc._.relations
    assert (founded.head, founded.tail) == (Argument(0, 1, "PERSON"), Argument(2, 3, "ORG"))
    assert founded.evidence == Evidence((0, 1, 2), ("<nsubj", "dobj"), "found")
    assert (located.head, located.tail) == (Argument(2, 3, "ORG"), Argument(4, 5, "GPE"))
    assert founded.head.resolve(doc).text == "Ada Quill"


def test_a_part_of_a_merged_token_grows_to_all_of_it(vocab):
    doc = make_doc(vocab, [LOCATED])
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[4:6])
    assert doc._.relations == [Relation(Argument(3, 5, "ORG"), Argument(5, 6, "GPE"), "LOCATED_IN")]
    assert doc._.relations[0].head.resolve(doc).text == "Bluefin Works in"


def test_split_tokens(vocab):
    doc = make_doc(vocab, [FOUNDED, LOCATED])
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[3], ["Blue", "fin"], heads=[(doc[3], 1), doc[2]])
    founded, located = doc._.relations
    assert founded.head == FOUNDED.head
    assert founded.tail.resolve(doc).text == "Bluefin Works"
    assert founded.evidence is not None
    assert founded.evidence.tokens == (1, 2, 5)
    assert (located.head, located.tail) == (Argument(3, 6, "ORG"), Argument(7, 8, "GPE"))


@pytest.mark.parametrize("relations", [None, []])
def test_retokenization_keeps_the_difference_of_none_and_empty(vocab, relations):
    doc = make_doc(vocab, relations)
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.split(doc[3], ["Blue", "fin"], heads=[(doc[3], 1), doc[2]])
    assert doc._.relations == relations
    assert annotated_regions(doc) == ([] if relations is None else [(0, 8)])


def test_align_to_other_tokens(vocab):
    source = make_doc(vocab)
    words = ["Ada Quill", "founded", "Bluefin", "Works in", "Del", "more", "."]
    target = Doc(vocab, words=words, spaces=[True, True, True, True, False, False, False])
    assert target.text == source.text
    person = Relation(Argument(0, 2, "PERSON"), Argument(6, 7, "GPE"), "LIVES_IN", evidence=FOUNDED.evidence)
    assert align_relations([person, FOUNDED], source, target) == [
        Relation(Argument(0, 1, "PERSON"), Argument(4, 6, "GPE"), "LIVES_IN"),
        None,
    ]
