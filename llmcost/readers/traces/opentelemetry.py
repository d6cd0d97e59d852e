"""OpenTelemetry spans of generative AI, as the collector's file exporter writes them (OTLP JSON).

Source: https://github.com/open-telemetry/opentelemetry-proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json, _spans

NANO = 1e-9
ERROR = (2, "STATUS_CODE_ERROR")  # of a span


def recognises(content: Content) -> bool:
    """Whether resource spans are there."""
    found = _json.first(content)
    return found is not None and ("resourceSpans" in found or {"startTimeUnixNano", "attributes"} <= set(found))


def read(content: Content) -> Reading:
    """The spans that tell tokens."""
    found = _json.columns(_requests(content), _spans.names(NANO), content.name)
    return Reading(TRACE, READER.name, [trace(found, content.name)])


def _requests(content: Content) -> Iterator[dict[str, Any]]:
    for data in _json.objects(content):
        for span in _found(data):
            said = {a.get("key"): _value(a.get("value")) for a in span.get("attributes") or [] if isinstance(a, dict)}
            failed = (span.get("status") or {}).get("code") in ERROR
            if (one := _spans.request(span.get("startTimeUnixNano"), said, failed)) is not None:
                yield one


def _found(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "startTimeUnixNano" in data:
        yield data
    for resource in data.get("resourceSpans") or []:
        for scope in resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans") or []:
            yield from (span for span in scope.get("spans") or [] if isinstance(span, dict))


def _value(held: Any) -> Any:
    return next(iter(held.values()), None) if isinstance(held, dict) else held


READER = Reader("OpenTelemetry spans", TRACE, recognises, read)
