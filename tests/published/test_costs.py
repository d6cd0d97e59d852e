"""Published costs, rents and electricity (validation/costs.csv, each row with its source) beside what the commands answer."""

from __future__ import annotations

import pytest

from scripts import costs


@pytest.mark.parametrize(("definition", "least", "score"), [("amortised", 16, 1.4), ("acquisition", 20, 0.8)])
def test_costs_of_runs_where_price_and_age_are_not_known(definition: str, least: int, score: float) -> None:
    found = costs.runs(definition)
    assert sum(x.inside for x in found) >= least
    assert sum(x.score for x in found) / len(found) < score


def test_rents_of_published_runs_at_their_time() -> None:
    """Two are outside: clouds asked half of the list prices of the hyperscalers that Epoch AI takes."""
    found = [x for row in costs.rows("rent") if (x := costs.rent(row, row.date))]
    assert len(found) == 16
    assert sum(x.inside for x in found) >= 14


def test_owned_hours() -> None:
    found = costs.hours()
    assert all(x.inside for x in found)
    hyperscalers, clouds = ([x for x in found if x.row.name.endswith(who)] for who in ("hyperscaler", "new cloud"))
    assert len(hyperscalers) == len(clouds) == 9
    # a buyer at list prices is nearer to a new cloud, and no hyperscaler
    for of, low, high in ((hyperscalers, 1.0, 1.3), (clouds, 0.75, 1.1)):
        ratios = sorted(x.p50 / x.value for x in of)
        assert low < ratios[4] < high


def test_electricity_at_equal_scope() -> None:
    found = costs.energies()
    assert len(found) == 17
    assert sum(x.inside for x in found) >= 0.8 * 17
    # rows that were metered: hours x TDP is what a meter cannot exceed
    metered = [x for x in found if x.row.kind == costs.SERVERS or x.row.name.startswith("OLMo")]
    assert sorted(x.p50 / x.value for x in metered)[len(metered) // 2] == pytest.approx(1.0, abs=0.1)
