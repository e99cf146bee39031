"""A text on one line, its entities boxed, its relations drawn as arcs from head to tail.

displaCy draws arcs too, but gives every word the same width: a sentence with names of several words becomes
unreadable. The look is displaCy's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import escape
from typing import Dict, Iterable, List, Sequence, Tuple, Union

from spacy.displacy.templates import TPL_PAGE
from spacy.tokens import Doc

from ..tokens import Relation

# Widths are known in advance in a font where every character is as wide as any other. All lengths are pixels.
FONT = "font-family='ui-monospace, Menlo, Consolas, monospace'"
CHARACTER, MARGIN = 8.43, 10.0
# Room left and right for the label of a short name at the border.
SIDE = 40.0
FONT_SIZE, SMALL = 14, 11
SMALL_CHARACTER = 6.62
BOX_ABOVE, BOX_BELOW, LABEL_BELOW = 16.0, 6.0, 20.0
LEVEL = 26.0
# Where several arcs meet at one entity, each has its own foot.
FOOT = 12.0
_LEFTWARDS, _RIGHTWARDS = 0, 1
# White space, and what XML forbids.
_NO_GLYPH = re.compile(r"\s|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
COLORS = ("#7aecec", "#bfeeb7", "#feca74", "#ff9561", "#c887fb", "#e4e7d2", "#9cc9cc", "#ffeb80", "#ff8197", "#aa9cfc")


@dataclass(frozen=True)
class _Arc:
    """A relation on the line: its ends in characters, left one first."""

    start: int
    end: int
    head_is_left: bool
    label: str
    level: int = 0

    @property
    def reach(self) -> Tuple[float, float]:
        """First and last character below the line and its label, which may be the longer one."""
        center, half = (self.start + self.end) / 2, _label_width(self.label) / CHARACTER / 2
        return min(self.start, center - half), max(self.end, center + half)


def render_relations(docs: Union[Doc, Iterable[Doc]], *, page: bool = False) -> str:
    """Draw `doc._.relations`, with `doc.ents` and the relations' arguments in boxes.

    docs (Union[Doc, Iterable[Doc]]): One Doc, or several, which are drawn one below the other.
    page (bool): Make a whole HTML page. Otherwise the pictures are returned as they are, each an `<svg>`.
    RETURNS (str): SVG, or HTML.
    """
    drawn = [_draw(doc) for doc in ([docs] if isinstance(docs, Doc) else docs)]
    if not page:
        return "\n".join(drawn)
    figures = "\n".join(f"<figure style='margin: 0 0 3em; overflow-x: auto'>{svg}</figure>" for svg in drawn)
    # displaCy's page is served with its encoding; a file has to say it.
    template = TPL_PAGE.replace("<head>", "<head>\n        <meta charset='utf-8'/>")
    html: str = template.format(content=figures, lang="en", dir="ltr")
    return html


def _draw(doc: Doc) -> str:
    relations: List[Relation] = doc._.relations or []
    boxes = _find_boxes(doc, relations)
    arcs = _stack(doc, relations)
    top = MARGIN + LEVEL * max((arc.level for arc in arcs), default=0) + SMALL
    baseline = top + BOX_ABOVE
    text = _NO_GLYPH.sub(" ", doc.text)
    width = 2 * SIDE + CHARACTER * len(text)
    height = baseline + LABEL_BELOW + MARGIN
    colors = _colors(boxes)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' role='img' style='background: #fff'>",
        f"<title>{escape(text)}</title>",
        *(_draw_box(start, end, label, baseline, colors[label]) for start, end, label in boxes),
        *_draw_words(text, baseline),
        *_draw_arcs(arcs, baseline - BOX_ABOVE),
        "</svg>",
    ]
    return "\n".join(parts)


def _find_boxes(doc: Doc, relations: Sequence[Relation]) -> List[Tuple[int, int, str]]:
    """First character, last character (exclusive) and label of what is boxed."""
    boxes: Dict[Tuple[int, int], str] = {(ent.start_char, ent.end_char): ent.label_ for ent in doc.ents}
    for relation in relations:
        for argument in (relation.head, relation.tail):
            span = argument.resolve(doc)
            boxes.setdefault((span.start_char, span.end_char), argument.label)
    return [(start, end, label) for (start, end), label in sorted(boxes.items())]


def _stack(doc: Doc, relations: Sequence[Relation]) -> List[_Arc]:
    """Give each arc a level, so that a shorter one stands below a longer one that it touches."""
    flat = []
    for relation in relations:
        head, tail = relation.head.resolve(doc), relation.tail.resolve(doc)
        centers = ((head.start_char + head.end_char) // 2, (tail.start_char + tail.end_char) // 2)
        label = relation.label if relation.provenance == "gold" else f"{relation.label} {relation.score:.2f}"
        flat.append(_Arc(min(centers), max(centers), centers[0] <= centers[1], label))
    arcs: List[_Arc] = []
    for arc in sorted(flat, key=lambda arc: (arc.end - arc.start, arc.start)):
        left, right = arc.reach
        below = [other.level for other in arcs if other.reach[0] <= right and left <= other.reach[1]]
        arcs.append(replace(arc, level=max(below, default=0) + 1))
    return arcs


def _draw_box(start: int, end: int, label: str, baseline: float, color: str) -> str:
    left, width = SIDE + CHARACTER * start, CHARACTER * (end - start)
    return (
        f"<rect x='{left - 2:.1f}' y='{baseline - BOX_ABOVE:.1f}' width='{width + 4:.1f}' "
        f"height='{BOX_ABOVE + BOX_BELOW}' rx='3' fill='{color}'/>"
        f"<text x='{left + width / 2:.1f}' y='{baseline + LABEL_BELOW:.1f}' text-anchor='middle' font-size='{SMALL}' "
        f"{FONT} fill='#555'>{escape(label)}</text>"
    )


def _draw_words(text: str, baseline: float) -> List[str]:
    """Each word at its own place, so that words and boxes stay together where the font is another one."""
    return [
        f"<text x='{SIDE + CHARACTER * word.start():.1f}' y='{baseline:.1f}' font-size='{FONT_SIZE}' {FONT} "
        f"textLength='{CHARACTER * len(word[0]):.1f}' lengthAdjust='spacingAndGlyphs'>{escape(word[0])}</text>"
        for word in re.finditer(r"\S+", text)
    ]


def _draw_arcs(arcs: Sequence[_Arc], ground: float) -> List[str]:
    feet = _place_feet(arcs)
    return [_draw_arc(arc, *feet[i], ground) for i, arc in enumerate(arcs)]


def _place_feet(arcs: Sequence[_Arc]) -> List[Tuple[float, float]]:
    """Where each arc stands, left and right. Those that leave one entity to the same side stand side by side, the
    longest innermost, so that they do not cross."""
    at: Dict[int, List[Tuple[int, int, int]]] = {}
    for i, arc in enumerate(arcs):
        at.setdefault(arc.start, []).append((_RIGHTWARDS, -arc.end, -i))
        at.setdefault(arc.end, []).append((_LEFTWARDS, -arc.start, i))
    feet = [[0.0, 0.0] for _ in arcs]
    for center, others in at.items():
        # To the left first, nearest first; then to the right, farthest first.
        for place, (side, _, i) in enumerate(sorted(others)):
            shift = FOOT * (place - (len(others) - 1) / 2)
            feet[abs(i)][0 if side == _RIGHTWARDS else 1] = SIDE + CHARACTER * center + shift
    return [(left, right) for left, right in feet]


def _draw_arc(arc: _Arc, left: float, right: float, ground: float) -> str:
    height = ground - LEVEL * arc.level + 6
    tip = right if arc.head_is_left else left
    # Feet of short arcs may change places, and two nested spans may have the same center.
    bend = min(10.0, abs(right - left) / 2)
    inwards = bend if left <= right else -bend
    path = (
        f"M{left:.1f},{ground:.1f} V{height + bend:.1f} Q{left:.1f},{height:.1f} {left + inwards:.1f},{height:.1f} "
        f"H{right - inwards:.1f} Q{right:.1f},{height:.1f} {right:.1f},{height + bend:.1f} V{ground:.1f}"
    )
    center, width = (left + right) / 2, _label_width(arc.label)
    return (
        f"<path d='{path}' fill='none' stroke='#555' stroke-width='1.3'/>"
        f"<path d='M{tip:.1f},{ground:.1f} l-4,-7 h8 z' fill='#555'/>"
        f"<rect x='{center - width / 2:.1f}' y='{height - 7:.1f}' width='{width:.1f}' height='14' fill='#fff'/>"
        f"<text x='{center:.1f}' y='{height + 4:.1f}' text-anchor='middle' font-size='{SMALL}' {FONT}>"
        f"{escape(arc.label)}</text>"
    )


def _label_width(label: str) -> float:
    return SMALL_CHARACTER * len(label) + 6


def _colors(boxes: Sequence[Tuple[int, int, str]]) -> Dict[str, str]:
    """A color for each label, the same one in every text."""
    return {label: COLORS[sum(label.encode()) % len(COLORS)] for _, _, label in boxes}
