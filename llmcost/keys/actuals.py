"""What was really spent so far, and which lines of the bills count."""

from __future__ import annotations

from llmcost.keys.key import CROSSOVER, Key

PANEL = "Actuals"
KEYS = (
    Key("actuals", "files", PANEL, "bills and usage exports of what was spent so far: bill.csv", (CROSSOVER,),
        alone=True),
    Key("actuals_service", "text", PANEL, "count the lines with this in their service, SKU or model: bedrock",
        (CROSSOVER,), alone=True),
    Key("actuals_project", "text", PANEL, "count the lines of this project, account or team: chat-prod", (CROSSOVER,),
        alone=True),
    Key("actuals_tag", "text", PANEL, "count the lines with this tag: app=chat", (CROSSOVER,), alone=True),
    Key("exchange_rate", "count", PANEL, "USD for one unit of the currency of the bills: 1.08", (CROSSOVER,),
        least=1e-6, alone=True),
)  # fmt: skip
