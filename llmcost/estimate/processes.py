"""Processes beside this one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import Any


@contextmanager
def pool(
    number: int, initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Processes that start afresh: a fork of a process with threads may never wake up.

    The command line ends at a closed pipe, as `head` wants it. A pipe to a process that was killed is closed too, and
    is an error while there are any, not the end.
    """
    before = None
    if hasattr(signal, "SIGPIPE"):
        with suppress(ValueError):  # not in the main thread: whoever runs that decides
            before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        with ProcessPoolExecutor(number, get_context("spawn"), initializer, initargs) as made:
            yield made
    finally:
        if before is not None:
            signal.signal(signal.SIGPIPE, before)
