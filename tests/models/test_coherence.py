from math import log

import numpy as np
import pytest

from spacy_vaedie.models.coherence import npmi_coherence, topic_diversity

DOCUMENTS = [["a", "b", "b"], ["a", "b"], ["a", "c"], ["d"]]


def test_values_by_hand():
    """p(a) = 3/4, p(b) = 1/2, p(c) = 1/4; p(a, b) = 1/2, p(a, c) = 1/4, b and c never meet."""
    a_b = log((1 / 2) / (3 / 4 * 1 / 2)) / -log(1 / 2)
    a_c = log((1 / 4) / (3 / 4 * 1 / 4)) / -log(1 / 4)
    found = npmi_coherence([["a", "b"], ["c", "a"], ["b", "c"], ["a", "b", "c"]], DOCUMENTS)
    np.testing.assert_allclose(found, [a_b, a_c, -1.0, (a_b + a_c - 1.0) / 3])


def test_words_that_meet_by_chance_have_none():
    documents = [["a", "b"], ["a"], ["b"], []]
    np.testing.assert_allclose(npmi_coherence([["a", "b"]], documents), [0.0], atol=1e-12)


def test_words_that_are_always_together_have_one():
    np.testing.assert_allclose(npmi_coherence([["a", "b"]], [["a", "b"], ["b", "a"]]), [1.0])
    np.testing.assert_allclose(npmi_coherence([["a", "b"]], [["a", "b"], ["c"]]), [1.0])


def test_a_word_that_the_documents_do_not_hold_never_meets_another():
    np.testing.assert_allclose(npmi_coherence([["a", "z"], ["y", "z"]], DOCUMENTS), [-1.0, -1.0])


def test_documents_may_be_read_once():
    once = (document for document in DOCUMENTS)
    np.testing.assert_allclose(npmi_coherence([["a", "b"]], once), npmi_coherence([["b", "a"]], DOCUMENTS))


def test_only_the_top_words_count():
    np.testing.assert_allclose(
        npmi_coherence([["a", "b", "z"]], DOCUMENTS, top_n=2), npmi_coherence([["a", "b"]], DOCUMENTS)
    )
    assert topic_diversity([["a", "b", "c"], ["d", "e", "c"]], top_n=2) == 1.0


def test_diversity_counts_words_that_topics_share():
    assert topic_diversity([["a", "b"], ["b", "c"]]) == 0.75
    assert topic_diversity([["a", "b"], ["b", "a"]]) == 0.5


@pytest.mark.parametrize("topics", [[["a"]], [[]], [["a", "b"], ["c", "c"]]])
def test_a_topic_needs_two_words(topics):
    with pytest.raises(ValueError, match="VE501"):
        npmi_coherence(topics, DOCUMENTS)
    with pytest.raises(ValueError, match="VE501"):
        topic_diversity(topics)


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="VE501"):
        npmi_coherence([["a", "b"]], [])
    with pytest.raises(ValueError, match="VE501"):
        topic_diversity([])
    assert npmi_coherence([], DOCUMENTS).shape == (0,)
