"""Score VAEs with a bag-of-words decoder as topic models, beside LDA and TF-IDF on the same words and documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Dict, List, Tuple

import numpy as np
import spacy
import typer
from _arms import find_arms, print_records, read_seconds
from _lda import fit_lda, lda_bounds, topic_words, tune_lda
from _metrics import record, write_metrics
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_vaedie.analysis.representation import few_label_probe
from spacy_vaedie.errors import Errors
from spacy_vaedie.models.coherence import TOP_WORDS, npmi_coherence, topic_diversity
from spacy_vaedie.models.diagnostics import SEED, measure
from spacy_vaedie.models.objectives import FINAL_STEP
from spacy_vaedie.models.vae import Evaluation, word_rows
from spacy_vaedie.training.files import read_docbin

PARTS = ("train", "dev", "test")
N_LABELS, LABEL_SEEDS = 100, range(5)
# Strengths of the probe's classifier, of which the dev set chooses one for each kind of vectors.
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
# Samples of the bound, whose mean is taken, and of the importance-weighted one.
BOUND_SAMPLES, IMPORTANCE_SAMPLES = 20, 100

Values = Dict[str, List[float]]
Vectors = Dict[str, Any]


@dataclass(frozen=True, eq=False)
class Part:
    """Documents of a corpus.

    docs (List[Doc]): The texts.
    counts (csr_matrix): How often each word of the vocabulary stands in each. *Shape:* (n_docs, n_words)
    topics (List[str]): The label of each.
    """

    docs: List[Doc]
    counts: Any
    topics: List[str]


def main(
    corpora: Annotated[Path, typer.Argument(help="Folder with a folder a corpus: train.spacy, dev.spacy, test.spacy")],
    trained: Annotated[Path, typer.Argument(help="Folder with vae-CORPUS-TOPICS/seed-*/model-best")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    words: Annotated[Path, typer.Option(help="File to write the top words of each topic to")],
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run topics .",
) -> None:
    """Score every trained VAE on the test set, fit and score LDA and TF-IDF, and count where the VAE is ahead."""
    arms: Dict[str, Values] = {}
    lines: List[str] = []
    try:
        for folder in sorted(path for path in corpora.iterdir() if path.is_dir()):
            models = sorted(trained.glob(f"vae-{folder.name}-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
            found = find_arms([f"{path.name}={path}" for path in models])
            for arm, seeds in found.items():
                score_setting(arm.removeprefix("vae-"), seeds, folder, arms, lines)
            if found:
                arms[f"tfidf-{folder.name}"] = score_tfidf(folder, next(iter(found.values())))
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    records = [record(figure, arm, values) for arm, figures in arms.items() for figure, values in figures.items()]
    write_metrics(output, records, command)
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("\n".join(lines) + "\n", encoding="utf8")
    print_records(records)
    print_comparison(arms)
    msg.good(f"Saved the metrics to {output} and the words of the topics to {words}")


def score_setting(setting: str, seeds: List[Path], folder: Path, arms: Dict[str, Values], lines: List[str]) -> None:
    """Score the VAEs of a corpus and a number of topics, and LDA with the defaults of scikit-learn and tuned on dev.

    setting (str): CORPUS-TOPICS.
    seeds (List[Path]): Folders of the VAE's seeds; LDA is fitted with as many.
    folder (Path): The corpus.
    arms (Dict[str, Values]): Where to put the values of each arm and figure, a seed each; of the probe, a draw of
        labels each, averaged over the seeds.
    lines (List[str]): Where to put the top words of each topic.
    """
    n_topics = int(setting.rsplit("-", 1)[1])
    tuned: Dict[str, Any] = {}
    runs: Dict[str, List[Tuple[Values, Vectors]]] = {f"{arm}-{setting}": [] for arm in ("vae", "lda", "lda-tuned")}
    for number, seed in enumerate(seeds):
        nlp = spacy.load(seed / "model-best")
        encoder = nlp.get_pipe("vae_encoder")
        parts = read_parts(folder, nlp)
        reference = [[token.lower_ for token in doc] for part in parts.values() for doc in part.docs]
        names = encoder.model.attrs["words"]
        topics = [encoder.top_words(dim, n=TOP_WORDS) for dim in range(n_topics)]
        runs[f"vae-{setting}"].append((score_vae(nlp, parts["test"], seed), read_vectors(nlp, parts)))
        add_topics(runs[f"vae-{setting}"][-1][0], topics, reference)
        lines += [f"vae-{setting} {seed.name} {dim}: {' '.join(top)}" for dim, top in enumerate(topics)]
        if not number:
            tuned = tune_lda(parts["train"].counts, parts["dev"].counts, n_topics, seed=0)
            msg.info(f"LDA, {setting}: the dev set chose {tuned or 'the defaults'}")
        for arm, settings in (("lda", {}), ("lda-tuned", tuned)):
            lda = fit_lda(parts["train"].counts, n_topics, number, settings)
            bound, importance = lda_bounds(lda, parts["test"].counts, IMPORTANCE_SAMPLES)
            values = perplexities(bound.sum(), importance.sum(), parts["test"].counts.sum())
            best = np.argsort(-topic_words(lda), axis=1, kind="stable")[:, :TOP_WORDS]
            topics = [[names[row] for row in rows] for rows in best]
            add_topics(values, topics, reference)
            vectors = {name: lda.transform(part.counts) for name, part in parts.items()}
            runs[f"{arm}-{setting}"].append((values, vectors))
            lines += [f"{arm}-{setting} {seed.name} {dim}: {' '.join(top)}" for dim, top in enumerate(topics)]
    for arm, found in runs.items():
        figures: Values = {}
        for values, _ in found:
            for figure, numbers in values.items():
                figures.setdefault(figure, []).extend(numbers)
        figures["probe_accuracy_100"] = probe([vectors for _, vectors in found], parts)
        arms[arm] = figures


def score_vae(nlp: Language, test: Part, seed: Path) -> Values:
    """RETURNS (Values): Perplexity by the mean of the bound over samples, and by the importance-weighted one; the
    time of training where it was taken.
    """
    encoder = nlp.get_pipe("vae_encoder")
    objective = encoder.objective.at(FINAL_STEP, SEED)
    # With one sample, the importance-weighted bound is the evidence lower bound.
    found = [
        measure(encoder.model, test.docs, objective, Evaluation(1, sample)).log_likelihood.sum()
        for sample in range(BOUND_SAMPLES)
    ]
    weighted = measure(encoder.model, test.docs, objective, Evaluation(IMPORTANCE_SAMPLES, SEED))
    values = perplexities(np.mean(found), weighted.log_likelihood.sum(), weighted.units.sum())
    return {**values, **({"seconds": read_seconds(seed)} if (seed / "seconds.txt").is_file() else {})}


def perplexities(bound: float, importance: float, n_words: float) -> Values:
    """RETURNS (Values): Perplexity a word, of two bounds on the log-likelihood of all documents."""
    return {
        "perplexity": [float(np.exp(-bound / n_words))],
        "perplexity_iw": [float(np.exp(-importance / n_words))],
    }


def add_topics(values: Values, topics: List[List[str]], reference: List[List[str]]) -> None:
    """Add the coherence of topics over the whole corpus, and how much they differ."""
    values["npmi"] = [float(npmi_coherence(topics, reference).mean())]
    values["diversity"] = [topic_diversity(topics)]


def score_tfidf(folder: Path, seeds: List[Path]) -> Values:
    """RETURNS (Values): The probe on TF-IDF of the VAE's vocabulary, fitted on all of train."""
    parts = read_parts(folder, spacy.load(seeds[0] / "model-best"))
    tfidf = TfidfTransformer().fit(parts["train"].counts)
    return {"probe_accuracy_100": probe([{name: tfidf.transform(part.counts) for name, part in parts.items()}], parts)}


