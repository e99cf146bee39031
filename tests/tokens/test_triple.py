import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_vaedie.tokens import Argument, Triple

from . import round_trips

# Ada Quill founded Bluefin Works in Delmore.
#  0    1      2      3       4    5    6    7
FOUNDED = Triple(
    Argument(0, 2, "subject"),
    (2, 5),
    (Argument(6, 7, "oblique"), Argument(3, 5, "object")),
    pattern="main_oblique",
    polarity="negated",
    confidence=0.625,
)
IMPLIED = Triple(Argument(0, 2), (), (Argument(3, 5),), implied="is")
ALONE = Triple(Argument(3, 5), (2,))
STATES = [None, [], [FOUNDED, IMPLIED, ALONE]]


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def make_doc(vocab, triples=None):
    words = ["Ada", "Quill", "founded", "Bluefin", "Works", "in", "Delmore", "."]
    doc = Doc(vocab, words=words, spaces=[True] * 6 + [False, False])
    doc._.triples = triples
    return doc


def shift(triple, n):
    def move(argument):
        return Argument(argument.start + n, argument.end + n, argument.label)

    return Triple(
        move(triple.subject),
        tuple(i + n for i in triple.relation),
        tuple(map(move, triple.objects)),
        triple.implied,
        triple.pattern,
        triple.polarity,
        triple.confidence,
    )


@Language.component("test_triples_by_text")
def triples_by_text(doc):
    doc._.triples = {"n": None, "e": [], "r": [Triple(Argument(0, 1), (1,))]}[doc.text[0]]
    return doc


def test_a_new_doc_was_not_searched(vocab):
    doc = Doc(vocab, words=["Hello"])
    assert doc._.triples is None
    assert doc.user_data == {}


@pytest.mark.parametrize("triples", STATES)
def test_get_what_was_set(vocab, triples):
    doc = make_doc(vocab, [ALONE])
    doc._.triples = triples
    assert doc._.triples == triples


def test_each_call_gives_a_new_list(vocab):
    doc = make_doc(vocab, [FOUNDED])
    doc._.triples.append(ALONE)
    assert doc._.triples == [FOUNDED]


def test_triples_and_relations_stand_apart(vocab):
    doc = make_doc(vocab, [FOUNDED])
    assert doc._.relations is None
    doc._.relations = []
    doc._.triples = None
    assert doc._.relations == []


def test_texts(vocab):
    doc = make_doc(vocab)
    assert FOUNDED.texts(doc) == ("Ada Quill", "founded in", "Delmore", "Bluefin Works")
    assert IMPLIED.texts(doc) == ("Ada Quill", "is", "Bluefin Works")
    assert ALONE.texts(doc) == ("Bluefin Works", "founded")
    assert FOUNDED.objects[1].resolve(doc).label_ == "object"


def test_texts_of_a_language_without_spaces(vocab):
    doc = Doc(vocab, words=["他", "在", "北京", "工作"], spaces=[False] * 4)
    assert Triple(Argument(0, 1), (1, 3), (Argument(2, 3),)).texts(doc) == ("他", "在工作", "北京")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": Argument(7, 9)},
        {"subject": Argument(2, 2)},
        {"relation": (8,)},
        {"relation": (-1,)},
        {"objects": (Argument(3, 5), Argument(-1, 2))},
        {"objects": (Argument(5, 4),)},
    ],
)
def test_triples_must_fit(vocab, fields):
    doc = make_doc(vocab, [ALONE])
    with pytest.raises(ValueError, match="VE021"):
        doc._.triples = [FOUNDED, Triple(**{"subject": Argument(0, 1), "relation": (2,), **fields})]
    assert doc._.triples == [ALONE]


