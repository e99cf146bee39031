"""`spacy vaedie evaluate`: score the relations of a trained pipeline, end to end or with annotated entities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import spacy
import srsly
import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from wasabi import msg

from ..analysis.raw_docs import entity_writers
from ..errors import Errors
from ..pipeline.calibration import CalibratedPipe, annotate_before
from ..training.readers import create_relation_corpus
from ._app import app, coded_errors


@app.command("evaluate")
def evaluate_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    data: Annotated[Path, typer.Argument(help="Annotated documents: a .spacy file, or a folder of them")],
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Give the annotated entities and spans to the pipeline")
    ] = False,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="JSON file to write the scores to")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
) -> None:
    """Score the relations of a trained pipeline.

    Without --gold-entities the pipeline finds entities and relations, as `spacy evaluate` has it. A component that
    would overwrite given entities or spans does not run with --gold-entities.
    """
    with coded_errors():
        setup_gpu(gpu_id)
        scores = evaluate(model, data, gold_entities)
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, scores)
    print_scores(scores)
    if output is not None:
        msg.good(f"Saved the scores to {output}")


def evaluate(model: str, data: Path, gold_entities: bool = False) -> Dict[str, Any]:
    """Score the relations of a trained pipeline.

    model (str): Name or path of the pipeline.
    data (Path): Annotated Docs, a .spacy file or a folder.
    gold_entities (bool): Whether the pipeline is given the annotated entities and spans. It parses the text itself.
    RETURNS (Dict[str, Any]): The `rels_*` scores, among them `rels_calibration_error` where an extractor is
        there, `gold_entities`, the number of annotated texts as `n_docs` and of texts that are not
        annotated and do not count as `n_unannotated`, and the components that did not run as `disabled`.
    RAISES (ValueError): VE402 where no component scores relations.
    """
    nlp = spacy.load(model)
    read = create_relation_corpus(data, entities="gold" if gold_entities else "predicted", parse=False)
    disabled = entity_writers(nlp) if gold_entities else []
    examples = list(read(nlp))
    with nlp.select_pipes(disable=disabled):
        scores = nlp.evaluate(examples)
    scores = {name: score for name, score in scores.items() if name.startswith("rels_")}
    if not scores:
        names = ", ".join(nlp.pipe_names) or "none"
        raise ValueError(Errors.VE402.format(model=model, what="scores relations", names=names))
    for name, pipe in calibrated_pipes(nlp):
        annotated = annotate_before(nlp, name, examples, disabled)
        # A pair of spans that nobody annotated holds no relation, whatever the pipe says of it.
        scores["rels_calibration_error"] = pipe.calibration_error(annotated, strict=not gold_entities)
    n_annotated = sum(example.reference._.relations is not None for example in examples)
    return {
        **scores,
        "gold_entities": gold_entities,
        "n_docs": n_annotated,
        "n_unannotated": len(examples) - n_annotated,
        "disabled": disabled,
    }


def calibrated_pipes(nlp: Language) -> List[Tuple[str, CalibratedPipe]]:
    """Find the extractors of a pipeline.

    nlp (Language): The pipeline.
    RETURNS (List[Tuple[str, CalibratedPipe]]): Their names, and the components.
    """
    return [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, CalibratedPipe)]


def print_scores(scores: Dict[str, Any]) -> None:
    """Print what `evaluate` returns as tables.

    scores (Dict[str, Any]): The scores.
    """
    source = "annotated" if scores["gold_entities"] else "predicted"
    msg.divider(f"Relations between {source} entities, texts: {scores['n_docs']}")
    if scores["n_unannotated"]:
        msg.info(f"Texts left out, since their relations are not annotated: {scores['n_unannotated']}")
    if scores["disabled"]:
        msg.info(f"Not run, since they would overwrite the entities: {', '.join(scores['disabled'])}")
    kinds = {"strict": "rels", "boundaries": "rels_boundaries", "macro": "rels_macro"}
    rows = [(name, *(_percent(scores.get(f"{kind}_{which}")) for which in "prf")) for name, kind in kinds.items()]
    aligns = ("l", "r", "r", "r")
    msg.table(rows, header=("", "P", "R", "F"), aligns=aligns)
    per_type = scores.get("rels_per_type") or {}
    rows = [(label, *(_percent(score[which]) for which in "prf")) for label, score in per_type.items()]
    if rows:
        msg.table(rows, header=("label", "P", "R", "F"), aligns=aligns)
    if "rels_candidate_recall" in scores:
        msg.text(f"Candidate recall: {_percent(scores['rels_candidate_recall'])}")
    if scores.get("rels_dropped_pairs"):
        msg.text(f"Pairs of spans that `max_pairs` left out: {scores['rels_dropped_pairs']}")
    if scores.get("rels_polarity_accuracy") is not None:
        msg.text(f"Polarity right, of the relations found: {_percent(scores['rels_polarity_accuracy'])}")
    if "rels_calibration_error" in scores:
        msg.text(f"Expected calibration error: {_percent(scores['rels_calibration_error'])}")


def _percent(score: Optional[float]) -> str:
    return "-" if score is None else f"{100 * score:.2f}"
