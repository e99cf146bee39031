import gc

import numpy as np
import pytest
from spacy.tokens import Doc

from spacy_vaedie.analysis import nearest_text as module
from spacy_vaedie.analysis.nearest_text import nearest_text
from spacy_vaedie.models.novelty import fit_whitening, read_features, whiten

from ..pipeline.helpers import SMALL_VAE, TEXTS, blank, copies, raw_examples

OTHERS = [
    "Rain fell on Larkton.",
    "Ada Quill founded Pell Mills.",
    "The bird sang, and the children slept.",
    "Tam Reed lives in Oxhill.",
    "Nobody knows why it rains.",
    "Bo Hart sold Sandbar Press in the autumn.",
]


@pytest.fixture(scope="module")
def parsed(en):
    return dict(zip(TEXTS + OTHERS, en.pipe(TEXTS + OTHERS), strict=True))


@pytest.fixture(scope="module")
def nlp(en, parsed):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config=SMALL_VAE)
    nlp.initialize(lambda: raw_examples(parsed.values()))
    return nlp


def find(nlp, parsed, raw, task=TEXTS, n=3, **settings):
    docs = (copies(parsed[text] for text in texts) for texts in (raw, task))
    return nearest_text(nlp, nlp.get_pipe("vae_encoder"), *docs, n, **settings)


def by_hand(nlp, parsed, k):
    encoder = nlp.get_pipe("vae_encoder")

    def read(texts):
        docs = copies(parsed[text] for text in texts)
        return read_features(encoder.model, docs, encoder.predict(docs), bounds=False)

    task = read(TEXTS)
    state = fit_whitening(task)
    known, others = whiten(state, task), whiten(state, read(OTHERS))
    distances = np.sort(np.linalg.norm(others[:, None] - known, axis=-1), axis=1)[:, :k].mean(axis=1)
    return dict(zip(OTHERS, distances / np.sqrt(known.shape[1]), strict=True))


@pytest.mark.parametrize("k", [1, 5, 100])
def test_the_nearest_come_first(nlp, parsed, k):
    expected = by_hand(nlp, parsed, min(k, len(TEXTS)))
    found = find(nlp, parsed, OTHERS, n=4, neighbours=k)
    assert [item.text for item in found.texts] == sorted(OTHERS, key=expected.get)[:4]
    assert [item.distance for item in found.texts] == pytest.approx(sorted(expected.values())[:4], rel=1e-4)
    assert (found.n_read, found.n_in_task, found.n_repeated) == (6, 0, 0)


def test_order_and_batches_do_not_matter(nlp, parsed, monkeypatch):
    expected = [item.text for item in find(nlp, parsed, OTHERS).texts]
    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    assert [item.text for item in find(nlp, parsed, OTHERS[::-1]).texts] == expected


def test_texts_of_the_task_and_repeated_ones_are_left_out(nlp, parsed):
    found = find(nlp, parsed, [*OTHERS, *TEXTS[:2], *OTHERS], n=6)
    assert sorted(item.text for item in found.texts) == sorted(OTHERS)
    assert (found.n_read, found.n_in_task, found.n_repeated) == (14, 2, 6)


def test_no_text_is_there_twice(nlp, parsed):
    """Nor where it was dropped for nearer ones, and came again."""
    found = find(nlp, parsed, OTHERS * 3, n=2)
    assert found.texts == find(nlp, parsed, OTHERS, n=2).texts


def test_fewer_than_asked_for(nlp, parsed):
    with pytest.warns(UserWarning, match=r"VW521.*7 texts.*6 are there.*8 were read, 2 of them are in the task"):
        found = find(nlp, parsed, [*OTHERS, *TEXTS[:2]], n=7)
    assert len(found.texts) == 6


def test_nothing_to_find(nlp, parsed):
    for raw, task, code in ((TEXTS, TEXTS, "VE521.*all 8"), ([], TEXTS, "VE521"), (OTHERS, [], "VE114")):
        with pytest.raises(ValueError, match=code):
            find(nlp, parsed, raw, task)
    for settings in ({"n": 0}, {"neighbours": 0}):
        with pytest.raises(ValueError, match="VE107"):
            find(nlp, parsed, OTHERS, **settings)


def test_a_task_of_one_text(nlp, parsed):
    found = find(nlp, parsed, OTHERS, TEXTS[:1], n=1)
    assert np.isfinite(found.texts[0].distance)
    assert found.task_distance is None


def test_how_far_the_task_is_from_itself(nlp, parsed):
    """Each text is compared with the others, not with itself."""
    encoder = nlp.get_pipe("vae_encoder")
    docs = copies(parsed[text] for text in TEXTS)
    features = read_features(encoder.model, docs, encoder.predict(docs), bounds=False)
    known = whiten(fit_whitening(features), features)
    distances = np.sort(np.linalg.norm(known[:, None] - known, axis=-1), axis=1)[:, 1:3].mean(axis=1)
    expected = np.median(distances) / np.sqrt(known.shape[1])
    assert find(nlp, parsed, OTHERS, neighbours=2).task_distance == pytest.approx(expected, rel=1e-4)
    assert find(nlp, parsed, OTHERS, TEXTS[:2], n=1, neighbours=9).task_distance > 0


def test_memory_is_bounded(nlp, parsed, monkeypatch):
    """The corpus is a stream: of its Docs, no more than two batches are there at a time."""
    monkeypatch.setattr(module, "BATCH_SIZE", 4)
    most = 0

    def count():
        return sum(type(item) is Doc for item in gc.get_objects())

    def stream():
        nonlocal most
        for _ in range(6):
            most = max(most, count() - before)
            for text in OTHERS:
                yield from copies([parsed[text]])

    before = count()
    nearest_text(nlp, nlp.get_pipe("vae_encoder"), stream(), copies(parsed[text] for text in TEXTS), 2)
    assert 0 < most <= len(TEXTS) + 3 * 4


def test_what_is_not_kept_is_forgotten():
    kept = module._Kept(2)
    assert all(kept.offer(text, distance) for text, distance in (("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 9.0)))
    assert [(item.text, item.distance) for item in kept.texts()] == [("b", 1.0), ("c", 2.0)]
    assert len(kept._keys) == len(kept._heap) == 2
    assert not kept.offer("b", 1.0)
    assert kept.offer("a", 3.0)
    # Of equally far ones, the first one stays.
    assert kept.offer("e", 2.0)
    assert [item.text for item in kept.texts()] == ["b", "c"]
