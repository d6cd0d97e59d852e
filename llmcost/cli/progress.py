"""How far long work has come, on standard error: in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from llmcost.cli import messages

EVERY, APART = 0.5, 10.0  # seconds between two updates on a terminal, and between two lines


class Progress:
    """Points done and their rate; silent where nobody wants to hear it."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.screen = sys.stderr is not None and sys.stderr.isatty()
        self.began = self.last = time.monotonic()
        self._told = False

    def __call__(self, done: int, of: int, there: int) -> None:
        """So many points are done, of which some were there already."""
        now = time.monotonic()
        if self.quiet:
            return
        if there and not self._told:
            messages.say(f"going on at {there:,} of {of:,} points: the rest was there")
        self._told = True
        if done >= of:
            self._put("")
            messages.say(f"{of:,} points in {now - self.began:.1f} s, {_rate(done - there, now - self.began)}")
        elif now - self.last >= (EVERY if self.screen else APART):
            self.last = now
            rate = (done - there) / max(now - self.began, 1e-9)
            left = f", {(of - done) / rate:,.0f} s left" if rate else ""
            self._put(f"{done:,} of {of:,} points, {_rate(done - there, now - self.began)}{left}")

    def clear(self) -> None:
        """Take what is drawn in place off the terminal: something else is said."""
        if not self.quiet:
            self._put("")

    def _put(self, text: str) -> None:
        if self.screen:
            try:
                sys.stderr.write(f"\r\x1b[2K{text}")
                sys.stderr.flush()
            except (OSError, ValueError):
                self.quiet = True
        elif text:
            messages.say(text)


def _rate(points: int, seconds: float) -> str:
    return f"{points / max(seconds, 1e-9):,.0f} a second"
