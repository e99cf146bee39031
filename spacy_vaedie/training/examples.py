"""Examples with relations: made in memory, and made from annotated Docs."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import Errors
from ..tokens import Argument, Relation

_ENTITIES = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID")
_PARSE = ("TAG", "POS", "LEMMA", "MORPH")


def make_example(
    doc: Doc,
    *,
    entities: Optional[Sequence[Tuple[int, int, str]]] = None,
    relations: Optional[Sequence[Tuple[int, int, str]]] = None,
    spans_key: Optional[str] = None,
) -> Example:
    """Make an Example with entities and relations, e.g. for `nlp.update`. The predicted Doc is a copy of `doc` with
    its parse and the entities; the reference holds the tokens, the entities and the relations.

    doc (Doc): The text, e.g. `nlp("...")` for one with a parse. It isn't changed.
    entities (Optional[Sequence[Tuple[int, int, str]]]): First character, last character (exclusive) and label of each
        entity. None for those that `doc` has in `doc.ents`, or in the span group `spans_key`.
    relations (Optional[Sequence[Tuple[int, int, str]]]): Head and tail, as indices into the entities, and label of
        each relation. An empty list says: annotated, none there. None says: not annotated.
    spans_key (Optional[str]): Span group that holds the entities, which may overlap there. None for `doc.ents`.
    RETURNS (Example): The Example.
    RAISES (ValueError): VE308 where entities don't fit the tokens or overlap, or a relation names no entity.
    """
    predicted = predicted_copy(doc, parse=True, entities=True)
    reference = predicted_copy(doc, parse=False, entities=True)
    if entities is not None:
        arguments = [_find_span(doc, entity) for entity in entities]
        for copy in (predicted, reference):
            _write_spans(copy, [argument.resolve(copy) for argument in arguments], spans_key)
    else:
        spans = doc.ents if spans_key is None else doc.spans.get(spans_key, ())
        arguments = [Argument(span.start, span.end, span.label_) for span in spans]
    if relations is not None:
        reference._.relations = [_make_relation(relation, arguments) for relation in relations]
    return Example(predicted, reference)


def predicted_copy(reference: Doc, *, parse: bool = True, entities: bool = True) -> Doc:
    """Make the predicted Doc of an Example from its reference: the same tokens, what the pipeline may start from, and
    never the relations or anything else in `doc.user_data`.

    reference (Doc): The annotated Doc.
    parse (bool): Keep tags, parts of speech, lemmas, morphology, dependencies and sentence starts.
    entities (bool): Keep `doc.ents` and the span groups.
    RETURNS (Doc): A new Doc with the same vocab.
    """
    words = [token.text for token in reference]
    spaces = [bool(token.whitespace_) for token in reference]
    predicted = Doc(reference.vocab, words=words, spaces=spaces)
    predicted.has_unknown_spaces = reference.has_unknown_spaces
    attributes = ["ORTH", "NORM"]
    if parse:
        attributes.extend(_PARSE)
        # Heads without labels would make each token a sentence root.
        attributes.extend(("DEP", "HEAD") if reference.has_annotation("DEP") else ("SENT_START",))
    if entities:
        attributes.extend(_ENTITIES)
    if words:
        predicted.from_array(attributes, reference.to_array(attributes))
    if entities:
        for key, group in reference.spans.items():
            predicted.spans[key] = group.copy(doc=predicted)
    return predicted


def gold_copy(example: Example) -> Doc:
    """Make a copy of the predicted Doc of an Example that has the annotated entities and span groups in place of the
    predicted ones, where they fit its tokens.

    example (Example): The Example.
    RETURNS (Doc): A new Doc with the tokens and the parse of the predicted Doc. A span group that is not annotated is
        empty.
    """
    doc, reference = predicted_copy(example.predicted, entities=False), example.reference

    def write(spans: List[Span]) -> List[Span]:
        return [Span(doc, span.start, span.end, label=span.label) for span in spans]

    doc.ents = write(example.get_aligned_spans_y2x(reference.ents))
    for key in {*example.predicted.spans, *reference.spans}:
        group = reference.spans.get(key, ())
        doc.spans[key] = write(example.get_aligned_spans_y2x(group, allow_overlap=True))
    return doc


def _find_span(doc: Doc, entity: Tuple[int, int, str]) -> Argument:
    start, end, label = entity
    span = doc.char_span(start, end, label=label)
    if span is None:
        nearest = doc.char_span(start, end, alignment_mode="expand") if 0 <= start < end <= len(doc.text) else None
        advice = (
            f"the tokens there are {nearest.text!r}, characters {nearest.start_char} to {nearest.end_char}"
            if nearest is not None
            else f"the text has {len(doc.text)} characters"
        )
        raise ValueError(
            Errors.VE308.format(
                reason=f"the entity {entity!r} must start and end with a token; {advice}. Give character offsets, the "
                "end exclusive"
            )
        )
    return Argument(span.start, span.end, label)


def _write_spans(doc: Doc, spans: List[Span], spans_key: Optional[str]) -> None:
    if spans_key is not None:
        doc.spans[spans_key] = spans
        return
    if len(filter_spans(spans)) < len(spans):
        raise ValueError(
            Errors.VE308.format(
                reason="entities overlap, which doc.ents cannot hold. Remove the overlap, or pass `spans_key` to keep "
                "them in a span group"
            )
        )
    doc.ents = spans


def _make_relation(relation: Tuple[int, int, str], arguments: Sequence[Argument]) -> Relation:
    head, tail, label = relation
    if not (0 <= head < len(arguments) and 0 <= tail < len(arguments)):
        raise ValueError(
            Errors.VE308.format(
                reason=f"the relation {relation!r} names an entity that is not there. Head and tail are indices into "
                f"the {len(arguments)} entities, counted from 0"
            )
        )
    return Relation(head=arguments[head], tail=arguments[tail], label=label)
