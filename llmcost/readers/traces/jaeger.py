"""Traces as Jaeger's page and its API give them: spans with tags, times in microseconds.

Source: github jaegertracing/jaeger internal/uimodel (data, spans, startTime, tags).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _json, _spans

MICRO = 1e-6


def recognises(content: Content) -> bool:
    """Whether traces of spans with tags are there."""
    found = _json.first(content)
    return found is not None and any("tags" in span and "startTime" in span for span in _found(found))


def read(content: Content) -> Reading:
    """The spans that tell tokens."""
    found = _json.columns(_requests(content), _spans.names(MICRO), content.name)
    return Reading(TRACE, READER.name, [trace(found, content.name)])


def _requests(content: Content) -> Iterator[dict[str, Any]]:
    for data in _json.objects(content):
        for span in _found(data):
            said = {tag.get("key"): tag.get("value") for tag in span.get("tags") or [] if isinstance(tag, dict)}
            failed = said.get("error") in (True, "true") or said.get("otel.status_code") == "ERROR"
            if (one := _spans.request(span.get("startTime"), said, failed)) is not None:
                yield one


def _found(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of one trace, or of the traces of a page."""
    pages = data.get("data") if isinstance(data.get("data"), list) else [data]
    for page in pages or []:
        spans = page.get("spans") if isinstance(page, dict) else None
        yield from (span for span in spans or [] if isinstance(span, dict))


READER = Reader("Jaeger traces", TRACE, recognises, read)
