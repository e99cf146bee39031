import gzip
import json
from itertools import islice

import pytest
import spacy
from spacy import registry
from spacy.tokens import Doc, DocBin, Span
from spacy.util import fix_random_seed, load_config_from_str

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.training.readers import (
    create_annotated_text,
    create_mixed_corpus,
    create_raw_text,
    create_relation_corpus,
)

FOUNDED = Relation(Argument(0, 2, "PERSON"), Argument(3, 5, "ORG"), "FOUNDED")


@pytest.fixture
def nlp():
    return spacy.blank("en")


def annotate(doc):
    doc.ents = [Span(doc, 0, 2, label="PERSON"), Span(doc, 3, 5, label="ORG")]
    doc.spans["sc"] = [doc[0:1]]
    doc._.relations = [FOUNDED]
    return doc


def save(path, docs):
    path.parent.mkdir(exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def labelled(tmp_path, en):
    docs = [annotate(en("Ada Quill founded Bluefin Works.")), Doc(en.vocab), en("Nobody came.")]
    return save(tmp_path / "labelled.spacy", docs)


def test_relations_with_gold_entities_and_parse(labelled, nlp):
    first, second = create_relation_corpus(labelled)(nlp)
    assert first.reference._.relations == [FOUNDED]
    assert first.predicted._.relations is None
    assert [e.text for e in first.predicted.ents] == ["Ada Quill", "Bluefin Works"]
    assert [s.text for s in first.predicted.spans["sc"]] == ["Ada"]
    assert [t.dep_ for t in first.predicted] == [t.dep_ for t in first.reference]
    assert first.predicted.has_annotation("DEP")
    assert second.reference._.relations is None


def test_relations_without_parse(labelled, nlp):
    example = next(create_relation_corpus(labelled, parse=False)(nlp))
    assert not example.predicted.has_annotation("DEP")
    assert len(example.predicted.ents) == 2


def test_relations_with_predicted_entities(labelled, nlp):
    example = next(create_relation_corpus(labelled, entities="predicted")(nlp))
    assert example.predicted.text == example.reference.text
    assert example.predicted.ents == ()
    assert len(example.predicted.spans) == 0
    assert not example.predicted.has_annotation("DEP")
    assert example.reference._.relations == [FOUNDED]


def test_relations_without_entities(labelled, nlp):
    first, second = create_relation_corpus(labelled, entities="none")(nlp)
    assert [t.text for t in first.predicted] == [t.text for t in first.reference]
    # not even the note that there are none: spaCy's ner would take that for the answer
    assert not first.predicted.has_annotation("ENT_IOB")
    assert first.predicted.ents == ()
    assert len(first.predicted.spans) == 0
    assert first.predicted._.relations is None
    assert [(t.dep_, t.head.i) for t in first.predicted] == [(t.dep_, t.head.i) for t in first.reference]
    assert first.predicted.has_annotation("DEP")
    assert [e.text for e in first.reference.ents] == ["Ada Quill", "Bluefin Works"]
    assert first.reference._.relations == [FOUNDED]
    assert not second.predicted.has_annotation("ENT_IOB")
    bare = next(create_relation_corpus(labelled, entities="none", parse=False)(nlp))
    assert not bare.predicted.has_annotation("DEP")
    assert not bare.predicted.has_annotation("ENT_IOB")


def test_relations_without_entities_keep_the_tokens_of_the_file(tmp_path, nlp):
    doc = Doc(nlp.vocab, words=["Ada", "Quill", "founded", "Blue", "fin"], spaces=[True, True, True, False, False])
    path = save(tmp_path / "a.spacy", [annotate(doc)])
    for entities, n in (("gold", 5), ("none", 5), ("predicted", 4)):
        (example,) = create_relation_corpus(path, entities=entities)(nlp)
        assert len(example.predicted) == n, entities


def test_ner_learns_from_docs_without_entities(tmp_path, en):
    path = save(tmp_path / "a.spacy", [annotate(en("Ada Quill founded Bluefin Works."))])
    nlp = spacy.blank("en", vocab=en.vocab)
    nlp.add_pipe("ner")
    reader, given = create_relation_corpus(path, entities="none"), create_relation_corpus(path)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: reader(nlp))
    # entities that are given are kept, which makes an untrained component look good
    assert nlp.evaluate(list(given(nlp)))["ents_r"] == 1.0
    assert nlp.evaluate(list(reader(nlp)))["ents_f"] != 1.0
    for _ in range(15):
        losses = nlp.update(list(reader(nlp)), sgd=optimizer, losses={})
        assert losses["ner"] > 0
    assert nlp.evaluate(list(reader(nlp)))["ents_f"] == 1.0


