import pytest

from spacy_vaedie.training.converters.carb import OpenTuple, read_carb

FILE = "dair-iitd/CaRB/master/data/gold/dev.tsv"
CONTENT = "Ann sold tea .\tsold\tAnn\ttea\nBo sang .\t sang \tBo\t\n\nAnn sold tea . \tis sold\ttea\tby Ann\tin May\n"


def read(path, content=CONTENT):
    path.write_text(content, encoding="utf8")
    return read_carb(path)


def test_tuples_by_sentence(tmp_path):
    assert read(tmp_path / "a.tsv") == {
        "Ann sold tea .": [OpenTuple("sold", ("Ann", "tea")), OpenTuple("is sold", ("tea", "by Ann", "in May"))],
        "Bo sang .": [OpenTuple("sang", ("Bo",))],
    }


@pytest.mark.parametrize("line", ["Ann sold tea .", "Ann sold tea .\tsold", "Ann sold tea .\tsold\t"])
def test_damaged_lines_are_named(tmp_path, line):
    with pytest.raises(ValueError, match=r"VE303.*a\.tsv, line 2:.*column"):
        read(tmp_path / "a.tsv", f"Bo sang .\tsang\tBo\n{line}\n")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_file(tmp_path, content):
    with pytest.raises(ValueError, match="VE304"):
        read(tmp_path / "a.tsv", content)


def test_nothing_of_the_real_file_is_lost(data_root):
    found = read_carb(data_root / FILE)
    # 641 sentences, three of which stand there again with a space behind
    assert len(found) == 638
    assert sum(map(len, found.values())) == 2548
