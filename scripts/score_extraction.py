"""Score pipelines that find entities and relations on a test set: means and standard deviations over seeds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import spacy
import typer
from _arms import read_seconds, score_arms
from spacy.language import Language

from spacy_vaedie.cli.evaluate import entity_writers
from spacy_vaedie.errors import Errors
from spacy_vaedie.training.readers import create_relation_corpus

GOLD = "relation_gold_entities_micro_f1"
# What each figure is called in the pipeline's own scores. `entities` stands for `ents` or `spans_KEY`.
FIGURES = {
    "entity_strict_micro_f1": "entities_f",
    "entity_strict_macro_f1": "entities_macro_f",
    "relation_strict_micro_f1": "rels_f",
    "relation_strict_macro_f1": "rels_macro_f",
    "relation_boundaries_micro_f1": "rels_boundaries_f",
    GOLD: "rels_f",
    "candidate_recall": "rels_candidate_recall",
}


def main(
    test: Annotated[Path, typer.Argument(help="Test set, converted and parsed: a .spacy file")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    arm: Annotated[List[str], typer.Option(help="NAME=DIR with DIR/seed-*/model-best; once for each arm")],
    figure: Annotated[
        Optional[List[str]], typer.Option(help=f"Figure to report, once for each: {', '.join(FIGURES)}; else all")
    ] = None,
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
) -> None:
    """Score every seed of every arm on the test set, end to end from its tokens and parse."""
    figures = figure or list(FIGURES)
    command = command or shlex.join(["python", *sys.argv])
    score_arms(arm, lambda seeds: score_arm(seeds, test, figures), output, command)


def score_arm(seeds: List[Path], test: Path, figures: Sequence[str]) -> Dict[str, List[float]]:
    """Score the seeds of an arm.

    seeds (List[Path]): Folders that hold `model-best` and maybe `seconds.txt`, the time of training.
    test (Path): The converted test set.
    figures (Sequence[str]): The figures, some of `FIGURES`.
    RETURNS (Dict[str, List[float]]): Values of each figure, in percent, a seed each. Without `seconds` where no seed
        has them.
    RAISES (ValueError): VE005 for another figure, VE402 for a pipeline that does not give one of them.
    """
    unknown = sorted(set(figures) - set(FIGURES))
    if unknown:
        raise ValueError(Errors.VE005.format(value=unknown[0], what="figure", options=", ".join(FIGURES)))
    found: Dict[str, List[float]] = {name: [] for name in (*figures, "seconds")}
    for seed in seeds:
        nlp = spacy.load(seed / "model-best")
        end_to_end = evaluate(nlp, test, gold_entities=False)
        gold = evaluate(nlp, test, gold_entities=True) if GOLD in figures else {}
        for name in figures:
            value = (gold if name == GOLD else end_to_end).get(FIGURES[name])
            if value is None:
                names = ", ".join(nlp.pipe_names) or "none"
                raise ValueError(Errors.VE402.format(model=seed / "model-best", what="scores relations", names=names))
            found[name].append(100 * value)
        found["seconds"] += read_seconds(seed)
    return {name: values for name, values in found.items() if values}


def evaluate(nlp: Language, test: Path, *, gold_entities: bool) -> Dict[str, Any]:
    """Score a pipeline. It starts from the tokens of the file and from the parse that was saved there, as in training.

    nlp (Language): The pipeline.
    test (Path): The converted test set.
    gold_entities (bool): Whether it is given the annotated entities and spans.
    RETURNS (Dict[str, Any]): Its scores, from 0 to 1, with `entities_f` and `entities_macro_f`, the average over the
        types that are annotated.
    """
    examples = list(create_relation_corpus(test, entities="gold" if gold_entities else "none")(nlp))
    with nlp.select_pipes(disable=entity_writers(nlp) if gold_entities else []):
        scores: Dict[str, Any] = nlp.evaluate(examples)
    for name, per_type in list(scores.items()):
        kind = name.removesuffix("_per_type")
        if kind in (name, "rels") or not per_type:
            continue
        references = [example.reference for example in examples]
        groups = [doc.ents if kind == "ents" else doc.spans[kind.removeprefix("spans_")] for doc in references]
        annotated = sorted({span.label_ for group in groups for span in group})
        scores["entities_f"] = scores[f"{kind}_f"]
        scores["entities_macro_f"] = sum(per_type[label]["f"] for label in annotated) / len(annotated)
    return scores


if __name__ == "__main__":
    typer.run(main)
