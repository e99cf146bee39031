import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_vaedie.analysis.pairs import RawText, annotate, only_scored, read_pairs, read_raw, text_hash
from spacy_vaedie.training.examples import predicted_copy

from ..pipeline.helpers import SMALL_VAE, blank
from .discovered import discovered_docs, make_pipeline, raw_texts


@pytest.fixture(scope="module")
def docs(en):
    return discovered_docs(en)


@pytest.fixture(scope="module")
def nlp(en, docs):
    return make_pipeline(en, docs)


@pytest.fixture(scope="module")
def pairs(nlp, docs):
    return read_pairs(nlp, nlp.get_pipe("vae_encoder"), raw_texts(docs))


def test_what_is_said_of_a_pair(pairs, docs):
    assert len(pairs) == pairs.n_texts == len(docs) == 24
    pair, text = pairs.pairs[8], docs[8].text
    assert text.endswith(" was bought by Ada Quill.")
    assert text[slice(*pair.head)] + " was bought by " + text[slice(*pair.tail)] + "." == text
    assert (pair.text, pair.n_pairs, pair.context, pair.context_start) == (text_hash(text), 1, text, 0)
    assert pair.types == ("ORG", "PER")
    assert pairs.types()[7:9] == ["PER_ORG", "ORG_PER"]
    assert pair.lemmas[1:-1] == ("buy", "by")
    assert pair.pos[1:-1] == ("VERB", "ADP")
    assert pair.evidence.deps == ("<nsubjpass", "agent", "pobj")
    assert [pairs.pairs[i].gold for i in (0, 8, 16)] == [
        "FOUNDED(head,tail)",
        "BOUGHT(tail,head)",
        "WORKS_FOR(head,tail)",
    ]


def test_latents_are_averages(pairs, docs, nlp):
    doc = predicted_copy(docs[8])
    nlp.get_pipe("vae_encoder")(doc)
    vectors, pair = doc._.latents.vectors, pairs.pairs[8]
    head, tail = (doc.char_span(*span) for span in (pair.head, pair.tail))
    expected = [vectors[span.start : span.end].mean(axis=0) for span in (head, tail)]
    np.testing.assert_allclose(pairs.arguments[8], np.concatenate(expected), atol=1e-5)
    between = [token.i for token in doc if token.text in ("bought", "by")]
    np.testing.assert_allclose(pairs.path[8], vectors[between].mean(axis=0), atol=1e-5)


def test_a_path_without_words_between(nlp):
    doc = Doc(nlp.vocab, words=["Pell", "Reed"], heads=[1, 1], deps=["compound", "ROOT"], ents=["B-A", "B-B"])
    found = read_pairs(nlp, nlp.get_pipe("vae_encoder"), [RawText(doc)])
    assert found.pairs[0].lemmas == ("pell", "reed")
    assert not found.path.any()
    assert found.arguments.all()


def test_several_pairs_of_a_later_sentence(nlp):
    """Each two entities of a sentence once; offsets are those of the text, examples those of the sentence."""
    words = ["So", ".", "Ada", "met", "Bo", "Reed", "."]
    starts = {"sent_starts": [True, False, True, False, False, False, False]}
    heads, deps = [0, 0, 3, 3, 3, 3, 3], ["ROOT", "punct", "nsubj", "ROOT", "dobj", "dobj", "punct"]
    doc = Doc(nlp.vocab, words=words, heads=heads, deps=deps, ents=["", "", "B-A", "", "B-B", "B-C", ""])
    assert [token.is_sent_start for token in doc] == starts["sent_starts"]
    found = read_pairs(nlp, nlp.get_pipe("vae_encoder"), [RawText(doc)]).pairs
    assert [pair.types for pair in found] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert {pair.n_pairs for pair in found} == {3}
    assert {pair.gold for pair in found} == {None}
    assert found[0].head == (5, 8)
    assert (found[0].context, found[0].context_start) == ("Ada met Bo Reed .", 5)


