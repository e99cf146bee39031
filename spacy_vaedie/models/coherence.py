"""How well the top words of a topic belong together."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import DefaultDict, Iterable, List, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors

# Top words of a topic that count, as in Lau et al. (2014).
TOP_WORDS = 10


def npmi_coherence(
    topics: Sequence[Sequence[str]], documents: Iterable[Sequence[str]], top_n: int = TOP_WORDS
) -> NDArray[np.float64]:
    """Normalized pointwise mutual information of the top words of each topic, averaged over their pairs:
    NPMI(a, b) = log(p(a, b) / (p(a) p(b))) / -log p(a, b) (Bouma 2009), as coherence of topics first in Aletras and
    Stevenson (2013), evaluated in Lau et al. (2014) and Roeder et al. (2015).

    p counts whole documents that hold a word or both, not sliding windows, without smoothing. Words that never meet
    have -1, the limit, and so have words that the documents do not hold; words that stand together in every document
    have 1.

    topics (Sequence[Sequence[str]]): Words of each topic, the best first.
    documents (Iterable[Sequence[str]]): Words of each document of the reference corpus.
    top_n (int): How many words of each topic count; a topic may hold fewer.
    RETURNS (NDArray[np.float64]): From -1 to 1, 0 for words that meet by chance. *Shape:* (n_topics,)
    RAISES (ValueError): VE501 for a topic of fewer than two words or one that names a word twice, and where there is
        no document.
    """
    topics = _check_topics(topics, top_n)
    wanted = set(chain.from_iterable(topics))
    holders: DefaultDict[str, Set[int]] = defaultdict(set)
    n_documents = 0
    for n_documents, document in enumerate(documents, start=1):
        for word in wanted.intersection(document):
            holders[word].add(n_documents)
    if not n_documents:
        raise ValueError(Errors.VE501.format(reason="the reference corpus holds no document"))
    return np.array([_mean_npmi([holders[word] for word in words], n_documents) for words in topics])


def topic_diversity(topics: Sequence[Sequence[str]], top_n: int = TOP_WORDS) -> float:
    """Share of different words among the top words of all topics (Dieng et al. 2020, section 6). Coherence alone
    rewards a model that repeats one good topic; read the two together.

    topics (Sequence[Sequence[str]]): Words of each topic, the best first.
    top_n (int): How many words of each topic count.
    RETURNS (float): 1 where no word is in two topics, 1 / n_topics where all topics are the same.
    RAISES (ValueError): VE501 for a topic of fewer than two words or one that names a word twice, and where there is
        no topic.
    """
    words = list(chain.from_iterable(_check_topics(topics, top_n)))
    if not words:
        raise ValueError(Errors.VE501.format(reason="there is no topic"))
    return len(set(words)) / len(words)


def _check_topics(topics: Sequence[Sequence[str]], top_n: int) -> List[List[str]]:
    top = [list(words[:top_n]) for words in topics]
    for number, words in enumerate(top):
        if len(words) < 2 or len(set(words)) < len(words):
            raise ValueError(Errors.VE501.format(reason=f"the top words of topic {number} are {words}"))
    return top


def _mean_npmi(holders: List[Set[int]], n_documents: int) -> float:
    pairs = [(holders[i], holders[j]) for i in range(len(holders)) for j in range(i)]
    return float(np.mean([_npmi(one, other, n_documents) for one, other in pairs]))


def _npmi(one: Set[int], other: Set[int], n_documents: int) -> float:
    n_both = len(one & other)
    if n_both in (0, n_documents):
        return -1.0 if n_both == 0 else 1.0
    both = n_both / n_documents
    return float(np.log(both * n_documents**2 / (len(one) * len(other))) / -np.log(both))
