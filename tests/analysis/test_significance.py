import numpy as np
import pytest

from spacy_vaedie.analysis.outcomes import read_outcomes
from spacy_vaedie.analysis.significance import COMPARED, compare_outcomes, count_documents, find_intervals
from spacy_vaedie.scorer import score_relations

from .judged import ACME, ADA, BO, PARIS, judged

GOLD = [(ADA, ACME, "FOUNDED"), (ADA, PARIS, "LIVES_IN")]
RIGHT, HALF, WRONG = GOLD, GOLD[:1], [(BO, PARIS, "LIVES_IN")]


def texts(*predicted, gold=GOLD, **kwargs):
    return read_outcomes([judged(item, gold, **kwargs) for item in predicted])


def mixed():
    """Every kind of difference between predicted and annotated, over five texts."""
    return [
        judged(RIGHT, GOLD),
        judged(HALF, GOLD),
        judged(WRONG, GOLD),
        judged([(ADA, BO, "KNOWS")], []),
        judged([(ACME, ADA, "FOUNDED"), (ADA, PARIS, "FOUNDED")], [*GOLD, (BO, ACME, "OWNS")]),
    ]


def test_scores_are_those_of_the_scorer():
    examples = mixed()
    counts = count_documents(read_outcomes(examples))
    expected = score_relations(examples)
    found = counts.scores(counts.rows.sum(axis=0)[None])
    assert len(found) == 9
    for name, values in found.items():
        assert values[0] == pytest.approx(expected[name]), name
    by_label = counts.by_label(counts.rows.sum(axis=0)[None])[0]
    for label, row in zip(counts.labels, by_label, strict=True):
        assert row.tolist() == pytest.approx([expected["rels_per_type"][label][which] for which in "prf"])


def test_a_resample_is_scored_as_a_corpus_of_its_texts():
    examples = mixed()
    counts = count_documents(read_outcomes(examples))
    weights = np.array([[2.0, 0, 1, 0, 2]])
    drawn = [examples[i] for i, n in enumerate([2, 0, 1, 0, 2]) for _ in range(n)]
    expected = score_relations(drawn)
    for name, values in counts.scores(weights @ counts.rows).items():
        assert values[0] == pytest.approx(expected[name]), name


def test_intervals_by_hand():
    """Two texts, one right and one wrong: a quarter of the resamples have one of them alone."""
    found = find_intervals(count_documents(texts(RIGHT, [])), n_bootstrap=2000, seed=1)
    assert found["scores"]["rels_r"] == [0.0, 1.0]
    assert found["n_documents"] == 2
    assert found["labels"]["FOUNDED"] == [0.0, 1.0]
    # Where each text is as good, so is each resample.
    assert find_intervals(count_documents(texts(HALF, HALF, HALF)))["scores"]["rels_r"] == [0.5, 0.5]


def test_intervals_of_a_share():
    """Recall of 200 texts, half of which are right: 0.5 with a standard error of 0.5 / sqrt(200) = 0.035."""
    low, high = find_intervals(count_documents(texts(*[RIGHT, []] * 100)), n_bootstrap=2000)["scores"]["rels_r"]
    assert low == pytest.approx(0.5 - 1.96 * 0.0354, abs=0.01)
    assert high == pytest.approx(0.5 + 1.96 * 0.0354, abs=0.01)


def test_intervals_follow_the_seed():
    counts = count_documents(read_outcomes(mixed()))
    first, again = (find_intervals(counts, n_bootstrap=50, seed=3) for _ in range(2))
    assert first == again
    assert first != find_intervals(counts, n_bootstrap=50, seed=4)


def test_texts_of_one_document_are_drawn_together():
    counts = count_documents(texts(RIGHT, [], doc="a"))
    assert len(counts.documents) == 1
    assert find_intervals(counts) is None


