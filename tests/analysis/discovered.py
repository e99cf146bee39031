"""Invented sentences of three relations, said in one way each, and a pipeline to discover them with."""

import functools
from typing import Any, Iterable, List

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import fix_random_seed

from spacy_vaedie.analysis.pairs import RawText
from spacy_vaedie.training.examples import make_example, predicted_copy

from ..pipeline.helpers import SMALL_VAE, blank, raw_examples

PERSONS = ["Ada Quill", "Tam Reed", "Mira Sand", "Bo Hart", "Ida Moss", "Lou Finch", "Ned Pike", "Una Birch"]
FIRMS = ["Bluefin Works", "Pell Mills", "Sandbar Press", "Oxhill Bank", "Larkton Steel", "Reed Tools", "Pike Lines"]
# How it is said, the label, and whether the relation goes from the first name to the second.
WAYS = [
    ("{person} founded {firm}.", "FOUNDED", True),
    ("{firm} was bought by {person}.", "BOUGHT", False),
    ("{person} works for {firm}.", "WORKS_FOR", True),
]
N_EACH = 8


@functools.lru_cache(maxsize=1)
def discovered_docs(en: Language) -> List[Doc]:
    """Parsed Docs with entities and gold relations, eight of each way to say it, one after the other."""
    texts, notes = [], []
    for way, label, forward in WAYS:
        for i in range(N_EACH):
            names = {"person": PERSONS[i], "firm": FIRMS[(3 * i + len(label)) % len(FIRMS)]}
            text = way.format(**names)
            spans = [(text.index(name), text.index(name) + len(name)) for name in names.values()]
            entities = sorted((*span, kind) for span, kind in zip(spans, ("PER", "ORG"), strict=True))
            texts.append(text)
            notes.append((entities, [(0, 1, label) if forward else (1, 0, label)]))
    docs = []
    for parsed, (entities, relations) in zip(en.pipe(texts), notes, strict=True):
        example = make_example(parsed, entities=entities, relations=relations)
        doc = example.predicted
        doc._.relations = example.reference._.relations
        docs.append(doc)
    return docs


def raw_texts(docs: Iterable[Doc]) -> List[RawText]:
    return [RawText(predicted_copy(doc), doc._.relations) for doc in docs]


def make_pipeline(en: Language, docs: Iterable[Doc]) -> Language:
    """A pipeline with an encoder that has weights, but has learned next to nothing."""
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    raw: List[Any] = raw_examples(docs)
    fix_random_seed(0)
    nlp.initialize(lambda: raw)
    return nlp