def test_relations_from_a_folder_up_to_the_limit(tmp_path, nlp):
    for name in ("b", "a"):
        save(tmp_path / "c" / f"{name}.spacy", [annotate(nlp(f"Ada Quill founded {name} Works.")) for _ in range(2)])
    texts = [eg.reference.text for eg in create_relation_corpus(tmp_path / "c", limit=3)(nlp)]
    assert texts == ["Ada Quill founded a Works."] * 2 + ["Ada Quill founded b Works."]


def test_no_relations_at_all_is_an_error_at_the_end(tmp_path, nlp):
    path = save(tmp_path / "raw.spacy", [nlp("Nobody came."), nlp("Nobody left.")])
    examples = create_relation_corpus(path)(nlp)
    assert len(list(islice(examples, 2))) == 2
    with pytest.raises(ValueError, match="VE310"):
        next(examples)
    doc = nlp("Nobody came.")
    doc._.relations = []
    assert len(list(create_relation_corpus(save(path, [doc]))(nlp))) == 1


def test_relation_corpus_errors(tmp_path, nlp):
    with pytest.raises(ValueError, match=r"VE005.*'silver'.*gold, none, predicted"):
        create_relation_corpus(tmp_path, entities="silver")
    with pytest.raises(ValueError, match="VE107.*limit"):
        create_relation_corpus(tmp_path, limit=-1)
    with pytest.raises(FileNotFoundError, match="VE301"):
        list(create_relation_corpus(tmp_path / "gone.spacy")(nlp))
    (tmp_path / "bad.spacy").write_bytes(b"bad")
    with pytest.raises(ValueError, match="VE307"):
        list(create_relation_corpus(tmp_path / "bad.spacy")(nlp))


def texts_of(reader, nlp):
    return [example.reference.text for example in reader(nlp)]


@pytest.mark.parametrize("name", ["raw.txt", "raw.txt.gz", "raw.jsonl", "raw.jsonl.gz"])
def test_raw_text_files(tmp_path, nlp, name):
    lines = ["Ein Satz über Öl.", "", "   ", "Noch einer."]
    content = "\ufeff" + "\r\n".join(lines if "txt" in name else [json.dumps({"text": line}) for line in lines])
    data = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert texts_of(create_raw_text(tmp_path / name), nlp) == ["Ein Satz über Öl.", "Noch einer."]


def test_texts_of_a_treebank(tmp_path, nlp):
    sentences = ["# sent_id = 1", "# text = Rain fell.", "1\tRain\train\tNOUN", "", "# text = It stopped.", "1\tIt", ""]
    (tmp_path / "bank.conllu").write_text("\n".join(sentences), encoding="utf8")
    assert texts_of(create_raw_text(tmp_path / "bank.conllu"), nlp) == ["Rain fell.", "It stopped."]


def test_raw_text_is_not_annotated(tmp_path, nlp):
    (tmp_path / "raw.txt").write_text("Ada Quill founded Bluefin Works.\n")
    (example,) = create_raw_text(tmp_path / "raw.txt")(nlp)
    assert example.reference._.relations is None
    assert not example.reference.has_annotation("ENT_IOB")
    assert example.predicted is not example.reference


