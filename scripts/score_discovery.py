"""Score relations that were discovered without labels: B-cubed, beside what types or paths alone give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, List, Optional

import spacy
import typer
from _arms import find_arms, print_records
from _metrics import record, write_metrics
from wasabi import msg

from spacy_vaedie.analysis.clustering import PATH
from spacy_vaedie.analysis.discovery import cluster_or_none, discover, score_discovery
from spacy_vaedie.analysis.inspection import find_encoder
from spacy_vaedie.analysis.pairs import only_scored, read_raw
from spacy_vaedie.errors import Errors
from spacy_vaedie.scorer import BCubedScore, score_b_cubed

# What the clusters of `discover` and the baselines are called.
ARMS = {"clusters": "fused", "types": "types", "path": "path", "path-kmeans": "path-kmeans"}


def main(
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    arm: Annotated[List[str], typer.Option(help="CORPUS=DIR with DIR/seed-*/model-best, which has a vae_encoder")],
    texts: Annotated[List[str], typer.Option(help="CORPUS=FILE, its annotated texts; once for each corpus")],
    path_clusters: Annotated[int, typer.Option(help="Clusters of k-means by the path alone", min=1)] = 12,
    split: Annotated[str, typer.Option(help="What the texts are for")] = "test",
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run discovery .",
) -> None:
    """Discover relations between the annotated entities of each corpus, with every seed of its VAE, and score the pairs
    that have an annotated relation, in percent.
    """
    files = {name: Path(file) for name, _, file in (item.partition("=") for item in texts)}
    values: Dict[str, Dict[str, List[float]]] = {}
    try:
        for corpus, seeds in find_arms(arm).items():
            if corpus not in files:
                options = ", ".join(files)
                raise ValueError(Errors.VE005.format(value=corpus, what="corpus with texts", options=options))
            for seed in seeds:
                for name, score in score_seed(seed / "model-best", files[corpus], path_clusters).items():
                    figures = values.setdefault(f"{ARMS[name]}-{corpus}", {})
                    for figure in ("f1", "precision", "recall"):
                        figures.setdefault(f"b_cubed_{figure}", []).append(100 * getattr(score, figure))
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    records = [
        record(figure, name, found, split) for name, figures in values.items() for figure, found in figures.items()
    ]
    write_metrics(output, records, command)
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


def score_seed(model: Path, texts: Path, path_clusters: int) -> Dict[str, BCubedScore]:
    """Discover the relations of a corpus.

    model (Path): The pipeline.
    texts (Path): The annotated texts.
    path_clusters (int): Clusters of k-means by the path alone.
    RETURNS (Dict[str, BCubedScore]): What `score_discovery` gives, and as `path-kmeans` the scores of k-means by the
        path alone, told the number of clusters.
    RAISES (ValueError): VE310 where no pair is annotated with a relation, and as `discover`.
    """
    nlp = spacy.load(model)
    found = discover(nlp, find_encoder(nlp, str(model)), read_raw(nlp, texts))
    scores: Optional[Dict[str, BCubedScore]] = score_discovery(found)
    if scores is None:
        raise ValueError(Errors.VE310.format(path=texts))
    by_path = cluster_or_none(found.pairs, by=(PATH,), n_clusters=path_clusters)
    return {**scores, "path-kmeans": score_b_cubed(*only_scored(found.pairs, by_path))}


if __name__ == "__main__":
    typer.run(main)
