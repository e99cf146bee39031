"""What the tests of the evaluation share: annotated and predicted relations of a text that is made by hand."""

from typing import Any, Optional, Sequence, Tuple

from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_vaedie.analysis.outcomes import TextOutcome, read_outcomes
from spacy_vaedie.tokens import Argument, Relation

VOCAB = Vocab()
# Ada founded Acme in Paris with Bo
WORDS = ["Ada", "founded", "Acme", "in", "Paris", "with", "Bo"]
HEADS = [1, 1, 1, 1, 3, 1, 5]
DEPS = ["nsubj", "ROOT", "dobj", "prep", "pobj", "prep", "pobj"]
ADA, ACME, PARIS, BO = Argument(0, 1, "PER"), Argument(2, 3, "ORG"), Argument(4, 5, "LOC"), Argument(6, 7, "PER")
# Head, tail, label, and maybe a score and a polarity.
Triple = Tuple[Any, ...]


def make_doc(
    triples: Optional[Sequence[Triple]],
    words: Sequence[str] = WORDS,
    *,
    parsed: bool = False,
    doc: Optional[str] = None,
) -> Doc:
    parse = {"heads": HEADS, "deps": DEPS} if parsed else {}
    made = Doc(VOCAB, words=list(words), **parse)
    if triples is not None:
        made._.relations = [
            Relation(head, tail, label, *rest[:1], polarity=rest[1] if rest[1:] else None)
            for head, tail, label, *rest in triples
        ]
    if doc is not None:
        made.user_data["meta"] = {"doc": doc}
    return made


def judged(
    predicted: Optional[Sequence[Triple]],
    gold: Optional[Sequence[Triple]],
    words: Sequence[str] = WORDS,
    *,
    parsed: bool = False,
    doc: Optional[str] = None,
) -> Example:
    return Example(make_doc(predicted, words), make_doc(gold, words, parsed=parsed, doc=doc))


def outcome(predicted: Optional[Sequence[Triple]], gold: Sequence[Triple]) -> TextOutcome:
    (text,) = read_outcomes([judged(predicted, gold)])
    return text
