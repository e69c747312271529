import json
from urllib.parse import quote

import pytest

from sync.resources import RESOURCES, Resource
from sync.settings import DEFAULT_SCOPES

LONGEST_ADDRESS = 8_000  # characters that proxies commonly let through


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_a_request_fits_into_an_address(resource: Resource) -> None:
    """`fields` is valid JSON and, encoded, short enough for every proxy."""
    assert "id" in json.loads(resource.fields)
    assert len(quote(resource.fields)) < LONGEST_ADDRESS


def test_every_scope_is_asked_for_and_no_other() -> None:
    """Least privilege: the default scopes are those of the resources and of the chart of accounts inside invoices."""
    assert set(DEFAULT_SCOPES.split()) == {resource.scope for resource in RESOURCES} | {"core.accounting.read"}


def test_names_are_unique_and_what_is_summed_exists() -> None:
    """Bookmarks go by name; reconciliation's columns are real."""
    assert len({resource.name for resource in RESOURCES}) == len(RESOURCES)
    for resource in RESOURCES:
        for column in (resource.status, resource.money):
            assert column is None or column in resource.table.names
