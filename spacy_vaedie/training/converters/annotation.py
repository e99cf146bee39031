"""What all formats share: the record that a format's reader gives, and what becomes of it on a Doc."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from ...errors import Errors
from ...tokens import Argument, Relation

DOC_ID = "doc_id"
META = "meta"
# Why spans and relations are left out, as they are counted.
NO_TOKENS = "span not at token borders"
OVERLAPPING = "span overlaps with another"
OUTSIDE = "span outside of the text"
DISCONTINUOUS = "span discontinuous"
OTHER_TEXT = "other text at the offsets of the span"
REPEATED = "span with an id that stands twice"
NO_SPAN = "no span for an end"
NO_LABEL = "no label"
NOT_A_PAIR = "not between two spans"
# Pipes that would write over, or beside, what was annotated.
_ANNOTATED = {
    "doc.ents",
    "doc.spans",
    "doc.cats",
    "token.ent_iob",
    "token.ent_type",
    "doc._.relations",
    "doc._.latents",
}


@dataclass(frozen=True)
class Annotation:
    """One annotated text, as plain data.

    doc_id (str): Name of the text in its file, e.g. its number. Kept as `doc.user_data["doc_id"]`.
    text (str): The text.
    spans (Sequence[Tuple[int, int, str]]): First character, last character (exclusive) and label of each span.
    relations (Optional[Sequence[Tuple[int, int, str]]]): Head and tail, as indices into `spans`, and label of each
        relation, None where the text was not annotated with relations.
    polarities (Sequence[Optional[str]]): Polarity of each relation, None where nobody decided. Empty where the file
        says nothing about any.
    words (Optional[Sequence[str]]): The tokens that the file gives, None to use the tokenizer of the pipeline.
    spaces (Optional[Sequence[bool]]): Whether a space follows each of them.
    meta (Dict[str, Any]): What else the file says about the text. Kept as `doc.user_data["meta"]`.
    spans_annotated (bool): Whether the text was annotated with spans. Without, `doc.ents` is left unset, since no
        annotation is not the same as no entities.
    cats (Optional[Mapping[str, float]]): Categories of the text, 1.0 for those that apply and 0.0 for those that don't,
        None where it was not annotated with any. Become `doc.cats`.
    sentences (Optional[Sequence[int]]): First character of each sentence, None where the file does not tell. A parser
        of spaCy keeps to them.
    """

    doc_id: str
    text: str
    spans: Sequence[Tuple[int, int, str]] = ()
    relations: Optional[Sequence[Tuple[int, int, str]]] = None
    words: Optional[Sequence[str]] = None
    spaces: Optional[Sequence[bool]] = None
    meta: Dict[str, Any] = field(default_factory=dict)
    spans_annotated: bool = True
    cats: Optional[Mapping[str, float]] = None
    sentences: Optional[Sequence[int]] = None
    polarities: Sequence[Optional[str]] = ()

    @classmethod
    def from_words(
        cls,
        doc_id: str,
        words: Sequence[str],
        spans: Sequence[Tuple[int, int, str]],
        relations: Optional[Sequence[Tuple[int, int, str]]] = None,
        sentences: Optional[Sequence[int]] = None,
    ) -> Annotation:
        """Make the record of a text whose tokens and spans of tokens are known, and whose spaces are not.

        doc_id (str): Name of the text in its file.
        words (Sequence[str]): The tokens.
        spans (Sequence[Tuple[int, int, str]]): First token, last token (exclusive) and label of each span.
        relations (Optional[Sequence[Tuple[int, int, str]]]): As in the record.
        sentences (Optional[Sequence[int]]): First token of each sentence.
        RETURNS (Annotation): The record. Its text has a space between all tokens.
        """
        starts = list(accumulate((len(word) + 1 for word in words), initial=0))
        offsets = [(starts[start], starts[end] - 1, label) for start, end, label in spans]
        first = None if sentences is None else [starts[token] for token in sentences]
        return cls(doc_id, " ".join(words), offsets, relations, words, sentences=first)


@dataclass
class ConversionReport:
    """Counts what a conversion read and wrote, and names what it left out. What was read is what was written and what
    was lost, for spans as for relations.

    docs_read (int): Texts in the file, without rejected ones.
    docs_rejected (int): Texts that the annotator rejected or ignored.
    docs_written (int): Docs.
    spans_read (int): Spans in the file.
    spans_written (int): Spans on the Docs.
    relations_read (int): Relations in the file.
    relations_written (int): Relations on the Docs.
    left_out (List[Tuple[str, str]]): The doc id and the reason for each span and relation that is not on the Docs.
    docs_elsewhere (int): Texts of another split than the one that was asked for.
    spans_lost (Counter[str]): How many spans were left out, by the kind of reason.
    relations_lost (Counter[str]): The same for relations. One whose span was left out has the reason of the span.
    ignored (Counter[str]): What else the file holds and Docs have no place for, e.g. notes.
    spans_moved (int): Spans whose text did not stand at their offsets, but near by.
    docs_repeated (List[str]): Names of texts that another text of the file has, too.
    """

    docs_read: int = 0
    docs_rejected: int = 0
    docs_written: int = 0
    spans_read: int = 0
    spans_written: int = 0
    relations_read: int = 0
    relations_written: int = 0
    left_out: List[Tuple[str, str]] = field(default_factory=list)
    docs_elsewhere: int = 0
    spans_lost: Counter[str] = field(default_factory=Counter)
    relations_lost: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    spans_moved: int = 0
    docs_repeated: List[str] = field(default_factory=list)

    def lose_span(self, doc_id: str, reason: str, kind: str) -> None:
        """Count and name a span that is left out.

        doc_id (str): Name of the text.
        reason (str): The span and the reason, in words.
        kind (str): The kind of reason, e.g. `NO_TOKENS`.
        """
        self.spans_read += 1
        self.spans_lost[kind] += 1
        self.left_out.append((doc_id, reason))

    def lose_relation(self, doc_id: str, label: str, reason: str, kind: str = NO_SPAN) -> None:
        """Count and name a relation that is left out.

        doc_id (str): Name of the text.
        label (str): Its label.
        reason (str): The reason, in words.
        kind (str): The kind of reason.
        """
        self.relations_read += 1
        self.relations_lost[kind] += 1
        self.left_out.append((doc_id, f"relation {label!r}: {reason}"))

    @property
    def first(self) -> str:
        """RETURNS (str): The first item that was left out, in words."""
        return f"document {self.left_out[0][0]}: {self.left_out[0][1]}" if self.left_out else ""


def get_doc_id(doc: Doc) -> Optional[str]:
    """RETURNS (Optional[str]): The name that the text had in its file, None where no converter made the Doc."""
    doc_id = doc.user_data.get(DOC_ID)
    return None if doc_id is None else str(doc_id)


def make_docs(
    annotations: Iterable[Annotation],
    nlp: Language,
    report: ConversionReport,
    *,
    spans_key: Optional[str] = None,
    split_at_spans: bool = False,
) -> Iterator[Doc]:
    """Turn annotations into Docs, in a stream. The pipeline adds its parse, tags and lemmas; its pipes that find
    entities or relations are not run, since those were annotated.

    annotations (Iterable[Annotation]): What a format's reader gives.
    nlp (Language): The pipeline, a blank one to tokenize only.
    report (ConversionReport): Where to count what was written and name what was left out.
    spans_key (Optional[str]): Span group to write the spans to, which may overlap there. None for `doc.ents`.
    split_at_spans (bool): Split tokens where a span starts or ends inside of them, so that every span fits.
    YIELDS (Doc): The Docs, with spans, relations, categories, `doc.user_data["doc_id"]` and `doc.user_data["meta"]`.
    """
    unwanted = [name for name in nlp.pipe_names if _ANNOTATED & set(nlp.get_pipe_meta(name).assigns)]
    pairs = ((_make_tokens(annotation, nlp, split_at_spans), annotation) for annotation in annotations)
    # Hashes, since there may be millions of texts.
    known: Set[int] = set()
    for doc, annotation in nlp.pipe(pairs, as_tuples=True, disable=unwanted):
        arguments = _set_spans(doc, annotation, report, spans_key) if annotation.spans_annotated else []
        _set_relations(doc, annotation, report, arguments)
        doc.cats = dict(annotation.cats or {})
        doc.user_data[DOC_ID] = annotation.doc_id
        if annotation.meta:
            doc.user_data[META] = annotation.meta
        report.docs_written += 1
        if hash(annotation.doc_id) in known:
            report.docs_repeated.append(annotation.doc_id)
        known.add(hash(annotation.doc_id))
        yield doc


def check_md5(path: Path, expected: str) -> None:
    """Compare a file with its known checksum.

    path (Path): The file.
    expected (str): The MD5 that it should have.
    RAISES (FileNotFoundError): VE301 for a missing file.
    RAISES (ValueError): VE305 where it is another file.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.VE301.format(path=path))
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != expected.lower():
        raise ValueError(Errors.VE305.format(path=path, found=found, expected=expected))


