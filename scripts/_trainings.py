"""Trainings that a study starts one by one, with settings that are changed in a config of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from score_semeval import directed_label
from spacy.language import Language
from strip_base import strip
from thinc.api import Config

from spacy_vaedie.scorer import score_semeval
from spacy_vaedie.training.readers import create_relation_corpus

CONFIGS = Path(__file__).parents[1] / "configs"


class TrainingFailed(RuntimeError):
    """A training that stopped before its end. Its message names the log."""


def train(folder: Path, config: str, settings: Dict[str, Any]) -> None:
    """Train without a base pipeline, on one thread, in a process of its own. The folder is there only when the training
    is at its end: spaCy writes pipelines from the first update on, and one that was killed has left some, too.

    folder (Path): What is in it is replaced by the config, `log.txt` and the pipelines. Until the end they stand beside
        it, in a folder whose name ends with `.part`.
    config (str): One of `configs/`.
    settings (Dict[str, Any]): What is changed in it, see `change`.
    RAISES (TrainingFailed): Where it fails. Config and log stay in the folder `.part`.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    make_config(config, settings).to_disk(part / "config.cfg")
    command = [sys.executable, "-m", "spacy", "train", str(part / "config.cfg"), "--output", str(part)]
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with (part / "log.txt").open("w", encoding="utf8") as log:
        status = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **threads})
    if status.returncode:
        for name in ("model-best", "model-last"):
            shutil.rmtree(part / name, ignore_errors=True)
        raise TrainingFailed(f"{folder.name} stopped: see {part / 'log.txt'}")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def make_config(config: str, settings: Dict[str, Any]) -> Config:
    """A config of the project without the base pipeline, and with some settings changed.

    config (str): One of `configs/`.
    settings (Dict[str, Any]): What is changed in it, see `change`.
    RETURNS (Config): The config, not interpolated.
    """
    changed = strip(Config().from_disk(CONFIGS / config, interpolate=False))
    for path, value in settings.items():
        change(changed, path, value)
    return changed


def change(config: Config, path: str, value: Any) -> None:
    """Change one setting of a config, also where it was a section.

    config (Config): The config.
    path (str): Sections and setting, with dots in between.
    value (Any): The new value.
    """
    *sections, name = path.split(".")
    block: Dict[str, Any] = config
    for section in sections:
        block = block[section]
    block[name] = value


def score(nlp: Language, path: Path, figure: str) -> float:
    """Score a pipeline, with the entities and the parse of the file.

    nlp (Language): The pipeline, without a parser.
    path (Path): Annotated texts.
    figure (str): `micro_f1_directed` for SemEval's, else the micro-F1 of the relations.
    RETURNS (float): In percent.
    """
    examples = list(create_relation_corpus(path)(nlp))
    if figure == "micro_f1_directed":
        docs = nlp.pipe(example.predicted for example in examples)
        key = {str(i): directed_label(example.reference) for i, example in enumerate(examples)}
        return 100 * score_semeval(key, {str(i): directed_label(doc) for i, doc in enumerate(docs)}).micro_f1_directed
    return 100 * float(nlp.evaluate(examples)["rels_f"])
