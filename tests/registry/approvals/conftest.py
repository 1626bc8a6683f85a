"""The cases here rest on no other app: its gates are its own tests' matter."""

import pytest

from tests import cases


@pytest.fixture(autouse=True)
def no_gates():
    with cases.without_gates():
        yield


@pytest.fixture
def people(db) -> cases.People:
    return cases.people()
