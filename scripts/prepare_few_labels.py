"""Cut a corpus for the study of few labels: nested shares of labelled texts, and half of the texts without labels."""

from __future__ import annotations

from pathlib import Path
from typing import AbstractSet, Annotated, Iterable, List, Sequence

import spacy
import typer
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from wasabi import msg

from spacy_vaedie.errors import Errors
from spacy_vaedie.training.examples import predicted_copy
from spacy_vaedie.training.files import read_docbin
from spacy_vaedie.training.sampling import choose_share, relation_labels
from spacy_vaedie.training.text_keys import text_key

# Share of the training texts that is raw text.
RAW = 0.5
# What stands in place of an argument's words.
MASK = "argument"


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy, dev.spacy and test.spacy, parsed")],
    output: Annotated[Path, typer.Argument(help="Folder to write to")],
    seeds: Annotated[int, typer.Option(help="How many ways to choose the texts", min=1)] = 5,
    shares: Annotated[str, typer.Option(help="Percent of the training texts that are labelled")] = "5,10,15,30,100",
    mask: Annotated[bool, typer.Option(help="Hide the words of the arguments")] = False,
) -> None:
    """Write `seed-N/labelled-P.spacy` and `seed-N/raw.spacy`, dev.spacy and test.spacy."""
    vocab = spacy.blank("en").vocab
    try:
        parts = {name: read(corpus / f"{name}.spacy", vocab, mask) for name in ("train", "dev", "test")}
        percents = [int(share) for share in shares.split(",")]
        # Before anything is written: not every list of shares leaves enough over.
        scored = {text_key(doc.text) for name in ("dev", "test") for doc in parts[name]}
        raws = [raw(parts["train"], percents, seed, scored) for seed in range(seeds)]
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    for name in ("dev", "test"):
        write(output / f"{name}.spacy", parts[name])
    for seed in range(seeds):
        folder = output / f"seed-{seed}"
        for percent in percents:
            write(folder / f"labelled-{percent}.spacy", labelled(parts["train"], percent, seed))
        write(folder / "raw.spacy", raws[seed])
    for name in ("dev", "test"):
        n = count_repeated(parts["train"], parts[name])
        msg.info(
            f"{n} of {len(parts['train'])} training texts stand in the {name} set, too, and stay among the labelled"
        )
    msg.good(f"Cut {corpus} for {seeds} seeds into {output}")


def count_repeated(docs: Iterable[Doc], held_out: Iterable[Doc]) -> int:
    """RETURNS (int): How many texts stand among others, too, word by word."""
    keys = {text_key(doc.text) for doc in held_out}
    return sum(text_key(doc.text) in keys for doc in docs)


def read(path: Path, vocab: Vocab, mask: bool) -> List[Doc]:
    """Read Docs.

    path (Path): A .spacy file.
    vocab (Vocab): Their vocabulary.
    mask (bool): Whether to hide the words of the arguments.
    RETURNS (List[Doc]): The Docs.
    """
    docs = [doc for doc in read_docbin(path, vocab) if len(doc)]
    return [mask_arguments(doc) for doc in docs] if mask else docs


def labelled(docs: Sequence[Doc], percent: int, seed: int) -> List[Doc]:
    """The labelled texts of a share, each combination of directed labels in its share. A larger share holds every
    smaller one. In the order of the corpus."""
    chosen = choose_share(docs, percent / 100, seed, relation_labels)
    return [docs[i] for i in sorted(chosen)]


def raw(
    docs: Sequence[Doc], percents: Sequence[int], seed: int, held_out: AbstractSet[bytes] = frozenset()
) -> List[Doc]:
    """Half of the texts without their relations, none of them labelled in the largest share that leaves so many over.
    Those that stand in the dev or the test set, too, are left out.

    docs (Sequence[Doc]): All texts.
    percents (Sequence[int]): Shares that are labelled.
    seed (int): The seed of both.
    held_out (AbstractSet[bytes]): Keys of the texts that models are scored on.
    RETURNS (List[Doc]): Copies with entities and parse.
    RAISES (ValueError): VE107 where every share leaves less than half over.
    """
    fitting = [percent for percent in percents if percent / 100 <= 1 - RAW]
    if not fitting:
        must, owner = f"at most {100 * (1 - RAW):.0f} for one of them", "scripts/prepare_few_labels.py"
        raise ValueError(Errors.VE107.format(setting="shares", value=list(percents), must=must, owner=owner))
    taken = choose_share(docs, max(fitting) / 100, seed, relation_labels)
    rest = [doc for i, doc in enumerate(docs) if i not in taken]
    chosen = choose_share(rest, RAW * len(docs) / len(rest), seed, lambda doc: ())
    return [predicted_copy(rest[i]) for i in sorted(chosen) if text_key(rest[i].text) not in held_out]


def mask_arguments(doc: Doc) -> Doc:
    """Put one word in place of each word of an entity, and keep parse, entities and relations.

    doc (Doc): The text.
    RETURNS (Doc): A new one.
    """
    words = [MASK if token.ent_iob_ in ("B", "I") else token.text for token in doc]
    masked = Doc(
        doc.vocab,
        words=words,
        spaces=[bool(token.whitespace_) for token in doc],
        tags=[token.tag_ for token in doc],
        pos=[token.pos_ for token in doc],
        lemmas=[MASK if word == MASK else token.lemma_ for word, token in zip(words, doc, strict=True)],
        heads=[token.head.i for token in doc],
        deps=[token.dep_ for token in doc],
    )
    masked.ents = [Span(masked, ent.start, ent.end, label=ent.label) for ent in doc.ents]
    masked._.relations = doc._.relations
    return masked


def write(path: Path, docs: Iterable[Doc]) -> None:
    """Write Docs with their relations."""
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)


if __name__ == "__main__":
    typer.run(main)