def test_raw_docbin_keeps_tokens_and_parse_but_not_the_annotation(tmp_path, en, nlp):
    doc = annotate(Doc(en.vocab, words=["Ada", "Quill", "founded", "Blue", "fin"]))
    save(tmp_path / "raw.spacy", [en.get_pipe("parser")(en.get_pipe("tok2vec")(doc))])
    (example,) = create_raw_text(tmp_path / "raw.spacy")(nlp)
    for side in (example.predicted, example.reference):
        assert [t.text for t in side] == ["Ada", "Quill", "founded", "Blue", "fin"]
        assert side.has_annotation("DEP")
        assert side.ents == ()
        assert len(side.spans) == 0
        assert side._.relations is None


def test_raw_docbin_keeps_its_entities_where_they_are_asked_for(tmp_path, en, nlp):
    path = save(tmp_path / "raw.spacy", [annotate(en("Ada Quill founded Bluefin Works."))])
    (example,) = create_raw_text(path, entities=True)(nlp)
    for doc in (example.predicted, example.reference):
        assert [e.text for e in doc.ents] == ["Ada Quill", "Bluefin Works"]
        assert [s.text for s in doc.spans["sc"]] == ["Ada"]
        assert doc._.relations is None


def test_raw_folder_in_order_and_limit(tmp_path, nlp):
    (tmp_path / "b.txt").write_text("three\nfour\n")
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    (tmp_path / "notes.md").write_text("no text")
    assert texts_of(create_raw_text(tmp_path), nlp) == ["one", "two", "three", "four"]
    assert texts_of(create_raw_text(tmp_path, limit=3), nlp) == ["one", "two", "three"]


def test_raw_text_is_streamed(tmp_path, nlp):
    (tmp_path / "raw.jsonl").write_text('{"text": "one"}\nbroken\n')
    examples = create_raw_text(tmp_path / "raw.jsonl")(nlp)
    assert next(examples).reference.text == "one"
    with pytest.raises(ValueError, match=r"VE303.*raw\.jsonl, line 2"):
        next(examples)


def test_raw_lengths(tmp_path, nlp):
    (tmp_path / "raw.txt").write_text("a b c d e f g\nh\ni j\n")
    reader = create_raw_text(tmp_path / "raw.txt", min_length=2, max_length=3)
    assert [[t.text for t in eg.reference] for eg in reader(nlp)] == [["a", "b", "c"], ["d", "e", "f"], ["i", "j"]]
    reader = create_raw_text(tmp_path / "raw.txt", max_length=3)
    assert "".join(t.text for eg in reader(nlp) for t in eg.predicted) == "abcdefghij"


def test_raw_pieces_end_with_a_sentence_where_it_is_known(tmp_path, nlp):
    doc = nlp("a b . c d . e f g h i j .")
    for token in doc:
        token.is_sent_start = token.i in (0, 3, 6)
    reader = create_raw_text(save(tmp_path / "raw.spacy", [doc]), max_length=5)
    assert [len(eg.predicted) for eg in reader(nlp)] == [3, 3, 5, 2]
    reader = create_raw_text(tmp_path / "raw.spacy", max_length=6)
    assert [len(eg.predicted) for eg in reader(nlp)] == [6, 6, 1]


