"""Score VAEs and language models on held-out captions: likelihood by importance weighting, and what the latents say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, List

import spacy
import typer
from _arms import read_seconds, score_arms

from spacy_vaedie.models.diagnostics import SEED, active_units, measure, mutual_information
from spacy_vaedie.models.objectives import FINAL_STEP
from spacy_vaedie.models.vae import Evaluation
from spacy_vaedie.training.readers import create_raw_text


def main(
    test: Annotated[Path, typer.Argument(help="Test captions, a text a line")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    arm: Annotated[List[str], typer.Option(help="NAME=DIR with DIR/seed-*/model-best; once for each arm")],
    samples: Annotated[int, typer.Option(help="Importance-weighted samples of each text")] = 100,
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run captions .",
) -> None:
    """Score every seed of every arm on the test captions."""
    score_arms(arm, lambda seeds: score_arm(seeds, test, samples), output, command)


def score_arm(seeds: List[Path], test: Path, samples: int) -> Dict[str, List[float]]:
    """Score the seeds of an arm.

    seeds (List[Path]): Folders that hold `model-best` and maybe `seconds.txt`, the time of training.
    test (Path): The test captions.
    samples (int): Importance-weighted samples of each text.
    RETURNS (Dict[str, List[float]]): Values of each figure, a seed each: nats a text, perplexity a word, dimensions,
        nats in batches of 128, and percent of the tokens that are not in the vocabulary. An arm without latents has
        no figures of latents.
    """
    figures: Dict[str, List[float]] = {}
    for seed in seeds:
        nlp = spacy.load(seed / "model-best")
        encoder = nlp.get_pipe("vae_encoder")
        docs = (example.predicted for example in create_raw_text(test)(nlp))
        latents = encoder.objective.latents
        found = measure(encoder.model, docs, encoder.objective.at(FINAL_STEP, SEED), Evaluation(samples, SEED, latents))
        values = {
            "nll_iw": found.nll,
            "perplexity": found.perplexity,
            "unknown_words": 100 * found.n_unknown / found.n_tokens,
        }
        if latents != "none":
            values["active_units"] = active_units(found.doc_mean)
            values["mutual_information"] = mutual_information(found.doc_mean, found.doc_log_variance)
        for figure, value in values.items():
            figures.setdefault(figure, []).append(float(value))
        for seconds in read_seconds(seed):
            figures.setdefault("seconds", []).append(seconds)
    return figures


if __name__ == "__main__":
    typer.run(main)
