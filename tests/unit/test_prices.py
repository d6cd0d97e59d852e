"""The price rule, on price lists small enough to work out by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from unittest.mock import patch

import pytest

from llmcost.catalog import Catalog
from llmcost.engine.numeric.spread import Spread
from llmcost.errors import LlmcostError
from llmcost.estimate.money.quotes import rental_quote

ROW = """
[[prices]]
hardware = "{0}"
commitment = "{1}"
usd_per_hour = "{2}/h"
region = "{3}"
date = {4}
address = "https://example.invalid"
confidence = "vendor"
"""
DAY = "2026-01-01"
USUAL = "".join(
    f'[[factors]]\nname = "{name}"\nvalue = {value}\n'
    for name, value in (("price_log_spread", 0.35), ("discount_log_spread", 0.11), ("quote_weight", 8))
)


def _usual(folder: Path) -> None:
    (folder / "calibration").mkdir(parents=True)
    (folder / "calibration" / "defaults.toml").write_text(USUAL)


@pytest.fixture
def lists(tmp_path: Path) -> Catalog:
    """Five providers: a and b quote two regions, one quote is newer, one is excluded."""
    rows = {
        "a": [("h", "on-demand", 2.0, "us", DAY), ("h", "on-demand", 4.0, "eu", DAY), ("h", "1-year", 1.5, "us", DAY)],
        "b": [("h", "on-demand", 5.0, "us", "2025-01-01"), ("h", "on-demand", 2.0, "us", DAY)],
        "c": [("h", "on-demand", 8.0, "", DAY), ("rare", "on-demand", 10.0, "", DAY)],
        "d": [("odd", "on-demand", 1.0, "", DAY), ("odd", "1-year", 2.0, "", DAY)],
    }
    _usual(tmp_path)
    (tmp_path / "prices").mkdir()
    for name, quotes in rows.items():
        text = f'title = "{name}"\n' + "".join(ROW.format(*q) for q in quotes)
        (tmp_path / "prices" / f"{name}.toml").write_text(text)
    excluded = ROW.format("h", "on-demand", 100.0, "", DAY) + 'excluded = "a range, not a quote"\n'
    (tmp_path / "prices" / "e.toml").write_text('title = "e"\n' + excluded)
    with patch("llmcost.catalog.shipped_folder", return_value=tmp_path):
        return Catalog([tmp_path])


@pytest.fixture(autouse=True)
def _no_shipped_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmcost.catalog.shipped_folder", lambda: tmp_path)


def test_median_of_provider_medians(lists: Catalog) -> None:
    # a: median(2, 4) = 3; b: 2 (the newer quote of one product); c: 8. Median 3. Squares of ln 2, ln 3, ln 8 about
    # their mean: 1.016081; s^2 = (8 x 0.35^2 + 1.016081) / 10; t of 10 is 1.8125; x sqrt(1 + pi / 6): ln of 2.717
    quote = rental_quote(lists, "h", "on-demand", None, None)
    assert isinstance(quote.rate, Spread)
    assert quote.rate[:3] == pytest.approx((3.0 / 2.7170, 3.0, 3.0 * 2.7170), rel=1e-3)
    assert quote.caveats == ()


def test_as_of_takes_the_newest_up_to_a_day(lists: Catalog) -> None:
    # only b's old quote is dated before 2026
    quote = rental_quote(lists, "h", "on-demand", None, dt.date(2025, 6, 1))
    assert isinstance(quote.rate, Spread)
    assert quote.rate.p50 == 5.0
    assert [c[0] for c in quote.caveats] == ["W020"]


def test_a_term_few_quote_is_discounted_on_demand(lists: Catalog) -> None:
    # discounts within providers: a 1.5 / 3 = 0.5, d 2 / 1 = 2; median 1.25. a quotes 1.5; b 2 x 1.25, c 8 x 1.25
    quote = rental_quote(lists, "h", "1-year", None, None)
    assert isinstance(quote.rate, Spread)
    assert quote.rate.p50 == pytest.approx(2.5)
    assert quote.caveats[-1][:2] == (
        "W021", "1 of 3 providers of h quote that term: on-demand x 1.25 for the others"
    )  # fmt: skip
    assert quote.origin.confidence == "assumed"


def test_a_dearer_commitment_is_said(lists: Catalog) -> None:
    assert [c[0] for c in rental_quote(lists, "odd", "1-year", "d", None).caveats] == ["W022"]


def test_one_provider(lists: Catalog) -> None:
    quote = rental_quote(lists, "h", "on-demand", "a", None)
    assert quote.rate == Spread(2.0, 3.0, 4.0)
    assert rental_quote(lists, "h", "1-year", "a", None).rate == 1.5


def test_a_term_that_every_provider_quotes_needs_no_discount(lists: Catalog) -> None:
    quote = rental_quote(lists, "odd", "1-year", None, None)  # d alone rents it
    assert isinstance(quote.rate, Spread)
    assert quote.rate.p50 == 2.0
    assert "W021" not in {code for code, _, _ in quote.caveats}


def test_one_quote_is_as_wide_as_quotes_usually_are(lists: Catalog) -> None:
    # t of 8 is 1.8595, x 0.35 x sqrt(1 + pi / 2) = 1.6034: a factor of 2.839
    quote = rental_quote(lists, "rare", "on-demand", None, None)
    assert isinstance(quote.rate, Spread)
    assert quote.rate[:3] == pytest.approx((10.0 / 2.839, 10.0, 28.39), rel=1e-3)
    assert quote.caveats[0][0] == "W020"


@pytest.mark.parametrize(
    ("hardware", "commitment", "provider"),
    [("none", "on-demand", None), ("h", "3-year", None), ("h", "spot", "a"), ("rare", "on-demand", "a")],
)
def test_what_nobody_quotes_is_an_error(lists: Catalog, hardware: str, commitment: str, provider: str | None) -> None:
    with pytest.raises(LlmcostError, match=r"no price is known|quotes no") as caught:
        rental_quote(lists, hardware, commitment, provider, None)
    assert "--price" in caught.value.hint


def _lists(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rows: dict[str, list[tuple[str, str, float, str, str]]]
) -> Catalog:
    """Providers with quotes; those in capitals are hyperscalers."""
    where = folder / "other"
    _usual(where)
    (where / "prices").mkdir(parents=True)
    for name, quotes in rows.items():
        tier = 'tier = "hyperscaler"\n' if name.isupper() else ""
        text = f'title = "{name}"\n{tier}' + "".join(ROW.format(*q) for q in quotes)
        (where / "prices" / f"{name.lower()}.toml").write_text(text)
    monkeypatch.setattr("llmcost.catalog.shipped_folder", lambda: where)
    return Catalog([where])


def test_hyperscalers_are_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clouds at 2, 3 and 4: the median is 3. With the hyperscaler at 9, whose region is named, it is 3.5."""
    rows = {name: [("h", "on-demand", price, "", DAY)] for name, price in (("a", 2.0), ("b", 3.0), ("c", 4.0))}
    rows["BIG"] = [("h", "on-demand", 9.0, "east", DAY), ("own", "on-demand", 7.0, "", DAY)]
    lists = _lists(tmp_path, monkeypatch, rows)

    def middle(hardware: str, provider: str | None = None, region: str | None = None) -> float:
        rate = rental_quote(lists, hardware, "on-demand", provider, None, region).rate
        return rate.p50 if isinstance(rate, Spread) else rate

    assert middle("h") == 3.0
    assert middle("h", region="big-east") == 3.5
    assert middle("h", provider="big") == 9.0
    assert middle("own") == 7.0  # nobody else quotes it


