"""What a machine costs to buy: accelerator, its part of the server, its part of the cluster's network."""

from __future__ import annotations

from llmcost.catalog import source_of
from llmcost.engine.money.hardware import server_ratio
from llmcost.engine.numeric.spread import Spread, product
from llmcost.errors import LlmcostError
from llmcost.estimate.asking.ledger import Number, Origin, as_number
from llmcost.estimate.asking.question import Factor, Question, origin_from, origin_of
from llmcost.estimate.asking.subject import Chip

UNIT, WITH_SERVER, ALONE = "USD/GPU", "with server", "without server"


def read_purchase(question: Question, device: Chip | None, home: bool = False) -> None:
    """Read `purchase_price`, `server_over_chip` where the price is that of the accelerator alone, `interconnect_share`.

    Raises
    ------
    LlmcostError
        No price is known, or the network takes the whole price.
    """
    said = question.given("purchase_price")
    if said is not None:
        price = as_number(said.value, "usd")
        question.sample("purchase_price", price, origin_from(said.origin, said.source), f"{UNIT} {WITH_SERVER}")
    else:
        if device is None:
            raise question.need("purchase_price", "there is no accelerator to look its price up for")
        if device.preset.purchase_usd is None:
            raise LlmcostError(f"no purchase price known for {device.found.name}", "give one: --purchase-price 30k")
        origin = origin_of(device.found, source_of(device.preset, "purchase_usd"))
        unit = f"{UNIT} {WITH_SERVER if device.preset.purchase_with_server else ALONE}"
        question.sample("purchase_price", _quoted(question, device), origin, unit)
        if not device.preset.purchase_with_server:
            server = _server(question, float(device.preset.purchase_usd))
            question.sample("server_over_chip", server.value, server.origin, "ratio")
    alone = Factor(0.0, Origin("default", "a machine at home is in no cluster"))
    share = question.number(
        "interconnect_share", alone if home else question.factor("programme", "interconnect_of_cluster")
    )
    if max(share[:3] if isinstance(share, Spread) else (share or 0.0,)) >= 1.0:
        raise LlmcostError("--interconnect-share leaves nothing for the servers", "write less than 100%: 19%")


def _server(question: Question, chip_usd: float) -> Factor:
    """Price of a server over that of its accelerators, with the source of what binds."""
    share, around = (question.factor("programme", name) for name in ("server_over_chip", "server_usd"))
    assert isinstance(share.value, Spread)
    assert isinstance(around.value, Spread)
    p5, p50, p95 = (server_ratio(s, r, chip_usd) for s, r in zip(share.value[:3], around.value[:3], strict=True))
    return Factor(Spread(p5, p50, p95), (share if p50 == share.value.p50 else around).origin)


def _quoted(question: Question, device: Chip) -> Number:
    """The price of the preset, as wide as the quotes for it; where they are few, as those for other accelerators."""
    preset = device.preset
    price = float(preset.purchase_usd or 0.0)
    if preset.purchase_low_usd is not None and preset.purchase_high_usd is not None:
        return Spread(float(preset.purchase_low_usd), price, float(preset.purchase_high_usd))
    return product(question.factor("ownership", "purchase_spread").value, price)