def test_raw_pieces_keep_their_part_of_the_parse(tmp_path, en):
    path = save(tmp_path / "raw.spacy", [en("Ada Quill sings. Bo dances. She left early.")])
    pieces = [eg.predicted for eg in create_raw_text(path, max_length=5)(en)]
    assert [p.text.strip() for p in pieces] == ["Ada Quill sings.", "Bo dances.", "She left early."]
    assert all(token.head.i < len(piece) for piece in pieces for token in piece)
    assert [t.text for p in pieces for t in p if t.dep_ == "ROOT"] == ["sings", "dances", "left"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text", r"VE302.*'\.csv'"),
        ("a.txt", b"", "VE304"),
        ("a.txt", b"\n  \n", "VE304"),
        ("a.txt", b"good\n\xe9\n", "VE303.*line 2"),
        ("a.jsonl", b'{"txt": "x"}', "VE303.*line 1.*'text'"),
        ("a.jsonl", b'{"text": 5}', "VE303.*line 1.*'text'"),
        ("a.jsonl", b'["x"]', "VE303.*line 1.*'text'"),
        ("a.spacy", b"bad", "VE307"),
    ],
)
def test_raw_text_errors(tmp_path, nlp, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(create_raw_text(tmp_path / name)(nlp))


@pytest.mark.parametrize("place", ["test.txt", "folder"])
def test_raw_text_that_is_held_out(tmp_path, nlp, place):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "test.txt", tmp_path / "folder" / "a.txt"):
        path.write_text("Snow fell.\nIt  rained.\n", encoding="utf8")
    raw = tmp_path / "raw.txt"
    raw.write_text("The sun shone.\nIt rained.\n", encoding="utf8")
    with pytest.raises(ValueError, match=rf"VE323.*raw\.txt: the text 'It rained\.'.*{place}"):
        list(create_raw_text(raw, held_out=[tmp_path / place])(nlp))
    raw.write_text("The sun shone.\nIt rained. Snow fell.\n", encoding="utf8")
    assert len(list(create_raw_text(raw, held_out=[tmp_path / place])(nlp))) == 2


@pytest.mark.parametrize("limit", [0, 3])
def test_raw_text_that_is_held_out_and_allowed_is_counted_once(tmp_path, nlp, limit):
    (tmp_path / "test.txt").write_text("Snow fell.\nIt rained.\n", encoding="utf8")
    (tmp_path / "raw.txt").write_text("The sun shone.\nIt rained.\nIt  rained.\n", encoding="utf8")
    # One path, as a config has it that reads ${paths.dev}.
    reader = create_raw_text(
        tmp_path / "raw.txt", limit=limit, held_out=str(tmp_path / "test.txt"), allow_held_out=True
    )
    with pytest.warns(UserWarning, match=r"VW304.*raw\.txt: 2 of the 3 raw texts.*test\.txt"):
        assert len(list(reader(nlp))) == 3
    assert len(list(reader(nlp))) == 3
    # Nothing is to be told of.
    (tmp_path / "test.txt").write_text("Snow fell.\n", encoding="utf8")
    list(create_raw_text(tmp_path / "raw.txt", held_out=tmp_path / "test.txt", allow_held_out=True)(nlp))


def test_a_sentence_of_raw_text_that_is_held_out(tmp_path, nlp):
    (tmp_path / "test.txt").write_text("Snow fell.\n", encoding="utf8")
    sentencizer = spacy.blank("en")
    sentencizer.add_pipe("sentencizer")
    DocBin(docs=[sentencizer("It rained. Snow fell.")]).to_disk(tmp_path / "raw.spacy")
    with pytest.raises(ValueError, match=r"VE323.*'Snow fell\.'"):
        list(create_raw_text(tmp_path / "raw.spacy", held_out=[tmp_path / "test.txt"])(nlp))


@pytest.mark.parametrize("create", [create_raw_text, create_relation_corpus, create_annotated_text])
def test_without_a_path(create):
    with pytest.raises(ValueError, match=r"VE324.*--paths\.raw"):
        create(None)


def test_raw_text_settings(tmp_path, nlp):
    with pytest.raises(ValueError, match="VE107.*max_length.*-1"):
        create_raw_text(tmp_path, max_length=-1)
    with pytest.raises(ValueError, match="VE107.*min_length.*5"):
        create_raw_text(tmp_path, min_length=5, max_length=4)
    (tmp_path / "a.txt").write_text("too short\n")
    with pytest.raises(ValueError, match=r"VE107.*min_length.*a\.txt"):
        list(create_raw_text(tmp_path / "a.txt", min_length=5)(nlp))


@pytest.fixture
def parts(tmp_path, nlp):
    docs = [annotate(nlp(f"Ada Quill founded Firm{i} Works.")) for i in range(4)]
    (tmp_path / "raw.txt").write_text("r0\nr1\nr2\n")
    return create_relation_corpus(save(tmp_path / "l.spacy", docs)), create_raw_text(tmp_path / "raw.txt")


