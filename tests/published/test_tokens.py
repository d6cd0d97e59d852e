"""Bought tokens: the package's own calculation, and one by hand from a published price."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from genai_prices import Usage, calc_price

from llmcost import api
from llmcost.engine.money.tokens import usd_per_request
from llmcost.errors import LlmcostError
from llmcost.estimate.money import api_prices as tokens

DAY = dt.date(2026, 11, 23)
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
AT_NOON = [float(hour == 12) for hour in range(24)]
MODELS = (
    "openai/gpt-4o", "openai/gpt-4o-mini", "openai/gpt-4.1", "openai/gpt-5", "anthropic/claude-sonnet-4-5",
    "anthropic/claude-opus-4-5", "google/gemini-2.5-pro", "deepseek/deepseek-chat", "mistral/mistral-large-latest",
    "x-ai/grok-3", "groq/llama-3.3-70b-versatile", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
)  # fmt: skip
BATCHED = ("openai/gpt-4o", "openai/gpt-4.1", "anthropic/claude-sonnet-4-5", "google/gemini-2.5-pro")
USES = ((1000, 500, 0), (1000, 500, 400), (250_000, 900, 200_000), (8192, 1, 8192))


def _package(name: str, isl: int, osl: int, cached: int, context: dict[str, str] | None = None) -> float:
    provider, _, model = name.partition("/")
    usage = Usage(input_tokens=isl, output_tokens=osl, cache_read_tokens=cached)
    done = calc_price(usage, model, provider_id=provider, genai_request_timestamp=NOON, price_context=context)
    return float(done.total_price)


@pytest.mark.parametrize(("isl", "osl", "cached"), USES)
@pytest.mark.parametrize("name", MODELS)
def test_costs_are_those_of_the_package(name: str, isl: int, osl: int, cached: int) -> None:
    found = tokens.quote(name, "standard", DAY, traffic=AT_NOON)
    ours = usd_per_request(found.tariff, isl, osl, cached / isl)
    assert ours == pytest.approx(_package(name, isl, osl, cached), rel=1e-12)


@pytest.mark.parametrize("name", BATCHED)
def test_batch_costs_are_those_of_the_package(name: str) -> None:
    found = tokens.quote(name, "batch", DAY)
    ours = usd_per_request(found.tariff, 1000.0, 500.0, 0.4)
    assert ours == pytest.approx(_package(name, 1000, 500, 400, {"processing": "batch"}), rel=1e-12)
    assert ours < usd_per_request(tokens.quote(name, "standard", DAY).tariff, 1000.0, 500.0, 0.4)


def test_a_published_price_by_hand() -> None:
    """GPT-4o: $2.50 in, $10.00 out per million tokens (openai.com/api/pricing): 1,000 in and 500 out are $0.0075."""
    answer = api.compare(
        model="llama-3.1-70b", hardware="h100-sxm", isl=1000, osl=500, requests="1M/day", against=["api:openai/gpt-4o"]
    )
    row = next(r for r in answer.arrays["alternatives"] if r["name"] == "api:openai/gpt-4o")
    assert row["usd_per_request"] == pytest.approx(0.0075)
    assert row["usd_per_month"] == pytest.approx(0.0075 * 1e6 * 365.25 / 12)
    assert (row["usd_per_mtok_input"], row["usd_per_mtok_output"]) == pytest.approx((2.5, 10.0))
    assert row["feasible"] is True
    newest, age = tokens.snapshot_dates(dt.date.fromisoformat(answer.presets))
    assert answer.inputs["api_prices"].value.endswith(f"newest price {newest}, {age} days old")


def test_a_request_that_is_paid_as_such() -> None:
    """Perplexity Sonar: $12 a thousand requests, $1 a million tokens either way (docs.perplexity.ai, pricing): $0.0135."""
    sonar = tokens.quote("perplexity/sonar", "standard", DAY).tariff
    assert usd_per_request(sonar, 1000.0, 500.0, 0.0) == pytest.approx(0.012 + 0.0015)


def test_a_commitment_lowers_every_price() -> None:
    answer = api.compare(api="openai/gpt-4o", isl=1000, osl=500, vary={"api_discount": ["10%", "20%"]})
    rows = answer.arrays["alternatives"]
    assert [r["usd_per_request"] for r in rows] == pytest.approx([0.8 * 0.0075, 0.9 * 0.0075])


def test_prices_step_with_the_prompt_on_an_axis() -> None:
    """Claude Sonnet 4.5: $3 a million input tokens, $6 in prompts over 200k."""
    tariff = tokens.quote("anthropic/claude-sonnet-4-5", "standard", DAY).tariff
    assert np.asarray(tariff.prompt.at(np.array([1e3, 2e5, 2e5 + 1]))).tolist() == [3.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("name", "tier", "says"),
    [
        ("openai/gpt-4oo", "standard", "did you mean 'gpt-4o'"),
        ("anthropic/claude-sonnet-4-5-typo", "standard", "did you mean 'claude-sonnet-4-5'"),
        ("opnai/gpt-4o", "standard", "did you mean 'openai'"),
        ("gpt-4o", "standard", "openai/gpt-4o"),
        ("deepseek/deepseek-chat", "batch", "--api-discount 50%"),
    ],
)
def test_unknown_names_and_tiers_are_refused_with_the_near_ones(name: str, tier: str, says: str) -> None:
    with pytest.raises(LlmcostError) as caught:
        tokens.quote(name, tier, DAY)
    assert says in caught.value.hint


def test_cache_writes_cost_what_the_package_says() -> None:
    """8,000 of 10,000 tokens read, half of the rest written, for five minutes and for an hour."""
    for life, long in (("5min", 0), ("1h", 1_000)):
        usage = Usage(
            input_tokens=10_000, output_tokens=500, cache_read_tokens=8_000, cache_write_tokens=1_000,
            cache_write_1h_tokens=long,
        )  # fmt: skip
        done = calc_price(usage, "claude-sonnet-4-5", provider_id="anthropic", genai_request_timestamp=NOON)
        tariff = tokens.quote("anthropic/claude-sonnet-4-5", "standard", DAY, life).tariff
        ours = usd_per_request(tariff, 10_000.0, 500.0, 0.8, cache_write=0.5)
        assert ours == pytest.approx(float(done.total_price), rel=1e-12)


def test_prices_of_the_hour_are_weighed_by_the_traffic() -> None:
    """DeepSeek's discount from 16:30 to 00:30 UTC (api-docs.deepseek.com): a third of an even day at half the price."""
    even = tokens.quote("deepseek/deepseek-chat", "standard", DAY)
    noon, night = (_package_input("deepseek-chat", hour) for hour in (12, 20))
    assert (even.moves, night) == (True, noon / 2)
    assert even.tariff.prompt.base == pytest.approx((16 * noon + 8 * night) / 24)
    at_night = [1.0 if hour >= 18 else 0.0 for hour in range(24)]
    assert tokens.quote("deepseek/deepseek-chat", "standard", DAY, traffic=at_night).tariff.prompt.base == night


