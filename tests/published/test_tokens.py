"""Bought tokens: the package's own calculation, and one by hand from a published price."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from genai_prices import Usage, calc_price

from llmcost import api
from llmcost.engine.money.tokens import usd_per_request
from llmcost.errors import LlmcostError
from llmcost.estimate.money import bought_tokens as tokens

DAY = dt.date(2026, 11, 23)
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
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
    found = tokens.quote(name, "standard", DAY)
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
