"""Score open triples on sentences of CaRB, by its own way of matching."""

from __future__ import annotations

import gc
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Dict, Iterable, List, Optional, Sequence

import spacy
import typer
from _arms import print_records
from _metrics import record, write_metrics
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_vaedie.analysis.open_tuples import score_open_tuples
from spacy_vaedie.errors import Errors
from spacy_vaedie.pipeline.open_extractor import OpenExtractor
from spacy_vaedie.tokens import Argument, Triple
from spacy_vaedie.training.converters import check_md5
from spacy_vaedie.training.converters.carb import OpenTuple, read_carb

FIRST, SECOND, ALL = "first", "second", "all"
N_PASSES = 30
# Parsers never saw the Penn Treebank's signs for quotation marks and brackets.
SIGNS = {
    "``": '"',
    "''": '"',
    "`": "'",
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def main(
    gold: Annotated[Path, typer.Argument(help="CaRB's file of tuples, e.g. dev.tsv")],
    output: Annotated[Path, typer.Argument(help="File to write the metrics to")],
    model: Annotated[str, typer.Option(help="Pipeline with a parser")],
    half: Annotated[
        str, typer.Option(help="Sentences to score: first (the rules were written on it), second or all")
    ] = (SECOND),
    md5: Annotated[Optional[str], typer.Option("--md5", help="Checksum that the file should have")] = None,
    command: Annotated[Optional[str], typer.Option(help="Command to name beside the figures, else this one")] = None,
) -> None:
    """Score the triples of half of the sentences: the best F1 over all confidences, and the area under the curve."""
    try:
        if md5 is not None:
            check_md5(gold, md5)
        answers = choose_half(read_carb(gold), half)
        nlp = spacy.load(model, exclude=["ner"])
    except (ValueError, OSError) as error:
        msg.fail(str(error))
        raise typer.Exit(1) from error
    docs = list(nlp.pipe(make_docs(nlp, answers)))
    extractor = OpenExtractor(nlp.vocab, lang=nlp.lang)
    words_per_second = measure_speed(extractor, docs)
    score = score_open_tuples(answers, {text: make_tuples(text, doc) for text, doc in zip(answers, docs, strict=True)})
    split = {FIRST: "first half of dev", SECOND: "second half of dev", ALL: "dev"}[half]
    values = {"f1": 100 * score.f1, "auc": 100 * score.auc, "words_per_second": words_per_second}
    records = [record(name, "default", [value], split) for name, value in values.items()]
    write_metrics(output, records, command or shlex.join(["python", *sys.argv]))
    print_records(records)
    msg.info(
        f"precision {100 * score.precision:.1f}, recall {100 * score.recall:.1f} at a confidence of "
        f"{score.threshold:.2f}; {words_per_second:,.0f} words/s by the pipe alone"
    )
    msg.good(f"Saved the metrics to {output}")


def measure_speed(extractor: OpenExtractor, docs: Sequence[Doc]) -> float:
    """Set the triples, several times: the fastest pass is the one that the machine did the least beside. Python's
    collector searches what the pipe makes and not, over and over, the parser and the Docs that were there before.

    extractor (OpenExtractor): The pipe.
    docs (Sequence[Doc]): The Docs, parsed.
    RETURNS (float): Words a second of CPU time.
    """
    seconds = []
    gc.collect()
    gc.freeze()
    for _ in range(N_PASSES):
        start = time.process_time()
        for _ in extractor.pipe(docs):
            pass
        seconds.append(time.process_time() - start)
    gc.unfreeze()
    return sum(map(len, docs)) / min(seconds)


def choose_half(answers: Dict[str, List[OpenTuple]], half: str) -> Dict[str, List[OpenTuple]]:
    """Take half of the sentences, in the order of the file.

    answers (Dict[str, List[OpenTuple]]): The tuples of all sentences.
    half (str): `first`, `second` or `all`.
    RETURNS (Dict[str, List[OpenTuple]]): Those of the half; of an odd number, the second one has one more.
    RAISES (ValueError): VE005 for another name.
    """
    middle = len(answers) // 2
    parts = {FIRST: slice(0, middle), SECOND: slice(middle, None), ALL: slice(None)}
    if half not in parts:
        raise ValueError(Errors.VE005.format(value=half, what="half", options=", ".join(parts)))
    return {sentence: answers[sentence] for sentence in list(answers)[parts[half]]}


def make_docs(nlp: Language, sentences: Iterable[str]) -> List[Doc]:
    """RETURNS (List[Doc]): The sentences with CaRB's own words as tokens, signs of the treebank replaced."""
    return [Doc(nlp.vocab, words=[SIGNS.get(word, word) for word in sentence.split()]) for sentence in sentences]


def make_tuples(sentence: str, doc: Doc) -> List[OpenTuple]:
    """Write the triples of a sentence in its own words.

    sentence (str): The sentence, words with spaces between.
    doc (Doc): The same words, with triples.
    RETURNS (List[OpenTuple]): The triples as texts.
    """
    words = sentence.split()
    return [to_tuple(triple, words) for triple in doc._.triples]


def to_tuple(triple: Triple, words: Sequence[str]) -> OpenTuple:
    """RETURNS (OpenTuple): A triple as texts, of these words."""

    def write(argument: Argument) -> str:
        return " ".join(words[argument.start : argument.end])

    relation = [*([triple.implied] if triple.implied else []), *(words[i] for i in triple.relation)]
    arguments = (write(triple.subject), *map(write, triple.objects))
    return OpenTuple(" ".join(relation), arguments, triple.confidence)


if __name__ == "__main__":
    typer.run(main)
