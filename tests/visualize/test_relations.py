import re
import xml.etree.ElementTree as ET

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_vaedie.tokens import Argument, Relation
from spacy_vaedie.visualize import render_relations
from spacy_vaedie.visualize.relations import SMALL_CHARACTER

VOCAB = Vocab()
SVG = "{http://www.w3.org/2000/svg}"
WORDS = ["Ada", "founded", "Bluefin", "and", "Pell", "in", "Oslo", "."]
ADA, BLUEFIN, PELL, OSLO = (Argument(i, i + 1, label) for i, label in ((0, "PER"), (2, "ORG"), (4, "ORG"), (6, "GPE")))


def make(words=WORDS, relations=None, arguments=(ADA, BLUEFIN, PELL, OSLO), **options):
    doc = Doc(VOCAB, words=words, **options)
    doc.ents = [Span(doc, argument.start, argument.end, label=argument.label) for argument in arguments]
    doc._.relations = relations
    return doc


def join(head, tail, label="R", **options):
    return Relation(head, tail, label, **options)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


class Picture:
    """What stands in an SVG: texts with their places, boxes, and arcs with their feet, top and tip."""

    def __init__(self, svg):
        root = ET.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        self.width, self.height = float(root.get("width")), float(root.get("height"))
        assert numbers(root.get("viewBox")) == [0, 0, self.width, self.height]
        self.title = root.findtext(f"{SVG}title")
        texts = root.findall(f"{SVG}text")
        self.words = {(t.text, round(float(t.get("x")))): t for t in texts if t.get("font-size") == "14"}
        small = [t for t in texts if t.get("font-size") == "11"]
        places = [(t.text, float(t.get("x")), float(t.get("y"))) for t in small]
        baseline = float(next(iter(self.words.values())).get("y")) if self.words else 0.0
        self.box_labels = [place for place in places if place[2] > baseline]
        self.arc_labels = [place for place in places if place[2] < baseline]
        self.boxes = [box for box in root.findall(f"{SVG}rect") if box.get("rx")]
        paths = root.findall(f"{SVG}path")
        self.arcs = []
        for line, arrow in zip(paths[::2], paths[1::2], strict=True):
            left, ground, *_ = numbers(line.get("d"))
            right = float(re.search(r" ([\d.]+),[\d.]+ V[\d.]+$", line.get("d"))[1])
            top = min(float(y) for y in re.findall(r"Q[-\d.]+,(-?[\d.]+)", line.get("d")))
            self.arcs.append({"left": left, "right": right, "top": top, "tip": numbers(arrow.get("d"))[:2]})
            assert self.arcs[-1]["tip"][1] == ground

    def place(self, word):
        """Left and right border of a word."""
        (found,) = (t for (text, _), t in self.words.items() if text == word)
        return float(found.get("x")), float(found.get("x")) + float(found.get("textLength"))

    def ends(self):
        """The words that each arc stands on, left and right, and the one that its arrow points to, with its label."""
        found = []
        for arc, (label, *_) in zip(self.arcs, self.arc_labels, strict=True):
            names = [self.nearest(arc[key]) for key in ("left", "right")]
            found.append((*names, self.nearest(arc["tip"][0]), label))
        return found

    def nearest(self, x):
        return min((abs(sum(self.place(text)) / 2 - x), text) for text, _ in self.words)[1]


def draw(doc, **options):
    return Picture(render_relations(doc, **options))


def test_words_entities_and_arcs():
    picture = draw(make(relations=[join(ADA, BLUEFIN, "FOUNDED"), join(BLUEFIN, OSLO, "SEAT")]))
    assert [text for text, _ in picture.words] == WORDS
    assert picture.title == "Ada founded Bluefin and Pell in Oslo . "
    assert [label for label, *_ in picture.box_labels] == ["PER", "ORG", "ORG", "GPE"]
    assert picture.ends() == [("Ada", "Bluefin", "Bluefin", "FOUNDED"), ("Bluefin", "Oslo", "Oslo", "SEAT")]
    for box, word in zip(picture.boxes, ("Ada", "Bluefin", "Pell", "Oslo"), strict=True):
        left, right = picture.place(word)
        assert 0 < left - float(box.get("x")) < 5
        assert 0 < float(box.get("x")) + float(box.get("width")) - right < 5


@pytest.mark.parametrize(("head", "tail", "tip"), [(ADA, OSLO, "Oslo"), (OSLO, ADA, "Ada")])
def test_the_arrow_points_at_the_tail(head, tail, tip):
    picture = draw(make(relations=[join(head, tail)]))
    assert picture.ends() == [("Ada", "Oslo", tip, "R")]
    (arc,) = picture.arcs
    assert arc["tip"][0] == (arc["right"] if tip == "Oslo" else arc["left"])
    assert arc["top"] < arc["tip"][1]


