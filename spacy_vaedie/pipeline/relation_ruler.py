"""`relation_ruler`: relations from patterns over the dependency parse."""

from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import srsly
from spacy import util
from spacy.language import Language
from spacy.matcher import DependencyMatcher
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import Errors, Warnings, check_key, warn
from ..lang.polarity import PolarityReader
from ..models.constraints import LabelSchema, check_schema, resolve
from ..tokens import Argument, Relation
from ..tokens.dependency import has_parse, read_evidences
from .relation_patterns import PatternDict, RelationPattern, check_pattern, number_patterns, read_patterns

EXISTING = ("keep", "override", "add")
SPANS = ("entity", "group", "noun_chunk", "token")
_FILE = "patterns.jsonl"


@Language.factory(
    "relation_ruler",
    assigns=["doc._.relations"],
    requires=["token.dep", "token.head"],
    default_config={
        "existing": "keep",
        "spans": ["entity", "noun_chunk", "token"],
        "spans_key": "sc",
        "schema": None,
        "scorer": {"@scorers": "spacy-vaedie.relation_scorer.v1"},
    },
)
def make_relation_ruler(
    nlp: Language,
    name: str,
    existing: str,
    spans: List[str],
    spans_key: str,
    schema: Optional[LabelSchema],
    scorer: Optional[Callable[..., Dict[str, Any]]],
) -> "RelationRuler":
    """Make a `relation_ruler`.

    existing (str): What becomes of relations that stand on a Doc: `keep`, `override` or `add`.
    spans (List[str]): How a node becomes a span; the first way that gives one counts.
    spans_key (str): The span group that `group` looks into.
    schema (Optional[LabelSchema]): What the labels say, None for nothing.
    scorer (Optional[Callable]): Scores relations.
    """
    return RelationRuler(
        nlp.vocab, name, existing=existing, spans=spans, spans_key=spans_key, schema=schema, scorer=scorer
    )


