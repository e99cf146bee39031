import pytest
from typer.testing import CliRunner

from spacy_vaedie.cli import app

from ..pipeline.helpers import SMALL_VAE, TEXTS, blank, raw_examples
from ..pipeline.test_generation import BAG, GRU


def make(en, folder, decoder):
    nlp = blank(en)
    nlp.add_pipe("vae_encoder", config={"model": {**SMALL_VAE["model"], "decoder": decoder}})
    nlp.initialize(lambda: raw_examples(en.pipe(TEXTS)))
    nlp.to_disk(folder)
    return str(folder)


@pytest.fixture(scope="module")
def gru(en, tmp_path_factory):
    return make(en, tmp_path_factory.mktemp("gru"), GRU)


@pytest.fixture(scope="module")
def bag(en, tmp_path_factory):
    return make(en, tmp_path_factory.mktemp("bag"), BAG)


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "raw.txt").write_text("\n".join(TEXTS), encoding="utf8")
    return str(tmp_path / "raw.txt")


def run(*args):
    return CliRunner().invoke(app, ["generate", *args])


def test_samples(gru):
    first, second, other = (run(gru, "-n", "3", "--seed", seed).stdout for seed in ("1", "1", "2"))
    assert first == second != other
    assert len(first.splitlines()) == 3


@pytest.mark.filterwarnings("ignore:.*VW101")
def test_reconstructions(gru, texts):
    lines = run(gru, "-n", "2", "--reconstruct", texts).stdout.splitlines()
    assert lines[::2] == TEXTS[:2]
    assert all(line.startswith("  -> ") for line in lines[1::2])


@pytest.mark.filterwarnings("ignore:.*VW101")
def test_from_one_text_to_another(gru, texts):
    assert len(run(gru, "-n", "5", "--between", *TEXTS[:2]).stdout.splitlines()) == 5
    found = run(gru, "-n", "4", "--between", *TEXTS[:2], "--corpus", texts).stdout.splitlines()
    assert len(found) == 4
    assert set(found) <= set(TEXTS)


def test_words_of_dimensions(bag):
    lines = run(bag, "-n", "3", "--top-words").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert all(len(line.split()) == 4 for line in lines)


def test_what_the_decoder_cannot_do(bag):
    result = run(bag)
    assert result.exit_code == 1
    assert "VE112" in result.output
    assert "spacy-vaedie.GRUDecoder.v1" in "".join(result.output.split())


def test_options_that_do_not_go_together(bag, texts):
    for options in (["--corpus", texts], ["--top-words", "--reconstruct", texts]):
        assert run(bag, *options).exit_code == 2


def test_a_pipeline_without_an_encoder(en, tmp_path):
    blank(en).to_disk(tmp_path)
    result = run(str(tmp_path))
    assert result.exit_code == 1
    assert "VE503" in result.output
