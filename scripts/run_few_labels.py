"""Run the study of few labels. Each finished run leaves a small file, so it can be stopped and go on elsewhere."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Dict, Tuple

import spacy
import typer
from _few_labels import QUICK, STUDY, Run, Settings, plan
from _metrics import current_commit
from _trainings import score, train
from wasabi import msg


def main(
    corpora: Annotated[Path, typer.Argument(help="Folder that prepare_few_labels.py wrote, with one of each corpus")],
    work: Annotated[Path, typer.Argument(help="Folder for what is trained")],
    results: Annotated[Path, typer.Argument(help="Folder for the results, a file a run")],
    vectors: Annotated[str, typer.Option(help="Word vectors, `null` for none")] = "null",
    quick: Annotated[bool, typer.Option("--quick", help="A few updates on the bundled corpus")] = False,
    workers: Annotated[int, typer.Option(help="Trainings at once, one thread each", min=1)] = 2,
) -> None:
    """Run what has no result yet, and keep count."""
    runs = plan(QUICK if quick else STUDY)
    left = [run for run in runs if not (results / f"{run.name}.json").exists()]
    msg.info(f"{len(runs)} runs, {len(runs) - len(left)} of them done before")
    study = Study(corpora, work, results, vectors)
    with ThreadPoolExecutor(workers) as pool:
        encoders = {run.encoder: run for run in left if run.encoder}
        for count, name in enumerate(pool.map(study.train_encoder, encoders.values()), start=1):
            msg.good(f"{count} of {len(encoders)} encoders: {name}")
        for count, (run, value) in enumerate(pool.map(study.run, left), start=1):
            msg.good(f"{count} of {len(left)} runs: {run.name}, {run.corpus.figure} {value:.1f} on the test set")


class Study:
    """Trains and scores runs.

    corpora (Path), work (Path), results (Path): Folders, see `main`.
    vectors (str): Word vectors, `null` for none.
    """

    def __init__(self, corpora: Path, work: Path, results: Path, vectors: str) -> None:
        self.corpora, self.work, self.results = corpora, work, results
        self.vectors = None if vectors == "null" else vectors

    def train_encoder(self, run: Run) -> str:
        """Train the encoder below a run, unless it is there. It sees the raw text alone, so that all shares of a seed
        have the same one. RETURNS (str): Its name."""
        folder = self.work / run.encoder
        if not folder.is_dir():
            raw = str(self.corpora / run.corpus.name / f"seed-{run.seed}" / "raw.spacy")
            paths = {"paths.train": raw, "paths.dev": raw}
            embed = {"components.vae_encoder.model.embed.include_static_vectors": self.vectors is not None}
            train(folder, "vae.cfg", {**self._shared(run), **paths, **embed, **run.encoder_settings})
        return run.encoder

    def run(self, run: Run) -> Tuple[Run, float]:
        """Train and score a run, and write its result. RETURNS (Tuple[Run, float]): The run, and its F1 on the test set
        in percent."""
        folder, data = self.work / run.name, self.corpora / run.corpus.name
        start = time.perf_counter()
        train(folder, "extractor.cfg" if run.encoder else "baseline.cfg", self._settings(run))
        seconds = time.perf_counter() - start
        nlp = spacy.load(folder / "model-best")
        found: Dict[str, Any] = {"corpus": run.corpus.name, "arm": run.arm.name, "share": run.share, "seed": run.seed}
        found |= {part: score(nlp, data / f"{part}.spacy", run.corpus.figure) for part in ("dev", "test")}
        found |= {"seconds": round(seconds, 1), "commit": current_commit(), "settings": run.settings}
        self.results.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        (self.results / f"{run.name}.json").write_text(text, encoding="utf8")
        # Hundreds of pipelines would fill a disk.
        shutil.rmtree(folder)
        return run, float(found["test"])

    def _settings(self, run: Run) -> Settings:
        data = self.corpora / run.corpus.name
        labelled, raw = (str(data / f"seed-{run.seed}" / f"{name}.spacy") for name in (f"labelled-{run.share}", "raw"))
        settings = {**self._shared(run), "paths.train": labelled, "paths.dev": str(data / "dev.spacy")}
        if run.encoder:
            settings["paths.vae"] = str(self.work / run.encoder / "model-last")
        else:
            settings["components.extractor.model.tok2vec.embed.include_static_vectors"] = self.vectors is not None
        if run.arm.raw:
            # One of each in turn, and twice the words, so that a batch has as many labels as without raw text.
            settings["corpora.train"] = {
                "@readers": "spacy-vaedie.MixedCorpus.v1",
                "raw_per_labelled": 1.0,
                "labelled": {"@readers": "spacy-vaedie.RelationCorpus.v1", "path": labelled},
                "raw": {"@readers": "spacy-vaedie.RawText.v1", "path": raw, "entities": True},
            }
            settings["training.max_epochs"] = -1
        settings |= run.settings
        if run.arm.raw:
            settings["training.batcher.size"] *= 2
        return settings

    def _shared(self, run: Run) -> Settings:
        return {"paths.vectors": self.vectors, "system.seed": run.seed}


if __name__ == "__main__":
    typer.run(main)
