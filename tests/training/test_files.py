import gzip

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_vaedie.training.files import find_files, read_docbin, read_jsonl, read_lines, write_docbin


def test_find_files(tmp_path):
    for name in ("b.txt", "a.jsonl.gz", "sub/c.txt", ".hidden.txt", "d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_files(tmp_path, [".txt", ".jsonl.gz"])
    assert [str(f.relative_to(tmp_path)) for f in found] == ["a.jsonl.gz", "b.txt", "sub/c.txt"]
    assert find_files(tmp_path / "b.txt", [".txt"]) == [tmp_path / "b.txt"]


def test_find_files_names_what_is_wrong(tmp_path):
    (tmp_path / "d.csv").touch()
    with pytest.raises(FileNotFoundError, match=r"VE301.*gone\.txt"):
        find_files(tmp_path / "gone.txt", [".txt"])
    with pytest.raises(ValueError, match=r"VE302.*'\.csv'.*\.txt"):
        find_files(tmp_path / "d.csv", [".txt"])
    with pytest.raises(FileNotFoundError, match=r"VE311.*\.txt"):
        find_files(tmp_path, [".txt"])


def test_lines_without_byte_order_mark_and_line_breaks(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffeins\r\n\n drei é\n".encode())
    assert list(read_lines(path)) == [(1, "eins"), (2, ""), (3, " drei é")]


def test_gzipped_lines(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo"))
    assert list(read_lines(path)) == [(1, "one"), (2, "two")]
    path.write_bytes(gzip.compress(b"one\ntwo " * 5000)[:40])
    with pytest.raises(ValueError, match="VE303.*gzip"):
        list(read_lines(path))
    path.write_bytes(b"not gzipped")
    with pytest.raises(ValueError, match="VE303.*line 1: damaged gzip"):
        list(read_lines(path))


def test_undecodable_bytes_name_the_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\nfine\n\xff\xfe broken\n")
    with pytest.raises(ValueError, match=r"VE303.*a\.txt, line 3: not UTF-8"):
        list(read_lines(path))
    with pytest.raises(FileNotFoundError, match="VE301"):
        list(read_lines(tmp_path / "b.txt"))


def test_jsonl(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n[2]\n{"a": \n')
    lines = read_jsonl(path)
    assert [next(lines), next(lines)] == [(1, {"a": 1}), (3, [2])]
    with pytest.raises(ValueError, match=r"VE303.*line 4: no valid JSON"):
        next(lines)


def test_docbin(tmp_path):
    nlp = spacy.blank("en")
    path = tmp_path / "new" / "a.spacy"
    write_docbin(path, DocBin(docs=[nlp("One."), nlp("Two.")]))
    assert [doc.text for doc in read_docbin(path, nlp.vocab)] == ["One.", "Two."]
    assert [p.name for p in path.parent.iterdir()] == ["a.spacy"]


@pytest.mark.parametrize("content", [b"", b"no DocBin"])
def test_damaged_docbin(tmp_path, content):
    path = tmp_path / "a.spacy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"VE307.*a\.spacy"):
        list(read_docbin(path, spacy.blank("en").vocab))


def test_docbin_with_a_damaged_doc(tmp_path):
    """The Docs before it are read."""
    data = DocBin(docs=[spacy.blank("en")(text) for text in ("One.", "Two.")], store_user_data=True)
    data.user_data[1] = b"\xc1\x00"
    write_docbin(tmp_path / "a.spacy", data)
    docs = read_docbin(tmp_path / "a.spacy", spacy.blank("en").vocab)
    assert next(docs).text == "One."
    with pytest.raises(ValueError, match="VE307"):
        next(docs)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.spacy"
    path.write_bytes(b"old")

    def fail(self, target):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(DocBin, "to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        write_docbin(path, DocBin())
    assert [p.name for p in tmp_path.iterdir()] == ["a.spacy"]
    assert path.read_bytes() == b"old"