def test_triples(nlp, docs):
    """Subjects and objects, entities or not, in the direction of what is said."""
    doc = docs[0].copy()
    doc.ents = doc.ents[:1]
    (pair,) = read_pairs(nlp, nlp.get_pipe("vae_encoder"), [RawText(doc)], candidates="triples").pairs
    assert [doc.text[slice(*span)] for span in (pair.head, pair.tail)] == [str(ent) for ent in docs[0].ents]
    assert pair.types == ("PER", "PROPN")


def test_a_limit_of_pairs(nlp, docs):
    with pytest.warns(UserWarning, match="VW531.*5 pairs.*first 5"):
        found = read_pairs(nlp, nlp.get_pipe("vae_encoder"), raw_texts(docs), max_pairs=5)
    assert (len(found), found.n_texts) == (5, 5)


def test_relations_are_read_for_scores_only(pairs):
    clusters, labels = only_scored(pairs, list(range(24)))
    assert clusters == list(range(24))
    assert labels[8] == "BOUGHT(tail,head)"


def test_files(nlp, docs, tmp_path):
    """Parse, entities and relations of a .spacy file stay; a text that comes twice is one."""
    DocBin(docs=[docs[0], docs[0], docs[1]], store_user_data=True).to_disk(tmp_path / "docs.spacy")
    (tmp_path / "more.txt").write_text("Rain.\nRain.\nSnow.\n", encoding="utf8")
    found = list(read_raw(nlp, tmp_path))
    assert [raw.doc.text for raw in found] == [docs[0].text, docs[1].text, "Rain.", "Snow."]
    assert found[0].relations == docs[0]._.relations
    assert found[2].relations is None
    assert [str(ent) for ent in found[0].doc.ents] == [str(ent) for ent in docs[0].ents]
    assert found[0].doc.has_annotation("DEP")
    assert len(list(read_raw(nlp, tmp_path, limit=3))) == 3


def test_the_pipeline_adds_what_is_missing(en, docs):
    """A parse and entities that are there stay; others are found."""
    doc, bare = predicted_copy(docs[0]), en.make_doc("Berlin lies in Germany.")
    doc[1].dep_ = "mark_me"
    annotate(en, [doc, bare])
    assert doc[1].dep_ == "mark_me"
    assert [ent.label_ for ent in doc.ents] == ["PER", "ORG"]
    assert bare.has_annotation("DEP")
    assert len(bare.ents) == 2


def test_nothing_to_pair(nlp, docs, en):
    encoder = nlp.get_pipe("vae_encoder")
    doc = predicted_copy(docs[0], entities=False)
    with pytest.raises(ValueError, match="VE531.*1 text.*no component of the pipeline finds entities"):
        read_pairs(nlp, encoder, [RawText(doc)])
    doc.ents = docs[0].ents[:1]
    with pytest.raises(ValueError, match="VE531.*no sentence has two entities"):
        read_pairs(nlp, encoder, [RawText(doc)])
    rain = predicted_copy(en("Rain."))
    with pytest.raises(ValueError, match="VE531.*no triple with an object"):
        read_pairs(nlp, encoder, [RawText(rain)], candidates="triples")
    finder = spacy.blank("en")
    finder.add_pipe("entity_ruler")
    finder.add_pipe("vae_encoder", source=nlp)
    with pytest.raises(ValueError, match="VE531.*entity_ruler found no entities"):
        read_pairs(finder, finder.get_pipe("vae_encoder"), [RawText(predicted_copy(rain))])


def test_other_bad_input(nlp, docs):
    encoder = nlp.get_pipe("vae_encoder")
    with pytest.raises(ValueError, match="VE304"):
        read_pairs(nlp, encoder, [])
    with pytest.raises(ValueError, match="VE005.*nouns.*entities, triples"):
        read_pairs(nlp, encoder, raw_texts(docs), candidates="nouns")
    fresh = blank(nlp)
    fresh.add_pipe("vae_encoder", config=SMALL_VAE)
    with pytest.raises(ValueError, match="VE101"):
        read_pairs(fresh, fresh.get_pipe("vae_encoder"), raw_texts(docs))
    with pytest.raises(ValueError, match="VE534.*Rain"):
        annotate(nlp, [nlp.make_doc("Rain falls.")])
