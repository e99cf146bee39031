import pytest

from spacy_vaedie.analysis.open_tuples import match, score_open_tuples
from spacy_vaedie.training.converters.carb import OpenTuple


def t(text, confidence=1.0):
    """`subject | relation | objects` as a tuple."""
    subject, relation, *objects = [part.strip() for part in text.split("|")]
    return OpenTuple(relation, (subject, *objects), confidence)


@pytest.mark.parametrize(
    ("answer", "prediction", "precision", "recall"),
    [
        ("Ann | sold | tea", "Ann | sold | tea", 1, 1),
        # of five predicted words four are right, of four words all are found
        ("Ann | sold | green tea", "Ann | sold | the green tea", 4 / 5, 1),
        ("Ann | sold | the green tea", "Ann | sold | tea", 1, 3 / 5),
        # objects are one slot
        ("Ann | sold | tea | in May", "Ann | sold | in May | tea", 1, 1),
        ("Ann | sold | tea | in May", "Ann | sold | tea", 1, 3 / 5),
        # a word in another slot does not count
        ("Ann | sold tea in | May", "Ann | sold | tea in May", 3 / 5, 3 / 5),
        # no word of the relation phrase is shared
        ("Ann | sold | tea", "Ann | buys | tea", 0, 0),
        ("Ann | Sold | tea", "Ann | sold | tea", 0, 0),
        # each word of the answer counts once
        ("Ann | sold | tea and tea", "Ann | sold | tea tea tea", 4 / 5, 4 / 5),
        # be is any of its forms, once, and only as "be"
        ("Ann | is | a smith", "Ann | be | a smith", 1, 1),
        ("Ann | was being | a smith", "Ann | be | a smith", 1, 4 / 5),
        ("Ann | was | a smith", "Ann | is | a smith", 0, 0),
        # fewer slots than the answer are wrong, more are judged by those that it has
        ("Ann | sold | tea", "Ann | sold", 0, 0),
        ("Ann | sings", "Ann | sings", 1, 1),
        ("Ann | sings", "Ann | sings | songs", 1, 1),
        # speaker and message may change places
        ("it rained | said | Ann", "Ann | said | it rained", 1, 1),
        ("it rained | shouted | Ann", "Ann | shouted | it rained", 1 / 4, 1 / 4),
        ("it rained | said", "it rained | said", 1, 1),
    ],
)
def test_match(answer, prediction, precision, recall):
    assert match(t(answer), t(prediction)) == pytest.approx((precision, recall))


def test_one_to_one_for_precision_many_to_one_for_recall():
    gold = {"s": [t("Ann | sold | tea"), t("Ann | sold | bells")]}
    # 5 words of the one prediction: 3 are right for the answer that it is matched with, the other answer is found, too
    score = score_open_tuples(gold, {"s": [t("Ann | sold | tea and bells")]})
    assert (score.precision, score.recall) == pytest.approx((3 / 5, 1))
    # the second of two predictions that say the same has no answer left but one that it fits less
    score = score_open_tuples(gold, {"s": [t("Ann | sold | tea"), t("Ann | sold | tea")]})
    assert (score.precision, score.recall) == pytest.approx(((1 + 2 / 3) / 2, (1 + 2 / 3) / 2))
    # one more than there are answers has none
    score = score_open_tuples(gold, {"s": [t("Ann | sold | tea")] * 3})
    assert score.precision == pytest.approx((1 + 2 / 3) / 3)


def test_the_best_match_is_taken_first_and_of_equal_ones_that_of_the_first_answer():
    gold = {"s": [t("Ann | sold | green tea"), t("Ann | sold | green")]}
    # both predictions fit the first answer wholly; the first is given to it, 3 of 4 words of the other fit the second
    predicted = {"s": [t("Ann | sold | green"), t("Ann | sold | green tea")]}
    assert score_open_tuples(gold, predicted).precision == pytest.approx((1 + 3 / 4) / 2)
    # 2 of 3 words fit the second answer, but the second prediction fits it better
    predicted = {"s": [t("Ann | sold | milk"), t("Ann | sold | green")]}
    gold = {"s": [t("Ann | sold | green")]}
    assert score_open_tuples(gold, predicted).precision == pytest.approx(1 / 2)


def test_thresholds():
    gold = {"s": [t("Ann | sold | tea")], "u": [t("Bo | met | Cy"), t("Cy | met | Bo")]}
    predicted = {
        "s": [t("Ann | sold | tea", 0.9), t("Ann | ate | tea", 0.2)],
        "u": [t("Bo | met | Cy", 0.5)],
    }
    # from 0.9: precision 1, recall 1/3. From 0.5: 1, and of "u" the second answer shares the verb: (1 + 1 + 1/3) / 3.
    # From 0.2: precision 2/3.
    recall = (1 + 1 + 1 / 3) / 3
    score = score_open_tuples(gold, predicted)
    assert (score.precision, score.recall, score.threshold) == pytest.approx((1, recall, 0.5))
    assert score.f1 == pytest.approx(2 * recall / (1 + recall))
    # the curve: (0, 1), (1/3, 1), (recall, 1), (recall, 2/3)
    assert score.auc == pytest.approx(recall)


def test_one_confidence_makes_a_straight_curve():
    score = score_open_tuples({"s": [t("Ann | sold | tea"), t("Bo | ran")]}, {"s": [t("Ann | sold | tea")]})
    assert (score.precision, score.recall) == (1, 0.5)
    assert score.auc == 0.5
    score = score_open_tuples({"s": [t("Ann | sold | tea")]}, {"s": [t("Ann | sold | tea"), t("Ann | ate | tea")]})
    # from (0, 1) to (1, 1/2)
    assert score.auc == pytest.approx(0.75)


def test_nothing_predicted():
    gold = {"s": [t("Ann | sold | tea")]}
    for predicted in ({}, {"s": []}):
        score = score_open_tuples(gold, predicted)
        assert (score.precision, score.recall, score.f1, score.auc) == (0, 0, 0, 0)


def test_nothing_right():
    score = score_open_tuples({"s": [t("Ann | sold | tea")]}, {"s": [t("Ann | ate | tea")]})
    assert (score.f1, score.auc) == (0, 0)


def test_unknown_sentences_are_named():
    with pytest.raises(ValueError, match="VE401.*'u'"):
        score_open_tuples({"s": [t("Ann | sold | tea")]}, {"u": [t("Ann | sold | tea")]})