def probe(models: List[Vectors], parts: Dict[str, Part]) -> List[float]:
    """Accuracy of a linear classifier with few labels, which the dev set chooses the strength of.

    models (List[Vectors]): Vectors of each part, by each seed of a model.
    parts (Dict[str, Part]): The corpus.
    RETURNS (List[float]): In percent, one for each draw of labels, averaged over the models.
    """

    def accuracies(part: str, strength: float) -> NDArray[np.float64]:
        labels = (parts["train"].topics, parts[part].topics)
        found = [
            few_label_probe(
                vectors["train"], labels[0], vectors[part], labels[1], N_LABELS, LABEL_SEEDS, strength=strength
            )
            for vectors in models
        ]
        return 100 * np.mean(found, axis=0)

    best = max(STRENGTHS, key=lambda strength: accuracies("dev", strength).mean())
    return [float(value) for value in accuracies("test", best)]


def read_parts(folder: Path, nlp: Language) -> Dict[str, Part]:
    """Read a corpus.

    folder (Path): Folder with a .spacy file for each part.
    nlp (Language): A trained pipeline, whose vocabulary the words are counted in.
    RETURNS (Dict[str, Part]): The parts.
    RAISES (ValueError): VE401 for a text without a topic.
    """
    parts = {}
    vocabulary = nlp.get_pipe("vae_encoder").model.attrs["vocabulary"]
    for name in PARTS:
        path = folder / f"{name}.spacy"
        docs = [doc for doc in read_docbin(path, nlp.vocab) if len(doc)]
        if not all(doc.cats for doc in docs):
            raise ValueError(Errors.VE401.format(reason=f"{path} has texts without doc.cats; convert the corpus again"))
        topics = [max(doc.cats, key=lambda label: doc.cats[label]) for doc in docs]
        parts[name] = Part(docs, count_words(docs, vocabulary), topics)
    return parts


def count_words(docs: List[Doc], vocabulary: NDArray[np.uint64]) -> Any:
    """RETURNS (csr_matrix): Known words of each text. *Shape:* (n_docs, n_words)"""
    columns = word_rows(vocabulary, docs) - 1
    rows = np.repeat(np.arange(len(docs)), [len(doc) for doc in docs])
    known = columns >= 0
    shape = (len(docs), len(vocabulary))
    return csr_matrix((np.ones(known.sum()), (rows[known], columns[known])), shape=shape)


def read_vectors(nlp: Language, parts: Dict[str, Part]) -> Vectors:
    """RETURNS (Vectors): The mean of each text's latent."""
    encoder = nlp.get_pipe("vae_encoder")
    return {
        name: np.stack([doc._.latents.doc_mean for doc in encoder.pipe(part.docs, batch_size=128)])
        for name, part in parts.items()
    }


def print_comparison(arms: Dict[str, Values]) -> None:
    """Print in how many settings the VAE is better than LDA in perplexity and in coherence."""
    for baseline in ("lda", "lda-tuned"):
        settings = [arm.removeprefix("vae-") for arm in arms if arm.startswith("vae-")]
        ahead = []
        for setting in settings:
            vae, lda = arms[f"vae-{setting}"], arms[f"{baseline}-{setting}"]
            lower = np.mean(vae["perplexity"]) < np.mean(lda["perplexity"])
            ahead.append(lower and np.mean(vae["npmi"]) > np.mean(lda["npmi"]))
        msg.info(f"Perplexity and NPMI both better than {baseline}: {sum(ahead)} of {len(ahead)} settings")


if __name__ == "__main__":
    typer.run(main)
