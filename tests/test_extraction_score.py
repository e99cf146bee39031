import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional

import pytest
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from typer.testing import CliRunner, Result

from spacy_vaedie.scorer import score_relations
from spacy_vaedie.tokens import Argument, Relation

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import score_extraction  # noqa: E402

WORDS = ["Ada", "left", "Oslo", "and", "Bergen"]
PERSON, OSLO, BERGEN = Argument(0, 1, "PER"), Argument(2, 3, "LOC"), Argument(4, 5, "LOC")


@Language.factory("pairs_first_with_rest", assigns=["doc._.relations"])
class Pairs:
    """Relates the first entity or span to all others."""

    def __init__(self, nlp: Language, name: str) -> None:
        pass

    def __call__(self, doc: Doc) -> Doc:
        head, *tails = [Argument(s.start, s.end, s.label_) for s in doc.spans.get("sc", doc.ents)]
        doc._.relations = [Relation(head, tail, "LEFT", 0.9, "model") for tail in tails]
        return doc

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        return score_relations(examples, candidates=lambda doc: [[0, 1, 2, 3]])


def write_test_set(path: Path, key: Optional[str] = None) -> None:
    doc = Doc(spacy.blank("en").vocab, words=WORDS, heads=[1, 1, 1, 2, 2], deps=["nsubj", "ROOT", "dobj", "cc", "conj"])
    spans = [Span(doc, item.start, item.end, label=item.label) for item in (PERSON, OSLO, BERGEN)]
    if key is None:
        doc.ents = spans
    else:
        doc.spans[key] = [*spans, Span(doc, 2, 5, label="ROUTE")]
    doc._.relations = [Relation(PERSON, OSLO, "LEFT"), Relation(PERSON, BERGEN, "LEFT")]
    DocBin(docs=[doc], store_user_data=True).to_disk(path)


def write_seed(folder: Path, names: Dict[str, str], key: Optional[str] = None) -> None:
    nlp = spacy.blank("en")
    scorer = {"@scorers": "spacy.overlapping_labeled_spans_scorer.v1", "spans_key": key}
    config = {} if key is None else {"spans_key": key, "scorer": scorer}
    ruler = nlp.add_pipe("entity_ruler" if key is None else "span_ruler", config=config)
    ruler.add_patterns([{"label": label, "pattern": name} for name, label in names.items()])
    nlp.add_pipe("pairs_first_with_rest")
    folder.mkdir(parents=True)
    nlp.to_disk(folder / "model-best")


def run_score(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(score_extraction.main)
    return CliRunner().invoke(app, list(arguments))


def read_means(path: Path) -> Dict[str, float]:
    metrics = srsly.read_json(path)
    assert all(item["split"] == "test" for item in metrics["records"])
    return {item["figure"]: item["mean"] for item in metrics["records"]}


def test_every_figure_and_gold_entities_beside_predicted_ones(tmp_path: Path) -> None:
    write_test_set(tmp_path / "test.spacy")
    write_seed(tmp_path / "arm" / "seed-0", {"Ada": "PER", "Oslo": "LOC", "Bergen": "PER"})
    out = tmp_path / "metrics" / "x.json"
    result = run_score(str(tmp_path / "test.spacy"), str(out), f"--arm=default={tmp_path / 'arm'}")
    assert result.exit_code == 0, result.stdout
    assert read_means(out) == pytest.approx(
        {
            # two of three predicted and annotated ones
            "entity_strict_micro_f1": 200 / 3,
            # PER: one of two predicted is right; LOC: one of two annotated is found
            "entity_strict_macro_f1": 200 / 3,
            # Bergen has a wrong type, so that one of two is right
            "relation_strict_micro_f1": 50.0,
            "relation_strict_macro_f1": 50.0,
            "relation_boundaries_micro_f1": 100.0,
            "relation_gold_entities_micro_f1": 100.0,
            "candidate_recall": 50.0,
        }
    )


def test_span_groups_and_chosen_figures(tmp_path: Path) -> None:
    write_test_set(tmp_path / "test.spacy", "sc")
    for seed, names in enumerate([{"Ada": "PER", "Oslo": "LOC"}, {"Ada": "PER", "Bergen": "LOC", "Oslo": "LOC"}]):
        write_seed(tmp_path / "arm" / f"seed-{seed}", names, "sc")
        (tmp_path / "arm" / f"seed-{seed}" / "seconds.txt").write_text("7")
    out = tmp_path / "x.json"
    figures = ["entity_strict_micro_f1", "entity_strict_macro_f1", "relation_boundaries_micro_f1"]
    result = run_score(
        str(tmp_path / "test.spacy"),
        str(out),
        f"--arm=default={tmp_path / 'arm'}",
        *(f"--figure={name}" for name in figures),
        "--command=make scierc",
    )
    assert result.exit_code == 0, result.stdout
    assert srsly.read_json(out)["command"] == "make scierc"
    means = read_means(out)
    assert list(means) == [*figures, "seconds"]
    assert means["entity_strict_micro_f1"] == pytest.approx(100 * (2 * 2 / 6 + 2 * 3 / 7) / 2)
    # a type that is never found counts as zero
    assert means["entity_strict_macro_f1"] == pytest.approx(100 * ((1 + 2 / 3 + 0) / 3 + (1 + 1 + 0) / 3) / 2)
    assert means["relation_boundaries_micro_f1"] == pytest.approx(100 * (2 / 3 + 1) / 2)


def test_failures_have_a_code(tmp_path: Path) -> None:
    write_test_set(tmp_path / "test.spacy")
    write_seed(tmp_path / "arm" / "seed-0", {"Ada": "PER"})
    (tmp_path / "bare" / "seed-0").mkdir(parents=True)
    spacy.blank("en").to_disk(tmp_path / "bare" / "seed-0" / "model-best")
    cases: List[List[str]] = [
        ["test.spacy", "arm", "accuracy", "VE005"],
        ["test.spacy", "bare", "relation_strict_micro_f1", "VE402"],
        ["gone.spacy", "arm", "relation_strict_micro_f1", "VE301"],
        ["test.spacy", "gone", "relation_strict_micro_f1", "VE301"],
    ]
    for test, arm, figure, code in cases:
        out = tmp_path / "x.json"
        result = run_score(str(tmp_path / test), str(out), f"--arm=a={tmp_path / arm}", f"--figure={figure}")
        assert result.exit_code == 1
        assert code in result.stdout
        assert not out.exists()
