"""Simulate the labelling of texts that `spacy vaedie select` chooses, against random choice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np
import spacy
import typer
from _arms import print_records
from _few_labels import SEMEVAL, Settings
from _metrics import current_commit, record, write_metrics
from _trainings import score, train
from score_few_labels import reach
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from wasabi import msg

from spacy_vaedie.analysis.selection import RANDOM, TERMS, select_texts
from spacy_vaedie.training.examples import predicted_copy
from spacy_vaedie.training.files import read_docbin

FIGURE = "micro_f1_directed"
SETTINGS: Settings = {
    **SEMEVAL.extractor,
    "training.max_steps": 300,
    "training.frozen_components": ["vae_encoder"],
    "training.annotating_components": ["vae_encoder"],
}


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy, dev.spacy and test.spacy, parsed")],
    vae: Annotated[Path, typer.Argument(help="Pipeline with a trained vae_encoder")],
    work: Annotated[Path, typer.Argument(help="Folder for what is trained")],
    results: Annotated[Path, typer.Argument(help="Folder for the results, a file for each seed and way of choosing")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    vectors: Annotated[str, typer.Option(help="Word vectors, `null` for none")] = "null",
    seeds: Annotated[int, typer.Option(help="How often to start", min=1)] = 5,
    first: Annotated[int, typer.Option(help="Labelled texts at the start, drawn by chance", min=1)] = 100,
    more: Annotated[int, typer.Option(help="Texts that are labelled in each round", min=1)] = 50,
    rounds: Annotated[int, typer.Option(help="Rounds", min=1)] = 16,
    goal: Annotated[float, typer.Option(help="F1 that is to be reached, in percent")] = 65.0,
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run selection .",
) -> None:
    """Run what has no result yet, and say how many labels each way of choosing needs. A curve ends with the first round
    that reaches the goal on the test set."""
    vocab = spacy.blank("en").vocab
    texts = [doc for doc in read_docbin(corpus / "train.spacy", vocab) if len(doc)]
    settings = {**SETTINGS, "paths.vae": str(vae), "paths.dev": str(corpus / "dev.spacy")}
    settings["paths.vectors"] = None if vectors == "null" else vectors
    needed: Dict[str, List[float]] = {}
    for by in (",".join(TERMS), RANDOM):
        for seed in range(seeds):
            decisive = json.dumps([first, more, rounds, goal, SETTINGS], sort_keys=True)
            digest = hashlib.sha256(decisive.encode()).hexdigest()[:8]
            name = f"selection-{by.replace(',', '-')}-{seed}-{digest}"
            path = results / f"{name}.json"
            if not path.exists():
                chooser = Chooser(by, seed, texts)
                curve = simulate(chooser, work / name, corpus, settings, (first, more, rounds), goal)
                found = {"by": by, "seed": seed, "curve": curve, "commit": current_commit()}
                results.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf8")
            curve = [(int(n), float(value)) for n, value in json.loads(path.read_text(encoding="utf8"))["curve"]]
            reached = reach(curve, goal)
            if reached is None:
                msg.warn(f"{name}: {goal:.0f} was not reached with {curve[-1][0]} labels, which count as if it was")
            needed.setdefault("random" if by == RANDOM else "selection", []).append(reached or curve[-1][0])
    records = [record(f"labels_to_{goal:.0f}", arm, values) for arm, values in needed.items()]
    write_metrics(output, records, command)
    print_records(records)


class Chooser:
    """Chooses the texts to label.

    by (str): Terms of `spacy vaedie select`, or `random`.
    seed (int): The seed.
    texts (Sequence[Doc]): All texts, annotated.
    """

    def __init__(self, by: str, seed: int, texts: Sequence[Doc]) -> None:
        self.by, self.seed, self.texts = by, seed, texts
        self._random = np.random.default_rng(seed)
        self.labelled: List[int] = []

    def start(self, n: int) -> None:
        """Label the first texts, the same ones for each way of choosing."""
        self.labelled = self._random.permutation(len(self.texts))[:n].tolist()

    def choose(self, model: Path, n: int) -> None:
        """Label more texts.

        model (Path): The pipeline that was trained on those that are labelled.
        n (int): How many.
        """
        known = set(self.labelled)
        left = [i for i in range(len(self.texts)) if i not in known]
        if self.by == RANDOM:
            self.labelled += self._random.choice(left, n, replace=False).tolist()
            return
        nlp = spacy.load(model)
        found = select_texts(
            nlp,
            lambda: unlabelled(self.texts, left, nlp.vocab),
            n,
            by=self.by.split(","),
            seed=self.seed,
            labelled=unlabelled(self.texts, self.labelled, nlp.vocab),
            given_entities=True,
        )
        self.labelled += [left[item["row"]] for item in found.meta]


def unlabelled(texts: Sequence[Doc], places: Sequence[int], vocab: Vocab) -> Iterator[Doc]:
    """Copy texts without their relations, of which nothing must be known, to the vocabulary of a pipeline, which has
    its word vectors.

    texts (Sequence[Doc]): All texts.
    places (Sequence[int]): Which of them.
    vocab (Vocab): The vocabulary.
    YIELDS (Doc): The copies.
    """
    yield from DocBin(docs=[predicted_copy(texts[i]) for i in places]).get_docs(vocab)


def simulate(
    chooser: Chooser,
    folder: Path,
    corpus: Path,
    settings: Settings,
    sizes: Tuple[int, int, int],
    goal: float,
) -> List[Tuple[int, float]]:
    """Label, train and score in turn.

    chooser (Chooser): Chooses the texts.
    folder (Path): For what is trained.
    corpus (Path): With dev.spacy and test.spacy.
    settings (Settings): What is changed in `extractor.cfg`.
    sizes (Tuple[int, int, int]): Texts at the start and in each round, and rounds.
    goal (float): F1 on the test set with which it ends.
    RETURNS (List[Tuple[int, float]]): How many texts are labelled, and F1 on the test set, in percent.
    """
    first, more, rounds = sizes
    curve: List[Tuple[int, float]] = []
    chooser.start(first)
    for number in range(rounds):
        data = folder.with_name(f"{folder.name}.spacy")
        data.parent.mkdir(parents=True, exist_ok=True)
        DocBin(docs=[chooser.texts[i] for i in chooser.labelled], store_user_data=True).to_disk(data)
        chosen: Dict[str, Any] = {**settings, "paths.train": str(data), "system.seed": chooser.seed}
        train(folder, "extractor.cfg", chosen)
        model = folder / "model-best"
        curve.append((len(chooser.labelled), score(spacy.load(model), corpus / "test.spacy", FIGURE)))
        msg.info(f"{folder.name}: {curve[-1][0]} labels, F1 {curve[-1][1]:.1f}")
        if curve[-1][1] >= goal or number == rounds - 1:
            break
        chooser.choose(model, more)
    return curve


if __name__ == "__main__":
    typer.run(main)
