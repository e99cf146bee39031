"""Relations of many documents as one graph. A dict of aggregates is kept in memory, the rows are streamed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Collection, Dict, Iterable, Iterator, List, Optional, Tuple
from typing import Counter as Counts

from ..tokens.relation import POLARITIES
from .tables import Mention

UNDECIDED = "undecided"
Key = Tuple[str, str]
EdgeKey = Tuple[Key, str, Key]


@dataclass
class Node:
    """An entity: `surfaces` counts how it is written as an argument of relations."""

    surfaces: Counts[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """RETURNS (str): The most frequent form, the first by alphabet of equals."""
        return min(self.surfaces, key=lambda text: (-self.surfaces[text], text))


@dataclass
class Edge:
    """A relation between two nodes, over all its mentions. `documents` keeps the order they were read in, and
    `examples` the sentences with the best scores."""

    count: int = 0
    total: float = 0.0
    max_score: float = -float("inf")
    polarities: Counts[str] = field(default_factory=Counter)
    examples: Dict[str, float] = field(default_factory=dict)
    documents: Dict[str, None] = field(default_factory=dict)
    heads: Counts[str] = field(default_factory=Counter)
    tails: Counts[str] = field(default_factory=Counter)

    @property
    def mean_score(self) -> float:
        """RETURNS (float): Mean of the scores."""
        return self.total / self.count

    @property
    def sentences(self) -> List[str]:
        """RETURNS (List[str]): The examples, best score first."""
        return sorted(self.examples, key=lambda sentence: -self.examples[sentence])

    def add(self, mention: Mention, max_examples: int) -> None:
        """Count a relation.

        mention (Mention): The relation.
        max_examples (int): Sentences to keep.
        """
        self.count += 1
        self.total += mention.score
        self.max_score = max(self.max_score, mention.score)
        self.polarities[mention.polarity or UNDECIDED] += 1
        self.documents[mention.doc_id] = None
        self.heads[" ".join(mention.head_text.split())] += 1
        self.tails[" ".join(mention.tail_text.split())] += 1
        if mention.sentence:
            best = max(mention.score, self.examples.get(mention.sentence, mention.score))
            self.examples[mention.sentence] = best
            if len(self.examples) > max_examples:
                # Of equals, the one that was read last.
                del self.examples[min(reversed(self.examples), key=lambda sentence: self.examples[sentence])]


@dataclass
class KnowledgeGraph:
    """Nodes by normalised text and label, edges by head, label and tail."""

    nodes: Dict[Key, Node] = field(default_factory=dict)
    edges: Dict[EdgeKey, Edge] = field(default_factory=dict)


@dataclass(frozen=True)
class Filters:
    """What goes into a graph.

    min_score (float): Leave out relations that score less.
    polarities (Collection[str]): Keep relations of these polarities alone; all of them if empty.
    undecided (bool): Keep relations whose polarity nobody decided.
    labels (Collection[str]): Keep relations with these labels alone; all of them if empty.
    min_support (int): Leave out edges that are found in fewer documents.
    """

    min_score: float = 0.0
    polarities: Collection[str] = ()
    undecided: bool = True
    labels: Collection[str] = ()
    min_support: int = 1

    def keep(self, mention: Mention) -> bool:
        """RETURNS (bool): Whether a relation passes, whatever the others are."""
        if mention.score < self.min_score or (self.labels and mention.label not in self.labels):
            return False
        if mention.polarity in (None, UNDECIDED):
            return self.undecided
        return not self.polarities or mention.polarity in self.polarities


def normalise(text: str) -> str:
    """RETURNS (str): The text in NFKC, with its case folded and its white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def edge_key(mention: Mention) -> EdgeKey:
    """RETURNS (EdgeKey): The edge that a relation belongs to."""
    head = (normalise(mention.head_text), mention.head_label)
    return head, mention.label, (normalise(mention.tail_text), mention.tail_label)


def build_graph(
    mentions: Iterable[Mention], filters: Optional[Filters] = None, max_examples: int = 3
) -> KnowledgeGraph:
    """Aggregate relations.

    mentions (Iterable[Mention]): The relations, of any number of documents.
    filters (Optional[Filters]): What to leave out, or nothing.
    max_examples (int): Sentences to keep for an edge.
    RETURNS (KnowledgeGraph): The graph. A node without edges is not in it.
    """
    filters = Filters() if filters is None else filters
    edges: Dict[EdgeKey, Edge] = {}
    for mention in mentions:
        if filters.keep(mention):
            edges.setdefault(edge_key(mention), Edge()).add(mention, max_examples)
    graph = KnowledgeGraph()
    for (head, label, tail), edge in edges.items():
        if len(edge.documents) >= filters.min_support:
            graph.edges[head, label, tail] = edge
            graph.nodes.setdefault(head, Node()).surfaces.update(edge.heads)
            graph.nodes.setdefault(tail, Node()).surfaces.update(edge.tails)
    return graph


def node_rows(graph: KnowledgeGraph) -> Iterator[Dict[str, Any]]:
    """YIELDS (Dict[str, Any]): What there is to say of each node; ids count from 0, in order."""
    for number, ((key, label), node) in enumerate(graph.nodes.items()):
        yield {
            "id": number,
            "text": node.text,
            "label": label,
            "normalised": key,
            "count": sum(node.surfaces.values()),
            "forms": [text for text, _ in node.surfaces.most_common()],
        }


def edge_rows(graph: KnowledgeGraph, max_documents: int) -> Iterator[Dict[str, Any]]:
    """List the edges.

    graph (KnowledgeGraph): The graph.
    max_documents (int): Documents to name for an edge.
    YIELDS (Dict[str, Any]): What there is to say of each edge; `head_id` and `tail_id` are ids of nodes.
    """
    ids = {key: number for number, key in enumerate(graph.nodes)}
    for number, ((head, label, tail), edge) in enumerate(graph.edges.items()):
        yield {
            "id": number,
            "head_id": ids[head],
            "label": label,
            "tail_id": ids[tail],
            "count": edge.count,
            "mean_score": edge.mean_score,
            "max_score": edge.max_score,
            **{polarity: edge.polarities[polarity] for polarity in (*POLARITIES, UNDECIDED)},
            "n_documents": len(edge.documents),
            "documents": list(islice(edge.documents, max_documents)),
            "sentences": edge.sentences,
        }
