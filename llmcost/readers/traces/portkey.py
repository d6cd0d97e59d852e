"""Portkey logs, JSON lines of its export: units are tokens of the prompt and of the answer.

Source: https://portkey.ai/docs/product/observability/logs-export (created_at, req_units, res_units,
response_status_code).
"""

from __future__ import annotations

from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

OWN = {"created_at", "req_units", "res_units"}
NAMES = Named("created_at", None, "req_units", "res_units", status="response_status_code")

READER = _json.of_fields("Portkey logs", OWN, NAMES)
