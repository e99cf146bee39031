from collections import Counter

import pytest

from spacy_vaedie.training.converters import Annotation, split_dev, split_documents


def annotations_of(**counts):
    spans = [(0, 1, "X"), (2, 3, "X")]
    made = []
    for label, n in counts.items():
        relations = [] if label == "none" else [(1, 0, label[:-3]) if label.endswith("_21") else (0, 1, label)]
        made += [Annotation(f"{label}:{i}", "a b", spans, relations) for i in range(n)]
    return made


def test_dev_split_is_stratified_by_directed_label():
    annotations = annotations_of(none=40, A=30, A_21=20, B=9, C=1)
    chosen = split_dev(annotations, 10)
    assert Counter(annotations[i].doc_id.split(":")[0] for i in chosen) == {"none": 4, "A": 3, "A_21": 2, "B": 1}


def test_dev_split_is_fixed_and_follows_the_seed():
    annotations = annotations_of(A=40)
    assert sorted(split_dev(annotations, 4)) == [1, 2, 9, 23]
    assert split_dev(annotations, 4) == split_dev(annotations, 4)
    assert split_dev(annotations, 4, seed=1) != split_dev(annotations, 4)


@pytest.mark.parametrize("size", [0, 1, 7, 59, 60])
def test_dev_split_has_the_size_that_was_asked_for(size):
    annotations = annotations_of(none=17, A=23, A_21=11, B=6, C=2, D=1)
    assert len(split_dev(annotations, size)) == size


@pytest.mark.parametrize("size", [-1, 61])
def test_dev_split_of_an_impossible_size(size):
    with pytest.raises(ValueError, match=rf"VE312.*{size} of 60"):
        split_dev(annotations_of(A=60), size)


def document(name, n=1, *, relations=(), **meta):
    """Texts of one document."""
    return [Annotation(f"{name}:{i}", f"{name} {i}.", [], relations, meta={"doc": name, **meta}) for i in range(n)]


def ids_of(splits):
    return {split: [annotation.doc_id for annotation in part] for split, part in splits.items()}


def test_documents_go_where_they_say():
    annotations = [
        *document("a", 2, split="test"),
        *document("b", 3, split="train"),
        *document("c", split="dev"),
        # one text speaks for its document
        *document("d", split="dev"),
        Annotation("d:1", "d 1.", [], [], meta={"doc": "d"}),
    ]
    assert ids_of(split_documents(annotations)) == {
        "train": ["b:0", "b:1", "b:2"],
        "dev": ["c:0", "d:0", "d:1"],
        "test": ["a:0", "a:1"],
    }


def test_documents_are_not_torn_apart():
    annotations = [annotation for i in range(40) for annotation in document(i, 1 + i % 3)]
    splits = split_documents(annotations)
    names = {split: {annotation.meta["doc"] for annotation in part} for split, part in splits.items()}
    assert not names["train"] & names["dev"]
    assert not names["train"] & names["test"]
    assert not names["dev"] & names["test"]
    assert sorted(sum(ids_of(splits).values(), [])) == sorted(annotation.doc_id for annotation in annotations)
    # 79 texts: a fifth and a tenth, and at most the rest of a document more
    assert 16 <= len(splits["test"]) <= 18
    assert 8 <= len(splits["dev"]) <= 10


def test_the_split_of_documents_is_fixed():
    annotations = [annotation for i in range(20) for annotation in document(i)]
    splits = split_documents(annotations)
    names = {split: {annotation.meta["doc"] for annotation in part} for split, part in splits.items()}
    assert names["test"] == {8, 9, 13, 17}
    assert names["dev"] == {4, 10}
    again = split_documents(annotations[::-1])
    assert {split: sorted(ids) for split, ids in ids_of(again).items()} == {
        split: sorted(ids) for split, ids in ids_of(splits).items()
    }


def test_what_is_told_counts_for_the_shares():
    told = [*document("t", 10, split="test"), *document("d", 10, split="dev")]
    splits = split_documents([*told, *(annotation for i in range(10) for annotation in document(i))])
    assert {split: len(part) for split, part in splits.items()} == {"train": 10, "dev": 10, "test": 10}


def test_what_is_not_annotated_is_for_training():
    annotated = [annotation for i in range(3) for annotation in document(i)]
    splits = split_documents([*document("raw", 50, relations=None), *annotated])
    assert {split: len(part) for split, part in splits.items()} == {"train": 51, "dev": 1, "test": 1}
    # one text that is annotated makes a document that can be tested with
    mixed = [*document("m", 9, relations=None), *document("m")]
    splits = split_documents([*mixed, *document("a", split="train"), *document("b", split="dev")])
    assert {split: len(part) for split, part in splits.items()} == {"train": 1, "dev": 1, "test": 10}


@pytest.mark.parametrize("meta", [{}, {"doc": None}])
def test_texts_without_a_document_stand_for_themselves(meta):
    texts = [f"Text {i // 2}." for i in range(20)]
    splits = split_documents([Annotation(str(i), text, [], [], meta=meta) for i, text in enumerate(texts)])
    assert {split: len(part) for split, part in splits.items()} == {"train": 14, "dev": 2, "test": 4}
    found = {split: {annotation.text for annotation in part} for split, part in splits.items()}
    assert sum(map(len, found.values())) == len(set(texts))


def test_another_field_may_name_the_document():
    annotations = [Annotation(str(i), f"Text {i}.", [], [], meta={"doc": i, "page": i // 5}) for i in range(15)]
    splits = split_documents(annotations, "page")
    assert {split: len(part) for split, part in splits.items()} == {"train": 5, "dev": 5, "test": 5}


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([*document("a"), *document("b")], r"VE314.*2 document\(s\) leave nothing for train\."),
        (document("a", 9), r"VE314.*1 document\(s\) leave nothing for train and dev\..*'split' of 'meta'"),
        ([], "VE314.*train and dev and test"),
        ([*document("a", split="dev"), *document("b", split="test")], "VE314.*nothing for train"),
        ([*document("a", split="dev"), *document("a", split="test")], "VE314.*'a' is in dev and test"),
        (document("a", split="valid"), r"VE005.*'valid' is no value of 'meta.split' \(text a:0\).*train, dev, test"),
        (document("a", split=None), "VE005.*'None'"),
    ],
)
def test_splits_that_cannot_be_made(annotations, message):
    with pytest.raises(ValueError, match=message):
        split_documents(annotations)
