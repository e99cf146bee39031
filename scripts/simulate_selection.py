"""Simulate the labelling of texts that `spacy vaedie select` chooses, against random choice."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import spacy
import typer
from _arms import print_records
from _digests import corpus_digest, digest, vectors_digest
from _few_labels import SEMEVAL, VERSION, Settings, config_digest
from _metrics import current_commit, is_changed, record, write_metrics
from _trainings import score, train
from _work_folder import locked, read_json, write_json
from _workers import tell_failures, work_on
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
    work: Annotated[Path, typer.Argument(help="Folder for what is trained")],
    results: Annotated[Path, typer.Argument(help="Folder for the results, a file for each seed and way of choosing")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    vectors: Annotated[str, typer.Option(help="Word vectors, `null` for none")] = "null",
    seeds: Annotated[int, typer.Option(help="How often to start", min=1)] = 5,
    first: Annotated[int, typer.Option(help="Labelled texts at the start, drawn by chance", min=1)] = 100,
    more: Annotated[int, typer.Option(help="Texts that are labelled in each round", min=1)] = 50,
    rounds: Annotated[int, typer.Option(help="Rounds", min=1)] = 16,
    goal: Annotated[float, typer.Option(help="F1 that is to be reached, in percent")] = 65.0,
    workers: Annotated[int, typer.Option(help="Trainings at once, one thread each", min=1)] = 2,
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run selection .",
) -> None:
    """Run what has no result yet, and say how many labels each way of choosing needs. A curve ends with the first round
    that reaches the goal on the test set."""
    # Runs side by side wait for no encoder of the other.
    runs = [(by, seed) for by in (",".join(TERMS), RANDOM) for seed in range(seeds)]
    try:
        loop = Loop(corpus, work, results, None if vectors == "null" else vectors, (first, more, rounds), goal)
        left = [run for run in runs if not loop.result_of(*run).exists()]
        with locked(work):
            failed = work_on({loop.name_of(*run): partial(loop.run, *run) for run in left}, workers)
        curves = {run: read_json(loop.result_of(*run))["curve"] for run in runs if loop.result_of(*run).exists()}
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    if curves:
        records = sum_up(curves, goal)
        write_metrics(output, records, command)
        print_records(records)
    tell_failures(failed)


def sum_up(curves: Dict[Tuple[str, int], List[Tuple[int, float]]], goal: float) -> List[Dict[str, Any]]:
    """Sum up how many labels each way of choosing needs.

    curves (Dict[Tuple[str, int], List[Tuple[int, float]]]): Labels and F1, by way of choosing and seed.
    goal (float): The F1 that is to be reached.
    RETURNS (List[Dict[str, Any]]): Records: `reached_...`, the seeds that reach it, in percent; `labels_to_...` of
        those that do, which is too few where some do not; `fewer_labels`, in percent, where all seeds of both ways do.
    """
    needed: Dict[str, Dict[int, float]] = {}
    reached: Dict[str, List[float]] = {}
    for (by, seed), curve in curves.items():
        arm = RANDOM if by == RANDOM else "selection"
        found = reach(curve, goal)
        reached.setdefault(arm, []).append(100.0 * (found is not None))
        if found is None:
            best = max(value for _, value in curve)
            msg.warn(f"{arm}, seed {seed}: {goal:.0f} was not reached with {curve[-1][0]} labels, but {best:.1f}")
        else:
            needed.setdefault(arm, {})[seed] = found
    records = [record(f"reached_{goal:.0f}", arm, values) for arm, values in reached.items()]
    records += [record(f"labels_to_{goal:.0f}", arm, list(values.values())) for arm, values in needed.items()]
    if len(reached) == 2 and all(value for values in reached.values() for value in values):
        both = needed["selection"].keys() & needed[RANDOM].keys()
        fewer = [100 * (1 - needed["selection"][seed] / needed[RANDOM][seed]) for seed in sorted(both)]
        records += [record("fewer_labels", "selection", fewer)] if fewer else []
    return records


class Loop:
    """Labels, trains and scores in turn, for a seed and a way of choosing at a time.

    corpus (Path), work (Path), results (Path): Folders, see `main`.
    vectors (Optional[str]): Word vectors, None for none.
    sizes (Tuple[int, int, int]): Texts at the start and in each round, and rounds.
    goal (float): F1 on the test set with which a curve ends.
    """

    def __init__(
        self,
        corpus: Path,
        work: Path,
        results: Path,
        vectors: Optional[str],
        sizes: Tuple[int, int, int],
        goal: float,
    ) -> None:
        self.corpus, self.work, self.results, self.vectors = corpus, work, results, vectors
        self.sizes, self.goal = sizes, goal
        data = [corpus_digest(corpus / f"{part}.spacy") for part in ("train", "dev", "test")]
        known = vectors_digest(vectors) if vectors else ""
        encoder = [VERSION, config_digest("vae.cfg", json.dumps(SEMEVAL.vae)), data[0], known]
        extractor = config_digest("extractor.cfg", json.dumps(SETTINGS))
        self.encoder_digest = digest(encoder)
        self.digest = digest([encoder, extractor, data, self.sizes, goal])
        self._locks: Dict[int, Lock] = defaultdict(Lock)
        vocab = spacy.blank("en").vocab
        self.texts = [doc for doc in read_docbin(corpus / "train.spacy", vocab) if len(doc)]

    def name_of(self, by: str, seed: int) -> str:
        """RETURNS (str): Name of a curve: with other settings or other data it has another one."""
        return f"selection-{by.replace(',', '-')}-{seed}-{self.digest}"

    def result_of(self, by: str, seed: int) -> Path:
        """RETURNS (Path): The file of its result."""
        return self.results / f"{self.name_of(by, seed)}.json"

    def run(self, by: str, seed: int) -> str:
        """Simulate one curve, and write it. RETURNS (str): How it ended."""
        name = self.name_of(by, seed)
        curve = simulate(Chooser(by, seed, self.texts), self.work / name, self.train_and_score, self.sizes, self.goal)
        found = {"by": by, "seed": seed, "curve": curve, "commit": current_commit(), "changed": is_changed()}
        write_json(self.result_of(by, seed), found)
        # The last pipeline, its texts, and the rounds.
        shutil.rmtree(self.work / name, ignore_errors=True)
        for kind in (".spacy", ".json"):
            (self.work / f"{name}{kind}").unlink(missing_ok=True)
        return f"{name}: F1 {curve[-1][1]:.1f} with {curve[-1][0]} labels"

    def encoder(self, seed: int) -> Path:
        """The encoder of a seed, which both ways of choosing share. It is trained on all texts that can be chosen,
        without their labels, as each of them is there from the start. RETURNS (Path): Its pipeline."""
        folder = self.work / f"vae-{seed}-{self.encoder_digest}"
        with self._locks[seed]:
            if not folder.is_dir():
                raw = str(self.corpus / "train.spacy")
                settings = {**SEMEVAL.vae, **self._shared(seed), "paths.train": raw, "paths.dev": raw}
                settings["components.vae_encoder.model.embed.include_static_vectors"] = self.vectors is not None
                train(folder, "vae.cfg", settings)
        return folder / "model-last"

    def train_and_score(self, chooser: Chooser, folder: Path) -> float:
        """Train on what is labelled. RETURNS (float): F1 on the test set, in percent."""
        data = folder.with_name(f"{folder.name}.spacy")
        DocBin(docs=[chooser.texts[i] for i in chooser.labelled], store_user_data=True).to_disk(data)
        settings = {**SETTINGS, **self._shared(chooser.seed), "paths.vae": str(self.encoder(chooser.seed))}
        settings |= {"paths.train": str(data), "paths.dev": str(self.corpus / "dev.spacy")}
        train(folder, "extractor.cfg", settings)
        return score(spacy.load(folder / "model-best"), self.corpus / "test.spacy", FIGURE)

    def _shared(self, seed: int) -> Settings:
        return {"paths.vectors": self.vectors, "system.seed": seed}


class Chooser:
    """Chooses the texts to label.

    by (str): Terms of `spacy vaedie select`, or `random`.
    seed (int): The seed.
    texts (Sequence[Doc]): All texts, annotated.
    """

    def __init__(self, by: str, seed: int, texts: Sequence[Doc]) -> None:
        self.by, self.seed, self.texts = by, seed, texts
        self.labelled: List[int] = []

    def start(self, n: int) -> None:
        """Label the first texts, the same ones for each way of choosing."""
        self.labelled = np.random.default_rng(self.seed).permutation(len(self.texts))[:n].tolist()

    def choose(self, model: Path, n: int) -> None:
        """Label more texts.

        model (Path): The pipeline that was trained on those that are labelled.
        n (int): How many.
        """
        known = set(self.labelled)
        left = [i for i in range(len(self.texts)) if i not in known]
        if self.by == RANDOM:
            # The same ones where the loop goes on after it was stopped.
            random = np.random.default_rng([self.seed, len(known)])
            self.labelled += random.choice(left, n, replace=False).tolist()
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
    train_and_score: Callable[[Chooser, Path], float],
    sizes: Tuple[int, int, int],
    goal: float,
) -> List[Tuple[int, float]]:
    """Label, train and score in turn. After each round, what was chosen and found is written to a file beside the
    folder, so that the next start goes on with the round that was not finished.

    chooser (Chooser): Chooses the texts.
    folder (Path): For what is trained.
    train_and_score (Callable[[Chooser, Path], float]): Gives F1 on the test set, in percent, and leaves `model-best`.
    sizes (Tuple[int, int, int]): Texts at the start and in each round, and rounds.
    goal (float): F1 on the test set with which it ends.
    RETURNS (List[Tuple[int, float]]): How many texts are labelled, and F1 on the test set, in percent.
    """
    first, more, rounds = sizes
    state = folder.with_name(f"{folder.name}.json")
    curve: List[Tuple[int, float]] = []
    if state.exists():
        found = read_json(state)
        chooser.labelled, curve = found["labelled"], [(int(n), float(value)) for n, value in found["curve"]]
    else:
        chooser.start(first)
    while True:
        curve.append((len(chooser.labelled), train_and_score(chooser, folder)))
        msg.info(f"{folder.name}: {curve[-1][0]} labels, F1 {curve[-1][1]:.1f}")
        if curve[-1][1] >= goal or len(curve) == rounds:
            return curve
        chooser.choose(folder / "model-best", more)
        write_json(state, {"labelled": chooser.labelled, "curve": curve})


if __name__ == "__main__":
    typer.run(main)
