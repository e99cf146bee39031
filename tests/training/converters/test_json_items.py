import json

import pytest

from spacy_vaedie.training.converters import json_items
from spacy_vaedie.training.converters.json_items import read_json_items

VALUES = [{"a": "é\U0001f600" * 40, "b": [1, 2.5, {"c": "]}"}]}, {}, {"a": 'q"\\'}, 123456789, "text"]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 50, 2**16])
@pytest.mark.parametrize("indent", [None, 2])
def test_blocks_of_any_size(tmp_path, monkeypatch, block, indent):
    """A character, a number or a value may be cut at the end of a block."""
    monkeypatch.setattr(json_items, "_BLOCK", block)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(VALUES, indent=indent, ensure_ascii=False), encoding="utf-8-sig")
    assert [value for _, value in read_json_items(path)] == VALUES
    path.write_text(json.dumps({"x": [[]], "docs": VALUES, "y": 1}, indent=indent), encoding="utf-8")
    assert [value for _, value in read_json_items(path, key="docs")] == VALUES


def test_lines(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('\n[\n {"a":\n1},\n\n {}, {} ]', encoding="utf-8")
    assert list(read_json_items(path)) == [(3, {"a": 1}), (6, {}), (6, {})]


@pytest.mark.parametrize("block", [4, 2**16])
def test_a_value_that_is_too_long(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_items, "_BLOCK", block)
    path = tmp_path / "a.json"
    path.write_text('[{},\n"' + "x" * 10**6)
    items = read_json_items(path, max_bytes=1000)
    assert next(items) == (1, {})
    with pytest.raises(ValueError, match=r"VE341.*a\.json, line 2: .*--max-mb"):
        next(items)


def test_bytes_that_are_no_utf8(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'[{},\n{"a": "\xe9"}]')
    with pytest.raises(ValueError, match=r"VE303.*line 2: not UTF-8 .*at byte 12 of the file"):
        list(read_json_items(path))


def test_no_such_key(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"documents": 5}')
    with pytest.raises(ValueError, match=r"VE303.*expected an object with a list in 'documents'"):
        list(read_json_items(path, key="documents"))
    with pytest.raises(FileNotFoundError, match="VE301"):
        list(read_json_items(tmp_path / "gone.json"))


def test_a_damaged_value_is_told_before_the_limit(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"a": }, "' + "x" * 10**5)
    with pytest.raises(ValueError, match=r"VE303.*line 1: no valid JSON"):
        list(read_json_items(path, max_bytes=1000))
