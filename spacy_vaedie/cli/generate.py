"""`spacy vaedie generate`: write texts with the VAE of a trained pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, List, Optional, Tuple

import spacy
import typer
from wasabi import msg

from ..analysis.inspection import find_encoder, read_corpus
from ._app import app, coded_errors


@app.command("generate")
def generate_cli(
    model: Annotated[str, typer.Argument(help="Name or path of the pipeline")],
    n: Annotated[int, typer.Option("--n", "-n", help="How many texts, steps, neighbours or words", min=1)] = 10,
    seed: Annotated[int, typer.Option("--seed", help="The same one gives the same texts")] = 0,
    temperature: Annotated[
        float, typer.Option("--temperature", help="0 for the likeliest words, 1 for the model's own choice", min=0.0)
    ] = 1.0,
    reconstruct: Annotated[
        Optional[Path],
        typer.Option("--reconstruct", help="Write the first texts of this file as the latents have them"),
    ] = None,
    between: Annotated[Optional[Tuple[str, str]], typer.Option("--between", help="Go from one text to another")] = None,
    corpus: Annotated[
        Optional[Path], typer.Option("--corpus", help="With --between: the nearest texts of this file, half way")
    ] = None,
    top_words: Annotated[
        bool, typer.Option("--top-words", help="The words that each dimension of the text's latent stands for")
    ] = False,
) -> None:
    """Write texts with the VAE of a trained pipeline: drawn from the prior, or as the options say."""
    if sum((top_words, reconstruct is not None, between is not None)) > 1:
        raise typer.BadParameter("give one of --top-words, --reconstruct and --between")
    if corpus is not None and between is None:
        raise typer.BadParameter("--corpus goes with --between")
    with coded_errors():
        nlp = spacy.load(model)
        encoder = find_encoder(nlp, model)
        if top_words:
            width = encoder.model.attrs["settings"]["doc_latent_width"]
            lines = [f"{dim:>3}  {' '.join(encoder.top_words(dim, n=n))}" for dim in range(width)]
        elif reconstruct is not None:
            docs = [example.predicted for example in read_corpus(nlp, reconstruct, encoder, limit=n)]
            texts = encoder.reconstruct(docs)
            lines = [line for doc, text in zip(docs, texts, strict=True) for line in (doc.text, f"  -> {text}")]
        elif between is not None:
            ends = _parse_texts(nlp, list(between), encoder.name)
            if corpus is None:
                lines = encoder.interpolate(ends[0], ends[1], steps=n)
            else:
                docs = [example.predicted for example in read_corpus(nlp, corpus, encoder)]
                lines = [doc.text for doc in encoder.nearest(ends[0], docs, n=n, other=ends[1])]
        else:
            lines = encoder.sample(n, seed=seed, temperature=temperature)
    for line in lines:
        print(line)
    if not lines:
        msg.warn("There is nothing to write.")


def _parse_texts(nlp: spacy.language.Language, texts: List[str], encoder: str) -> List[spacy.tokens.Doc]:
    return list(nlp.pipe(texts, disable=nlp.pipe_names[nlp.pipe_names.index(encoder) :]))