def test_one_label_has_one_color():
    picture = draw(make(relations=[]))
    colors = [box.get("fill") for box in picture.boxes]
    assert colors[1] == colors[2] != colors[0]
    assert draw(make(arguments=[BLUEFIN])).boxes[0].get("fill") == colors[1]


def test_scores_of_predictions():
    relations = [join(ADA, BLUEFIN, "A", score=0.876, provenance="model"), join(ADA, PELL, "B", score=0.5)]
    assert [label for label, *_ in draw(make(relations=relations)).arc_labels] == ["A 0.88", "B"]


def apart(picture):
    """Neither lines on one height nor labels on one height overlap."""
    lines = [(arc["top"], arc["left"], arc["right"]) for arc in picture.arcs]
    labels = [
        (y, x - len(text) * SMALL_CHARACTER / 2, x + len(text) * SMALL_CHARACTER / 2)
        for text, x, y in picture.arc_labels
    ]
    return not any(
        a[0] == b[0] and a[1] <= b[2] and b[1] <= a[2]
        for items in (lines, labels)
        for i, a in enumerate(items)
        for b in items[:i]
    )


@pytest.mark.parametrize(
    ("pairs", "n_levels"),
    [
        # beside each other
        ([(ADA, BLUEFIN), (PELL, OSLO)], 1),
        # nested
        ([(ADA, OSLO), (BLUEFIN, PELL)], 2),
        ([(ADA, OSLO), (ADA, PELL), (ADA, BLUEFIN)], 3),
        # crossing
        ([(ADA, PELL), (BLUEFIN, OSLO)], 2),
        # meeting at one entity
        ([(ADA, BLUEFIN), (BLUEFIN, PELL)], 2),
        # there and back
        ([(ADA, PELL), (PELL, ADA)], 2),
        ([(a, b) for a in (ADA, BLUEFIN, PELL, OSLO) for b in (ADA, BLUEFIN, PELL, OSLO) if a != b], None),
    ],
)
def test_arcs_and_labels_keep_apart(pairs, n_levels):
    picture = draw(make(relations=[join(head, tail) for head, tail in pairs]))
    assert len(picture.arcs) == len(pairs)
    assert apart(picture)
    tops = {arc["top"] for arc in picture.arcs}
    assert n_levels in (len(tops), None)
    assert min(tops) > 0
    # a longer arc stands above a shorter one that it touches
    for a in picture.arcs:
        for b in picture.arcs:
            if a["left"] < b["left"] < b["right"] < a["right"]:
                assert a["top"] < b["top"]
    # no two arcs stand on one foot, and each stands at its own words
    feet = [arc[key] for arc in picture.arcs for key in ("left", "right")]
    assert len(set(feet)) == len(feet)


@pytest.mark.parametrize(
    "pairs",
    [
        [(ADA, PELL), (PELL, ADA)],
        [(ADA, OSLO), (BLUEFIN, OSLO), (PELL, OSLO)],
        [(ADA, BLUEFIN), (ADA, PELL), (OSLO, ADA)],
        [(ADA, BLUEFIN), (BLUEFIN, PELL), (ADA, PELL), (PELL, OSLO)],
    ],
)
def test_arcs_that_need_not_cross_do_not(pairs):
    arcs = draw(make(relations=[join(head, tail) for head, tail in pairs])).arcs
    # a line that goes down must not meet a lower arc
    for upper in arcs:
        for lower in arcs:
            if upper["top"] < lower["top"]:
                assert not lower["left"] < upper["left"] < lower["right"]
                assert not lower["left"] < upper["right"] < lower["right"]


def test_long_labels_keep_apart():
    words = ["A", "and", "B", "met", "C", "and", "D"]
    a, b, c, d = (Argument(i, i + 1, "X") for i in (0, 2, 4, 6))
    relations = [join(head, tail, "PARTNERS_WITH", score=0.5, provenance="model") for head, tail in ((a, b), (c, d))]
    picture = draw(make(words, relations, (a, b, c, d)))
    assert apart(picture)


def test_labels_of_short_names_stay_inside():
    words = ["A", "of", "B"]
    a, b = Argument(0, 1, "INSTITUTE"), Argument(2, 3, "INSTITUTE")
    picture = draw(make(words, [join(a, b, "WORKS_FOR", score=0.5, provenance="model")], (a, b)))
    for text, x, y in (*picture.arc_labels, *picture.box_labels):
        assert 0 < x - len(text) * SMALL_CHARACTER / 2 < x + len(text) * SMALL_CHARACTER / 2 < picture.width
        assert 0 < y < picture.height


