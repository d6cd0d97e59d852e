"""The shipped facts about machines, prices and places: every number has a source, a unit and a past date."""

from __future__ import annotations

import datetime as dt
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcost import spec, units
from llmcost.catalog import Catalog
from llmcost.decode import STRUCTS, decode

PRESETS = Path(__file__).parents[2] / "presets"
COLLECTED = dt.date(2026, 12, 1)
GENERATIONS = (
    *("volta", "turing", "ampere", "ada", "hopper", "blackwell", "rubin", "cdna2", "cdna3", "cdna4", "cdna5"),
    *(
        "maxwell",
        "pascal",
        "cdna1",
        "gcn5",
        "rdna2",
        "rdna3",
        "rdna4",
        "xe",
        "xe2",
        "ascend",
        "tenstorrent",
        "sambanova",
        "tpu-v2",
    ),
    *("tpu-v3", "tpu-v4", "tpu-v5", "tpu-v6", "tpu-v7", "trainium", "gaudi", "groq", "cerebras", "apple"),
)
KIND_OF = {
    "fp32_flops": "flops",
    "tf32_flops": "flops",
    "bf16_flops": "flops",
    "fp16_flops": "flops",
    "fp8_flops": "flops",
    "int8_flops": "flops",
    "fp4_flops": "flops",
    "memory_bytes": "bytes",
    "sram_bytes": "bytes",
    "memory_bytes_per_second": "bytes_per_second",
    "sram_bytes_per_second": "bytes_per_second",
    "link_bytes_per_second": "bytes_per_second",
    "network_bytes_per_second": "bytes_per_second",
    "tdp_watts": "watts",
    "server_watts": "watts",
    "server_busy_watts": "watts",
    "server_idle_watts": "watts",
    "purchase_usd": "usd",
    "usd_per_hour": "usd_per_hour",
    "co2e_kg_per_kwh": "kg_per_kwh",
    "electricity_usd_per_kwh": "usd_per_kwh",
}
NAMING = {"title", "aliases", "kind", "sources"}  # what the file is called, not a claim about the world
FACTOR_KEYS = {"name", "value", "low", "high", "unit", "address", "date", "confidence", "note"}
DEFAULTS = {
    "power": "server_factor idle_load average_load_gpu average_load_tpu server_load_spread accelerator_load "
    "accelerator_idle_load pue electricity_price carbon_intensity",
    "goodput": "goodput_unknown_size gpu_hours_per_failure checkpoint_seconds restart_seconds",
    "equivalents": "home_electricity_kwh_per_year car_kg_per_year",
    "ownership": "cost_of_capital residual_value facility_usd_per_mw facility_life_years maintenance operations_staff",
    "fleet": "peak_to_average peak_load reaction_time usage_spread usage_tail bytes_per_token "
    "engine_start weight_load idle_timeout billing_unit",
    "published": "price tokens mfu",
    "programme": "experiments_multiple share_hardware share_staff share_energy",
}

Table = dict[str, Any]


def tables(kind: str) -> dict[str, Table]:
    return {p.stem: tomllib.loads(p.read_text("utf-8")) for p in sorted((PRESETS / kind).glob("*.toml"))}


HARDWARE, PRICES, REGIONS = tables("hardware"), tables("prices"), tables("regions")
FACTORS = {name: tables("calibration")[name]["factors"] for name in DEFAULTS}
SOURCED = [(kind, name) for kind, files in (("hardware", HARDWARE), ("regions", REGIONS)) for name in files]
QUOTES = [(provider, quote) for provider, table in PRICES.items() for quote in table["prices"]]


