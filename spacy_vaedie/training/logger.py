"""The table that `spacy train` prints."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Callable, Dict, Optional, Tuple

from spacy.language import Language
from spacy.training.loggers import console_logger_v3
from spacy.util import registry

# Scores that are no shares, and stand in the table as they are.
PLAIN_SCORES = ("vae_reconstruction", "vae_kl", "vae_doc_kl", "vae_mutual_information", "vae_nll", "vae_perplexity")

LogStep = Callable[[Optional[Dict[str, Any]]], None]
Setup = Callable[[Language, IO[str], IO[str]], Tuple[LogStep, Callable[[], None]]]


@registry.loggers("spacy-vaedie.ConsoleLogger.v1")
def console_logger(progress_bar: Optional[str] = None, output_file: Optional[Path] = None) -> Setup:
    """spaCy's console logger, but for figures in nats and perplexities: spaCy multiplies every score by 100, which is
    right for shares alone.

    progress_bar (Optional[str]): `train` or `eval` for a bar over all steps or up to the next evaluation.
    output_file (Optional[Path]): JSONL file for a line an evaluation.
    RETURNS (Setup): Sets the logger up for a pipeline.
    """
    setup = console_logger_v3(progress_bar=progress_bar, console_output=True, output_file=output_file)

    def set_up(nlp: Language, stdout: IO[str], stderr: IO[str]) -> Tuple[LogStep, Callable[[], None]]:
        log_step, finalize = setup(nlp, stdout, stderr)
        return lambda info: log_step(info if info is None else _undo_percent(info)), finalize

    return set_up


def _undo_percent(info: Dict[str, Any]) -> Dict[str, Any]:
    """What spaCy's logger gets, so that plain scores come out as they are."""
    scores = dict(info["other_scores"])
    scores.update({name: scores[name] / 100 for name in PLAIN_SCORES if scores.get(name) is not None})
    return {**info, "other_scores": scores}
