"""`spacy vaedie discover`: relations of raw text, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import spacy
import srsly
import typer
from spacy.tokens import DocBin
from wasabi import msg

from ..analysis.cluster_file import LEAVE, Applied, apply_clusters, read_clusters
from ..analysis.clustering import BLOCKS
from ..analysis.discovery import NOISE_ID, Discovery, discover, score_discovery
from ..analysis.inspection import find_encoder
from ..analysis.pairs import ENTITIES, read_raw
from ..errors import Errors
from ..scorer import BCubedScore
from ..training.files import write_docbin
from ._app import app, coded_errors


@app.command("discover")
def discover_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline, with a vae_encoder")],
    raw: Annotated[Path, typer.Argument(help="Raw text: .spacy, .txt, .jsonl or .conllu, or a folder of them")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="JSONL file for the clusters; with --apply, .spacy file for the Docs")
    ],
    apply: Annotated[
        Optional[Path], typer.Option("--apply", help="Clusters with names: label the raw text by them")
    ] = None,
    candidates: Annotated[
        str, typer.Option("--candidates", help="`entities` of a sentence, or subject and object of `triples`")
    ] = ENTITIES,
    by: Annotated[str, typer.Option("--by", help="What pairs are told apart by, with commas")] = ",".join(BLOCKS),
    min_size: Annotated[
        int,
        typer.Option("--min-size", help="Pairs of a cluster, at least; 0 for 2 percent of all, from 5 to 100", min=0),
    ] = 0,
    n_clusters: Annotated[
        int, typer.Option("--n-clusters", help="Number of clusters, for k-means; 0 for HDBSCAN, which finds it", min=0)
    ] = 0,
    fine: Annotated[bool, typer.Option("--fine", help="Many small clusters of HDBSCAN in place of few large ones")] = (
        False
    ),
    max_pairs: Annotated[int, typer.Option("--max-pairs", help="Stop reading with this many pairs", min=1)] = 20_000,
    unlabelled: Annotated[
        str,
        typer.Option("--unlabelled", help="With --apply, texts with unlabelled pairs: `leave` out, or take `negative`"),
    ] = LEAVE,
    limit: Annotated[int, typer.Option("--limit", help="Texts to read, 0 for all", min=0)] = 0,
) -> None:
    """Discover relations in raw text: clusters of pairs. Name them in the file, then label the text with --apply."""
    with coded_errors():
        check_suffix(output, ".jsonl" if apply is None else ".spacy")
        nlp = spacy.load(model)
        texts = read_raw(nlp, raw, limit)
        if apply is not None:
            applied = apply_clusters(nlp, texts, read_clusters(apply), unlabelled=unlabelled)
            write_docbin(output, DocBin(docs=applied.docs, store_user_data=True))
            print_applied(applied)
        else:
            parts, encoder = [part.strip() for part in by.split(",") if part.strip()], find_encoder(nlp, model)
            settings: Dict[str, Any] = {"min_size": min_size, "n_clusters": n_clusters, "fine": fine}
            found = discover(nlp, encoder, texts, candidates=candidates, by=parts, max_pairs=max_pairs, **settings)
            output.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_jsonl(output, found.lines)
            print_clusters(found)
            print_scores(score_discovery(found, **settings))
    msg.good(f"Saved {output}")


def check_suffix(path: Path, suffix: str) -> None:
    """Check what a file is called, before the work is done.

    path (Path): The file.
    suffix (str): What its name must end with.
    RAISES (ValueError): VE302 for another name.
    """
    if path.suffix != suffix:
        raise ValueError(Errors.VE302.format(path=path, suffix=path.suffix, options=suffix))


def print_clusters(discovery: Discovery) -> None:
    """Print clusters as a table.

    discovery (Discovery): The clusters.
    """
    msg.divider(f"{len(discovery.pairs)} pairs of {discovery.pairs.n_texts} texts")
    rows = [
        (line["id"], line["size"], line["name"], line["paths"][0]["path"] or "-", ", ".join(line["types"][0]["types"]))
        for line in discovery.lines
        if line["id"] != NOISE_ID
    ]
    header = ("cluster", "pairs", "suggested name", "commonest path", "commonest types")
    msg.table(rows, header=header, aligns=("r", "r", "l", "l", "l"))
    msg.info(f"Pairs in no cluster: {sum(line['size'] for line in discovery.lines if line['id'] == NOISE_ID)}")


def print_scores(scores: Optional[Dict[str, BCubedScore]]) -> None:
    """Print how clusters fit the annotated relations, beside the baselines.

    scores (Optional[Dict[str, BCubedScore]]): What `score_discovery` gives.
    """
    if scores is None:
        return
    names = {"clusters": "these clusters", "types": "types alone", "path": "path alone"}
    rows = [
        (names[name], *(f"{100 * value:.2f}" for value in (found.precision, found.recall, found.f1)))
        for name, found in scores.items()
    ]
    msg.table(rows, header=("B-cubed, annotated pairs", "P", "R", "F"), aligns=("l", "r", "r", "r"))


def print_applied(applied: Applied) -> None:
    """Print what became of the raw text.

    applied (Applied): The Docs.
    """
    rows = sorted(applied.labels.items(), key=lambda item: -item[1])
    msg.table(rows, header=("label", "relations"), aligns=("l", "r"))
    msg.info(f"Texts: {len(applied.docs)}, of them without a relation: {applied.n_unrelated}")
    if applied.n_left:
        msg.info(f"Texts left out, since pairs of theirs have no label: {applied.n_left}")