class RelationRuler(Pipe):
    """Writes `doc._.relations` from patterns in the syntax of spaCy's `DependencyMatcher`. It learns nothing.

    vocab (Vocab): The vocabulary.
    name (str): Name in the pipeline.
    existing (str): What becomes of relations that stand on a Doc. `keep`: a pair of spans that is related there, in
        either direction, stays as it is. `override`: such a pair has the relations of the rules alone. `add`: all
        count.
    spans (Sequence[str]): How a node becomes a span; the first way that gives one counts. `entity`: the entity that
        holds the token. `group`: the smallest span of a group that does. `noun_chunk`: the noun chunk that does.
        `token`: the token itself.
    spans_key (str): The span group that `group` looks into.
    schema (Optional[LabelSchema]): What the labels say, None for nothing: that of the extractor, where there is one.
        Each fact is said in one way, and what is on a Doc in the end keeps to it, by score.
    scorer (Optional[Callable]): Scores relations.
    RAISES (ValueError): VE005 for an unknown way, VE107 for no way, an empty key, or a schema that
        `spacy-vaedie.Schema.v1` did not make.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "relation_ruler",
        *,
        existing: str = "keep",
        spans: Sequence[str] = ("entity", "noun_chunk", "token"),
        spans_key: str = "sc",
        schema: Optional[LabelSchema] = None,
        scorer: Optional[Callable[..., Dict[str, Any]]] = None,
    ) -> None:
        for value, what, options in [(existing, "value of `existing`", EXISTING)] + [
            (way, "way to make a span", SPANS) for way in spans
        ]:
            if value not in options:
                raise ValueError(Errors.VE005.format(value=value, what=what, options=", ".join(options)))
        if not spans:
            must = f"a list of at least one of {', '.join(SPANS)}, or no node becomes a span"
            raise ValueError(Errors.VE107.format(setting="spans", value=spans, must=must, owner=name))
        check_key(name, spans_key)
        self.vocab = vocab
        self.name = name
        self.existing = existing
        self.spans = tuple(spans)
        self.spans_key = spans_key
        self.schema = check_schema(schema, name)
        self.scorer = scorer
        self._warned = False
        self.clear()

    def __len__(self) -> int:
        return len(self._patterns)

    def __contains__(self, label: str) -> bool:
        return label in self.labels

    @property
    def labels(self) -> Tuple[str, ...]:
        """The labels that it sets: those of the patterns, or the one that the schema reads an inverse label as."""
        return tuple(sorted({self.schema.inverse.get(pattern.label, pattern.label) for pattern in self._patterns}))

    @property
    def patterns(self) -> List[PatternDict]:
        """The patterns as they were added, with their comments."""
        return [pattern.source for pattern in self._patterns]

    def clear(self) -> None:
        """Remove all patterns."""
        self._patterns: List[RelationPattern] = []
        self._places: Dict[int, int] = {}
        self._matcher = DependencyMatcher(self.vocab)

    def add_patterns(self, patterns: Union[str, Path, Iterable[Any]]) -> None:
        """Add patterns, all of them or, where one is malformed, none.

        patterns (Union[str, Path, Iterable[Any]]): A JSONL file, or one or more objects with `label`, `pattern`, `head`
            and `tail` (names of nodes) and maybe `score`. Other fields are kept and not read.
        RAISES (FileNotFoundError): VE301 for a missing file.
        RAISES (ValueError): VE303 for a line that is no JSON, VE231 for a pattern that is malformed, with its line.
        """
        self._take(self._check(patterns))

    def _replace(self, patterns: Union[str, Path, Iterable[Any]]) -> None:
        """The same in place of the patterns that are there, which stay where a new one is malformed."""
        checked = self._check(patterns)
        self.clear()
        self._take(checked)

    def _check(self, patterns: Union[str, Path, Iterable[Any]]) -> List[RelationPattern]:
        listed = read_patterns(Path(patterns)) if isinstance(patterns, (str, Path)) else number_patterns(patterns)
        return [check_pattern(where, value, self.vocab) for where, value in listed]

    def _take(self, checked: Iterable[RelationPattern]) -> None:
        for pattern in checked:
            key = f"{self.name}:{len(self._patterns)}"
            self._places[self.vocab.strings.add(key)] = len(self._patterns)
            self._matcher.add(key, [pattern.source["pattern"]])
            self._patterns.append(pattern)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        patterns: Optional[Union[str, Path, Iterable[Any]]] = None,
    ) -> None:
        """Take the patterns of the config in place of those that are there. Nothing is learned.

        get_examples (Callable[[], Iterable[Example]]): Not read.
        nlp (Optional[Language]): The pipeline.
        patterns (Optional[Union[str, Path, Iterable[Any]]]): What `add_patterns` takes, e.g. from
            `[initialize.components.relation_ruler]`. None leaves what is there.
        """
        if patterns is not None:
            self._replace(patterns)

    def __call__(self, doc: Doc) -> Doc:
        """Write the relations of a Doc.

        doc (Doc): The Doc.
        RETURNS (Doc): The same.
        RAISES (ValueError): VE232 for a Doc without a parse.
        """
        try:
            if not self._patterns:
                self._warn_without_patterns()
            else:
                doc._.relations = self._merge(doc._.relations, self.match(doc))
        except Exception as error:
            self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def match(self, doc: Doc) -> List[Relation]:
        """The relations that the patterns find, whatever stands on the Doc.

        doc (Doc): A parsed Doc.
        RETURNS (List[Relation]): Of each pair of spans and label one, with the best score, in the one way in which the
            schema says it, and none between spans that it does not allow. In text order.
        RAISES (ValueError): VE232 for a Doc without a parse, VE233 for one without the span group.
        """
        found: Dict[Tuple[Argument, Argument, str], float] = {}
        to_argument = _ArgumentFinder(self, doc)
        for place, tokens in self._matches(doc):
            pattern = self._patterns[place]
            head, tail = to_argument(tokens[pattern.head]), to_argument(tokens[pattern.tail])
            # Two nodes in one span are no relation.
            if head is not None and tail is not None and (head.start, head.end) != (tail.start, tail.end):
                said = self.schema.canonical(Relation(head, tail, pattern.label))
                if self.schema.allows(said):
                    key = (said.head, said.tail, said.label)
                    found[key] = max(found.get(key, 0.0), pattern.score)
        if not found:
            return []
        facts = sorted(found.items(), key=lambda item: _in_text_order(*item[0]))
        pairs = [(head.start, head.end, tail.start, tail.end) for (head, tail, _), _ in facts]
        polarity = PolarityReader(doc)
        relations = []
        for ((head, tail, label), score), evidence in zip(facts, read_evidences(doc, pairs), strict=True):
            relations.append(Relation(head, tail, label, score, "rule", evidence, polarity.read(evidence.tokens)))
        return relations

    def unmatched(self, docs: Iterable[Doc]) -> List[PatternDict]:
        """The patterns that match nowhere in a corpus. A warning (VW232) names their lines.

        docs (Iterable[Doc]): Parsed Docs.
        RETURNS (List[PatternDict]): The patterns, as they were added.
        RAISES (ValueError): VE232 for a Doc without a parse.
        """
        matched = {place for doc in docs for place, _ in self._matches(doc)}
        missed = [pattern for place, pattern in enumerate(self._patterns) if place not in matched]
        if missed:
            where = "; ".join(pattern.where for pattern in missed)
            warn(Warnings.VW232.format(n=len(missed), total=len(self), name=self.name, where=where))
        return [pattern.source for pattern in missed]

    def _matches(self, doc: Doc) -> Iterator[Tuple[int, List[int]]]:
        """Place of the pattern, and the token of each of its nodes."""
        if not has_parse(doc):
            raise ValueError(Errors.VE232.format(name=self.name, text=doc.text[:60]))
        return ((self._places[key], tokens) for key, tokens in self._matcher(doc))

    def _merge(self, present: Optional[List[Relation]], found: List[Relation]) -> List[Relation]:
        """A Doc that was not annotated counts as one without relations."""
        present = [self.schema.canonical(relation) for relation in present or []]
        if self.existing == "keep":
            related = {_pair(relation) for relation in present}
            found = [relation for relation in found if _pair(relation) not in related]
        elif self.existing == "override":
            related = {_pair(relation) for relation in found}
            present = [relation for relation in present if _pair(relation) not in related]
        # One that the types forbid is left out in the end, and must not take the place of one that they allow.
        there = {_fact(relation) for relation in present if self.schema.allows(relation)}
        merged = present + [relation for relation in found if _fact(relation) not in there]
        return resolve(merged, self.schema).kept if self.schema.labels else merged

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score the relations. They take the place of the scores of an extractor before this pipe.

        examples (Iterable[Example]): Examples with predicted relations.
        RETURNS (Dict[str, Any]): The scores, see `spacy_vaedie.scorer.score_relations`.
        """
        if self.scorer is None:
            return {}
        if self.schema.symmetric or self.schema.inverse:
            kwargs["canonical"] = self.schema.canonical
        return self.scorer(examples, **kwargs)

    def _warn_without_patterns(self) -> None:
        if not self._warned:
            self._warned = True
            warn(Warnings.VW231.format(name=self.name), stacklevel=3)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the patterns.

        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (bytes): The bytes.
        """
        data: bytes = util.to_bytes({"patterns": lambda: srsly.json_dumps(self.patterns)}, exclude)
        return data

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "RelationRuler":
        """Load patterns, in place of those that are there, which stay where new ones cannot be read or are left out.

        bytes_data (bytes): What `to_bytes` gave.
        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (RelationRuler): This pipe.
        """
        util.from_bytes(bytes_data, {"patterns": lambda data: self._replace(srsly.json_loads(data))}, exclude)
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save the patterns.

        path (Union[str, Path]): A folder, or a file that ends with `.jsonl`.
        exclude (Iterable[str]): Names of parts to leave out.
        """
        path = Path(path)
        if path.suffix == ".jsonl":
            srsly.write_jsonl(path, self.patterns)
        else:
            util.to_disk(path, {_FILE: lambda file: srsly.write_jsonl(file, self.patterns)}, exclude)

    def from_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> "RelationRuler":
        """Load patterns, in place of those that are there, which stay where new ones cannot be read or are left out.

        path (Union[str, Path]): A folder, or a file that ends with `.jsonl`.
        exclude (Iterable[str]): Names of parts to leave out.
        RETURNS (RelationRuler): This pipe.
        RAISES (FileNotFoundError): VE301 for a missing file.
        RAISES (ValueError): VE303 for a line that is no JSON, VE231 for a pattern that is malformed, with its line.
        """
        path = Path(path)
        if path.suffix == ".jsonl":
            self._replace(path)
        else:
            util.from_disk(path, {_FILE: self._replace}, exclude)
        return self


