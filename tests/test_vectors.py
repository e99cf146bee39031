"""Word vectors of the workflows: joining two tables, and what reads them."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
from spacy.language import Language
from spacy.vectors import Vectors

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import assemble  # noqa: E402
import build_vectors  # noqa: E402
import prepare_corpus  # noqa: E402


def with_vectors(rows: dict[str, list[float]]) -> Language:
    nlp = spacy.blank("en")
    data = np.asarray(list(rows.values()), dtype="float32")
    nlp.vocab.vectors = Vectors(data=data, keys=[nlp.vocab.strings.add(word) for word in rows])
    return nlp


@pytest.fixture
def joined(tmp_path: Path) -> Language:
    with_vectors({"the": [2.0, 0.0, 0.0], "us": [0.0, 4.0, 0.0]}).to_disk(tmp_path / "wide")
    (tmp_path / "glove").mkdir()
    pq.write_table(pa.table({"index": ["the", "us", "ulcer", "rare"]}), tmp_path / "glove" / "words.parquet")
    np.save(tmp_path / "glove" / "rows.npy", np.arange(8.0).reshape(4, 2))
    build_vectors.main(tmp_path / "wide", tmp_path / "glove", tmp_path / "joined", n_words=3)
    return spacy.load(tmp_path / "joined")


def test_rows_stand_side_by_side(joined: Language) -> None:
    vocab = joined.vocab
    assert vocab.vectors.shape == (3, 5)
    wide = np.asarray([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    narrow = np.arange(6.0).reshape(3, 2)
    expected = np.concatenate([wide / wide[:2].std(), narrow / narrow.std()], axis=1)
    np.testing.assert_allclose([vocab[word].vector for word in ("the", "us", "ulcer")], expected, rtol=1e-5)


def test_a_word_in_any_case_has_its_vector(joined: Language) -> None:
    doc = joined.make_doc("ulcer Ulcer ULCER rare")
    assert [token.has_vector for token in doc] == [True, True, True, False]
    assert doc[1].vector.tolist() == doc[0].vector.tolist() == doc[2].vector.tolist()


def test_the_base_takes_the_vectors_of_what_was_trained(tmp_path: Path) -> None:
    trained = with_vectors({"ulcer": [1.0, 2.0]})
    trained.add_pipe("sentencizer")
    trained.to_disk(tmp_path / "trained")
    spacy.blank("en").to_disk(tmp_path / "base")
    nlp = assemble.assemble(str(tmp_path / "base"), {"sentencizer": str(tmp_path / "trained")})
    nlp.to_disk(tmp_path / "whole")
    assert spacy.load(tmp_path / "whole")("ulcer")[0].vector.tolist() == [1.0, 2.0]


def test_two_tables_do_not_fit_into_one_pipeline(tmp_path: Path) -> None:
    trained = with_vectors({"ulcer": [1.0, 2.0]})
    trained.add_pipe("sentencizer")
    trained.to_disk(tmp_path / "trained")
    with_vectors({"ulcer": [2.0, 2.0]}).to_disk(tmp_path / "base")
    with pytest.raises(ValueError, match="VE320.*trained.*base"):
        assemble.assemble(str(tmp_path / "base"), {"sentencizer": str(tmp_path / "trained")})
    with_vectors({"ulcer": [1.0, 2.0]}).to_disk(tmp_path / "same")
    nlp = assemble.assemble(str(tmp_path / "same"), {"sentencizer": str(tmp_path / "trained")})
    assert nlp.pipe_names == ["sentencizer"]


def test_components_of_two_trainings_share_a_table(tmp_path: Path) -> None:
    """The order of the keys is no difference, and a key may have lost its string."""
    lost, rows = 12345, np.eye(2, dtype="float32")
    for name, order in (("sentencizer", 1), ("token_splitter", -1)):
        trained = spacy.blank("en")
        keys = {trained.vocab.strings.add("ulcer"): 0, lost: 1}
        trained.vocab.vectors = Vectors(data=rows)
        for key, row in list(keys.items())[::order]:
            trained.vocab.vectors.add(key, row=row)
        trained.add_pipe(name)
        trained.to_disk(tmp_path / name)
    spacy.blank("en").to_disk(tmp_path / "base")
    places = {name: str(tmp_path / name) for name in ("sentencizer", "token_splitter")}
    nlp = assemble.assemble(str(tmp_path / "base"), places)
    assert nlp("ulcer")[0].vector.tolist() == [1.0, 0.0]
    assert nlp.vocab.vectors.key2row[lost] == 1


def test_a_lexicon_comes_along_and_there_is_one(tmp_path: Path) -> None:
    for name, lexicon in (("base", None), ("trained", ["sore"]), ("same", ["sore"]), ("other", ["wound"])):
        nlp = spacy.blank("en")
        if lexicon:
            nlp.vocab.lookups.add_table("word_classes", {"ulcer": lexicon})
        if name == "trained":
            nlp.add_pipe("sentencizer")
        nlp.to_disk(tmp_path / name)
    for base in ("base", "same"):
        nlp = assemble.assemble(str(tmp_path / base), {"sentencizer": str(tmp_path / "trained")})
        assert nlp.vocab.lookups.get_table("word_classes")["ulcer"] == ["sore"]
    with pytest.raises(ValueError, match="VE322.*trained.*other"):
        assemble.assemble(str(tmp_path / "other"), {"sentencizer": str(tmp_path / "trained")})


@pytest.mark.parametrize("vectors", ["null", "base"])
def test_vectors_that_are_to_be_read_must_be_there(tmp_path: Path, vectors: str) -> None:
    spacy.blank("en").to_disk(tmp_path / "base")
    name = vectors if vectors == "null" else str(tmp_path / vectors)
    with pytest.raises(ValueError, match="VE319.*vars.vectors null"):
        prepare_corpus.check_vectors(name)
