import pytest
import spacy
from spacy.tokens import Doc

from spacy_vaedie.analysis.suggest import suggest_patterns
from spacy_vaedie.tokens import Argument, Relation

from ..pipeline.helpers import FACTS, annotated_docs

ADA, WORKS = Argument(0, 1, "PER"), Argument(2, 3, "ORG")


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


def make_doc(vocab, verb="founded", label="FOUNDED", lemma=None, ents=(ADA, WORKS), **parse):
    """Ada founded Acme ."""
    parse = {"heads": [1, 1, 1, 1], "deps": ["nsubj", "ROOT", "dobj", "punct"], **parse}
    lemmas = ["Ada", verb if lemma is None else lemma, "Acme", "."]
    doc = Doc(vocab, words=["Ada", verb, "Acme", "."], lemmas=lemmas, pos=["PROPN", "VERB", "PROPN", "PUNCT"], **parse)
    doc.ents = [argument.resolve(doc) for argument in ents]
    doc._.relations = [Relation(ADA, WORKS, label)] if label else []
    return doc


def test_one_pattern(vocab):
    docs = [make_doc(vocab), make_doc(vocab), make_doc(vocab, label=""), make_doc(vocab, verb="left", label="LEFT")]
    docs.append(make_doc(vocab))
    docs[-1]._.relations = None
    suggestions = suggest_patterns(docs)
    assert suggestions.patterns == [
        {
            "label": "FOUNDED",
            "precision": 0.667,
            "support": 2,
            "matches": 3,
            "head": "head",
            "tail": "tail",
            "pattern": [
                {"RIGHT_ID": "trigger", "RIGHT_ATTRS": {"LEMMA": "founded"}},
                {
                    "LEFT_ID": "trigger",
                    "REL_OP": ">",
                    "RIGHT_ID": "head",
                    "RIGHT_ATTRS": {"DEP": "nsubj", "ENT_TYPE": "PER"},
                },
                {
                    "LEFT_ID": "trigger",
                    "REL_OP": ">",
                    "RIGHT_ID": "tail",
                    "RIGHT_ATTRS": {"DEP": "dobj", "ENT_TYPE": "ORG"},
                },
            ],
            "example": "Ada founded Acme .",
        }
    ]
    assert suggestions.relations == {"FOUNDED": 2, "LEFT": 1}
    assert suggestions.covered == {"FOUNDED": 2, "LEFT": 0}
    assert suggestions.left_out == {"path too rare": 1}


def test_the_ruler_finds_what_was_promised(en):
    """Invented sentences with the real parser: support and precision are those of the ruler itself."""
    docs = annotated_docs(en)
    suggestions = suggest_patterns(docs, min_support=1, min_precision=0.0, max_length=6)
    ruler = spacy.blank("en", vocab=en.vocab).add_pipe("relation_ruler", config={"spans": ["entity"]})
    for pattern in suggestions.patterns:
        ruler.clear()
        ruler.add_patterns([pattern])
        found = {(i, r.head, r.tail) for i, doc in enumerate(docs) for r in ruler.match(doc)}
        gold = {
            (i, r.head, r.tail) for i, doc in enumerate(docs) for r in doc._.relations if r.label == pattern["label"]
        }
        assert (pattern["matches"], pattern["support"]) == (len(found), len(found & gold)), pattern
    assert sum(suggestions.covered.values()) == sum(len(facts) for _, facts in FACTS)
    ruler.add_patterns(suggestions.patterns)
    assert ruler.unmatched(docs) == []


def test_what_is_not_a_lemma(vocab):
    """Arguments that are no entities, words without lemma, names on the path."""
    docs = [make_doc(vocab, lemma="", ents=()) for _ in range(2)]
    (pattern,) = suggest_patterns(docs).patterns
    assert [node["RIGHT_ATTRS"] for node in pattern["pattern"]] == [
        {"LOWER": "founded"},
        {"DEP": "nsubj", "POS": "PROPN"},
        {"DEP": "dobj", "POS": "PROPN"},
    ]
    chain = {"heads": [1, 1, 1, 2], "deps": ["nmod", "ROOT", "appos", "punct"]}
    (pattern,) = suggest_patterns([make_doc(vocab, ents=(Argument(1, 2, "LOC"),), **chain) for _ in range(2)]).patterns
    assert pattern["pattern"][0]["RIGHT_ATTRS"] == {"ENT_TYPE": "LOC"}


