"""Relations of many documents as one graph. A dict of aggregates is kept in memory, the rows are streamed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import Counter as Counts
from typing import Dict, Iterable, List, Set, Tuple

from .tables import Mention

UNDECIDED = "undecided"
Key = Tuple[str, str]


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
    """A relation between two nodes, over all its mentions."""

    count: int = 0
    total: float = 0.0
    max_score: float = -float("inf")
    polarities: Counts[str] = field(default_factory=Counter)
    sentences: List[str] = field(default_factory=list)
    documents: Set[str] = field(default_factory=set)

    @property
    def mean_score(self) -> float:
        """RETURNS (float): Mean of the scores."""
        return self.total / self.count


@dataclass
class KnowledgeGraph:
    """Nodes by normalised text and label, edges by head, label and tail."""

    nodes: Dict[Key, Node] = field(default_factory=dict)
    edges: Dict[Tuple[Key, str, Key], Edge] = field(default_factory=dict)


def normalise(text: str) -> str:
    """RETURNS (str): The text in NFKC, with its case folded and its white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def build_graph(mentions: Iterable[Mention], min_score: float = 0.0, max_examples: int = 3) -> KnowledgeGraph:
    """Aggregate relations.

    mentions (Iterable[Mention]): The relations, of any number of documents.
    min_score (float): Leave out what scores less.
    max_examples (int): Sentences to keep for an edge.
    RETURNS (KnowledgeGraph): The graph.
    """
    graph = KnowledgeGraph()
    for mention in mentions:
        if mention.score < min_score:
            continue
        head = (normalise(mention.head_text), mention.head_label)
        tail = (normalise(mention.tail_text), mention.tail_label)
        for key, text in ((head, mention.head_text), (tail, mention.tail_text)):
            graph.nodes.setdefault(key, Node()).surfaces[" ".join(text.split())] += 1
        edge = graph.edges.setdefault((head, mention.label, tail), Edge())
        edge.count += 1
        edge.total += mention.score
        edge.max_score = max(edge.max_score, mention.score)
        edge.polarities[mention.polarity or UNDECIDED] += 1
        edge.documents.add(mention.doc_id)
        if mention.sentence and mention.sentence not in edge.sentences and len(edge.sentences) < max_examples:
            edge.sentences.append(mention.sentence)
    return graph