def walk(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
    else:
        yield value


def base(table: Table, key: str) -> float | None:
    """A value in its base unit; None where it is not known."""
    value = table.get(key)
    return units.parse(KIND_OF[key], value) if isinstance(value, str) else value


def unsourced(table: Table) -> tuple[set[str], set[str]]:
    """Values that no source covers, and source keys that name no value."""
    claims = set(table) - NAMING
    named = {key for source in table["sources"] for key in source.get("keys", [])}
    rest = any(not source.get("keys") for source in table["sources"])
    return (set() if rest else claims - named), named - claims


def test_how_much_there_is() -> None:
    assert len(HARDWARE) >= 159
    assert len([name for name in PRICES if name != "market-range"]) >= 8
    assert len(REGIONS) >= 40
    assert len(QUOTES) >= 250


@pytest.mark.parametrize(("kind", "name"), SOURCED)
def test_every_value_has_a_source(kind: str, name: str) -> None:
    table = HARDWARE[name] if kind == "hardware" else REGIONS[name]
    assert unsourced(table) == (set(), set())
    sources = table["sources"]
    assert sum(not source.get("keys") for source in sources) <= 1, "two sources claim all other values"
    keyed = [key for source in sources for key in source.get("keys", [])]
    assert len(keyed) == len(set(keyed)), "two sources claim a value"
    if not all(source.get("keys") for source in sources):
        assert set(table) - NAMING - set(keyed), "a source without keys covers nothing"


def test_the_source_check_sees_gaps_and_unknown_keys() -> None:
    table = {"title": "x", "pue": 1.1, "co2e_kg_per_kwh": "1 g/kWh", "sources": [{"keys": ["pue", "water"]}]}
    assert unsourced(table) == ({"co2e_kg_per_kwh"}, {"water"})


@pytest.mark.parametrize("kind", ["hardware", "prices", "regions"])
def test_names_and_aliases_are_unique(kind: str) -> None:
    files = {"hardware": HARDWARE, "prices": PRICES, "regions": REGIONS}[kind]
    names = [*files, *(alias for table in files.values() for alias in table.get("aliases", []))]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
    assert len({table["title"] for table in files.values()}) == len(files)
    assert all(name == name.lower().strip() and " " not in name for name in names)


@pytest.mark.parametrize("kind", ["hardware", "prices", "regions"])
def test_files_load_as_structs(kind: str) -> None:
    catalog = Catalog()
    for name in {"hardware": HARDWARE, "prices": PRICES, "regions": REGIONS}[kind]:
        loaded, found = catalog.load(STRUCTS[kind], name)
        assert isinstance(loaded, STRUCTS[kind])
        assert found.name == name


def test_a_misspelt_key_does_not_load() -> None:
    with pytest.raises(Exception, match="tdp_wats"):
        decode(spec.Accelerator, {**HARDWARE["h100-sxm"], "tdp_wats": 700}, "h100-sxm.toml")


@pytest.mark.parametrize("name", HARDWARE)
def test_quantities_have_a_unit(name: str) -> None:
    for key, value in HARDWARE[name].items():
        if key in KIND_OF and isinstance(value, str):
            assert units.parse(KIND_OF[key], value) > 0
        if key.endswith(("_bytes", "_bytes_per_second", "_flops", "_watts")):
            assert isinstance(value, str), f"{key} has no unit"
    assert HARDWARE[name]["generation"] in GENERATIONS


def test_prices_and_carbon_have_a_unit() -> None:
    for _, quote in QUOTES:
        assert 0.01 < units.parse("usd_per_hour", quote["usd_per_hour"]) < 20  # V100 spot 0.085 to B300 17.80
    for table in REGIONS.values():
        assert 0.001 < (base(table, "co2e_kg_per_kwh") or 0.1) < 0.75  # Montreal 2 g to India 670 g
        assert 0.05 < (base(table, "electricity_usd_per_kwh") or 0.1) < 0.35


@pytest.mark.parametrize("name", HARDWARE)
def test_lower_precision_is_not_slower(name: str) -> None:
    table = HARDWARE[name]
    fp32, tf32, bf16, fp8, int8, fp4 = (
        base(table, f"{p}_flops") for p in ("fp32", "tf32", "bf16", "fp8", "int8", "fp4")
    )
    ladder = [peak for peak in (fp32, tf32, bf16, fp8, fp4) if peak is not None]
    assert ladder == sorted(ladder), "a lower precision is slower"
    if bf16 and fp8:
        assert fp8 <= 4.5 * bf16  # Gaudi 3 1x, Hopper 2x, Rubin 4.4x
    said = any("int8" in source.get("note", "") + source.get("conflict", "") for source in table["sources"])
    if int8 and not said:
        assert int8 >= 0.99 * (bf16 or 0.0)
        assert int8 <= 2 * (fp8 or int8)


def test_peaks_are_dense() -> None:
    """Dense tensor peaks of the vendors' white papers: V100 125, A100 312, H100 SXM 989.4, MI300X 1307.4 TFLOP/s."""
    for name, key, tera in (
        ("v100-sxm2-32gb", "fp16_flops", 125.0),
        ("a100-80gb-sxm", "bf16_flops", 312.0),
        ("h100-sxm", "bf16_flops", 989.4),
        ("h100-sxm", "fp8_flops", 1978.9),
        ("mi300x", "bf16_flops", 1307.4),
    ):
        assert (base(HARDWARE[name], key) or 0) / 1e12 == pytest.approx(tera, rel=2e-3), name


def test_memory_and_links_of_known_boards() -> None:
    """A100 80 GB: 2.039 TB/s and NVLink 600 GB/s both ways; H100 SXM: 3.35 TB/s and 900 GB/s (NVIDIA data sheets)."""
    assert base(HARDWARE["a100-80gb-sxm"], "memory_bytes_per_second") == pytest.approx(2.039e12, rel=1e-3)
    assert base(HARDWARE["a100-80gb-sxm"], "link_bytes_per_second") == pytest.approx(600e9 / 2)
    assert base(HARDWARE["h100-sxm"], "memory_bytes_per_second") == pytest.approx(3.35e12, rel=1e-3)
    assert base(HARDWARE["h100-sxm"], "link_bytes_per_second") == pytest.approx(900e9 / 2)
    assert base(HARDWARE["h800-sxm"], "link_bytes_per_second") == pytest.approx(400e9 / 2)


def test_quotes_name_hardware_and_are_not_repeated() -> None:
    seen = set()
    for provider, quote in QUOTES:
        assert quote["hardware"] in HARDWARE, f"{provider}: {quote['hardware']}"
        key = (provider, *(str(quote.get(k, "")) for k in ("hardware", "commitment", "product", "region", "date")))
        assert key not in seen, key
        seen.add(key)
    assert all(quote.get("excluded") for provider, quote in QUOTES if provider == "market-range")


def test_terms_are_cheaper_than_on_demand() -> None:
    """Within a provider, accelerator, region and list of one day: 3-year < 1-year < on-demand, and spot below it."""
    lists: dict[tuple[str, ...], dict[str, float]] = {}
    for provider, quote in QUOTES:
        if "suspect" not in quote.get("excluded", ""):
            key = (provider, *(str(quote.get(k, "")) for k in ("hardware", "region", "date", "address")))
            product = quote.get("product", "").partition(",")[0]
            rate = units.parse("usd_per_hour", quote["usd_per_hour"])
            lists.setdefault((*key, product), {})[quote["commitment"]] = rate
    for key, rates in lists.items():
        on_demand = rates.get("on-demand")
        if on_demand is not None:
            assert all(rate < on_demand for term, rate in rates.items() if term != "on-demand"), key
        if "1-year" in rates and "3-year" in rates:
            assert rates["3-year"] < rates["1-year"], key


def test_nothing_is_dated_in_the_future() -> None:
    for files in (HARDWARE, PRICES, REGIONS, FACTORS):
        for name, table in files.items():
            for value in walk(table):
                if isinstance(value, dt.date):
                    assert dt.date(2015, 6, 1) <= value <= COLLECTED, (name, value)
    assert all(isinstance(quote["date"], dt.date) for _, quote in QUOTES)


def test_text_is_printable() -> None:
    for kind in ("hardware", "prices", "regions"):
        for path in sorted((PRESETS / kind).glob("*.toml")):
            for value in walk(tomllib.loads(path.read_text("utf-8"))):
                if isinstance(value, str):
                    assert not any(unicodedata.category(c).startswith("C") for c in value), (path.name, value)
                    assert value == value.strip()


@pytest.mark.parametrize("name", FACTORS)
def test_factors_are_sourced_numbers(name: str) -> None:
    rows = FACTORS[name]
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    assert set(DEFAULTS[name].split()) <= set(names)
    for row in rows:
        assert set(row) <= FACTOR_KEYS
        assert set(row) >= {"name", "value", "unit", "address", "date", "confidence"}
        assert row["confidence"] in {"vendor", "measured", "third-party", "assumed"}
        assert ("low" in row) == ("high" in row)
        assert 0 < row.get("low", 0.5 * row["value"]) < row["value"] < row.get("high", 2 * row["value"])


def test_failure_rate_of_llama_3() -> None:
    """419 unexpected interruptions in 54 days on 16,384 GPUs (arXiv:2407.21783, section 3.3.4)."""
    (row,) = (row for row in FACTORS["goodput"] if row["name"] == "gpu_hours_per_failure")
    assert row["value"] == pytest.approx(54 * 24 * 16384 / 419, rel=1e-4)


def test_published_ranges_are_those_of_the_presets() -> None:
    known = {row["name"]: (row["low"], row["high"]) for row in FACTORS["published"]}
    rates = [units.parse("usd_per_hour", quote["usd_per_hour"]) for _, quote in QUOTES if not quote.get("excluded")]
    assert known["price"] == (min(rates), max(rates))
    tokens = [table["training_tokens"] for table in tables("models").values() if "training_tokens" in table]
    assert known["tokens"][1] == max(units.parse("count", said) for said in tokens)
