import pytest
import spacy

from spacy_vaedie.training.converters import ConversionReport, make_docs
from spacy_vaedie.training.converters.annotation import DISCONTINUOUS, NO_SPAN, OTHER_TEXT, OUTSIDE, REPEATED
from spacy_vaedie.training.converters.brat import read_brat

TEXT = "Ada \U0001f600 met\nBo Lind and Cy."
ADA, BO = "T1\tPER 0 3\tAda", "T2\tPER 10 17\tBo Lind"
MET = "R1\tMET Arg1:T1 Arg2:T2\t"


def write(folder, *lines, text=TEXT, name="a"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode() if isinstance(text, str) else text)
    (folder / f"{name}.ann").write_bytes("".join(f"{line}\n" for line in lines).encode())


def read(path, **options):
    report = ConversionReport()
    docs = list(make_docs(read_brat(path, report, **options), spacy.blank("en"), report, spans_key="sc"))
    assert report.relations_read == report.relations_written + report.relations_lost.total()
    assert report.spans_read == report.spans_written + report.spans_lost.total()
    return docs, report


def words(doc):
    return [(r.head.resolve(doc).text, r.label, r.tail.resolve(doc).text) for r in doc._.relations]


def test_a_folder(tmp_path):
    write(tmp_path, ADA, BO, MET)
    write(tmp_path / "below", name="b", text="Rain.")
    (tmp_path / "c.txt").write_text("Not annotated.")
    docs, report = read(tmp_path)
    assert [doc.user_data["doc_id"] for doc in docs] == ["a", "below/b", "c"]
    assert [doc.text for doc in docs] == [TEXT, "Rain.", "Not annotated."]
    assert words(docs[0]) == [("Ada", "MET", "Bo Lind")]
    assert [doc._.relations for doc in docs[1:]] == [[], None]
    assert (report.docs_read, report.docs_written, report.left_out) == (3, 3, [])
    assert [doc.user_data["doc_id"] for doc in read(tmp_path / "a.txt")[0]] == ["a"]


def test_spans_of_several_pieces(tmp_path):
    """One with a line break alone inside is no discontinuous one."""
    joined, apart = "T1\tX 6 9;10 12\tmet Bo", "T2\tX 0 3;10 12\tAda Bo"
    write(tmp_path, joined, apart, "R1\tR Arg1:T1 Arg2:T2", "R2\tR Arg1:T1 Arg2:T1")
    (doc,), report = read(tmp_path)
    assert [span.text for span in doc.spans["sc"]] == ["met\nBo"]
    assert len(doc._.relations) == 1
    assert report.spans_lost == report.relations_lost == {DISCONTINUOUS: 1}
    assert "T2" in report.left_out[0][1]
    assert "--split-discontinuous" in report.left_out[0][1]
    (doc,), report = read(tmp_path, split_discontinuous=True)
    assert sorted(span.text for span in doc.spans["sc"]) == ["Ada", "Bo", "met\nBo"]
    assert words(doc) == [("met\nBo", "R", "Ada"), ("met\nBo", "R", "met\nBo")]
    assert report.left_out == []


def test_what_is_lost_is_counted(tmp_path):
    write(
        tmp_path,
        ADA,
        "T1\tPER 10 12\tBo",
        "T3\tX 20 99\tmuch",
        "T4\tX 6 9\tate",
        "R1\tR Arg1:T1 Arg2:T9",
        "R2\tR Arg1:T3 Arg2:T1",
        "R3\tR Arg1:T1 Arg2:T4",
    )
    (doc,), report = read(tmp_path)
    assert [span.text for span in doc.spans["sc"]] == ["Ada"]
    assert report.spans_lost == {REPEATED: 1, OUTSIDE: 1, OTHER_TEXT: 1}
    assert report.relations_lost == {NO_SPAN: 1, OUTSIDE: 1, OTHER_TEXT: 1}
    assert ("a", "relation 'R': its tail T9: there is no span") in report.left_out


