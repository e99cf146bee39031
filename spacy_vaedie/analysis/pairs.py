"""Pairs of spans of raw text, with what tells relations apart: their path, their types and their latents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..errors import Errors, Warnings, warn
from ..models.embed import listens
from ..models.gates import build_entity_pairs
from ..tokens import Evidence, Relation
from ..tokens.dependency import has_parse, read_evidences
from ..training.examples import predicted_copy
from ..training.files import find_files, read_docbin
from ..training.raw_text import RAW_SUFFIXES
from ..training.readers import create_raw_text

Floats = NDArray[np.float32]
Span = Tuple[int, int]
# First and last token (exclusive) of the head, and those of the tail.
Tokens = Tuple[int, int, int, int]

ENTITIES, TRIPLES = CANDIDATES = ("entities", "triples")
BATCH = 64
_SPANS = {"doc.ents", "doc.spans"}
_PARSE = {"token.dep", "token.tag", "token.lemma"}


@dataclass(frozen=True)
class RawText:
    """A text to discover relations in.

    doc (Doc): Its tokens, and what else the file has of parse and entities.
    relations (Optional[Sequence[Relation]]): What the file annotates, to score against, None where it does not.
    """

    doc: Doc
    relations: Optional[Sequence[Relation]] = None


@dataclass(frozen=True)
class Pair:
    """Two spans that may be related. Offsets are characters, the end exclusive.

    text (str): Hash of the text.
    n_pairs (int): How many pairs the text has.
    head (Span), tail (Span): Offsets in the text.
    types (Tuple[str, str]): Entity types of head and tail, of other spans the part of speech of their root.
    evidence (Evidence): The dependency path.
    lemmas (Tuple[str, ...]): Lemmas on the path, both ends counted.
    pos (Tuple[str, ...]): Coarse parts of speech on the path, both ends counted.
    context (str): The sentences that hold the pair.
    context_start (int): Where they start in the text.
    gold (Optional[str]): The annotated relation and whether it goes from head to tail, None for none.
    """

    text: str
    n_pairs: int
    head: Span
    tail: Span
    types: Tuple[str, str]
    evidence: Evidence
    lemmas: Tuple[str, ...]
    pos: Tuple[str, ...]
    context: str
    context_start: int
    gold: Optional[str] = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a corpus.

    pairs (Sequence[Pair]): The pairs.
    arguments (Floats): Latents and hidden states, averaged over the head, beside those of the tail.
        *Shape:* (n_pairs, 2 * width)
    path (Floats): The same, averaged over the words between the two on their path, zeros where there are none.
        *Shape:* (n_pairs, width)
    n_texts (int): How many texts were read.
    """

    pairs: Sequence[Pair]
    arguments: Floats
    path: Floats
    n_texts: int

    def __len__(self) -> int:
        return len(self.pairs)

    def types(self) -> List[str]:
        """RETURNS (List[str]): The types of each pair, as one name."""
        return ["_".join(pair.types) for pair in self.pairs]


def text_hash(text: str) -> str:
    """RETURNS (str): 16 hexadecimal digits that stand for a text, the same ones everywhere."""
    return hashlib.sha256(text.encode("utf8", "surrogatepass")).hexdigest()[:16]


def read_raw(nlp: Language, path: Path, limit: int = 0) -> Iterator[RawText]:
    """Stream raw text. A text that was there before is left out.

    nlp (Language): The pipeline.
    path (Path): Any file or folder that `spacy-vaedie.RawText.v1` reads. Of .spacy files, parse, entities and relations
        are kept.
    limit (int): Number of texts to read, 0 for all.
    YIELDS (RawText): The texts.
    RAISES (ValueError), (FileNotFoundError): As the reader.
    """
    seen = set()
    for file in find_files(path, RAW_SUFFIXES):
        for raw in _read_file(nlp, file):
            digest = text_hash(raw.doc.text)
            if digest in seen:
                continue
            seen.add(digest)
            yield raw
            if len(seen) == limit:
                return