class _ArgumentFinder:
    """Makes a token the span that it stands for.

    ruler (RelationRuler): Whose ways to make a span count.
    doc (Doc): The Doc.
    """

    def __init__(self, ruler: RelationRuler, doc: Doc) -> None:
        self._ruler = ruler
        self._doc = doc
        self._found: Dict[str, List[Argument]] = {}

    def __call__(self, token: int) -> Optional[Argument]:
        """RETURNS (Optional[Argument]): The span, None where no way gives one."""
        for way in self._ruler.spans:
            if way == "token":
                return Argument(token, token + 1)
            if way not in self._found:
                spans = [Argument(span.start, span.end, span.label_) for span in self._spans(way)]
                self._found[way] = sorted(spans, key=lambda span: span.end - span.start)
            for span in self._found[way]:
                if span.start <= token < span.end:
                    return span
        return None

    def _spans(self, way: str) -> List[Span]:
        doc, key = self._doc, self._ruler.spans_key
        if way == "entity":
            return list(doc.ents)
        if way == "noun_chunk":
            # Not every language has rules for them.
            return list(doc.noun_chunks) if doc.vocab.get_noun_chunks is not None else []
        if key not in doc.spans:
            keys = ", ".join(sorted(doc.spans)) or "none"
            raise ValueError(Errors.VE233.format(name=self._ruler.name, key=key, keys=keys))
        return list(doc.spans[key])


def _pair(relation: Relation) -> FrozenSet[Tuple[int, int]]:
    return frozenset({(relation.head.start, relation.head.end), (relation.tail.start, relation.tail.end)})


def _fact(relation: Relation) -> Tuple[int, int, int, int, str]:
    """What makes a relation the same as another one, whatever its spans are called: an entity may be a noun chunk."""
    head, tail = relation.head, relation.tail
    return head.start, head.end, tail.start, tail.end, relation.label


def _in_text_order(head: Argument, tail: Argument, label: str) -> Tuple[Any, ...]:
    return (head.start, head.end, tail.start, tail.end, label, head.label, tail.label)
