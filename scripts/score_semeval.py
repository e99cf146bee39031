"""Score trained pipelines on the test set of SemEval-2010 Task 8: means and standard deviations over seeds."""

from __future__ import annotations

import shlex
import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import spacy
import typer
from _arms import read_seconds, score_arms
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_vaedie.cli.evaluate import calibrated_pipes, entity_writers
from spacy_vaedie.errors import Errors
from spacy_vaedie.pipeline.calibration import annotate_before
from spacy_vaedie.pipeline.extractor import Extractor
from spacy_vaedie.scorer import OTHER, score_semeval
from spacy_vaedie.training.converters.annotation import get_doc_id
from spacy_vaedie.training.readers import create_relation_corpus


def main(
    test: Annotated[Path, typer.Argument(help="Test set, converted: a .spacy file")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    arm: Annotated[List[str], typer.Option(help="NAME=DIR with DIR/seed-*/model-best; once for each arm")],
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
    dev: Annotated[
        Optional[Path], typer.Option(help="Development set: fit a temperature to it, and score the calibration")
    ] = None,
    twin: Annotated[
        Optional[List[str]],
        typer.Option(help="DIR=DIR: the first has seen the development set, and takes the temperature of the second"),
    ] = None,
) -> None:
    """Score every seed of every arm on the test set. The two nominals are given, as in the task."""
    command = command or shlex.join(["python", *sys.argv])
    twins = {Path(first): Path(second) for first, _, second in (item.partition("=") for item in twin or [])}
    score_arms(arm, lambda seeds: score_arm(seeds, test, dev, twins.get(seeds[0].parent)), output, command)


def score_arm(
    seeds: List[Path], test: Path, dev: Optional[Path] = None, twin: Optional[Path] = None
) -> Dict[str, List[float]]:
    """Score the seeds of an arm.

    seeds (List[Path]): Folders that hold `model-best` and maybe `seconds.txt`, the time of training.
    test (Path): The converted test set.
    dev (Optional[Path]): The converted development set, to score the calibration too.
    twin (Optional[Path]): Folder of an arm that has the same seeds and the same settings, but has not seen the
        development set. The temperature is fitted to what its pipelines say.
    RETURNS (Dict[str, List[float]]): Values of each figure, F1 and calibration errors in percent, a seed each. Without
        `seconds` where no seed has them.
    """
    figures: Dict[str, List[float]] = defaultdict(list)
    for seed in seeds:
        nlp = spacy.load(seed / "model-best")
        score = score_semeval(*answer(nlp, test))
        figures["macro_f1_official"].append(100 * score.macro_f1_official)
        figures["micro_f1_directed"].append(100 * score.micro_f1_directed)
        if dev is not None:
            other = None if twin is None else spacy.load(twin / seed.name / "model-best")
            raw, calibrated = calibration_errors(nlp, dev, test, other)
            figures["calibration_error_raw"].append(100 * raw)
            figures["calibration_error"].append(100 * calibrated)
        figures["seconds"] += read_seconds(seed)
    return {figure: values for figure, values in figures.items() if values}


def calibration_errors(nlp: Language, dev: Path, test: Path, twin: Optional[Language] = None) -> Tuple[float, float]:
    """Fit a temperature to the development set.

    nlp (Language): The pipeline, with one extractor.
    dev (Path): The converted development set.
    test (Path): The converted test set.
    twin (Optional[Language]): The pipeline to fit the temperature with, None for the same one.
    RETURNS (Tuple[float, float]): Expected calibration error of the pairs of the test set, before and after: 15 bins of
        one width, the likeliest label, "no relation" among them.
    """
    extractor, scored_on = prepare(nlp, test)
    raw = extractor.calibration_error(scored_on)
    fitted, tuned_on = prepare(nlp if twin is None else twin, dev)
    fitted.calibrate(tuned_on)
    extractor.cfg["calibration"] = fitted.cfg["calibration"]
    calibrated = extractor.calibration_error(scored_on)
    # A test set without an annotated pair was refused before.
    assert raw is not None
    assert calibrated is not None
    return raw, calibrated


def prepare(nlp: Language, path: Path) -> Tuple[Extractor, List[Example]]:
    """Run a pipeline up to its extractor.

    nlp (Language): The pipeline, with one extractor.
    path (Path): Converted sentences.
    RETURNS (Tuple[Extractor, List[Example]]): The extractor, and what it reads.
    """
    ((name, extractor),) = calibrated_pipes(nlp)
    examples = create_relation_corpus(path, entities="gold", parse=False)(nlp)
    return extractor, annotate_before(nlp, name, examples, entity_writers(nlp))


def answer(nlp: Language, test: Path) -> Tuple[Dict[str, str], Dict[str, str]]:
    """Predict the relation of every sentence, with the two nominals given.

    nlp (Language): The pipeline.
    test (Path): The converted test set.
    RETURNS (Tuple[Dict[str, str], Dict[str, str]]): True and predicted label, by place of the sentence in the file.
    RAISES (ValueError): VE401 for a sentence without its two nominals, or that was not annotated.
    """
    examples: List[Example] = list(create_relation_corpus(test, entities="gold", parse=False)(nlp))
    key = {str(i): directed_label(example.reference) for i, example in enumerate(examples)}
    for example in examples:
        check_sentence(example.reference)
    docs = nlp.pipe((example.predicted for example in examples), disable=entity_writers(nlp))
    return key, {str(i): directed_label(doc) for i, doc in enumerate(docs)}


def directed_label(doc: Doc) -> str:
    """The relation of a sentence as SemEval writes it.

    doc (Doc): The sentence.
    RETURNS (str): Label of the best relation, with its direction in the order of the text, `Other` where none is.
    """
    relations: List[Any] = doc._.relations or []
    if not relations:
        return OTHER
    best = max(relations, key=lambda relation: relation.score)
    return f"{best.label}(e1,e2)" if best.head.start < best.tail.start else f"{best.label}(e2,e1)"


def check_sentence(doc: Doc) -> None:
    """A sentence whose relation is not known, or was lost by the conversion, would count as `Other`.

    doc (Doc): The annotated sentence.
    RAISES (ValueError): VE401 where its relation is not known, or where it does not have two nominals.
    """
    if len(doc.ents) != 2 or doc._.relations is None:
        found = "no annotated relation" if doc._.relations is None else f"{len(doc.ents)} nominal(s), not two"
        reason = f"sentence '{get_doc_id(doc)}' has {found}. Convert the annotated sentences again"
        raise ValueError(Errors.VE401.format(reason=reason))


if __name__ == "__main__":
    typer.run(main)