@pytest.mark.parametrize(("pos", "attrs"), [("NOUN", {"POS": "NOUN"}), ("", {"DEP": "ROOT"})])
def test_no_node_matches_any_word(vocab, pos, attrs):
    """Arguments without a type that are no entities, as topmost tokens of their path."""
    docs = [make_doc(vocab, ents=(), heads=[0, 0, 0, 0], deps=["ROOT", "dep", "dobj", "punct"]) for _ in range(2)]
    for doc in docs:
        doc[0].pos_ = pos
        doc._.relations = [Relation(Argument(0, 1), Argument(2, 3), "OF")]
    (pattern,) = suggest_patterns(docs).patterns
    assert [node["RIGHT_ATTRS"] for node in pattern["pattern"]] == [attrs, {"DEP": "dobj", "POS": "PROPN"}]


def test_the_head_above_the_tail(vocab):
    parse = {"heads": [0, 2, 0, 0], "deps": ["ROOT", "det", "appos", "punct"]}
    (pattern,) = suggest_patterns([make_doc(vocab, **parse) for _ in range(2)]).patterns
    assert [node["RIGHT_ID"] for node in pattern["pattern"]] == ["head", "tail"]
    assert pattern["pattern"][1] == {
        "LEFT_ID": "head",
        "REL_OP": ">",
        "RIGHT_ID": "tail",
        "RIGHT_ATTRS": {"DEP": "appos", "ENT_TYPE": "ORG"},
    }


@pytest.mark.parametrize(
    ("changes", "settings", "reason"),
    [
        ({"heads": [0, 1, 2, 2], "deps": ["ROOT", "ROOT", "ROOT", "punct"]}, {}, "no path in one sentence: 2"),
        # Parses in a circle, from other parsers.
        ({"heads": [1, 0, 1, 1]}, {}, "no path in one sentence: 2"),
        ({"heads": [1, 2, 1, 1]}, {}, "no path in one sentence: 2"),
        ({}, {"max_length": 2}, "path too long: 2"),
        ({}, {"min_support": 3}, "path too rare: 2"),
        ({}, {"min_precision": 0.7}, "path too imprecise: 2"),
        ({"label": ""}, {}, "no relation at all"),
    ],
)
def test_what_is_left_out_is_told(vocab, changes, settings, reason):
    docs = [make_doc(vocab, **changes) for _ in range(2)] + [make_doc(vocab, label="")]
    with pytest.raises(ValueError, match=f"VE505.*{reason}"):
        suggest_patterns(docs, **settings)


def test_arguments_with_the_same_root_have_no_path(vocab):
    docs = [make_doc(vocab) for _ in range(2)]
    for doc in docs:
        doc._.relations = [*doc._.relations, Relation(Argument(2, 4), WORKS, "PART")]
    suggestions = suggest_patterns(docs)
    assert [pattern["label"] for pattern in suggestions.patterns] == ["FOUNDED"]
    assert suggestions.covered == {"FOUNDED": 2, "PART": 0}


def test_other_parts_of_merged_docs_do_not_count(vocab):
    """An unannotated part is no counter-example."""
    other = make_doc(vocab)
    other._.relations = None
    (pattern,) = suggest_patterns([Doc.from_docs([make_doc(vocab), make_doc(vocab), other])]).patterns
    assert (pattern["support"], pattern["matches"]) == (2, 2)


def test_no_parse(vocab):
    doc = Doc(vocab, words=["Ada", "founded", "Acme", "."])
    doc._.relations = []
    docs = [make_doc(vocab), make_doc(vocab), doc]
    assert len(suggest_patterns(docs).patterns) == 1
    doc._.relations = [Relation(ADA, WORKS, "FOUNDED")]
    with pytest.raises(ValueError, match="VE504.*Ada founded"):
        suggest_patterns(docs)