def test_arguments_that_are_no_entities_have_boxes():
    picture = draw(make(relations=[join(ADA, Argument(1, 2, "VERB"))], arguments=[ADA]))
    assert [label for label, *_ in picture.box_labels] == ["PER", "VERB"]
    assert picture.ends() == [("Ada", "founded", "founded", "R")]


def test_arguments_with_the_same_center():
    words = ["the", "Bank", "too"]
    whole, inner = Argument(0, 3, "ORG"), Argument(1, 2, "NOUN")
    picture = draw(make(words, [join(whole, inner)], [inner]))
    (arc,) = picture.arcs
    left, right = picture.place("Bank")
    assert left <= min(arc["left"], arc["right"]) < max(arc["left"], arc["right"]) <= right


def test_markup_in_texts_and_labels():
    words = ["<b>", "R&D", "O'Hara", '"x"', "</svg>"]
    head, tail = Argument(1, 2, "A&B"), Argument(2, 3, "<'\">")
    doc = make(words, [join(head, tail, "<R>&'\"")], (head, tail))
    picture = draw(doc)
    assert [text for text, _ in picture.words] == words
    assert [label for label, *_ in picture.box_labels] == ["A&B", "<'\">"]
    assert [label for label, *_ in picture.arc_labels] == ["<R>&'\""]
    assert picture.title == doc.text
    assert render_relations(doc, page=True).count("</svg>") == 1


def test_white_space_and_control_characters():
    doc = spacy.blank("en")("Ada\n\n  founded\tBluefin\x07Ltd\u00a0\u2028\ufffe.\n")
    doc.ents = [Span(doc, 0, 1, label="PER")]
    picture = draw(doc)
    assert [text for text, _ in picture.words] == ["Ada", "founded", "Bluefin", "Ltd", "."]
    assert len(picture.title) == len(doc.text)
    assert {character for character in picture.title if character.isspace()} == {" "}
    # as far from the start as in the text
    (per_character,) = {round((right - left) / 3, 2) for left, right in [picture.place("Ada")]}
    for word in ("founded", "Bluefin"):
        offset = doc.text.index(word) * per_character
        assert picture.place(word)[0] - picture.place("Ada")[0] == pytest.approx(offset, abs=0.5)


def test_not_annotated_and_nothing_there():
    for relations in (None, []):
        picture = draw(make(relations=relations))
        assert picture.arcs == []
        assert [text for text, _ in picture.words] == WORDS
        assert len(picture.boxes) == 4


def test_an_empty_doc():
    picture = draw(Doc(VOCAB))
    assert picture.words == {}
    assert picture.arcs == []
    assert picture.width > 0 < picture.height


def test_higher_pictures_for_more_levels():
    flat = draw(make(relations=[join(ADA, BLUEFIN)]))
    high = draw(make(relations=[join(ADA, BLUEFIN), join(ADA, OSLO)]))
    assert draw(make()).height < flat.height < high.height
    assert flat.width == high.width


def test_several_docs():
    docs = [make(relations=[join(ADA, PELL)]), make(["None"], arguments=())]
    whole = render_relations(iter(docs))
    assert whole == "\n".join(render_relations(doc) for doc in docs)
    assert len(ET.fromstring(f"<g>{whole}</g>")) == 2
    assert render_relations([]) == ""


def test_a_page():
    docs = [make(relations=[join(ADA, PELL, "{R}")]), make(["{0}", "caf\u00e9"], arguments=())]
    page = render_relations(docs, page=True)
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in page
    root = ET.fromstring(page.split("<!DOCTYPE html>")[1].strip())
    assert root.find("head/meta").get("charset") == "utf-8"
    pictures = [Picture(ET.tostring(svg)) for svg in root.find("body").iter(f"{SVG}svg")]
    assert [picture.title for picture in pictures] == [doc.text for doc in docs]
    assert pictures[0].ends() == [("Ada", "Pell", "Pell", "{R}")]


def test_after_retokenization():
    doc = make(relations=[join(ADA, PELL, "FOUNDED")])
    before = draw(doc).ends()
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.merge(doc[2:5])
    picture = draw(doc)
    assert [text for text, _ in picture.words] == WORDS
    assert before == [("Ada", "Pell", "Pell", "FOUNDED")]
    # the arc joins the tokens that cover the arguments
    ((left, right, tip, label),) = picture.ends()
    assert (right, tip, label) == ("and", "and", "FOUNDED")
    assert left in ("Ada", "founded")
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[0], ["Ada ", "founded"], heads=[(doc[0], 1), doc[0]])
    assert len(draw(doc).arcs) == 1
