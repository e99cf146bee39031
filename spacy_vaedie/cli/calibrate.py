"""`spacy vaedie calibrate`: fit probabilities and thresholds of a trained pipeline to a development set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import spacy
import typer
from wasabi import msg

from ..errors import Errors
from ..pipeline.calibration import annotate_before
from ..training.readers import create_relation_corpus
from ._app import app, coded_errors
from .evaluate import calibrated_pipes, entity_writers


class Method(StrEnum):
    """Ways to calibrate."""

    temperature = "temperature"
    isotonic = "isotonic"
    none = "none"


@app.command("calibrate")
def calibrate_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    dev: Annotated[
        Path, typer.Argument(help="Annotated documents, not those of its training: a .spacy file or folder")
    ],
    out: Annotated[Path, typer.Argument(help="Folder to save the calibrated pipeline to; may be that of the pipeline")],
    method: Annotated[Method, typer.Option("--method", help="How to fit the probabilities")] = Method.temperature,
    thresholds: Annotated[bool, typer.Option(help="Tune a threshold for each label, too")] = True,
    gold_entities: Annotated[
        bool, typer.Option("--gold-entities", help="Give the annotated entities and spans to the pipeline")
    ] = False,
) -> None:
    """Fit the probabilities of the extractor to documents that it was not trained on, tune a threshold for each label,
    and save the pipeline with both.

    Without --gold-entities the pipeline finds the entities. Calibrate in the way in which the pipeline will be used.
    """
    with coded_errors():
        reports = calibrate(model, dev, out, None if method is Method.none else method.value, thresholds, gold_entities)
    for name, report in reports.items():
        print_report(name, report)
    msg.good(f"Saved the pipeline to {out}")


def calibrate(
    model: str,
    dev: Path,
    out: Path,
    method: Optional[str] = "temperature",
    thresholds: bool = True,
    gold_entities: bool = False,
) -> Dict[str, Dict[str, Any]]:
    """Calibrate the extractors of a pipeline and save it.

    model (str): Name or path of the pipeline.
    dev (Path): Annotated Docs that it was not trained on, a .spacy file or a folder.
    out (Path): Folder to save the pipeline to.
    method (Optional[str]): `temperature` or `isotonic`, None to leave the probabilities as they are.
    thresholds (bool): Whether to tune a threshold for each label.
    gold_entities (bool): Whether the pipeline is given the annotated entities and spans.
    RETURNS (Dict[str, Dict[str, Any]]): By name of the extractor, what its `calibrate` returns as `calibration` and
        what its `tune_thresholds` returns as `thresholds`, None for what was not asked for.
    RAISES (ValueError): VE402 where there is no extractor, VE225 where no candidate pair is annotated.
    """
    nlp = spacy.load(model)
    pipes = calibrated_pipes(nlp)
    if not pipes:
        names = ", ".join(nlp.pipe_names) or "none"
        what = "can be calibrated; only an 'extractor' can, since the scores of rules are no probabilities"
        raise ValueError(Errors.VE402.format(model=model, what=what, names=names))
    disabled = entity_writers(nlp) if gold_entities else []
    read = create_relation_corpus(dev, entities="gold" if gold_entities else "predicted", parse=False)
    reports: Dict[str, Dict[str, Any]] = {}
    for name, pipe in pipes:
        examples = annotate_before(nlp, name, read(nlp), disabled)
        if thresholds:
            # They are tuned anew below, so that nobody has to be told that calibration drops the old ones.
            pipe.cfg["label_thresholds"] = None
        reports[name] = {
            "calibration": None if method is None else pipe.calibrate(examples, method),
            "thresholds": pipe.tune_thresholds(examples) if thresholds else None,
        }
    nlp.to_disk(out)
    return reports


def print_report(name: str, report: Dict[str, Any]) -> None:
    """Print what `calibrate` returns for an extractor as tables.

    name (str): The extractor.
    report (Dict[str, Any]): The report.
    """
    found, tuned = report["calibration"], report["thresholds"]
    if found is not None:
        how = found["method"] if found["temperature"] is None else f"temperature {found['temperature']:.3f}"
        msg.divider(f"{name}: {how}, annotated pairs: {found['n_pairs']}")
        rows = [
            ("expected calibration error", *(f"{100 * value:.2f} %" for value in found["calibration_error"])),
            ("negative log-likelihood", *(f"{value:.4f} nats" for value in found["negative_log_likelihood"])),
        ]
        msg.table(rows, header=("on these documents", "before", "after"), aligns=("l", "r", "r"))
    if tuned is not None:
        msg.divider(f"{name}: thresholds")
        rows = [
            (label, str(tuned["n_gold"].get(label, 0)), f"{value:.3f}", "all labels" if label in tuned["rare"] else "")
            for label, value in tuned["thresholds"].items()
        ]
        msg.table(rows, header=("label", "relations", "threshold", "tuned on"), aligns=("l", "r", "r", "l"))