def _package_input(model: str, hour: int) -> float:
    when = dt.datetime(2026, 11, 23, hour, tzinfo=dt.UTC)
    done = calc_price(Usage(input_tokens=1_000_000), model, provider_id="deepseek", genai_request_timestamp=when)
    return float(done.total_price)


def test_serve_bills_bought_tokens_by_kind() -> None:
    """Claude Sonnet 4.5, $3 in, $3.75 written, $0.30 read, $15 out: 10,000 in, 80 % read, half of the rest written."""
    answer = api.serve(
        api="anthropic/claude-sonnet-4-5", isl=10_000, osl=100, cache_hit="80%", cache_write="50%", requests="1k/day"
    )
    month = 1000 * 365.25 / 12
    assert answer.result["usd_per_request"] == pytest.approx(0.003 + 0.00375 + 0.0024 + 0.0015)
    assert answer.result["usd_per_month"] == pytest.approx(month * 0.01065)
    assert [row.cost_usd for row in answer.breakdown] == pytest.approx(
        [month * x for x in (3e-3, 3.75e-3, 2.4e-3, 1.5e-3)]
    )
    assert answer.result["gpus"] is None


def test_what_is_read_was_written_by_somebody() -> None:
    answer = api.serve(api="anthropic/claude-sonnet-4-5", isl=10_000, osl=100, cache_hit="80%")
    # all or nothing of 2,000 tokens at $0.75 more
    found = answer.ranges["usd_per_request"]
    assert found.p5 is not None
    assert found.p95 is not None
    assert 0.0099 < found.p5 < found.p95 < 0.0114
    assert not api.serve(api="openai/gpt-4o", isl=10_000, osl=100, cache_hit="80%").ranges  # writes cost nothing more


def test_a_given_cost_of_a_request_is_a_service() -> None:
    assert api.serve(cost_per_request=0.05, requests="10M/day").result["usd_per_month"] == pytest.approx(
        0.05 * 1e7 * 365.25 / 12
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"cache_write": "10%", "api": "openai/gpt-4o"}, "--cache-write has no effect"),
        ({"cache_life": "1h", "api": "openai/gpt-4o"}, "no price of a cache kept for 1h"),
        ({"api": "openai/gpt-4o", "cost_per_request": 1.0}, "--api and --cost-per-request"),
        ({"api": "openai/gpt-4o", "gpus": 4}, "--gpus has no effect"),
    ],
)
def test_what_bought_tokens_do_not_take(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(LlmcostError) as error:
        api.serve(isl=1000, osl=100, **asked)
    assert says in str(error.value)


def test_a_request_beyond_the_context_is_said() -> None:
    answer = api.serve(api="anthropic/claude-sonnet-4-5", isl=300_000, osl=100)
    assert [w.code for w in answer.warnings] == ["W085"]
