"""`spacy vaedie evaluate`: score the relations of a trained pipeline, end to end or with annotated entities."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import spacy
import srsly
import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.training import Example
from wasabi import msg

from ..analysis.errors_found import ScoreLabels, score_labels
from ..analysis.evaluation import evaluate_examples, find_canonical, run_pipeline
from ..analysis.outcomes import TextOutcome, read_outcomes
from ..analysis.raw_docs import entity_writers
from ..analysis.significance import compare_outcomes
from ..analysis.slices import read_seen_pairs
from ..errors import Errors
from ..pipeline.calibration import CalibratedPipe, annotate_before
from ..training.readers import create_relation_corpus
from ._app import app, coded_errors
from ._evaluation import print_comparison, print_details, print_errors, print_scores


@app.command("evaluate")
def evaluate_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    data: Annotated[Path, typer.Argument(help="Annotated documents: a .spacy file, or a folder of them")],
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Give the annotated entities and spans to the pipeline")
    ] = False,
    train: Annotated[
        Optional[Path],
        typer.Option("--train", help="Training data, to score pairs of names apart that are related there"),
    ] = None,
    compare: Annotated[
        Optional[str], typer.Option("--compare", help="Another pipeline, to compare with on the same documents")
    ] = None,
    n_bootstrap: Annotated[
        int, typer.Option("--n-bootstrap", help="Resamples for intervals and p values, 0 for none", min=0)
    ] = 1000,
    n_errors: Annotated[int, typer.Option("--n-errors", help="Errors to show, the worst first", min=0)] = 50,
    seed: Annotated[int, typer.Option("--seed", help="For the resamples", min=0)] = 0,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="JSON file to write the scores to")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU")] = -1,
) -> None:
    """Score the relations of a trained pipeline, and show where it is wrong.

    Without --gold-entities the pipeline finds entities and relations, as `spacy evaluate` has it. A component that
    would overwrite given entities or spans does not run with --gold-entities.
    """
    with coded_errors():
        setup_gpu(gpu_id)
        report = evaluate(
            model,
            data,
            gold_entities,
            train=train,
            compare=compare,
            n_bootstrap=n_bootstrap,
            n_errors=n_errors,
            seed=seed,
        )
        if output is not None:
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(output, report)
    print_errors(report)
    print_details(report)
    print_comparison(report)
    print_scores(report)
    if output is not None:
        msg.good(f"Saved the scores to {output}")


def evaluate(
    model: str,
    data: Path,
    gold_entities: bool = False,
    *,
    train: Optional[Path] = None,
    compare: Optional[str] = None,
    n_bootstrap: int = 1000,
    n_errors: int = 50,
    seed: int = 0,
) -> Dict[str, Any]:
    """Score the relations of a trained pipeline, and find where it is wrong.

    model (str): Name or path of the pipeline.
    data (Path): Annotated Docs, a .spacy file or a folder.
    gold_entities (bool): Whether the pipeline is given the annotated entities and spans. It parses the text itself.
    train (Optional[Path]): Its training data, a .spacy file or a folder, to score pairs that are seen there apart.
    compare (Optional[str]): Name or path of another pipeline.
    n_bootstrap (int): Number of resamples of the documents, 0 for neither intervals nor p values.
    n_errors (int): How many errors to show.
    seed (int): For the resamples.
    RETURNS (Dict[str, Any]): The `rels_*` scores, among them `rels_calibration_error` where an extractor is
        there, what `evaluate_examples` gives, `gold_entities`, the components that did not run as `disabled`, and as
        `comparison` `model` and what `compare_outcomes` gives, None without another pipeline.
    RAISES (ValueError): VE402 where no component scores relations.
    """
    nlp = spacy.load(model)
    disabled = entity_writers(nlp) if gold_entities else []
    examples = _read(nlp, data, gold_entities)
    found, scores = _run(nlp, model, examples, disabled)
    calibration, score = _look_inside(nlp, examples, disabled, strict=not gold_entities)
    report = evaluate_examples(
        found,
        canonical=find_canonical(nlp),
        seen=None if train is None else read_seen_pairs(train, nlp.vocab),
        score=score,
        n_bootstrap=n_bootstrap,
        n_errors=n_errors,
        seed=seed,
    )
    comparison = None
    if compare is not None:
        texts, others = read_outcomes(found, find_canonical(nlp)), _run_other(compare, data, gold_entities)
        comparison = {"model": compare, **compare_outcomes(texts, others, n_bootstrap=n_bootstrap, seed=seed)}
    # What the components count themselves stands over what is counted anew: it is the same, and more.
    more = {"gold_entities": gold_entities, "disabled": disabled, "comparison": comparison}
    return {**report, **scores, **calibration, **more}


def calibrated_pipes(nlp: Language) -> List[Tuple[str, CalibratedPipe]]:
    """Find the extractors of a pipeline.

    nlp (Language): The pipeline.
    RETURNS (List[Tuple[str, CalibratedPipe]]): Their names, and the components.
    """
    return [(name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, CalibratedPipe)]


def _read(nlp: Language, data: Path, gold_entities: bool) -> List[Example]:
    return list(create_relation_corpus(data, entities="gold" if gold_entities else "predicted", parse=False)(nlp))


def _run(
    nlp: Language, model: str, examples: List[Example], disabled: List[str]
) -> Tuple[List[Example], Dict[str, Any]]:
    found, scores = run_pipeline(nlp, examples, disabled)
    if not scores:
        names = ", ".join(nlp.pipe_names) or "none"
        raise ValueError(Errors.VE402.format(model=model, what="scores relations", names=names))
    return found, scores


def _run_other(model: str, data: Path, gold_entities: bool) -> List[TextOutcome]:
    nlp = spacy.load(model)
    disabled = entity_writers(nlp) if gold_entities else []
    found, _ = _run(nlp, model, _read(nlp, data, gold_entities), disabled)
    return read_outcomes(found, find_canonical(nlp))


def _look_inside(
    nlp: Language, examples: List[Example], disabled: List[str], *, strict: bool
) -> Tuple[Dict[str, Any], Optional[ScoreLabels]]:
    """The calibration error of the last extractor, and what it thinks of annotated relations."""
    calibration: Dict[str, Any] = {}
    score: Optional[ScoreLabels] = None
    for name, pipe in calibrated_pipes(nlp):
        annotated = annotate_before(nlp, name, examples, disabled)
        # A pair of spans that nobody annotated holds no relation, whatever the pipe says of it.
        calibration["rels_calibration_error"] = pipe.calibration_error(annotated, strict=strict)
        score = partial(score_labels, pipe, annotated)
    return calibration, score
