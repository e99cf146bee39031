"""Score polarity on the sentences that it is measured on: the share that is right, a language each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Dict, Iterable, List

import spacy
import srsly
import typer
from _arms import print_records
from _metrics import record, write_metrics
from spacy.tokens import Doc
from spacy.vocab import Vocab
from wasabi import msg

from spacy_vaedie.lang.polarity import read_polarity
from spacy_vaedie.tokens.dependency import read_evidence

NAMES = ("words", "spaces", "lemmas", "tags", "pos", "heads", "deps")


def main(
    sentences: Annotated[Path, typer.Argument(help="Parsed sentences with head, tail and polarity: a JSONL file")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    command: Annotated[str, typer.Option(help="Command to name beside the figures")] = "spacy project run polarity .",
) -> None:
    """Score the polarity of the relation in each sentence."""
    records = []
    for lang, right in score(srsly.read_jsonl(sentences)).items():
        records.append(record("right", lang, [100 * sum(right) / len(right)], "measured"))
        records.append(record("sentences", lang, [len(right)], "measured"))
    write_metrics(output, records, command)
    print_records(records)
    msg.good(f"Saved the metrics to {output}")


def score(sentences: Iterable[Dict[str, object]]) -> Dict[str, List[bool]]:
    """RETURNS (Dict[str, List[bool]]): Of the sentences of each language, which ones are read right."""
    found: Dict[str, List[bool]] = {}
    vocabs: Dict[str, Vocab] = {}
    for item in sentences:
        lang = str(item["lang"])
        if lang not in vocabs:
            vocabs[lang] = spacy.blank(lang).vocab
        doc = Doc(vocabs[lang], **{name: item[name] for name in NAMES})  # type: ignore[arg-type]
        path = read_evidence(doc, tuple(item["head"]), tuple(item["tail"])).tokens  # type: ignore[arg-type]
        found.setdefault(lang, []).append(read_polarity(doc, path) == item["polarity"])
    return found


if __name__ == "__main__":
    typer.run(main)