def mixed(reader, nlp):
    return [text if text.startswith("r") else "L" for text in texts_of(reader, nlp)]


def test_mixed_goes_on_in_the_raw_text(parts, nlp):
    reader = create_mixed_corpus(*parts)
    assert mixed(reader, nlp) == ["L", "r0", "L", "r1", "L", "r2", "L", "r0"]
    assert mixed(reader, nlp) == ["L", "r1", "L", "r2", "L", "r0", "L", "r1"]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.0, ["L", "L", "L", "L"]),
        (0.5, ["L", "L", "r0", "L", "L", "r1"]),
        (1.5, ["L", "r0", "L", "r1", "r2", "L", "r0", "L", "r1", "r2"]),
    ],
)
def test_mixed_ratio(parts, nlp, ratio, expected):
    assert mixed(create_mixed_corpus(*parts, raw_per_labelled=ratio), nlp) == expected


def test_mixed_starts_again_for_another_pipeline(parts, nlp):
    reader = create_mixed_corpus(*parts)
    list(reader(nlp))
    other = spacy.blank("en")
    assert mixed(reader, other)[1] == "r0"
    assert all(example.reference.vocab is other.vocab for example in reader(other))


def mix(folder, nlp, raw, **settings):
    docs = [annotate(nlp(f"Ada Quill founded Firm{i} Works.")) for i in range(3)]
    (folder / "raw.txt").write_text("\n".join(raw), encoding="utf8")
    labelled = create_relation_corpus(save(folder / "l.spacy", docs))
    return create_mixed_corpus(labelled, create_raw_text(folder / "raw.txt"), **settings)


FIRMS = [f"Ada  Quill founded Firm{i} Works." for i in range(3)]


@pytest.mark.parametrize("raw", [FIRMS, FIRMS[::-1], FIRMS[:1]], ids=["same", "reversed", "part"])
def test_raw_text_that_is_the_annotated_text_is_told_once(raw, tmp_path, nlp):
    reader = mix(tmp_path, nlp, raw)
    # As initialization does.
    list(islice(reader(nlp), 2))
    with pytest.warns(UserWarning, match=rf"VW303.*All {len(raw)} raw text"):
        list(reader(nlp))
    list(reader(nlp))


def test_raw_text_with_anything_new_is_not_told(tmp_path, nlp):
    list(mix(tmp_path, nlp, [*FIRMS[:2], "Nobody came."])(nlp))
    list(mix(tmp_path, nlp, FIRMS, raw_per_labelled=0.0)(nlp))
    # The one that is new comes in the second round of the file only.
    with pytest.warns(UserWarning, match="VW303"):
        list(mix(tmp_path, nlp, [*FIRMS, "Nobody came."])(nlp))


def test_mixed_errors(parts, nlp):
    with pytest.raises(ValueError, match="VE107.*raw_per_labelled.*-1"):
        create_mixed_corpus(*parts, raw_per_labelled=-1)
    with pytest.raises(ValueError, match="VE107.*'raw'"):
        list(create_mixed_corpus(parts[0], lambda nlp: [])(nlp))


@pytest.mark.parametrize("pipe", ["spancat", "spancat_singlelabel", "span_finder", "textcat"])
def test_raw_text_does_not_reach_a_pipe_that_takes_it_for_negatives(parts, nlp, pipe):
    """Their loss has no notion of 'not annotated': here is what would happen, and what is said instead."""
    nlp.add_pipe(pipe, name="mine")
    with pytest.raises(ValueError, match=r"VE318.*'mine'.*configs/vae\.cfg.*frozen_components"):
        next(iter(create_mixed_corpus(*parts)(nlp)))
    nlp.config["training"]["frozen_components"] = ["mine"]
    assert mixed(create_mixed_corpus(*parts), nlp)[:2] == ["L", "r0"]


