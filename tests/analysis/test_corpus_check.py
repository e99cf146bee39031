from dataclasses import replace

import pytest
from spacy.tokens import Doc, DocBin

from spacy_vaedie.analysis.configured_gate import default_gate
from spacy_vaedie.analysis.corpus_check import check_corpus
from spacy_vaedie.models.constraints import build_schema
from spacy_vaedie.models.gates import build_entity_pairs, build_span_pairs

from .judged import ACME, ADA, BO, PARIS, VOCAB, WORDS, make_doc

ENTITIES = (ADA, ACME, PARIS, BO)


def text(triples, words=WORDS, *, parsed=True, entities=ENTITIES):
    doc = make_doc(triples, words, parsed=parsed)
    doc.ents = [argument.resolve(doc) for argument in entities]
    return doc


def other(name, triples):
    """The same text about somebody else."""
    return text(triples, [name, *WORDS[1:]])


@pytest.fixture
def save(tmp_path):
    def write(name, *docs):
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
        return tmp_path / f"{name}.spacy"

    return write


def levels(report, part="train"):
    return {check["kind"]: check["level"] for check in report["checks"] if check["part"] == part}


def found(report, kind):
    return next(check for check in report["checks"] if check["kind"] == kind)


def test_counts_by_hand(save):
    train = save(
        "train",
        text([(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN")]),
        other("Ida", [(ADA, ACME, "FOUNDED", 1.0, "negated")]),
        other("Mira", []),
        other("Tom", None),
        Doc(VOCAB),
    )
    report = check_corpus(train, min_examples=2)
    part = report["train"]
    assert (part["n_docs"], part["n_empty"], part["n_unannotated"], part["n_without_relations"]) == (5, 1, 1, 1)
    assert (part["n_tokens"], part["n_relations"], part["n_unparsed"]) == (28, 3, 0)
    assert part["labels"]["FOUNDED"] == {
        "n": 2,
        "n_docs": 2,
        "n_across_sentences": 0,
        "candidate_recall": 1.0,
        "types": [{"head": "PER", "tail": "ORG", "n": 2}],
    }
    assert part["entities"] == {"LOC": 4, "ORG": 4, "PER": 8}
    assert part["path_length"] == {"2": 2, "3": 1}
    assert part["distance"] == {"0-1": 2, "2-3": 1}
    assert part["polarities"] == {"negated": 1, "none": 2}
    assert (part["n_candidates"], part["candidate_recall"]) == (4 * 12, 1.0)
    assert report["dev"] is report["overlap"] is None
    assert report["ok"]
    assert levels(report) == {
        "annotated": "good",
        "relations": "good",
        "unannotated": "warning",
        "empty": "warning",
        "candidate_recall": "good",
        "few_examples": "warning",
    }
    assert "LIVES_IN (1)" in found(report, "few_examples")["message"]
    assert (report["n_errors"], report["n_warnings"]) == (0, 3)


def test_what_is_no_candidate(save):
    """An argument that is no entity, one with another label, and a span with itself."""
    triples = [
        (ADA, ACME, "FOUNDED"),
        (BO, ACME, "FOUNDED"),
        (replace(ADA, label="X"), PARIS, "LEFT"),
        (ADA, ADA, "IS"),
    ]
    report = check_corpus(save("train", text(triples, entities=(ADA, ACME, PARIS))))
    part = report["train"]
    assert part["n_not_entities"] == 2
    assert part["n_self"] == 1
    # A span counts by its tokens for the candidates, as it does in training.
    assert part["candidate_recall"] == 0.5
    assert part["labels"]["FOUNDED"]["candidate_recall"] == 0.5
    assert levels(report)["candidate_recall"] == "warning"
    assert found(report, "not_entities")["examples"] == ["text 1: 'Bo' FOUNDED 'Acme'", "text 1: 'Ada' LEFT 'Paris'"]
    nothing = check_corpus(save("none", text([(BO, ACME, "FOUNDED")], entities=(ADA, ACME))))
    assert levels(nothing)["candidate_recall"] == "error"


def test_spans_of_groups_are_arguments_too(save):
    doc = text([(ADA, BO, "KNOWS")], entities=())
    doc.spans["sc"] = [ADA.resolve(doc), BO.resolve(doc)]
    train = save("train", doc)
    assert check_corpus(train)["train"]["n_not_entities"] == 0
    gate = replace(default_gate(), propose=build_span_pairs("sc"))
    assert check_corpus(train, gate=gate)["train"]["candidate_recall"] == 1.0
    report = check_corpus(save("other", text([(ADA, BO, "KNOWS")])), gate=gate)
    assert report["train"]["candidate_recall"] is report["train"]["n_candidates"] is None
    assert "VE203" in found(report, "gate")["message"]
    assert not report["ok"]


def test_repeated_and_contradicting(save):
    report = check_corpus(
        save(
            "train",
            text([(ADA, ACME, "FOUNDED"), (ADA, ACME, "OWNS"), (ADA, ACME, "FOUNDED")]),
            other("Ida", [(ADA, ACME, "FOUNDED"), (BO, ACME, "LEFT")]),
            other("Ida", [(BO, ACME, "LEFT"), (ADA, ACME, "FOUNDED")]),
            other("Ida", []),
            other("Ida", None),
        )
    )
    part = report["train"]
    assert (part["n_repeated"], part["n_two_labels"]) == (1, 1)
    assert (part["n_repeated_texts"], part["n_contradicting_texts"]) == (3, 1)
    assert {"repeated", "two_labels", "repeated_texts", "contradicting_texts"} <= set(levels(report))
    assert report["ok"]
    several = replace(default_gate(), multi_label=True)
    assert "two_labels" not in levels(check_corpus(save("train", text([])), gate=several))


def test_across_sentences(save):
    doc = Doc(VOCAB, words=["Ada", "sings", "Bo", "sings"], heads=[1, 1, 3, 3], deps=["nsubj", "ROOT"] * 2)
    ada, bo = ADA, replace(BO, start=2, end=3)
    doc.ents = [ada.resolve(doc), bo.resolve(doc)]
    doc._.relations = [make_relation(ada, bo)]
    train = save("train", doc)
    report = check_corpus(train)
    assert report["train"]["n_across_sentences"] == report["train"]["labels"]["KNOWS"]["n_across_sentences"] == 1
    assert "from one sentence to another" in found(report, "candidate_recall")["message"]
    wider = replace(default_gate(), propose=build_entity_pairs(max_sentences=1))
    assert check_corpus(train, gate=wider)["train"]["candidate_recall"] == 1.0


def make_relation(head, tail, label="KNOWS"):
    (relation,) = make_doc([(ADA, BO, label)])._.relations
    return replace(relation, head=head, tail=tail)


def test_types_are_learned_in_training_alone(save):
    gate = replace(default_gate(), propose=build_entity_pairs(types="learned"))
    train = save("train", text([(ADA, ACME, "FOUNDED")]))
    dev = save("dev", other("Ida", [(ADA, ACME, "FOUNDED"), (ACME, PARIS, "BASED_IN")]))
    report = check_corpus(train, dev, gate=gate)
    assert report["gate"]["learned_types"] == [["PER", "ORG"]]
    assert report["train"]["n_candidates"] == 2
    assert (report["train"]["candidate_recall"], report["dev"]["candidate_recall"]) == (1.0, 0.5)


def test_against_a_schema(save):
    schema = build_schema(types={"FOUNDED": {"head": ["PER"], "tail": ["ORG"]}}, symmetric=["KNOWS"])
    gate = replace(default_gate(), schema=schema)
    train = save("train", text([(ADA, PARIS, "FOUNDED"), (ADA, BO, "KNOWS"), (BO, ADA, "KNOWS")]))
    part = check_corpus(train, gate=gate)["train"]
    # One fact in both directions is the same one twice.
    assert (part["n_against_schema"], part["n_repeated"]) == (1, 1)


def test_train_and_dev(save):
    train = save("train", text([(ADA, ACME, "FOUNDED")]), other("Ida", [(ADA, PARIS, "LIVES_IN")]))
    dev = save("dev", text([(ADA, ACME, "FOUNDED")]), other("Tom", [(BO, ACME, "LEFT")]))
    report = check_corpus(train, dev)
    assert report["overlap"] == {
        "n_texts": 1,
        "n_seen_pairs": 1,
        "labels_only_in_train": ["LIVES_IN"],
        "labels_only_in_dev": ["LEFT"],
    }
    kinds = levels(report, "dev")
    assert kinds["overlap"] == kinds["labels_only_in_dev"] == kinds["labels_only_in_train"] == "warning"
    assert report["ok"]
    apart = check_corpus(train, save("apart", other("Tom", [(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN")])))
    kinds = levels(apart, "dev")
    assert kinds["overlap"] == kinds["labels_only_in_dev"] == kinds["labels_only_in_train"] == "good"


@pytest.mark.parametrize(
    ("docs", "kind"),
    [
        ([], "annotated"),
        ([text(None)], "annotated"),
        ([text([])], "relations"),
        ([text([(ADA, ACME, "FOUNDED")], parsed=False)], "unparsed"),
    ],
)
def test_errors(save, docs, kind):
    report = check_corpus(save("train", *docs))
    assert levels(report)[kind] == "error"
    assert not report["ok"]
    assert report["n_errors"] == 1
    # In development data the pipeline parses anew; but what is not annotated scores nothing.
    report = check_corpus(save("good", other("Tom", [(ADA, ACME, "FOUNDED")])), save("dev", *docs))
    assert (levels(report, "dev")[kind] == "error") == (kind != "unparsed")


def test_a_parser_that_runs_in_training(save):
    train = save("train", text([(ADA, ACME, "FOUNDED")], parsed=False))
    report = check_corpus(train, gate=replace(default_gate(), parses=True))
    assert levels(report)["unparsed"] == "warning"
    assert report["train"]["path_length"] == {"unknown": 1}


def test_more_pairs_than_the_cap(save):
    gate = replace(default_gate(), propose=build_entity_pairs(max_pairs=4))
    report = check_corpus(save("train", text([(ADA, BO, "KNOWS")])), gate=gate)
    assert (report["train"]["n_candidates"], report["train"]["n_dropped"]) == (4, 8)
    assert levels(report)["dropped"] == "warning"


@pytest.mark.parametrize(("min_examples", "code"), [(-1, "VE107"), (1, "VE301")])
def test_what_is_refused(tmp_path, min_examples, code):
    with pytest.raises((ValueError, FileNotFoundError), match=rf"\[{code}\]"):
        check_corpus(tmp_path / "nowhere.spacy", min_examples=min_examples)
