"""Spans of generative AI as requests: the names under which instrumentations put tokens, users and failures.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai. The names of the tokens changed: gen_ai.usage.prompt_tokens
became input_tokens, completion_tokens output_tokens; OpenLLMetry and OpenInference (github Arize-ai/openinference spec)
have names of their own.
"""

from __future__ import annotations

from typing import Any

from llmcost.readers.traces._names import Named

ISL = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
       "llm.token_count.prompt")  # fmt: skip
OSL = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
       "llm.token_count.completion")  # fmt: skip
CACHED = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
          "llm.token_count.prompt_details.cache_read")  # fmt: skip
USER = ("gen_ai.conversation.id", "user.id", "enduser.id", "session.id")


def names(unit: float) -> Named:
    """The columns that `request` gives, times in that unit [s]."""
    return Named("time", unit, "isl", "osl", "cached", "user", "status")


def request(start: Any, said: dict[Any, Any], failed: bool) -> dict[str, Any] | None:
    """A span as a request; None where it tells no tokens."""
    if not any(name in said for name in (*ISL, *OSL)):
        return None
    fields = {"isl": ISL, "osl": OSL, "cached": CACHED, "user": USER}
    found = {
        field: next((said[name] for name in known if said.get(name) is not None), None)
        for field, known in fields.items()
    }
    return {"time": start, "status": "error" if failed else "ok", **found}