@pytest.mark.parametrize("value", ["FOUNDED", FOUNDED, {"triples": []}, [(0, 1)], [None], 3])
def test_only_triples_may_be_set(vocab, value):
    with pytest.raises(ValueError, match="VE022"):
        make_doc(vocab)._.triples = value


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"relation": ()}, "VE023.*relation"),
        ({"objects": [Argument(0, 1)]}, "VE023.*objects"),
        ({"confidence": 1.5}, "VE023.*confidence"),
        ({"confidence": None}, "VE023.*confidence"),
        ({"polarity": "maybe"}, "VE005.*negated"),
    ],
)
def test_fields_have_types(fields, code):
    with pytest.raises(ValueError, match=code):
        Triple(**{"subject": Argument(0, 1), "relation": (1,), **fields})


def test_triples_cannot_be_changed():
    with pytest.raises(AttributeError):
        FOUNDED.confidence = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("triples", STATES)
@pytest.mark.parametrize("carry", round_trips.ALL)
def test_round_trip(vocab, tmp_path, carry, triples):
    assert carry(make_doc(vocab, triples), tmp_path)._.triples == triples


@pytest.mark.parametrize("triples", [None, []])
@pytest.mark.parametrize("carry", round_trips.ALL)
@pytest.mark.parametrize("words", [[], [" "]])
def test_round_trip_without_words(vocab, tmp_path, carry, triples, words):
    doc = Doc(vocab, words=words, spaces=[False] * len(words))
    doc._.triples = triples
    assert carry(doc, tmp_path)._.triples == triples


def test_workers_send_triples_back():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_triples_by_text")
    docs = list(nlp.pipe(["none of it", "empty it is", "rocks make walls"], n_process=2, batch_size=1))
    assert [doc._.triples for doc in docs] == [None, [], [Triple(Argument(0, 1), (1,))]]


@pytest.mark.parametrize("ensure_whitespace", [True, False])
def test_merge_moves_offsets(vocab, ensure_whitespace):
    parts = [make_doc(vocab, [FOUNDED, IMPLIED]), make_doc(vocab), make_doc(vocab, []), make_doc(vocab, [ALONE])]
    merged = Doc.from_docs(parts, ensure_whitespace=ensure_whitespace)
    assert merged._.triples == [FOUNDED, IMPLIED, shift(ALONE, 24)]
    assert merged._.triples[2].texts(merged) == ("Bluefin Works", "founded")


def test_merge_of_none_and_of_nothing_found(vocab):
    assert Doc.from_docs([make_doc(vocab), make_doc(vocab)])._.triples is None
    assert Doc.from_docs([make_doc(vocab), make_doc(vocab, [])])._.triples == []
    empty = Doc(vocab)
    empty._.triples = []
    assert Doc.from_docs([empty, make_doc(vocab)])._.triples is None


def test_cut_out_names_what_is_left_out(vocab):
    part = make_doc(vocab, [FOUNDED, ALONE])[2:5].as_doc(copy_user_data=True)
    with pytest.warns(UserWarning, match=r"VW002\] 1 triple"):
        assert part._.triples == [shift(ALONE, -2)]


def test_a_part_merged_with_another_text_is_an_error(vocab):
    part = make_doc(vocab, [FOUNDED])[:3].as_doc(copy_user_data=True)
    merged = Doc.from_docs([part, Doc(vocab, words=["Nobody", "came", "to", "the", "old", "town", "hall"])])
    with pytest.raises(ValueError, match="VE006"):
        _ = merged._.triples


def test_merged_and_split_tokens(vocab):
    doc = make_doc(vocab, [FOUNDED, IMPLIED])
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.split(doc[3], ["Blue", "fin"], heads=[(doc[3], 1), doc[2]])
    founded, implied = doc._.triples
    assert founded.texts(doc) == ("Ada Quill", "founded in", "Delmore", "Bluefin Works")
    assert (founded.subject, founded.relation) == (Argument(0, 1, "subject"), (1, 5))
    assert implied.texts(doc) == ("Ada Quill", "is", "Bluefin Works")
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:6])
    # both words of the phrase are one token now
    assert doc._.triples[0].relation == (1,)