def test_events_notes_and_attributes(tmp_path):
    lines = ["E1\tMeet:T1 Who:T2", "A1\tNegation E1", "M1\tNegation E1", "N1\tReference T1 W:1\tAda", "*\tSame T1 T2"]
    lines += ["#1\tAnnotatorNotes T1\tsure?", "R1\tR Arg1:E1 Arg2:T2", "A2\tPolarity R1 negated", ""]
    write(tmp_path, ADA, BO, *lines)
    (doc,), report = read(tmp_path)
    assert words(doc) == [("Ada", "R", "Bo Lind")]
    assert doc._.relations[0].polarity == "negated"
    assert report.ignored == {"events": 1, "attributes": 2, "normalizations": 1, "equivalences": 1, "notes": 1}
    assert report.left_out == []


@pytest.mark.parametrize("counted", [False, True])
def test_byte_order_mark(tmp_path, counted):
    lines = [ADA, BO] if not counted else ["T1\tPER 1 4\tAda", "T2\tPER 11 18\tBo Lind"]
    write(tmp_path, *lines, MET, text="\ufeff" + TEXT)
    (doc,), report = read(tmp_path)
    assert (doc.text, words(doc), report.left_out) == (TEXT, [("Ada", "MET", "Bo Lind")], [])


@pytest.mark.parametrize("counted", [False, True])
def test_carriage_returns(tmp_path, counted):
    bo = "T2\tPER 11 18\tBo Lind\r" if counted else BO + "\r"
    write(tmp_path, ADA + "\r", bo, MET + "\r", text=TEXT.replace("\n", "\r\n"))
    (doc,), report = read(tmp_path)
    assert (words(doc), report.left_out) == ([("Ada", "MET", "Bo Lind")], [])


def test_text_of_a_span_over_two_lines(tmp_path):
    write(tmp_path, "T5\tX 6 12\tmet\nBo", ADA)
    (doc,), _ = read(tmp_path)
    assert sorted(span.text for span in doc.spans["sc"]) == ["Ada", "met\nBo"]


def test_other_encodings_name_file_and_byte(tmp_path):
    write(tmp_path, text="na\u00efve\n".encode() + "na\u00efve".encode("latin1"))
    with pytest.raises(ValueError, match=r"VE303.*a\.txt, line 2: not UTF-8 .*at byte 9 of the file"):
        read(tmp_path)
    write(tmp_path)
    (tmp_path / "a.ann").write_bytes(b"T1\tPER 0 3\tAda\nT2\tPER 10 12\t\xff\xfe\n")
    with pytest.raises(ValueError, match=r"VE303.*a\.ann, line 2: not UTF-8 .*at byte 28 of the file"):
        read(tmp_path)


@pytest.mark.parametrize("line", ["T2 PER 0 3 Ada", "T2\tPER 0\tAda", "R2\tMET T1 T2", "X1\tPER 0 3\tAda"])
def test_damaged_lines(tmp_path, line):
    write(tmp_path, MET, line)
    with pytest.raises(ValueError, match=r"VE303.*a\.ann, line 2: expected"):
        read(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="VE311"):
        read(tmp_path)
    write(tmp_path)
    (tmp_path / "b.ann").write_text("")
    with pytest.raises(FileNotFoundError, match=r"VE301.*b\.txt|b\.txt.*"):
        read(tmp_path)


def test_the_longest_text(tmp_path):
    write(tmp_path, ADA)
    with pytest.raises(ValueError, match=r"VE341.*a\.txt"):
        read(tmp_path, max_bytes=20)


def test_texts_that_were_changed_later(tmp_path):
    """A character was lost before Bo, and the mark in his name is another one."""
    write(tmp_path, ADA, "T2\tPER 11 18\tBo Lind", "T3\tPER 23 25\tCy", MET)
    (doc,), report = read(tmp_path)
    assert words(doc) == [("Ada", "MET", "Bo Lind")]
    assert (len(doc.spans["sc"]), report.spans_moved, report.left_out) == (3, 2, [])
    write(tmp_path, "T1\tPER 0 4\tBo;L", text="Bo-L met.")
    (doc,), report = read(tmp_path)
    assert [span.text for span in doc.spans["sc"]] == ["Bo-L"]
    assert (report.spans_moved, report.left_out) == (0, [])
    write(tmp_path, "T1\tPER 4 6\tBo", text="Bo, Cy, Bo.")
    (doc,), report = read(tmp_path)
    assert report.spans_lost == {OTHER_TEXT: 1}
