from spacy.strings import StringStore

from spacy_vaedie.lang import known_strings
from spacy_vaedie.lang.known_strings import KnownStrings


def test_known_strings_need_no_store():
    strings = StringStore(["Ada", "Bo"])
    known = KnownStrings(str.lower)
    keys = [strings["Ada"], 0, strings["Bo"]]
    assert known.read(keys, strings) == ["ada", "", "bo"]
    assert known.read(keys, StringStore()) == ["ada", "", "bo"]
    assert KnownStrings().read(keys[:1], strings) == ["Ada"]


def test_no_more_strings_than_a_language_has_words_for(monkeypatch):
    monkeypatch.setattr(known_strings, "MAX_KNOWN", 1)
    strings = StringStore(["a", "b", "c"])
    known = KnownStrings()
    for text in ("a", "b", "c"):
        assert known.read([strings[text]], strings) == [text]
    assert len(known) == 1
