"""brat's stand-off folders: a .txt file with each text, and an .ann file beside it with what was annotated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, NoReturn, Optional, Sequence, Tuple, Union
from urllib.parse import unquote

from spacy.tokens import Doc

from ...errors import Errors
from ...tokens import Argument
from ...tokens.relation import POLARITIES
from ..files import MAX_BYTES, decode, find_files, read_lines
from .annotation import DISCONTINUOUS, NO_SPAN, OTHER_TEXT, OUTSIDE, REPEATED, Annotation, ConversionReport
from .offsets import same_text

POLARITY = "Polarity"
_NOT_ANNOTATED = "relations not annotated"
_KEY = re.compile(r"[TREAMN]\d+\t|\*\t|#\d*\t")
_SPAN = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL)
_RELATION = re.compile(r"(\S+) [^\s:]+:(\S+) [^\s:]+:(\S+)\s*")
_EVENT = re.compile(r"[^\s:]+:(\S+)")
# What has no place on a Doc, by the first letter of its id.
_IGNORED = {
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "*": "equivalences",
    "#": "notes",
}

# How far away the text of a span is looked for.
_NEAR = [shift for shift in range(-8, 9) if shift]

Pieces = List[Tuple[int, int]]


@dataclass
class _Lines:
    """The lines of an .ann file that become something: each with its number."""

    spans: List[Tuple[int, str, str, Pieces, str]] = field(default_factory=list)
    relations: List[Tuple[str, str, str, str]] = field(default_factory=list)
    triggers: Dict[str, str] = field(default_factory=dict)
    polarities: Dict[str, str] = field(default_factory=dict)
    annotated: bool = True


def read_brat(
    path: Path, report: ConversionReport, max_bytes: int = MAX_BYTES, split_discontinuous: bool = False
) -> Iterator[Annotation]:
    """Read a folder of brat and the folders below it, or one of its .txt files. A text without an .ann file is not
    annotated; one with an empty .ann file is, and there is nothing in it.

    The pieces of a span between which only white space lies are one span: that is how brat writes one that goes over
    the end of a line. Other spans of several pieces are discontinuous. They are left out, or become a span a piece;
    their relations then go to the first piece. A relation of an event goes to its trigger.

    Where offsets fit the text only with its byte order mark counted, or without the carriage returns of its line
    breaks, they are taken so. A span whose text in the .ann file does not stand at its offsets is moved to the one
    place less than ten characters away where it does, and counted as moved; without such a place, it is left out.
    Punctuation may differ.

    path (Path): The folder or file.
    report (ConversionReport): Where to count what was read.
    max_bytes (int): The longest text, and the longest line of an .ann file.
    split_discontinuous (bool): Whether discontinuous spans become several.
    YIELDS (Annotation): The texts, named by their file without `.txt`, in the order of the names.
    RAISES (FileNotFoundError): VE301 for an .ann file without its .txt file, VE311 for a folder without .txt files.
    RAISES (ValueError): VE303 for a line that is not in this format, VE341 for a text or line that is too long.
    """
    for file in find_files(path, (".txt",)):
        report.docs_read += 1
        name = (file.relative_to(path) if path.is_dir() else Path(file.name)).with_suffix("").as_posix()
        if file.stat().st_size > max_bytes:
            raise ValueError(Errors.VE341.format(path=file, line=1, limit=max_bytes / 2**20))
        raw = file.read_bytes()
        decode(raw, file)
        text, notes = raw.decode("utf-8"), file.with_suffix(".ann")
        if notes.is_file():
            lines = _read_lines(notes, max_bytes, report)
            yield _Parser(name, text, report, split_discontinuous).parse(lines)
        else:
            yield Annotation(name, text.removeprefix("\ufeff"), spans_annotated=False)
    if path.is_dir():
        for file in path.rglob("*.ann"):
            if not file.with_suffix(".txt").is_file() and not file.name.startswith("."):
                raise FileNotFoundError(Errors.VE301.format(path=file.with_suffix(".txt")))


class _Parser:
    """Makes a record of a text and the lines about it."""

    def __init__(self, doc_id: str, text: str, report: ConversionReport, split: bool) -> None:
        self.doc_id, self.text, self.report, self.split = doc_id, text, report, split
        self.spans: List[Tuple[int, int, str]] = []
        # Where the span of an id stands, or the kind of reason why it was left out.
        self.places: Dict[str, Union[int, str]] = {}
        # By how much the text has moved since it was annotated, as the last span shows that did not fit.
        self.drift = 0

    def parse(self, lines: _Lines) -> Annotation:
        """RETURNS (Annotation): The record."""
        shift = self._fit(lines)
        for _, key, label, pieces, given in lines.spans:
            self._add_span(key, label, [(start - shift, end - shift) for start, end in pieces], given)
        relations: List[Tuple[int, int, str]] = []
        polarities: List[Optional[str]] = []
        for key, label, *ends in lines.relations:
            head, tail = (self.places.get(lines.triggers.get(end, end), NO_SPAN) for end in ends)
            if isinstance(head, int) and isinstance(tail, int):
                relations.append((head, tail, label))
                polarities.append(lines.polarities.get(key))
            else:
                which, end, kind = ("head", ends[0], head) if isinstance(head, str) else ("tail", ends[1], tail)
                reason = "there is no span" if kind == NO_SPAN else "left out"
                self.report.lose_relation(self.doc_id, label, f"its {which} {end}: {reason}", str(kind))
        annotated = bool(relations) or lines.annotated
        return Annotation(self.doc_id, self.text, self.spans, relations if annotated else None, polarities=polarities)

    def _fit(self, lines: _Lines) -> int:
        """Take the text in which most spans fit, and give by how much their offsets are too large."""
        plain = self.text.removeprefix("\ufeff")
        candidates = [(plain, plain, 0)]
        if plain != self.text:
            candidates.append((self.text, plain, 1))
        if "\r\n" in plain:
            candidates.append((plain.replace("\r\n", "\n"), plain.replace("\r\n", "\n"), 0))
        if len(candidates) > 1:
            counts = [
                sum(same_text(_join(text, pieces), given) for *_, pieces, given in lines.spans)
                for text, _, _ in candidates
            ]
            candidates = [candidates[counts.index(max(counts))]]
        _, self.text, shift = candidates[0]
        return shift

    def _add_span(self, key: str, label: str, pieces: Pieces, given: str) -> None:
        name = f"span {key} {given!r} ({label}, characters {pieces[0][0]} to {pieces[-1][1]})"
        kind = reason = ""
        shift = self._locate(pieces, given)
        joined = self._merge([(start + (shift or 0), end + (shift or 0)) for start, end in pieces])
        if key in self.places:
            reason, kind = "has the id of another one", REPEATED
        elif shift is None and pieces[-1][1] > len(self.text):
            reason, kind = f"does not fit a text of {len(self.text)} characters", OUTSIDE
        elif shift is None:
            reason, kind = f"has {_join(self.text, pieces)!r} at its offsets", OTHER_TEXT
        elif len(joined) > 1 and not self.split:
            reason, kind = "is discontinuous; split it with --split-discontinuous", DISCONTINUOUS
        if kind:
            self.report.lose_span(self.doc_id, f"{name} {reason}", kind)
            self.places.setdefault(key, kind)
        else:
            self.report.spans_moved += bool(shift)
            self.places[key] = len(self.spans)
            self.spans += [(start, end, label) for start, end in joined]

    def _locate(self, pieces: Pieces, given: str) -> Optional[int]:
        """By how much a span is to be moved so that its text stands there, None where it stands nowhere near."""

        def fits(shift: int) -> bool:
            inside = all(0 <= start + shift < end + shift <= len(self.text) for start, end in pieces)
            return inside and same_text(
                _join(self.text, [(start + shift, end + shift) for start, end in pieces]), given
            )

        if fits(0) or _differ_in_marks(_join(self.text, pieces), given):
            return 0
        # White space at an end makes room for several.
        near = [self.drift] if self.drift and fits(self.drift) else [shift for shift in _NEAR if fits(shift)]
        if len(near) != 1:
            return None
        self.drift = near[0]
        return near[0]

    def _merge(self, pieces: Pieces) -> Pieces:
        """Join pieces with nothing but white space between."""
        merged = pieces[:1]
        for start, end in pieces[1:]:
            before, last = merged[-1]
            if last <= start and not self.text[last:start].strip():
                merged[-1] = (before, end)
            else:
                merged.append((start, end))
        return merged


def _differ_in_marks(found: str, given: str) -> bool:
    """Whether two texts differ in punctuation alone, as when it was normalised later."""
    return len(found) == len(given) > 0 and all(
        a == b or not (a.isalnum() or b.isalnum() or a.isspace() or b.isspace())
        for a, b in zip(found, given, strict=True)
    )


def _join(text: str, pieces: Pieces) -> str:
    return " ".join(text[start:end] for start, end in pieces)


def _read_lines(path: Path, max_bytes: int, report: ConversionReport) -> _Lines:
    lines = _Lines()
    ignored: List[str] = []
    for number, line in _whole_lines(path, max_bytes):
        key, _, rest = line.partition("\t")
        if key[0] == "T":
            found = _SPAN.fullmatch(rest)
            if found is None:
                _fail(path, number, f"expected 'T1', a tab, 'LABEL START END', a tab and the text, found {line!r}")
            pieces = [(int(start), int(end)) for start, end in (piece.split() for piece in found[2].split(";"))]
            lines.spans.append((number, key, _unquote(found[1]), pieces, found[3] or ""))
        elif key[0] == "R":
            found = _RELATION.fullmatch(rest)
            if found is None:
                _fail(path, number, f"expected 'R1', a tab and 'LABEL Arg1:T1 Arg2:T2', found {line!r}")
            lines.relations.append((key, _unquote(found[1]), found[2], found[3]))
        elif key[0] == "A" and rest.split()[:1] == [POLARITY] and rest.split()[-1] in POLARITIES:
            lines.polarities[rest.split()[1]] = rest.split()[-1]
        elif key[0] == "#" and rest.endswith(f"\t{_NOT_ANNOTATED}"):
            lines.annotated = False
        else:
            trigger = _EVENT.match(rest)
            if key[0] == "E" and trigger is not None:
                lines.triggers[key] = trigger[1]
            ignored.append(_IGNORED[key[0]])
    report.ignored.update(ignored)
    return lines


def _whole_lines(path: Path, max_bytes: int) -> Iterator[Tuple[int, str]]:
    """Lines with their number. The text of a span may go over several, though brat itself writes a space there."""
    number, whole = 0, ""
    for following, line in read_lines(path, max_bytes):
        if whole.startswith("T") and not _KEY.match(line):
            whole += f"\n{line}"
            continue
        if whole:
            yield number, whole
        number, whole = following, line if line.strip() else ""
        if whole and not _KEY.match(whole):
            _fail(path, number, f"expected an id such as T1 or R1 and a tab, found {line[:50]!r}")
    if whole:
        yield number, whole


def _fail(path: Path, line: int, reason: str) -> NoReturn:
    raise ValueError(Errors.VE303.format(path=path, line=line, reason=reason))


def brat_lines(doc: Doc, spans: Sequence[Argument]) -> List[str]:
    """The lines of the .ann file of a Doc. Characters that labels must not hold there (white space, and the percent
    sign) are written as in URLs; polarity is an attribute of the relation.

    doc (Doc): The Doc.
    spans (Sequence[Argument]): See `doc_spans`.
    RETURNS (List[str]): The lines. One that was not annotated with relations says so in a note.
    """
    ids = {span: f"T{i}" for i, span in enumerate(spans, start=1)}
    lines = []
    for span, key in ids.items():
        found = span.resolve(doc)
        text = re.sub(r"[\t\r\n]", " ", found.text)
        lines.append(f"{key}\t{_quote(span.label)} {found.start_char} {found.end_char}\t{text}")
    n_attributes = 0
    for i, relation in enumerate(doc._.relations or (), start=1):
        ends = f"Arg1:{ids[relation.head]} Arg2:{ids[relation.tail]}"
        lines.append(f"R{i}\t{_quote(relation.label)} {ends}")
        if relation.polarity is not None:
            n_attributes += 1
            lines.append(f"A{n_attributes}\t{POLARITY} R{i} {relation.polarity}")
    if doc._.relations is None and spans:
        lines.append(f"#1\tAnnotatorNotes T1\t{_NOT_ANNOTATED}")
    return lines


def _quote(label: str) -> str:
    quoted = re.sub(r"[\s%]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), label)
    # A label that is not there needs a place nevertheless.
    return quoted or "%"


def _unquote(label: str) -> str:
    return "" if label == "%" else unquote(label)
