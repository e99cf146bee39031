"""How good a `vae_encoder` is as a model of some text."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings, warn
from ..models.diagnostics import (
    MI_BATCH,
    SEED,
    Measurement,
    active_units,
    kl_per_dimension,
    measure,
    mutual_information,
)
from ..models.objectives import FINAL_STEP
from ..models.vae import Evaluation
from ..training.readers import create_raw_text, read_annotated
from .raw_docs import parse_bare
from .representation import draw_labels, few_label_probe

# How often the labels of the probe are drawn.
PROBE_SEEDS = (0, 1, 2, 3, 4)
# Labels that it learns from where nobody says how many; half of the texts where there are fewer than two times as many.
PROBE_LABELS = 100


def find_encoder(nlp: Language, model: str) -> Any:
    """Find the encoder of a pipeline.

    nlp (Language): The pipeline.
    model (str): What the pipeline is called, for the error.
    RETURNS (VAEEncoder): The first one.
    RAISES (ValueError): VE503 where there is none.
    """
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "vae_encoder":
            return nlp.get_pipe(name)
    raise ValueError(Errors.VE503.format(model=model, names=", ".join(nlp.pipe_names) or "none"))


def read_corpus(nlp: Language, path: Path, encoder: Any, limit: int = 0) -> List[Example]:
    """Read texts as an encoder has to have them: where a file holds no parse, the components before the encoder run.

    nlp (Language): The pipeline.
    path (Path): Any file or folder that `spacy-vaedie.RawText.v1` reads. Of .spacy files, what is annotated is kept in
        the references.
    encoder (VAEEncoder): The encoder.
    limit (int): Number of texts to read, 0 for all.
    RETURNS (List[Example]): The texts.
    RAISES (ValueError), (FileNotFoundError): As the readers.
    """
    files = [path] if path.is_file() else list(path.rglob("*"))
    annotated = all(file.suffix == ".spacy" for file in files if file.is_file() and not file.name.startswith("."))
    read = read_annotated(path, nlp, limit=limit) if annotated else create_raw_text(path, limit=limit)(nlp)
    examples = list(read)
    parse_bare(nlp, [example.predicted for example in examples], encoder)
    return examples


def inspect_encoder(
    encoder: Any,
    docs: Iterable[Doc],
    *,
    samples: int = 100,
    max_evaluated: int = 500,
    labels: Optional[Sequence[str]] = None,
    n_labels: Optional[int] = None,
) -> Dict[str, Any]:
    """Measure what an encoder makes of a corpus.

    encoder (VAEEncoder): The encoder.
    docs (Iterable[Doc]): The corpus, parsed as in training.
    samples (int): Importance-weighted samples of each text, 0 for no likelihood.
    max_evaluated (int): Texts whose likelihood is taken, about; 0 for all.
    labels (Optional[Sequence[str]]): A label for each text that is not empty, for a linear probe of the texts'
        latents. None for no probe.
    n_labels (Optional[int]): How many labels the probe learns from, 0 for no probe; it is scored on the other texts.
        None for 100, or half of the texts where there are fewer than 200. Where it is asked for and cannot be, VW502
        says so.
    RETURNS (Dict[str, Any]): `decoder`; `n_words` that it knows; `n_docs`, `n_tokens`; `unknown`, the share of tokens
        that the decoder does not know, and `unknown_in_training`; `reconstruction`, `kl` and `doc_kl`, in nats a
        prediction; by `levels`, `token` and `doc`, what `describe_latents` gives; `likelihood` with `nll_iw` in nats a
        text and `perplexity`, or None; `probe` with mean and standard deviation of the accuracy, or None. For a
        language model, which has no latents, all figures of latents are None: `kl`, `doc_kl`, `levels` and `probe`.
        Where a decoder that counts only the words that it knows knows none (VW103), those of the bound and the
        likelihood are.
    RAISES (ValueError): VE101 where the pipe was not initialized, VE304 where there is no text, VE502 where the
        labels do not fit.
    """
    if not encoder.model.shims[0].is_built:
        raise ValueError(Errors.VE101.format(name=encoder.name))
    importance = Evaluation(samples, SEED, encoder.objective.latents) if samples else None
    found = measure(encoder.model, docs, encoder.objective.at(FINAL_STEP, SEED), importance, max_evaluated)
    if not found.n_docs:
        raise ValueError(Errors.VE304.format(path="The corpus"))
    has_latents = encoder.objective.latents != "none"
    parts = ["reconstruction", "kl", "doc_kl"] if has_latents else ["reconstruction"]
    if not found.n_predictions:
        warn(Warnings.VW103.format(name=encoder.name))
        parts = []
    return {
        "decoder": encoder.model.attrs["decoder"],
        "n_words": len(encoder.model.attrs["words"]),
        "n_docs": found.n_docs,
        "n_tokens": found.n_tokens,
        "unknown": found.n_unknown / found.n_tokens,
        "unknown_in_training": encoder.cfg.get("unknown"),
        **dict.fromkeys(("reconstruction", "kl", "doc_kl")),
        **{name: found.bound[name] for name in parts},
        "levels": _describe_levels(found) if has_latents else None,
        "likelihood": _describe_likelihood(found, samples),
        "probe": _probe(found, labels, n_labels)
        if has_latents
        else _no_probe(n_labels, "a language model has no latents"),
    }


def _describe_levels(found: Measurement) -> Dict[str, Any]:
    levels = {"doc": describe_latents(found.doc_mean, found.doc_log_variance)}
    if found.mean.shape[1]:
        levels = {"token": describe_latents(found.mean, found.log_variance), **levels}
    return levels


def describe_latents(means: Any, log_variances: Any) -> Dict[str, Any]:
    """Sum a posterior up.

    means (Any), log_variances (Any): Posterior over a corpus. *Shape:* (n, latent_width)
    RETURNS (Dict[str, Any]): `width`, `active_units`, `kl` in nats, `kl_per_dimension`, and `mutual_information` in
        nats, which cannot exceed the logarithm of `mutual_information_batch`.
    """
    kl = kl_per_dimension(means, log_variances)
    batch = min(MI_BATCH, len(means))
    return {
        "width": means.shape[1],
        "active_units": active_units(means),
        "kl": float(kl.sum()),
        "kl_per_dimension": [float(value) for value in kl],
        "mutual_information": mutual_information(means, log_variances),
        "mutual_information_batch": batch,
        "mutual_information_limit": math.log(batch),
    }


def _describe_likelihood(found: Measurement, samples: int) -> Optional[Dict[str, Any]]:
    if found.log_likelihood is None or not found.n_predictions:
        return None
    return {
        "nll_iw": found.nll,
        "perplexity": found.perplexity,
        "samples": samples,
        "n_docs": int(len(found.log_likelihood)),
    }


def _probe(found: Measurement, labels: Optional[Sequence[str]], n_labels: Optional[int]) -> Optional[Dict[str, Any]]:
    if labels is None:
        return _no_probe(n_labels, "not every text has a category (`doc.cats`), so nobody knows what to learn")
    if n_labels == 0:
        return None
    if len(labels) != found.n_docs:
        reason = f"there are {found.n_docs} texts that are not empty and {len(labels)} label(s)"
        raise ValueError(Errors.VE502.format(reason=reason))
    if n_labels is None:
        n_labels = min(PROBE_LABELS, len(labels) // 2)
        counts = Counter(labels)
        # What was not asked for is no reason to stop.
        if not 2 <= len(counts) <= n_labels or min(counts.values()) < 2:
            size = f"{len(labels)} text(s) with {len(counts)} different categories"
            return _no_probe(len(labels), f"{size} are too few, or a category is on one text only")
    accuracies: List[float] = []
    answers = np.array(labels)
    for seed in PROBE_SEEDS:
        rows = draw_labels(answers, n_labels, seed)
        others = np.setdiff1d(np.arange(len(answers)), rows)
        accuracies += few_label_probe(
            found.doc_mean[rows], answers[rows], found.doc_mean[others], answers[others], n_labels, [seed]
        )
    return {
        "n_labels": n_labels,
        "n_classes": len(set(labels)),
        "accuracy": float(np.mean(accuracies)),
        "std": float(np.std(accuracies, ddof=1)),
        "n": len(accuracies),
    }


def _no_probe(n_labels: Optional[int], reason: str) -> Optional[Dict[str, Any]]:
    """Say why there is no probe, where there were labels to learn from or it was asked for."""
    if n_labels:
        warn(Warnings.VW502.format(reason=reason))
    return None


def read_labels(examples: Iterable[Example]) -> Optional[List[str]]:
    """The labels of texts, where each one has a category.

    examples (Iterable[Example]): The texts.
    RETURNS (Optional[List[str]]): The category of each with the highest value, None where some text has none.
    """
    cats = [example.reference.cats for example in examples]
    return [max(found, key=lambda name: found[name]) for found in cats] if cats and all(cats) else None