def test_a_quote_with_a_successor_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of 2024 at 8 beside its successor at 2, in another product and region, leaves 2; a provider of 2023 is out."""
    rows = {
        "a": [("h", "on-demand", 8.0, "old", "2024-01-01"), ("h", "on-demand", 2.0, "new", DAY)],
        "b": [("h", "on-demand", 3.0, "", DAY)],
        "c": [("h", "on-demand", 4.0, "", DAY)],
        "d": [("h", "on-demand", 100.0, "", "2023-01-01")],
    }
    rate = rental_quote(_lists(tmp_path, monkeypatch, rows), "h", "on-demand", None, None).rate
    assert isinstance(rate, Spread)
    assert rate.p50 == 3.0


def test_a_price_of_the_past_answers_its_own_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4 from 2021 until the end of 2023, today 2: in 2022 it was 4, for a year after its end nobody knows better."""
    rows = {"a": [("h", "on-demand", 2.0, "", DAY), ("h", "on-demand", 4.0, "", "2021-01-01")]}
    lists = _lists(tmp_path, monkeypatch, rows)
    path = tmp_path / "other" / "prices" / "a.toml"
    path.write_text(path.read_text().replace("date = 2021-01-01", "date = 2021-01-01\nuntil = 2023-12-31"))

    def rate(day: str | None) -> tuple[float, str | None]:
        quote = rental_quote(lists, "h", "on-demand", "a", dt.date.fromisoformat(day) if day else None)
        assert isinstance(quote.rate, float)
        return quote.rate, quote.origin.date

    assert rate(None) == (2.0, DAY)
    assert rate("2022-05-01") == (4.0, "2022-05-01")  # it stood on that day
    assert rate("2024-06-01") == (4.0, "2023-12-31")
    assert rate("2026-02-01") == (2.0, DAY)
    with pytest.raises(LlmcostError):
        rate("2025-06-01")
    with pytest.raises(LlmcostError) as caught:
        rental_quote(lists, "h", "on-demand", None, dt.date(2020, 1, 1))
    assert "--as-of 2021-01-01" in caught.value.hint