def _read_file(nlp: Language, file: Path) -> Iterator[RawText]:
    if file.suffix != ".spacy":
        yield from (RawText(example.predicted) for example in create_raw_text(file)(nlp))
        return
    empty = True
    for doc in read_docbin(file, nlp.vocab):
        if len(doc):
            empty = False
            yield RawText(predicted_copy(doc), doc._.relations)
    if empty:
        raise ValueError(Errors.VE304.format(path=file))


def annotate(nlp: Language, docs: Sequence[Doc], encoder: Optional[Any] = None) -> None:
    """Let the pipeline add what texts lack: parse, entities, latents. Docs are changed in place, and keep the parse and
    the entities that they have. Relations are not predicted.

    nlp (Language): The pipeline.
    docs (Sequence[Doc]): The texts.
    encoder (Optional[VAEEncoder]): The encoder of the pipeline, None to do without latents.
    RAISES (ValueError): VE534 where a text has no parse in the end.
    """
    groups: Dict[Tuple[bool, bool], List[Doc]] = {}
    # What the embedding listens to is not saved with a parse.
    alone = encoder is None or not listens(encoder.model.layers[0])
    for doc in docs:
        groups.setdefault((alone and has_parse(doc), doc.has_annotation("ENT_IOB")), []).append(doc)
    for (parsed, found), group in groups.items():
        given = {"doc._.relations", *(_PARSE if parsed else ()), *(_SPANS if found else ())}
        given |= {"doc._.latents"} if encoder is None else set()
        unwanted = [name for name in nlp.pipe_names if given.intersection(nlp.get_pipe_meta(name).assigns)]
        for _ in nlp.pipe(group, disable=unwanted):
            pass
    for doc in docs:
        if not has_parse(doc):
            raise ValueError(Errors.VE534.format(text=doc.text[:60]))


def read_pairs(
    nlp: Language, encoder: Any, texts: Iterable[RawText], *, candidates: str = ENTITIES, max_pairs: int = 20_000
) -> Pairs:
    """Read the pairs of raw text, with their latents. The texts are streamed, and only what is said of pairs is kept.

    nlp (Language): The pipeline.
    encoder (VAEEncoder): Its encoder.
    texts (Iterable[RawText]): The texts.
    candidates (str): `entities`: the entities of a sentence, each two of them once, in the order of the text.
        `triples`: subject and first object of what `open_extractor` finds.
    max_pairs (int): Stop (VW531) after the text with which there are this many.
    RETURNS (Pairs): The pairs.
    RAISES (ValueError): VE005 for other candidates, VE101 where the encoder was not initialized, VE304 where there is
        no text, VE531 where there is no pair.
    """
    if candidates not in CANDIDATES:
        options = ", ".join(CANDIDATES)
        raise ValueError(Errors.VE005.format(value=candidates, what="kind of candidates", options=options))
    propose = _EntityPairs() if candidates == ENTITIES else _TriplePairs(nlp)
    pairs: List[Pair] = []
    arguments: List[Floats] = []
    paths: List[Floats] = []
    n_texts = 0
    for batch in minibatch(texts, BATCH):
        annotate(nlp, [raw.doc for raw in batch], encoder)
        for raw in batch:
            n_texts += 1
            for pair, argument, path in _read_text(raw, propose(raw.doc)):
                pairs.append(pair)
                arguments.append(argument)
                paths.append(path)
            if len(pairs) >= max_pairs:
                warn(Warnings.VW531.format(n=len(pairs), n_texts=n_texts))
                break
        if len(pairs) >= max_pairs:
            break
    if not pairs:
        if not n_texts:
            raise ValueError(Errors.VE304.format(path="The raw text"))
        raise ValueError(Errors.VE531.format(n=n_texts, reason=propose.why_none(nlp)))
    return Pairs(pairs, np.stack(arguments), np.stack(paths), n_texts)


