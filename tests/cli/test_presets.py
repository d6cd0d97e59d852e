"""What `presets show` shows."""

from __future__ import annotations

import pytest

from llmcost.catalog import Catalog
from llmcost.estimate.presets import show
from llmcost.files import read_toml

CATALOG = Catalog([])


@pytest.mark.parametrize("name", CATALOG.files("scenarios"))
def test_a_scenario_shows_its_values_and_where_each_is_from(name: str) -> None:
    said = read_toml(CATALOG.find("scenarios", name).path)
    rows = {row["key"]: row for row in show(CATALOG, name, "scenarios").arrays["rows"]}
    for key, value in said.items():
        if isinstance(value, str | int) and key != "title":
            assert str(rows[key]["value"]) == str(value)
    for source in said["sources"]:
        for key in source.get("keys", []):
            assert {row["source"] for k, row in rows.items() if k.split(": ")[-1] == key} == {source["address"]}
