"""Relations of raw text, discovered without labels: clusters of pairs, described for a person to name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from spacy.language import Language

from ..scorer import BCubedScore, score_b_cubed
from .clustering import BLOCKS, NOISE, PATH, Clustering, cluster_pairs
from .pairs import ENTITIES, Pair, Pairs, RawText, only_scored, read_pairs

Line = Dict[str, Any]

NOISE_ID = "noise"
N_COMMON, N_EXAMPLES = 5, 5
# Words that can give a relation its name, and those that lead from it to its second argument.
_CONTENT, _PREPOSITION = ("VERB", "NOUN", "ADJ", "AUX"), "ADP"
# Share of a cluster that a word must be the trigger of, to name it.
_NAMING_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Discovery:
    """What was discovered in raw text.

    pairs (Pairs): The pairs.
    clustering (Clustering): Which cluster each one is in.
    lines (List[Line]): The clusters as a file has them, the largest first, and the pairs without a cluster last.
    """

    pairs: Pairs
    clustering: Clustering
    lines: List[Line]


def discover(
    nlp: Language,
    encoder: Any,
    texts: Iterable[RawText],
    *,
    candidates: str = ENTITIES,
    by: Sequence[str] = BLOCKS,
    min_size: int = 0,
    n_clusters: int = 0,
    fine: bool = False,
    max_pairs: int = 20_000,
) -> Discovery:
    """Discover relations in raw text.

    nlp (Language): The pipeline.
    encoder (VAEEncoder): Its encoder.
    texts (Iterable[RawText]): The texts.
    candidates (str), max_pairs (int): See `read_pairs`.
    by (Sequence[str]), min_size (int), n_clusters (int), fine (bool): See `cluster_pairs`.
    RETURNS (Discovery): The clusters.
    RAISES (ValueError): As `read_pairs` and `cluster_pairs`.
    """
    pairs = read_pairs(nlp, encoder, texts, candidates=candidates, max_pairs=max_pairs)
    clustering = cluster_pairs(pairs, by=by, min_size=min_size, n_clusters=n_clusters, fine=fine)
    return Discovery(pairs, clustering, describe_clusters(pairs, clustering))


def score_discovery(discovery: Discovery, **settings: Any) -> Optional[Dict[str, BCubedScore]]:
    """Score clusters against the relations that are annotated in the text, beside two baselines. Pairs without an
    annotated relation do not count; a pair in no cluster stands alone. A relation in the other direction is another
    one.

    discovery (Discovery): The clusters.
    settings (Any): Those of `cluster_pairs` that the clusters were made with, without `by`.
    RETURNS (Optional[Dict[str, BCubedScore]]): The scores of the clusters as `clusters`, of one cluster for each pair
        of types as `types`, and of clusters by the path alone as `path`. None where nothing is annotated.
    """
    pairs = discovery.pairs
    if not any(pair.gold for pair in pairs.pairs):
        return None
    by_path = cluster_or_none(pairs, by=(PATH,), **settings)
    found: Dict[str, Sequence[Any]] = {
        "clusters": discovery.clustering.named(),
        "types": pairs.types(),
        "path": by_path,
    }
    return {name: score_b_cubed(*only_scored(pairs, clusters)) for name, clusters in found.items()}


def cluster_or_none(pairs: Pairs, **settings: Any) -> List[Optional[int]]:
    """Cluster pairs, where no cluster is a result like any other.

    pairs (Pairs): The pairs.
    settings (Any): Those of `cluster_pairs`.
    RETURNS (List[Optional[int]]): The cluster of each pair, None for one that is in none.
    """
    try:
        return cluster_pairs(pairs, **settings).named()
    except ValueError as error:
        if not str(error).startswith("[VE532]"):
            raise
        return [None] * len(pairs)


def describe_clusters(pairs: Pairs, clustering: Clustering) -> List[Line]:
    """Describe clusters for a person who names them.

    pairs (Pairs): The pairs.
    clustering (Clustering): Which cluster each one is in.
    RETURNS (List[Line]): One JSON object a cluster, see `describe_cluster`, the largest first, then one with the id
        `noise` and no name for the pairs that are in none, where there are any.
    """
    lines: List[Line] = []
    names: Counter[str] = Counter()
    for number in [*range(clustering.n_clusters), NOISE]:
        rows = np.flatnonzero(clustering.labels == number)
        if not len(rows):
            continue
        # The surest members first: the examples are taken from them.
        order = rows[np.argsort(-clustering.scores[rows], kind="stable")]
        members = [pairs.pairs[row] for row in order]
        name = None
        if number != NOISE:
            name = suggest_name(members)
            names[name] += 1
            # One name for two clusters would merge them.
            name = name if names[name] == 1 else f"{name}_{names[name]}"
        scores = [float(score) for score in clustering.scores[order]]
        lines.append(describe_cluster(NOISE_ID if number == NOISE else str(number), name, members, scores))
    return lines


def describe_cluster(identifier: str, name: Optional[str], members: Sequence[Pair], scores: Sequence[float]) -> Line:
    """Describe one cluster.

    identifier (str): Its id.
    name (Optional[str]): What its relation is called, None for no relation.
    members (Sequence[Pair]): Its pairs, the surest first.
    scores (Sequence[float]): How sure each one is.
    RETURNS (Line): `id`; `size`; `name`; `swap`, whether the relation goes from tail to head; `paths` and `types` with
        counts; `examples`, with offsets of head and tail; `members`, with what finds them again in the text.
    """
    examples = {member.context: member for member in reversed(members)}
    first = list(examples.values())[::-1][:N_EXAMPLES]
    return {
        "id": identifier,
        "size": len(members),
        "name": name,
        "swap": False,
        "paths": [{"path": path, "count": n} for path, n in _common(map(show_path, members))],
        "types": [{"types": list(types), "count": n} for types, n in _common(member.types for member in members)],
        "examples": [_example(member) for member in first],
        "members": [
            {
                "text": member.text,
                "head": list(member.head),
                "tail": list(member.tail),
                "score": round(score, 4),
                "of": member.n_pairs,
            }
            for member, score in zip(members, scores, strict=True)
        ],
    }


def show_path(pair: Pair) -> str:
    """RETURNS (str): A path for people: its steps, and the lemmas between the two ends, e.g. `<nsubj found dobj`."""
    words = [word for step in zip(pair.evidence.deps, [*pair.lemmas[1:-1], ""], strict=False) for word in step]
    return " ".join(word for word in words if word)


def suggest_name(members: Sequence[Pair]) -> str:
    """Propose a name: the most frequent trigger with the preposition that mostly follows it, else the types.

    members (Sequence[Pair]): The pairs of a cluster.
    RETURNS (str): The name, in capitals.
    """
    triggers = [_trigger(pair) for pair in members]
    counts = Counter(word for word, _ in triggers if word)
    if not counts or counts.most_common(1)[0][1] < _NAMING_SHARE * len(members):
        return "_".join(Counter(pair.types for pair in members).most_common(1)[0][0]).upper()
    word = counts.most_common(1)[0][0]
    preposition, n = Counter(after for found, after in triggers if found == word).most_common(1)[0]
    parts = [word, preposition] if preposition and 2 * n > counts[word] else [word]
    return "_".join("_".join(parts).upper().split())


def _trigger(pair: Pair) -> Tuple[str, str]:
    """The word that a relation is named by, and the preposition behind it; a preposition alone where the path has no
    other word between its ends."""
    inner = list(zip(pair.lemmas, pair.pos, strict=True))[1:-1]
    top = sum(dep.startswith("<") for dep in pair.evidence.deps)
    places = [i for i, (_, pos) in enumerate(inner) if pos in _CONTENT]
    prepositions = [i for i, (_, pos) in enumerate(inner) if pos == _PREPOSITION]
    if not places:
        return (inner[prepositions[0]][0] if prepositions else ""), ""
    # The topmost word of the path where it lies between the two ends, else the first one.
    place = top - 1 if top - 1 in places else places[0]
    after = [inner[i][0] for i in prepositions if i > place]
    return inner[place][0], (after[0] if after else "")


def _common(values: Iterable[Any]) -> List[Any]:
    return Counter(values).most_common(N_COMMON)


def _example(pair: Pair) -> Line:
    offsets = {
        name: [i - pair.context_start for i in span] for name, span in (("head", pair.head), ("tail", pair.tail))
    }
    return {"text": pair.context, **offsets}
