"""Score trained pipelines on the test set of SemEval-2010 Task 8: means and standard deviations over seeds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import spacy
import typer
from _arms import read_seconds, score_arms
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_vaedie.cli.evaluate import entity_writers
from spacy_vaedie.errors import Errors
from spacy_vaedie.scorer import OTHER, score_semeval
from spacy_vaedie.training.converters.annotation import get_doc_id
from spacy_vaedie.training.readers import create_relation_corpus


def main(
    test: Annotated[Path, typer.Argument(help="Test set, converted: a .spacy file")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    arm: Annotated[List[str], typer.Option(help="NAME=DIR with DIR/seed-*/model-best; once for each arm")],
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
) -> None:
    """Score every seed of every arm on the test set. The two nominals are given, as in the task."""
    command = command or shlex.join(["python", *sys.argv])
    score_arms(arm, lambda seeds: score_arm(seeds, test), output, command)


def score_arm(seeds: List[Path], test: Path) -> Dict[str, List[float]]:
    """Score the seeds of an arm.

    seeds (List[Path]): Folders that hold `model-best` and maybe `seconds.txt`, the time of training.
    test (Path): The converted test set.
    RETURNS (Dict[str, List[float]]): Values of each figure, F1 in percent, a seed each. Without `seconds` where no
        seed has them.
    """
    figures: Dict[str, List[float]] = {"macro_f1_official": [], "micro_f1_directed": [], "seconds": []}
    for seed in seeds:
        score = score_semeval(*answer(spacy.load(seed / "model-best"), test))
        figures["macro_f1_official"].append(100 * score.macro_f1_official)
        figures["micro_f1_directed"].append(100 * score.micro_f1_directed)
        figures["seconds"] += read_seconds(seed)
    return {figure: values for figure, values in figures.items() if values}


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