def _make_tokens(annotation: Annotation, nlp: Language, split_at_spans: bool) -> Doc:
    if annotation.words is None:
        doc = nlp.make_doc(annotation.text)
    else:
        doc = Doc(nlp.vocab, words=list(annotation.words), spaces=annotation.spaces)
    if split_at_spans:
        doc = _split_tokens(doc, {offset for span in annotation.spans for offset in span[:2]})
    if annotation.sentences is not None:
        first = set(annotation.sentences)
        for token in doc:
            token.is_sent_start = token.idx in first
    return doc


def _split_tokens(doc: Doc, borders: Set[int]) -> Doc:
    """A Doc with a token border at each of the character offsets; the same Doc where they are there already."""
    words: List[str] = []
    spaces: List[bool] = []
    for token in doc:
        inside = sorted(border - token.idx for border in borders if token.idx < border < token.idx + len(token))
        cuts = [0, *inside, len(token)]
        words.extend(token.text[start:end] for start, end in zip(cuts, cuts[1:], strict=False))
        spaces.extend([False] * len(inside) + [bool(token.whitespace_)])
    return doc if len(words) == len(doc) else Doc(doc.vocab, words=words, spaces=spaces)


def _set_spans(
    doc: Doc, annotation: Annotation, report: ConversionReport, spans_key: Optional[str]
) -> List[Union[Argument, str]]:
    """Write the spans to the Doc. Gives what each one became, or the kind of reason why it is left out."""
    length = len(doc.text)
    fits = [0 <= start < end <= length for start, end, _ in annotation.spans]
    spans: List[Optional[Span]] = [
        doc.char_span(start, end, label=label) if inside else None
        for (start, end, label), inside in zip(annotation.spans, fits, strict=True)
    ]
    aligned = {(span.start, span.end, span.label_): span for span in spans if span is not None}
    kept = set(aligned)
    if spans_key is not None:
        doc.spans[spans_key] = list(aligned.values())
    else:
        doc.ents = filter_spans(aligned.values())
        kept = {(span.start, span.end, span.label_) for span in doc.ents}
    found: List[Union[Argument, str]] = []
    for span, inside, (start, end, label) in zip(spans, fits, annotation.spans, strict=True):
        name = f"span {doc.text[max(start, 0) : end]!r} ({label}, characters {start} to {end})"
        reason = kind = ""
        if not inside:
            reason, kind = f"{name} does not fit a text of {length} characters", OUTSIDE
        elif span is None:
            reason, kind = f"{name} does not start and end with a token", NO_TOKENS
        elif (span.start, span.end, label) not in kept:
            reason, kind = f"{name} overlaps with another one; give a spans key to keep both", OVERLAPPING
        if span is None or reason:
            report.lose_span(annotation.doc_id, reason, kind)
            found.append(kind)
        else:
            report.spans_read += 1
            report.spans_written += 1
            found.append(Argument(span.start, span.end, label))
    return found


def _set_relations(
    doc: Doc, annotation: Annotation, report: ConversionReport, arguments: Sequence[Union[Argument, str]]
) -> None:
    if annotation.relations is None:
        doc._.relations = None
        return
    relations = []
    polarities = annotation.polarities or [None] * len(annotation.relations)
    for (head_index, tail_index, label), polarity in zip(annotation.relations, polarities, strict=True):
        head, tail = arguments[head_index], arguments[tail_index]
        if isinstance(head, str) or isinstance(tail, str):
            end, kind = ("head", head) if isinstance(head, str) else ("tail", str(tail))
            report.lose_relation(annotation.doc_id, label, f"its {end} was left out", kind)
        else:
            relations.append(Relation(head=head, tail=tail, label=label, polarity=polarity))
    report.relations_read += len(relations)
    report.relations_written += len(relations)
    doc._.relations = relations
