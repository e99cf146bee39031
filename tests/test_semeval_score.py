import sys
from pathlib import Path
from typing import List, Optional, Tuple

import pytest
import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner, Result

from spacy_vaedie.tokens import Argument, Relation

SCRIPTS = Path(__file__).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import score_semeval  # noqa: E402

FIRST, SECOND = Argument(1, 2, "NOMINAL"), Argument(4, 5, "NOMINAL")
# The word between the nominals decides what the test component answers.
SENTENCES: List[Tuple[str, Optional[Relation]]] = [
    ("causes", Relation(FIRST, SECOND, "Cause-Effect")),
    ("caused_by", Relation(SECOND, FIRST, "Cause-Effect")),
    ("holds", Relation(FIRST, SECOND, "Content-Container")),
    ("near", None),
]


@Language.factory("semeval_answers", default_config={"known": ["causes"]})
class Answers:
    def __init__(self, nlp: Language, name: str, known: List[str]) -> None:
        self.known = known

    def __call__(self, doc: Doc) -> Doc:
        # without the annotated nominals there is nothing to relate
        pair = [Argument(ent.start, ent.end, ent.label_) for ent in doc.ents]
        relations = []
        if len(pair) == 2 and doc[2].text in self.known:
            head, tail = reversed(pair) if doc[2].text == "caused_by" else pair
            relations = [
                Relation(tail, head, "Message-Topic", 0.2, "model"),
                Relation(head, tail, "Cause-Effect", 0.9, "model"),
            ]
        doc._.relations = relations
        return doc


def write_test_set(path: Path, *, nominals: int = 2, annotated: bool = True) -> None:
    nlp = spacy.blank("en")
    docs = DocBin(store_user_data=True)
    for i, (verb, relation) in enumerate(SENTENCES):
        doc = Doc(nlp.vocab, words=["The", "rain", verb, "the", "flood"])
        doc.ents = [Span(doc, span.start, span.end, label=span.label) for span in (FIRST, SECOND)][:nominals]
        doc._.relations = ([] if relation is None else [relation]) if annotated else None
        doc.user_data["doc_id"] = str(8001 + i)
        docs.add(doc)
    docs.to_disk(path)


def write_seed(folder: Path, known: List[str], seconds: Optional[str] = None) -> None:
    nlp = spacy.blank("en")
    # must not run: would add a third entity
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": "The"}])
    nlp.add_pipe("semeval_answers", config={"known": known})
    folder.mkdir(parents=True)
    nlp.to_disk(folder / "model-best")
    if seconds is not None:
        (folder / "seconds.txt").write_text(seconds)


def run_score(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(score_semeval.main)
    return CliRunner().invoke(app, list(arguments))


def test_scores_all_seeds_of_all_arms(tmp_path: Path) -> None:
    write_test_set(tmp_path / "test.spacy")
    write_seed(tmp_path / "fused" / "seed-0", ["causes", "caused_by", "near"], "10.5\n")
    write_seed(tmp_path / "fused" / "seed-1", ["causes"], "11.5")
    write_seed(tmp_path / "baseline" / "seed-7", [])
    output = tmp_path / "metrics" / "semeval.json"
    result = run_score(
        str(tmp_path / "test.spacy"),
        str(output),
        f"--arm=fused={tmp_path / 'fused'}",
        f"--arm=baseline@10%={tmp_path / 'baseline'}",
        "--command=spacy project run semeval",
    )
    assert result.exit_code == 0, result.stdout
    metrics = srsly.read_json(output)
    assert metrics["command"] == "spacy project run semeval"
    records = {(item["arm"], item["figure"]): item for item in metrics["records"]}
    assert set(records) == {
        ("fused", "macro_f1_official"),
        ("fused", "micro_f1_directed"),
        ("fused", "seconds"),
        ("baseline@10%", "macro_f1_official"),
        ("baseline@10%", "micro_f1_directed"),
    }
    # Cause-Effect: 2 right of 3 answers and 2 in the key (F1 0.8), then 1 of 1 and 2 (0.667); Content-Container: none
    official = records["fused", "macro_f1_official"]
    first, second = 100 * 0.8 / 2, 100 * (2 / 3) / 2
    assert official["mean"] == pytest.approx((first + second) / 2)
    assert official["std"] == pytest.approx((first - second) / 2**0.5)
    assert (official["n"], official["split"]) == (2, "test")
    # over all: 2 right of 3 answers and 3 in the key, then 1 of 1 and 3
    assert records["fused", "micro_f1_directed"]["mean"] == pytest.approx(100 * (2 / 3 + 0.5) / 2)
    assert records["fused", "seconds"]["mean"] == pytest.approx(11.0)
    assert records["baseline@10%", "macro_f1_official"]["mean"] == 0.0
    assert records["baseline@10%", "macro_f1_official"]["n"] == 1
    assert "seed-7" in result.stdout  # its time is missing
    assert "36.67" in result.stdout


def test_directed_label() -> None:
    doc = Doc(spacy.blank("en").vocab, words=["a", "b", "c", "d", "e"])
    assert score_semeval.directed_label(doc) == "Other"
    doc._.relations = []
    assert score_semeval.directed_label(doc) == "Other"
    doc._.relations = [Relation(FIRST, SECOND, "A-B", 0.4, "model"), Relation(SECOND, FIRST, "C-D", 0.6, "model")]
    assert score_semeval.directed_label(doc) == "C-D(e2,e1)"
    doc._.relations = [Relation(FIRST, SECOND, "A-B", 0.4, "model")]
    assert score_semeval.directed_label(doc) == "A-B(e1,e2)"


def test_failures_have_a_code(tmp_path: Path) -> None:
    test = tmp_path / "test.spacy"
    write_test_set(test)
    write_seed(tmp_path / "good" / "seed-0", [], "a minute")
    (tmp_path / "empty").mkdir()
    (tmp_path / "untrained" / "seed-0").mkdir(parents=True)
    for arm, expected in [
        ("fused", "VE005"),
        (f"fused={tmp_path / 'empty'}", "VE301"),
        (f"fused={tmp_path / 'untrained'}", "model-best"),
        (f"fused={tmp_path / 'good'}", "VE303"),
    ]:
        result = run_score(str(test), str(tmp_path / "out.json"), "--arm", arm)
        assert result.exit_code == 1, arm
        assert expected in result.stdout
        assert not (tmp_path / "out.json").exists()


def test_lost_nominals_are_an_error(tmp_path: Path) -> None:
    write_test_set(tmp_path / "lost.spacy", nominals=1)
    write_seed(tmp_path / "arm" / "seed-0", [])
    result = run_score(str(tmp_path / "lost.spacy"), str(tmp_path / "out.json"), f"--arm=x={tmp_path / 'arm'}")
    assert result.exit_code == 1
    assert "VE401" in result.stdout
    assert "8001" in result.stdout
