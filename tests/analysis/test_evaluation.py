import json

import pytest
import spacy

from spacy_vaedie.analysis.evaluation import evaluate_examples, find_canonical, run_pipeline
from spacy_vaedie.scorer import score_relations

from .judged import ACME, ADA, BO, PARIS, judged, make_doc

KEYS = {
    "n_docs",
    "n_unannotated",
    "counts",
    "labels",
    "confusion",
    "intervals",
    "slices",
    "error_kinds",
    "errors",
}


def examples():
    return [
        judged([(ADA, ACME, "FOUNDED", 0.9)], [(ADA, ACME, "FOUNDED")], doc="a"),
        judged([(ADA, PARIS, "FOUNDED", 0.8)], [(ADA, PARIS, "LIVES_IN"), (BO, ACME, "FOUNDED")], doc="a"),
        judged([], [], doc="b"),
        judged([(ADA, BO, "KNOWS")], None),
    ]


def test_report_by_hand():
    report = evaluate_examples(examples(), seen={frozenset({"ada", "acme"})}, n_bootstrap=100)
    assert {name for name in report if not name.startswith("rels_")} == KEYS
    assert {name: report[name] for name in score_relations([])} == score_relations(examples())
    assert (report["n_docs"], report["n_unannotated"]) == (3, 1)
    assert report["counts"] == {"n_documents": 2, "n_gold": 3, "n_predicted": 2, "n_right": 1}
    founded = report["labels"]["FOUNDED"]
    assert (founded["p"], founded["r"], founded["f"]) == (0.5, 0.5, 0.5)
    assert (founded["n_gold"], founded["n_predicted"], founded["n_right"]) == (2, 2, 1)
    assert report["confusion"] == {
        "labels": ["FOUNDED", "LIVES_IN", "none"],
        "matrix": [[1, 0, 1], [1, 0, 0], [0, 0, 0]],
    }
    assert report["error_kinds"] == {"spurious": 0, "missed": 1, "label": 1, "direction": 0, "arguments": 0}
    assert [error["kind"] for error in report["errors"]] == ["missed", "label"]
    assert report["intervals"]["n_documents"] == 2
    assert report["slices"]["pairs"][0]["bin"] == "seen"
    assert json.loads(json.dumps(report)) == report, "plain JSON, no numbers of NumPy"


@pytest.mark.parametrize(
    ("predicted", "gold", "n_right"),
    [
        ([], [(ADA, BO, "KNOWS")], 0),
        (None, [(ADA, BO, "KNOWS")], 0),
        ([(ADA, BO, "KNOWS")], [], 0),
        ([], [], 0),
        ([(ADA, BO, "KNOWS")], [(ADA, BO, "KNOWS")], 1),
    ],
)
@pytest.mark.parametrize("n", [1, 3])
def test_one_side_is_empty(predicted, gold, n_right, n):
    report = evaluate_examples([judged(predicted, gold) for _ in range(n)], n_bootstrap=10)
    assert report["counts"]["n_right"] == n * n_right
    assert (report["intervals"] is None) == (n == 1)
    assert report["rels_f"] == n_right
    if n > 1:
        assert report["intervals"]["scores"]["rels_f"] == [n_right, n_right]


def test_nothing_is_annotated():
    report = evaluate_examples([judged([(ADA, BO, "KNOWS")], None)])
    assert report["n_docs"] == 0
    assert report["rels_f"] is report["intervals"] is None
    assert report["errors"] == []
    assert report["confusion"] == {"labels": ["none"], "matrix": [[0]]}
    assert evaluate_examples([])["counts"]["n_documents"] == 0


def pipeline(**schema):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    block = {"@misc": "spacy-vaedie.Schema.v1", **schema} if schema else None
    nlp.add_pipe("relation_ruler", config={"schema": block})
    return nlp


@pytest.mark.filterwarnings(r"ignore:\[VW231\]")
def test_the_examples_are_left_as_they_are():
    nlp = pipeline()
    given = [judged(None, [(ADA, BO, "KNOWS")])]
    given[0].predicted = nlp.make_doc(given[0].reference.text)
    found, scores = run_pipeline(nlp, given)
    assert given[0].predicted is not found[0].predicted
    assert not given[0].predicted.has_annotation("SENT_START")
    assert found[0].predicted.has_annotation("SENT_START")
    assert scores["rels_r"] == 0.0
    assert all(name.startswith("rels_") for name in scores)
    assert run_pipeline(nlp, given, ["relation_ruler"])[1] == {}
    assert nlp.pipe_names == ["sentencizer", "relation_ruler"]


def test_the_form_of_facts():
    assert find_canonical(spacy.blank("en")) is None
    assert find_canonical(pipeline()) is None
    assert find_canonical(pipeline(functional=["KNOWS"])) is None
    canonical = find_canonical(pipeline(symmetric=["KNOWS"]))
    (relation,) = make_doc([(BO, ADA, "KNOWS")])._.relations
    assert canonical(relation).head == ADA
