"""OpenTelemetry spans of generative AI, as the collector's file exporter writes them (OTLP JSON).

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai; https://github.com/open-telemetry/opentelemetry-proto. The
names of the tokens changed: gen_ai.usage.prompt_tokens became input_tokens, completion_tokens output_tokens;
OpenLLMetry and OpenInference (github Arize-ai/openinference spec) have names of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json
from llmcost.readers.traces._names import Named

NANO = 1e-9
ISL = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens",
       "llm.token_count.prompt")  # fmt: skip
OSL = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens",
       "llm.token_count.completion")  # fmt: skip
CACHED = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
          "llm.token_count.prompt_details.cache_read")  # fmt: skip
USER = ("gen_ai.conversation.id", "user.id", "enduser.id", "session.id")
ERROR = 2  # status code of a span


def recognises(content: Content) -> bool:
    """Whether resource spans are there."""
    found = _json.first(content)
    return found is not None and ("resourceSpans" in found or {"startTimeUnixNano", "attributes"} <= set(found))


def read(content: Content) -> Reading:
    """The spans that tell tokens."""
    names = Named("time", NANO, "isl", "osl", "cached", "user", "status")
    found = _json.columns(_requests(content), names, content.name)
    return Reading(TRACE, READER.name, [trace(found, content.name)])


def _requests(content: Content) -> Iterator[dict[str, Any]]:
    for data in _json.objects(content):
        for span in _spans(data):
            said = {a.get("key"): _value(a.get("value")) for a in span.get("attributes") or [] if isinstance(a, dict)}
            if any(name in said for name in (*ISL, *OSL)):
                status = span.get("status") or {}
                yield {
                    "time": span.get("startTimeUnixNano"),
                    "isl": _first(said, ISL),
                    "osl": _first(said, OSL),
                    "cached": _first(said, CACHED),
                    "user": _first(said, USER),
                    "status": "error" if status.get("code") in (ERROR, "STATUS_CODE_ERROR") else "ok",
                }


def _spans(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "startTimeUnixNano" in data:
        yield data
    for resource in data.get("resourceSpans") or []:
        for scope in resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans") or []:
            yield from (span for span in scope.get("spans") or [] if isinstance(span, dict))


def _value(held: Any) -> Any:
    return next(iter(held.values()), None) if isinstance(held, dict) else held


def _first(said: dict[Any, Any], names: tuple[str, ...]) -> Any:
    return next((said[name] for name in names if said.get(name) is not None), None)


READER = Reader("OpenTelemetry spans", TRACE, recognises, read)
