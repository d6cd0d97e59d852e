"""BurstGPT: seconds since the first midnight, tokens, model; a failed call has no response tokens.

Source: https://github.com/HPMLL/BurstGPT (Timestamp in s, Session ID, Elapsed time, Request tokens, Response tokens).
"""

from __future__ import annotations

from llmcost.readers.content import Content
from llmcost.readers.rows import TRACE, Reader, Reading
from llmcost.readers.trace import trace
from llmcost.readers.traces import _table
from llmcost.readers.traces._names import Named

OWN = {"timestamp", "model", "request tokens", "response tokens", "total tokens", "log type"}


def recognises(content: Content) -> bool:
    """Whether the heading is the published one."""
    return set(content.headings) >= OWN


def read(content: Content) -> Reading:
    """The requests: those without a response failed."""
    user = "session id" if "session id" in content.headings else ""
    found = _table.columns(content, Named("timestamp", 1.0, "request tokens", "response tokens", user=user))
    assert found.osl is not None
    failed = ~(found.osl > 0)
    return Reading(TRACE, READER.name, [trace(found._replace(failed=failed), content.name)])


READER = Reader("BurstGPT trace", TRACE, recognises, read)
