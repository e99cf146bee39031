import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

import numpy as np
import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_vaedie.cli import app
from spacy_vaedie.cli.evaluate import entity_writers, evaluate
from spacy_vaedie.scorer import score_relations
from spacy_vaedie.tokens import Argument, Relation


@Language.factory("relate_neighbours", assigns=["doc._.relations"])
class RelateNeighbours:
    """Relates each entity with the next one."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.name = name

    def __call__(self, doc: Doc) -> Doc:
        arguments = [Argument(ent.start, ent.end, ent.label_) for ent in doc.ents]
        pairs = zip(arguments, arguments[1:], strict=False)
        doc._.relations = [Relation(head, tail, "WORKS_FOR", 0.9, "model") for head, tail in pairs]
        return doc

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        return score_relations(examples, candidates=self.candidates)

    def candidates(self, doc: Doc) -> Any:
        relations: List[Relation] = doc._.relations
        rows = [[r.head.start, r.head.end, r.tail.start, r.tail.end] for r in relations]
        return np.array(rows, dtype="int32").reshape(-1, 4)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    # "Acme" is not found, and "Ada" and "Globex" are
    ruler.add_patterns([{"label": "PER", "pattern": "Ada"}, {"label": "ORG", "pattern": "Globex"}])
    nlp.add_pipe("relate_neighbours")
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    docs = DocBin(store_user_data=True)
    for text in ("Ada joined Globex yesterday", "Ada joined Acme yesterday"):
        doc = nlp(text)
        doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="ORG")]
        doc._.relations = [Relation(Argument(0, 1, "PER"), Argument(2, 3, "ORG"), "WORKS_FOR")]
        docs.add(doc)
    docs.add(nlp("Ada left Globex"))  # not annotated
    docs.to_disk(tmp_path / "data.spacy")
    return tmp_path / "data.spacy"


def test_end_to_end_misses_what_the_entities_miss(model: Path, data: Path) -> None:
    scores = evaluate(str(model), data)
    assert (scores["rels_p"], scores["rels_r"]) == (1.0, 0.5)
    assert scores["rels_candidate_recall"] == 0.5
    assert scores["gold_entities"] is False
    assert scores["disabled"] == []
    assert (scores["n_docs"], scores["n_unannotated"]) == (2, 1)


def test_gold_entities_are_not_overwritten(model: Path, data: Path) -> None:
    scores = evaluate(str(model), data, gold_entities=True)
    assert (scores["rels_p"], scores["rels_r"]) == (1.0, 1.0)
    assert scores["rels_candidate_recall"] == 1.0
    assert scores["gold_entities"] is True
    assert scores["disabled"] == ["entity_ruler"]
    assert not {name for name in scores if name.startswith("ents")}


def test_the_report_says_where_it_is_wrong(model: Path, data: Path) -> None:
    report = evaluate(str(model), data, train=data, n_bootstrap=20)
    assert report["counts"] == {"n_documents": 2, "n_gold": 2, "n_predicted": 1, "n_right": 1}
    (error,) = report["errors"]
    assert (error["kind"], error["gold"]["tail"]["text"], error["text"]) == (
        "missed",
        "Acme",
        "Ada joined Acme yesterday",
    )
    assert report["slices"]["pairs"] == [
        {"bin": "seen", "n_gold": 2, "n_predicted": 1, "n_right": 1, "p": 1.0, "r": 0.5, "f": 2 / 3}
    ]
    assert report["intervals"]["scores"]["rels_r"] == [0.0, 1.0]
    assert report["comparison"] is None
    assert evaluate(str(model), data, n_bootstrap=0, n_errors=0)["errors"] == []


def test_compared_with_itself_and_another(tmp_path: Path, model: Path, data: Path) -> None:
    found = evaluate(str(model), data, compare=str(model), n_bootstrap=50)["comparison"]
    assert found["model"] == str(model)
    assert found["scores"]["rels_f"]["p_value"] == 1.0
    assert found["found"] == {"both": 1, "this": 0, "other": 0, "neither": 1}
    other = spacy.load(model)
    other.get_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Acme"}])  # type: ignore[attr-defined]
    other.to_disk(tmp_path / "other")
    found = evaluate(str(model), data, compare=str(tmp_path / "other"), n_bootstrap=50)["comparison"]
    assert found["scores"]["rels_r"]["difference"] == -0.5
    assert found["found"] == {"both": 1, "this": 0, "other": 1, "neither": 0}
    # With the entities given, the two are the same.
    found = evaluate(str(model), data, True, compare=str(tmp_path / "other"), n_bootstrap=50)["comparison"]
    assert found["scores"]["rels_r"]["difference"] == 0.0
    output = tmp_path / "report.json"
    flags = ["--compare", str(tmp_path / "other"), "--train", str(data), "--n-bootstrap", "50", "--output", str(output)]
    result = CliRunner().invoke(app, ["evaluate", str(model), str(data), *flags])
    assert result.exit_code == 0, result.stdout
    for word in (
        "Compared with",
        "difference",
        "the other alone",
        "annotated / predicted",
        "seen",
        "'Acme' (ORG)",
    ):
        assert word in result.stdout
    assert srsly.read_json(output)["comparison"]["scores"]["rels_r"]["difference"] == -0.5
    spacy.blank("en").to_disk(tmp_path / "blank")
    result = CliRunner().invoke(app, ["evaluate", str(model), str(data), "--compare", str(tmp_path / "blank")])
    assert result.exit_code == 1
    assert "VE402" in result.stdout


def test_gold_relations_do_not_leak(tmp_path: Path, data: Path) -> None:
    nlp = spacy.blank("en")

    @Language.factory("relates_nothing")
    class RelatesNothing(RelateNeighbours):
        def __call__(self, doc: Doc) -> Doc:
            return doc

        def candidates(self, doc: Doc) -> Any:
            return np.zeros((0, 4), dtype="int32")

    nlp.add_pipe("relates_nothing")
    nlp.to_disk(tmp_path / "nothing")
    for gold_entities in (False, True):
        assert evaluate(str(tmp_path / "nothing"), data, gold_entities)["rels_r"] == 0.0


@pytest.mark.parametrize("gold_entities", [False, True])
def test_calibration_error(monkeypatch: pytest.MonkeyPatch, model: Path, data: Path, gold_entities: bool) -> None:
    """Of predicted entities, it is that of pairs whose spans are annotated with their labels."""

    class Sure:
        def calibration_error(self, examples: List[Example], strict: bool) -> float:
            n_entities = [len(example.predicted.ents) for example in examples]
            assert n_entities == ([2, 2, 0] if gold_entities else [2, 1, 2])
            return 0.25 if strict else 0.5

    module = sys.modules["spacy_vaedie.cli.evaluate"]
    monkeypatch.setattr(module, "calibrated_pipes", lambda nlp: [("relate_neighbours", Sure())])
    scores = evaluate(str(model), data, gold_entities, n_errors=0)
    assert scores["rels_calibration_error"] == (0.5 if gold_entities else 0.25)


def test_entity_writers() -> None:
    nlp = spacy.blank("en")
    for name in ("sentencizer", "ner", "entity_ruler", "spancat", "span_ruler", "relate_neighbours"):
        nlp.add_pipe(name)
    assert entity_writers(nlp) == ["ner", "entity_ruler", "spancat", "span_ruler"]


@pytest.mark.parametrize("gold_entities", [False, True])
def test_command(tmp_path: Path, model: Path, data: Path, gold_entities: bool) -> None:
    output = tmp_path / "new" / "metrics.json"
    flags = ["--gold-entities"] if gold_entities else []
    result = CliRunner().invoke(app, ["evaluate", str(model), str(data), "--output", str(output), *flags])
    assert result.exit_code == 0, result.stdout
    recall = "100.00" if gold_entities else "50.00"
    assert f"Candidate recall: {recall}" in result.stdout
    source = "annotated" if gold_entities else "predicted"
    for word in ("texts: 2", "not annotated: 1", "strict", "boundaries", "macro", "WORKS_FOR", f"{source} entities"):
        assert word in result.stdout
    assert ("entity_ruler" in result.stdout) == gold_entities
    metrics = srsly.read_json(output)
    assert metrics["gold_entities"] is gold_entities
    assert metrics["rels_r"] == float(recall) / 100
    assert metrics["rels_per_type"]["WORKS_FOR"]["p"] == 1.0


@pytest.mark.parametrize(
    ("missing", "code"), [("model", "E050"), ("data", "VE301"), ("extractor", "VE402"), ("annotation", "VE310")]
)
def test_failures_have_a_code_and_no_traceback(
    tmp_path: Path, model: Path, data: Path, missing: str, code: str
) -> None:
    model_path: Optional[Path] = model
    if missing == "model":
        model_path = tmp_path / "nowhere"
    elif missing == "data":
        data = tmp_path / "nowhere.spacy"
    elif missing == "extractor":
        spacy.blank("en").to_disk(model)
    else:
        DocBin(docs=[spacy.blank("en")("Ada slept")], store_user_data=True).to_disk(data)
    result = CliRunner().invoke(app, ["evaluate", str(model_path), str(data)])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert code in result.stdout
