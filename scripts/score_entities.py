"""Score entity recognizers on the test sets of their corpora: means and standard deviations over seeds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence, Tuple

import spacy
import typer
from _arms import find_arms, print_records, read_seconds
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.errors import Errors
from spacy_vaedie.training.readers import create_annotated_text

FIGURE, LATENTS, OWN = "entity_f1", "latents", "own"


def main(
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    test: Annotated[List[str], typer.Option(help="CORPUS=FILE with a converted test set; once for each corpus")],
    arm: Annotated[List[str], typer.Option(help="SYSTEM-CORPUS@SHARE=DIR with DIR/seed-*/model-best; once an arm")],
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
) -> None:
    """Score every seed of every arm on the test set of its corpus: micro-F1 over entities, borders and type right."""
    try:
        tests = find_tests(test)
        arms = find_arms(arm)
        corpora = {name: find_corpus(name, tests) for name in arms}
        scored = {name: score_arm(seeds, tests[corpora[name]]) for name, seeds in arms.items()}
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    records = [record(figure, name, values) for name, figures in scored.items() for figure, values in figures.items()]
    write_metrics(output, records, command or shlex.join(["python", *sys.argv]))
    print_records(records)
    for sentence in compare(records):
        msg.info(sentence)
    msg.good(f"Saved the metrics to {output}")


def find_tests(tests: Sequence[str]) -> Dict[str, Path]:
    """Find the test set of each corpus.

    tests (Sequence[str]): `CORPUS=FILE` of each.
    RETURNS (Dict[str, Path]): The files by name of the corpus.
    RAISES (ValueError): VE005 for another form.
    """
    found: Dict[str, Path] = {}
    for item in tests:
        name, _, file = item.partition("=")
        if not name or not file or name in found:
            raise ValueError(Errors.VE005.format(value=item, what="new test set", options="CORPUS=FILE, each once"))
        found[name] = Path(file)
    return found


def split_name(arm: str) -> Tuple[str, str, str]:
    """RETURNS (Tuple[str, str, str]): System, corpus and share of `latents-wnut17@10%`."""
    system, _, rest = arm.partition("-")
    corpus, _, share = rest.partition("@")
    return system, corpus, share


def find_corpus(arm: str, tests: Dict[str, Path]) -> str:
    """Tell which corpus an arm was trained on.

    arm (str): Its name.
    tests (Dict[str, Path]): The test sets by name of the corpus.
    RETURNS (str): The corpus.
    RAISES (ValueError): VE005 where its name holds none of the corpora.
    """
    corpus = split_name(arm)[1]
    if corpus not in tests:
        options = ", ".join(f"SYSTEM-{name}@SHARE" for name in tests)
        raise ValueError(Errors.VE005.format(value=arm, what="arm of these corpora", options=options))
    return corpus


def score_arm(seeds: List[Path], test: Path) -> Dict[str, List[float]]:
    """Score the seeds of an arm.

    seeds (List[Path]): Folders that hold `model-best` and maybe `seconds.txt`, the time of training.
    test (Path): The converted test set.
    RETURNS (Dict[str, List[float]]): Values of each figure, F1 in percent, a seed each. Without `seconds` where no
        seed has them.
    """
    figures: Dict[str, List[float]] = {FIGURE: [], "seconds": []}
    for seed in seeds:
        nlp = spacy.load(seed / "model-best")
        figures[FIGURE].append(100 * nlp.evaluate(list(create_annotated_text(test)(nlp)))["ents_f"])
        figures["seconds"] += read_seconds(seed)
    return {figure: values for figure, values in figures.items() if values}


def compare(records: Sequence[Dict[str, Any]]) -> List[str]:
    """Say by how much `ner` on the latents is better than on a tok2vec of its own, whatever comes out.

    records (Sequence[Dict[str, Any]]): What `record` of `_metrics` gives.
    RETURNS (List[str]): A sentence for each corpus and share with both arms.
    """
    means = {split_name(item["arm"]): item["mean"] for item in records if item["figure"] == FIGURE}
    return [
        f"{corpus}, {share} of the labels: {mean - means[OWN, corpus, share]:+.2f} F1 by the latents"
        for (system, corpus, share), mean in means.items()
        if system == LATENTS and (OWN, corpus, share) in means
    ]


if __name__ == "__main__":
    typer.run(main)
