import numpy as np
import pytest
import spacy
import torch
from spacy.lookups import Lookups
from spacy.strings import hash_string
from spacy.tokens import Doc, Span
from thinc.api import fix_random_seed

from spacy_vaedie.models.candidates import build_entity_pairs
from spacy_vaedie.models.network.pair_parts import build_part
from spacy_vaedie.models.pair_features import mix
from spacy_vaedie.models.pair_index import index_blocks
from spacy_vaedie.models.pair_parts import build_arguments, build_class_weights, build_word_classes
from spacy_vaedie.models.relations import build_pair_classifier, predict_without
from spacy_vaedie.models.word_classes import HEAD, ON_PATH, TAIL

from . import parsed
from .gradients import assert_gradients, double, weigh
from .layers import make_tok2vec

LEXICON = {"founded": ["make", "act"], "quill": ["person"], "works": ["group", "thing"], "in": []}


def vocab_with(lexicon):
    vocab = spacy.blank("en").vocab
    vocab.lookups = Lookups()
    vocab.lookups.add_table("word_classes", lexicon)
    return vocab


def founded(vocab):
    """The Doc of `parsed`, with lemmas in lower case."""
    doc = parsed.founded()
    attrs = {"heads": [t.head.i for t in doc], "deps": [t.dep_ for t in doc], "lemmas": [t.lower_ for t in doc]}
    copy = Doc(vocab, words=[t.text for t in doc], **attrs)
    copy.ents = [Span(copy, ent.start, ent.end, ent.label_) for ent in doc.ents]
    return copy


def unparsed(vocab, *words):
    doc = Doc(vocab, words=list(words))
    doc.ents = [Span(doc, i, i + 1, "THING") for i in range(len(words))]
    return doc


def index_of(docs, with_classes=True):
    (block,) = index_blocks(docs, [build_entity_pairs()(doc) for doc in docs], with_classes)
    return block()


def feature(name, role):
    return mix(np.array([hash_string(name)], dtype="uint64"), np.array([role], dtype="uint64"))[0]


def features_of(index, pair):
    hashes, firsts = index.classes
    return sorted(hashes[firsts[pair] : [*firsts, len(hashes)][pair + 1]].tolist())


def test_ends_and_path_are_looked_up():
    vocab = vocab_with(LEXICON)
    index = index_of([unparsed(vocab, "oak"), founded(vocab), unparsed(vocab, "oak")])
    # Quill and Works with "founded" between them on the path, in this order and the other.
    path = [feature("make", ON_PATH), feature("act", ON_PATH)]
    for pair, (quill, works) in ((0, (HEAD, TAIL)), (2, (TAIL, HEAD))):
        expected = [feature("person", quill), feature("group", works), feature("thing", works), *path]
        assert features_of(index, pair) == sorted(int(item) for item in expected)


def test_without_a_lexicon_there_are_none():
    vocab = vocab_with(LEXICON)
    assert len(index_of([founded(vocab)], with_classes=False).classes[0]) == 0
    assert len(index_of([founded(vocab_with({"oak": ["tree"]}))]).classes[0]) == 0
    assert len(index_of([unparsed(vocab, "Quill")]).classes[0]) == 0


def test_a_pair_has_the_same_classes_in_every_batch():
    vocab = vocab_with(LEXICON)
    alone, doc = index_of([founded(vocab)]), founded(vocab)
    together = index_of([unparsed(vocab, "works", "in"), doc, unparsed(vocab, "founded", "oak")])
    assert [features_of(together, pair + 2) for pair in range(6)] == [features_of(alone, pair) for pair in range(6)]


def test_no_table_is_an_error_that_says_how_to_get_one():
    with pytest.raises(ValueError, match=r"VE227.*spacy-vaedie.Lexicon.v1"):
        index_of([founded(spacy.blank("en").vocab)])


def test_gradients():
    vocab = vocab_with(LEXICON)
    index = index_of([founded(vocab), unparsed(vocab, "oak", "elm"), founded(vocab)])
    torch.manual_seed(0)
    part = build_part("classes", 4, width=3, buckets=11).double()
    vectors = double(18, 4)
    assert part(vectors, index, 0.0).shape == (14, 3)
    assert torch.equal(part(vectors, index, 0.0)[6:8], torch.zeros(2, 3, dtype=torch.float64))
    assert_gradients(lambda: weigh({"out": part(vectors, index, 0.0)}), dict(part.named_parameters()))


@pytest.mark.parametrize("part", [build_word_classes(width=4, buckets=64), build_class_weights(buckets=64)])
def test_the_model_reads_them(part):
    fix_random_seed(0)
    parts = {"arguments": build_arguments(), "classes": part}
    model = build_pair_classifier(make_tok2vec(), parts, width=8, n_heads=2)
    model.set_dim("nO", 3)
    docs = [founded(vocab_with(LEXICON))]
    candidates = [build_entity_pairs()(doc) for doc in docs]
    model.initialize(X=(docs, candidates))
    network = model.shims[0].network
    network.output.data.normal_()
    for weights in network.weights:
        weights.weight.data.normal_()
    with_them = model.predict((docs, candidates))
    other = [founded(vocab_with({**LEXICON, "quill": ["tool"]}))]
    assert not np.allclose(model.predict((other, candidates)), with_them)
    blind = predict_without(model, docs, candidates, "classes")
    assert np.allclose(predict_without(model, other, candidates, "classes"), blind)
    # Not asked for, they are not looked up.
    plain = build_pair_classifier(make_tok2vec(), {"arguments": build_arguments()}, width=8, n_heads=2)
    plain.set_dim("nO", 3)
    unknowing = [founded(spacy.blank("en").vocab)]
    plain.initialize(X=(unknowing, candidates))
    assert plain.predict((unknowing, candidates)).shape == (2, 6, 3)
