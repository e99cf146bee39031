import sys

import pytest

from spacy_vaedie.visualize.latents import plot_kl

LEVELS = {
    "token": {"active_units": 2, "width": 3, "kl_per_dimension": [0.5, 0.0, 2.0]},
    "doc": {"active_units": 1, "width": 1, "kl_per_dimension": [0.7]},
}


@pytest.mark.parametrize(("name", "start"), [("kl.svg", b"<?xml"), ("kl.png", b"\x89PNG"), ("kl.pdf", b"%PDF")])
def test_a_picture(tmp_path, name, start):
    plot_kl(LEVELS, tmp_path / "plots" / name)
    assert (tmp_path / "plots" / name).read_bytes().startswith(start)


def test_what_it_says(tmp_path):
    plot_kl(LEVELS, tmp_path / "kl.svg")
    text = (tmp_path / "kl.svg").read_text(encoding="utf8")
    assert "token: 2 of 3 dimensions active" in text
    assert "doc: 1 of 1 dimensions active" in text


def test_another_kind_of_file(tmp_path):
    with pytest.raises(ValueError, match=r"VE302.*'\.txt'.*\.svg"):
        plot_kl(LEVELS, tmp_path / "kl.txt")


def test_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"VE901.*matplotlib.*spacy-vaedie\[plot\]"):
        plot_kl(LEVELS, tmp_path / "kl.svg")
