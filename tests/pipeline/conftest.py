import pytest

from .extractors import alone, fit
from .helpers import TEXTS, relation_examples


@pytest.fixture(scope="session")
def parsed(en):
    """The invented sentences, parsed. Tests must not change them."""
    return list(en.pipe(TEXTS))


@pytest.fixture
def examples(en):
    return relation_examples(en)


@pytest.fixture(scope="session")
def trained_bytes(en):
    examples = relation_examples(en)
    nlp = alone(en)
    fit(nlp, examples, 40)
    return nlp.to_bytes(exclude=["vocab"])


@pytest.fixture
def trained(en, trained_bytes):
    """An extractor that has learned the facts by heart."""
    return alone(en).from_bytes(trained_bytes, exclude=["vocab"])


@pytest.fixture
def pipe(trained):
    return trained.get_pipe("extractor")