class _EntityPairs:
    """Each two entities of a sentence, once."""

    def __init__(self) -> None:
        self._propose = build_entity_pairs()
        self._n_entities = 0

    def __call__(self, doc: Doc) -> List[Tokens]:
        self._n_entities += len(doc.ents)
        return [tuple(pair) for pair in self._propose(doc).one_way().offsets().tolist()]

    def why_none(self, nlp: Language) -> str:
        """RETURNS (str): Why no text had a pair."""
        if self._n_entities:
            return "no sentence has two entities"
        finders = [name for name in nlp.pipe_names if _SPANS.intersection(nlp.get_pipe_meta(name).assigns)]
        return f"{', '.join(finders)} found no entities" if finders else "no component of the pipeline finds entities"


class _TriplePairs:
    """Subject and first object of each triple."""

    def __init__(self, nlp: Language) -> None:
        self._extract = nlp.create_pipe("open_extractor")

    def __call__(self, doc: Doc) -> List[Tokens]:
        triples = self._extract.predict([doc])[0]
        found = [(item.subject, item.objects[0]) for item in triples if item.objects]
        pairs = [(head.start, head.end, tail.start, tail.end) for head, tail in found]
        return [pair for pair in dict.fromkeys(pairs) if pair[:2] != pair[2:]]

    def why_none(self, nlp: Language) -> str:
        """RETURNS (str): Why no text had a pair."""
        return "'open_extractor' finds no triple with an object"


def _read_text(raw: RawText, pairs: Sequence[Tokens]) -> Iterator[Tuple[Pair, Floats, Floats]]:
    doc = raw.doc
    if not pairs:
        return
    vectors = doc._.latents.vectors
    digest, gold = text_hash(doc.text), _read_gold(raw.relations or ())
    for tokens, evidence in zip(pairs, read_evidences(doc, pairs), strict=True):
        head, tail = doc[tokens[0] : tokens[1]], doc[tokens[2] : tokens[3]]
        first, last = min(head.start, tail.start), max(head.end, tail.end) - 1
        start, end = doc[first].sent.start, doc[last].sent.end
        between = list(evidence.tokens[1:-1])
        pair = Pair(
            text=digest,
            n_pairs=len(pairs),
            head=(head.start_char, head.end_char),
            tail=(tail.start_char, tail.end_char),
            types=(_type(head), _type(tail)),
            evidence=evidence,
            lemmas=tuple(doc[i].lemma_ or doc[i].lower_ for i in evidence.tokens),
            pos=tuple(doc[i].pos_ for i in evidence.tokens),
            context=doc[start:end].text,
            context_start=doc[start].idx,
            gold=gold.get(tokens),
        )
        arguments = [vectors[span.start : span.end].mean(axis=0) for span in (head, tail)]
        path = vectors[between].mean(axis=0) if between else np.zeros(vectors.shape[1], dtype="float32")
        yield pair, np.concatenate(arguments), path


def _type(span: Any) -> str:
    return str(span.label_ or span.root.ent_type_ or span.root.pos_ or "SPAN")


def _read_gold(relations: Sequence[Relation]) -> Dict[Tokens, str]:
    """The label of each pair with its direction, for pairs that are written in either order."""
    gold: Dict[Tokens, str] = {}
    for relation in relations:
        head, tail = relation.head, relation.tail
        gold.setdefault((head.start, head.end, tail.start, tail.end), f"{relation.label}(head,tail)")
        gold.setdefault((tail.start, tail.end, head.start, head.end), f"{relation.label}(tail,head)")
    return gold


def only_scored(pairs: Pairs, clusters: Sequence[Any]) -> Tuple[List[Any], List[str]]:
    """What can be scored.

    pairs (Pairs): The pairs.
    clusters (Sequence[Any]): The cluster of each.
    RETURNS (Tuple[List[Any], List[str]]): Cluster and annotated relation of each pair that has one.
    """
    kept = [(cluster, pair.gold) for pair, cluster in zip(pairs.pairs, clusters, strict=True) if pair.gold]
    return [cluster for cluster, _ in kept], [str(gold) for _, gold in kept]
