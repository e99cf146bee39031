import pytest

from .helpers import TEXTS, relation_examples


@pytest.fixture(scope="session")
def parsed(en):
    """The invented sentences, parsed. Tests must not change them."""
    return list(en.pipe(TEXTS))


@pytest.fixture
def examples(en):
    return relation_examples(en)