@pytest.mark.parametrize("n_bootstrap", [0, 1000])
def test_no_intervals(n_bootstrap):
    assert find_intervals(count_documents(texts(RIGHT)), n_bootstrap=n_bootstrap) is None
    assert find_intervals(count_documents([])) is None
    assert (find_intervals(count_documents(texts(RIGHT, RIGHT)), n_bootstrap=n_bootstrap) is None) == (not n_bootstrap)
    with pytest.raises(ValueError, match="VE107"):
        find_intervals(count_documents([]), n_bootstrap=-1)


def test_a_pipeline_compared_with_itself():
    found = compare_outcomes(texts(RIGHT, HALF, []), texts(RIGHT, HALF, []), n_bootstrap=100)
    assert list(found["scores"]) == list(COMPARED)
    for score in found["scores"].values():
        assert (score["difference"], score["interval"], score["p_value"]) == (0.0, [0.0, 0.0], 1.0)
    assert found["found"] == {"both": 3, "this": 0, "other": 0, "neither": 3}


def test_comparison_by_hand():
    """Ten texts that one pipeline has right and the other wrong: only 2 of the 1,024 ways to change places are as far
    apart, and the difference is the same in each resample."""
    found = compare_outcomes(texts(*[RIGHT] * 10), texts(*[[]] * 10), n_bootstrap=5000)
    recall = found["scores"]["rels_r"]
    assert (recall["this"], recall["other"], recall["difference"]) == (1.0, 0.0, 1.0)
    assert recall["interval"] == [1.0, 1.0]
    assert recall["p_value"] == pytest.approx(2 / 1024, abs=0.002)
    assert found["found"] == {"both": 0, "this": 20, "other": 0, "neither": 0}
    other_way = compare_outcomes(texts(*[[]] * 10), texts(*[RIGHT] * 10), n_bootstrap=5000)
    assert other_way["scores"]["rels_r"]["difference"] == -1.0
    assert other_way["scores"]["rels_r"]["p_value"] == recall["p_value"]


def test_a_difference_by_chance():
    """One text of four tells the two apart: half of all changes keep it where it is, and the others turn it round."""
    found = compare_outcomes(texts(RIGHT, RIGHT, [], HALF), texts(RIGHT, RIGHT, [], []), n_bootstrap=500)
    assert found["scores"]["rels_r"]["difference"] == pytest.approx(1 / 8)
    assert found["scores"]["rels_r"]["p_value"] == 1.0
    assert found["scores"]["rels_r"]["interval"][0] == 0.0
    assert found["found"] == {"both": 4, "this": 1, "other": 0, "neither": 3}


def test_labels_that_one_pipeline_alone_predicts():
    found = compare_outcomes(texts([(ADA, BO, "KNOWS")], GOLD), texts(GOLD, GOLD), n_bootstrap=20)
    assert found["scores"]["rels_p"]["this"] == pytest.approx(2 / 3)
    assert found["scores"]["rels_p"]["other"] == 1.0


def test_one_document_compares_without_interval():
    found = compare_outcomes(texts(RIGHT), texts([]))
    assert found["scores"]["rels_f"]["difference"] == 1.0
    assert found["scores"]["rels_f"]["interval"] is None
    assert found["scores"]["rels_f"]["p_value"] is None


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match=r"\[VE451\].*1 annotated texts, and 2"):
        compare_outcomes(texts(RIGHT), texts(RIGHT, RIGHT))
    with pytest.raises(ValueError, match=r"\[VE451\].*'Ada founded"):
        compare_outcomes(texts([], gold=[]), texts([], gold=[], words=["Other", "words"]))


def test_memory_is_bounded_by_blocks(monkeypatch):
    """The same numbers are drawn in blocks."""
    counts = count_documents(read_outcomes(mixed()))
    whole = find_intervals(counts, n_bootstrap=40)
    monkeypatch.setattr("spacy_vaedie.analysis.significance._DRAWN", 16)
    assert find_intervals(counts, n_bootstrap=40) == whole