@pytest.mark.parametrize("pipe", ["ner", "textcat_multilabel"])
def test_raw_text_has_no_loss_for_other_pipes(parts, annotated, nlp, pipe):
    nlp.add_pipe(pipe)
    nlp.initialize(lambda: create_annotated_text(annotated)(nlp))
    raw = [eg for eg in create_mixed_corpus(*parts)(nlp) if eg.reference.text.startswith("r")]
    assert nlp.update(raw, sgd=False)[pipe] == 0


def test_spancat_would_learn_from_raw_text(annotated, parts, nlp):
    """Why it is refused: should spaCy ever mask these spans, the check can go."""
    nlp.add_pipe("spancat")
    nlp.initialize(lambda: create_annotated_text(annotated)(nlp))
    assert nlp.update(list(parts[1](nlp)), sgd=False)["spancat"] > 0


def test_from_a_config_with_nested_blocks(parts, tmp_path, nlp):
    config = load_config_from_str(f"""
        [corpora]

        [corpora.train]
        @readers = "spacy-vaedie.MixedCorpus.v1"
        raw_per_labelled = 0.5

        [corpora.train.labelled]
        @readers = "spacy-vaedie.RelationCorpus.v1"
        path = "{tmp_path}/l.spacy"
        entities = "gold"

        [corpora.train.raw]
        @readers = "spacy-vaedie.RawText.v1"
        path = "{tmp_path}/raw.txt"
    """)
    reader = registry.resolve(config["corpora"])["train"]
    assert mixed(reader, nlp) == ["L", "L", "r0", "L", "L", "r1"]


@pytest.fixture
def annotated(tmp_path, en):
    """Entities, a span group and categories, and no relations."""
    docs = []
    for i in range(20):
        doc = en(f"{'Ada Quill' if i % 2 else 'The others'} founded Firm{i} Works.")
        doc.ents = [Span(doc, 0, 2, label="PERSON")] if i % 2 else []
        doc.spans["sc"] = [Span(doc, 3, 5, label="ORG")]
        doc.cats = {"even": float(i % 2 == 0), "odd": float(i % 2)}
        docs.append(doc)
    return save(tmp_path / "annotated.spacy", [*docs[:10], Doc(en.vocab), *docs[10:]])


def test_annotated_text_is_in_the_reference_alone(annotated, nlp):
    examples = list(create_annotated_text(annotated)(nlp))
    assert len(examples) == 20
    for example in examples:
        predicted, reference = example.predicted, example.reference
        assert [t.text for t in predicted] == [t.text for t in reference]
        assert not predicted.has_annotation("ENT_IOB")
        assert (predicted.ents, len(predicted.spans), predicted.cats) == ((), 0, {})
        assert [t.dep_ for t in predicted] == [t.dep_ for t in reference]
        assert predicted.has_annotation("DEP")
        assert [s.label_ for s in reference.spans["sc"]] == ["ORG"]
        assert set(reference.cats) == {"even", "odd"}
        assert reference._.relations is None
    assert [[e.label_ for e in eg.reference.ents] for eg in examples] == [[], ["PERSON"]] * 10
    bare = next(create_annotated_text(annotated, parse=False)(nlp))
    assert not bare.predicted.has_annotation("DEP")


def test_relations_are_read_as_well(labelled, nlp):
    first, second = create_annotated_text(labelled)(nlp)
    assert first.reference._.relations == [FOUNDED]
    assert first.predicted._.relations is None
    assert second.reference._.relations is None


def test_annotated_share_and_limit(annotated, nlp):
    everything = texts_of(create_annotated_text(annotated), nlp)
    smaller, larger = (texts_of(create_annotated_text(annotated, share=share), nlp) for share in (0.2, 0.5))
    assert (len(smaller), len(larger)) == (4, 10)
    assert set(smaller) < set(larger) < set(everything)
    # in the order of the file
    assert larger == [text for text in everything if text in larger]
    odd = [eg.reference.cats["odd"] for eg in create_annotated_text(annotated, share=0.5)(nlp)]
    assert sum(odd) == 5
    assert texts_of(create_annotated_text(annotated, share=0.2), nlp) == smaller
    assert texts_of(create_annotated_text(annotated, share=0.2, seed=5), nlp) != smaller
    assert texts_of(create_annotated_text(annotated, limit=3), nlp) == everything[:3]
    assert texts_of(create_annotated_text(annotated, share=0.5, limit=3), nlp) == larger[:3]


