"""Run the study of few labels. Each finished run leaves a small file, so it can be stopped and go on elsewhere."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Dict, List, Optional

import spacy
import typer
from _digests import corpus_digest, count_texts, digest, file_digest, folder_digest, vectors_digest
from _few_labels import LEXICON, QUICK, STUDY, TRANSFORMER, Run, Settings, choose, mix, plan
from _metrics import current_commit, is_changed
from _trainings import TrainingFailed, score, train
from _work_folder import locked, write_json
from _workers import in_words, tell_failures, work_on
from wasabi import msg

STATIC_VECTORS = "embed.include_static_vectors"
OWN_ENCODER = "components.extractor.model.tok2vec.*.encoder"


def main(
    corpora: Annotated[Path, typer.Argument(help="Folder that prepare_few_labels.py wrote, with one of each corpus")],
    work: Annotated[Path, typer.Argument(help="Folder for what is trained")],
    results: Annotated[Path, typer.Argument(help="Folder for the results, a file a run")],
    vectors: Annotated[str, typer.Option(help="Word vectors, `null` for none")] = "null",
    transformer: Annotated[
        Optional[Path], typer.Option(help="Folder of a transformer's weights: the runs on top of it, and no others")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few updates on the bundled corpus")] = False,
    workers: Annotated[int, typer.Option(help="Trainings at once, one thread each", min=1)] = 2,
    corpus: Annotated[Optional[List[str]], typer.Option(help="Only runs on this corpus; again for another one")] = None,
    arm: Annotated[Optional[List[str]], typer.Option(help="Only runs of this arm; again for another one")] = None,
    share: Annotated[Optional[List[int]], typer.Option(help="Only runs with this percentage of labels")] = None,
    seed: Annotated[Optional[List[int]], typer.Option(help="Only runs with this seed")] = None,
) -> None:
    """Run what has no result yet, and keep count."""
    study = Study(corpora, work, results, vectors, transformer)
    planned = QUICK if quick else TRANSFORMER if transformer else STUDY
    try:
        runs = choose(plan(planned), corpus or (), arm or (), share or (), seed or ())
        left = [run for run in runs if not study.result_of(run).exists()]
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    msg.info(f"{len(runs)} runs, {len(runs) - len(left)} of them done before")
    if not left:
        return
    try:
        with locked(work):
            failed = work_on({run.name: partial(study.run, run) for run in left}, workers)
    except ValueError as error:
        msg.fail(str(error), exits=1)
    tell_failures(failed)


class Study:
    """Trains and scores runs.

    corpora (Path), work (Path), results (Path): Folders, see `main`.
    vectors (str): Word vectors, `null` for none.
    transformer (Optional[Path]): Folder of a transformer, for the runs on top of one.
    """

    def __init__(
        self, corpora: Path, work: Path, results: Path, vectors: str, transformer: Optional[Path] = None
    ) -> None:
        self.corpora, self.work, self.results, self.transformer = corpora, work, results, transformer
        self.vectors = None if vectors == "null" else vectors
        self._guard = Lock()
        self._locks: Dict[str, Lock] = {}
        self._failed: Dict[str, TrainingFailed] = {}

    def data_of(self, run: Run) -> Dict[str, str]:
        """Digests of all that a run is trained and scored on.

        run (Run): The run.
        RETURNS (Dict[str, str]): By part: the files of texts, the word vectors, and the lexicon where it reads one.
        RAISES (FileNotFoundError): VE301 for a file that is not there.
        """
        files = {"labelled": f"seed-{run.seed}/labelled-{run.share}", "dev": "dev", "test": "test"}
        if run.encoder or run.arm.raw:
            files["raw"] = f"seed-{run.seed}/raw"
        folder = self.corpora / run.corpus.name
        found = {part: corpus_digest(folder / f"{file}.spacy") for part, file in files.items()}
        vectors = self.vectors_of(run)
        found["vectors"] = "" if vectors is None else vectors_digest(vectors)
        if "initialize.lookups" in run.settings:
            found["lexicon"] = file_digest(Path(LEXICON))
        if run.arm.transformer and self.transformer:
            found["transformer"] = folder_digest(self.transformer)
        return found

    def vectors_of(self, run: Run) -> Optional[str]:
        """RETURNS (Optional[str]): The word vectors that a run has, None for none."""
        return self.vectors if run.arm.vectors else None

    def name_of(self, run: Run) -> str:
        """RETURNS (str): Name of a run on this data: that of the run, and a digest of the data."""
        return f"{run.name}-{digest(self.data_of(run))}"

    def encoder_of(self, run: Run) -> str:
        """RETURNS (str): Name of the encoder below a run, trained on this data."""
        data = self.data_of(run)
        return f"{run.encoder}-{digest([data[part] for part in ('raw', 'vectors', 'transformer') if part in data])}"

    def result_of(self, run: Run) -> Path:
        """RETURNS (Path): The file of a run's result."""
        return self.results / f"{self.name_of(run)}.json"

    def train_encoder(self, run: Run) -> str:
        """Train the encoder below a run, unless it is there: several runs may ask for one at the same time, and the
        others wait. It sees the raw text alone, so that all shares of a seed have the same one. RETURNS (str): Its
        name."""
        name = self.encoder_of(run)
        with self._guard:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            if name in self._failed:
                raise self._failed[name]
            if not (self.work / name).is_dir():
                raw = str(self.corpora / run.corpus.name / f"seed-{run.seed}" / "raw.spacy")
                paths = {"paths.train": raw, "paths.dev": raw}
                settings = {**self._shared(run), **paths, **run.encoder_settings}
                if not run.arm.transformer:
                    settings[f"components.vae_encoder.model.{STATIC_VECTORS}"] = self.vectors_of(run) is not None
                try:
                    train(self.work / name, "vae.cfg", settings)
                except TrainingFailed as error:
                    self._failed[name] = error
                    raise
        return name

    def run(self, run: Run) -> str:
        """Train and score a run, after its encoder, and write its result. RETURNS (str): Its name, and its F1 on the
        test set."""
        if run.encoder:
            self.train_encoder(run)
        folder, data = self.work / self.name_of(run), self.corpora / run.corpus.name
        start = time.perf_counter()
        train(folder, run.config, {**run.settings, **self._local(run)})
        seconds = time.perf_counter() - start
        nlp = spacy.load(folder / "model-best")
        found: Dict[str, Any] = {"corpus": run.corpus.name, "arm": run.arm.name, "share": run.share, "seed": run.seed}
        found |= {part: score(nlp, data / f"{part}.spacy", run.corpus.figure) for part in ("dev", "test")}
        found |= {"seconds": round(seconds, 1), "commit": current_commit(), "changed": is_changed()}
        found |= {"settings": run.settings, "encoder": run.encoder_settings, "data": self.data_of(run)}
        write_json(self.result_of(run), found)
        # Hundreds of pipelines would fill a disk.
        shutil.rmtree(folder)
        return f"{run.name} in {in_words(seconds)}, {run.corpus.figure} {found['test']:.1f} on the test set"

    def _local(self, run: Run) -> Settings:
        """Settings that each machine has of its own, and those of the data that are in its digests."""
        data = self.corpora / run.corpus.name
        labelled, raw = (str(data / f"seed-{run.seed}" / f"{name}.spacy") for name in (f"labelled-{run.share}", "raw"))
        settings = {**self._shared(run), "paths.train": labelled, "paths.dev": str(data / "dev.spacy")}
        if run.encoder:
            settings["paths.vae"] = str(self.work / self.encoder_of(run) / "model-last")
        else:
            settings[f"{OWN_ENCODER}.{STATIC_VECTORS}"] = self.vectors_of(run) is not None
        if run.arm.raw:
            settings["paths.raw"] = raw
            settings |= mix(run.settings, count_texts(Path(labelled)), count_texts(Path(raw)))
        return settings

    def _shared(self, run: Run) -> Settings:
        shared: Settings = {"paths.vectors": self.vectors_of(run), "system.seed": run.seed}
        return {**shared, "paths.transformer": str(self.transformer)} if run.arm.transformer else shared


if __name__ == "__main__":
    typer.run(main)