def test_annotated_text_is_streamed(annotated, tmp_path, nlp):
    (tmp_path / "b.spacy").write_bytes(b"bad")
    examples = create_annotated_text(tmp_path)(nlp)
    assert len(list(islice(examples, 20))) == 20
    with pytest.raises(ValueError, match=r"VE307.*b\.spacy"):
        next(examples)


def test_annotated_text_errors(tmp_path, nlp):
    for share in (0, -0.1, 1.5):
        with pytest.raises(ValueError, match="VE107.*'share'.*above 0 and at most 1"):
            create_annotated_text(tmp_path, share=share)
    with pytest.raises(ValueError, match="VE107.*limit"):
        create_annotated_text(tmp_path, limit=-1)
    with pytest.raises(FileNotFoundError, match="VE301"):
        list(create_annotated_text(tmp_path / "gone.spacy")(nlp))
    with pytest.raises(ValueError, match=r"VE304.*empty\.spacy"):
        list(create_annotated_text(save(tmp_path / "empty.spacy", [Doc(nlp.vocab)]))(nlp))


@pytest.mark.parametrize(
    ("pipe", "missing"), [("spancat", "span group 'sc'"), ("span_finder", "span group 'sc'"), ("textcat", "categories")]
)
def test_annotated_text_with_raw_text_among_it(annotated, tmp_path, nlp, pipe, missing):
    """A Doc that is not annotated would teach these pipes that nothing is there."""
    docs = list(DocBin().from_disk(annotated).get_docs(nlp.vocab))[:4]
    docs[2].spans.pop("sc")
    docs[2].cats = {}
    docs[3].spans["sc"] = []
    reader = create_annotated_text(save(tmp_path / "mixed.spacy", docs))
    assert len(list(reader(nlp))) == 4
    nlp.add_pipe(pipe, name="mine")
    with pytest.raises(ValueError, match=rf"VE321.*mixed\.spacy.*'{docs[2].text}' has no {missing}.*'mine'"):
        list(reader(nlp))
    # An empty group is an annotation, and a frozen pipe does not learn.
    assert len(list(create_annotated_text(save(tmp_path / "good.spacy", [docs[0], docs[3]]))(nlp))) == 2
    nlp.config["training"]["frozen_components"] = ["mine"]
    assert len(list(reader(nlp))) == 4


@pytest.mark.parametrize("pipe", ["ner", "textcat_multilabel"])
def test_annotated_text_with_raw_text_for_other_pipes(annotated, nlp, pipe):
    docs = list(DocBin().from_disk(annotated).get_docs(nlp.vocab))[:2]
    docs[0].spans.pop("sc")
    docs[0].cats = {}
    nlp.add_pipe(pipe)
    assert len(list(create_annotated_text(save(annotated.with_name("mixed.spacy"), docs))(nlp))) == 2


@pytest.mark.parametrize(("pipe", "score"), [("ner", "ents_f"), ("spancat", "spans_sc_f"), ("textcat", "cats_score")])
def test_spacys_pipes_learn_from_annotated_text(annotated, en, pipe, score):
    nlp = spacy.blank("en", vocab=en.vocab)
    config = {"suggester": {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]}} if pipe == "spancat" else {}
    nlp.add_pipe(pipe, config=config)
    reader = create_annotated_text(annotated)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: reader(nlp))
    assert nlp.get_pipe(pipe).labels
    optimizer.learn_rate = 0.01
    before = nlp.evaluate(list(reader(nlp)))[score]
    losses = [nlp.update(list(reader(nlp)), sgd=optimizer, losses={})[pipe] for _ in range(40)]
    assert losses[-1] < losses[0]
    assert nlp.evaluate(list(reader(nlp)))[score] > max(before, 0.9)
