"""Marks of GitHub Markdown: text that stays text, tables, links to sources, and parts that fold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from llmcost.render import text as words

# Characters with a meaning in GitHub Markdown; a dollar only where it could open a formula.
_SPECIAL = re.compile(r"[\\`*_{}\[\]|~]|\$(?![\d.])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Names, issues and addresses that GitHub would turn into links; an empty comment keeps them words.
_LINKED = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\w)|(?<=\w:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[\w./~%?=&:@+,;-]+", re.ASCII)


def escape(text: object) -> str:
    r"""Text that stays text: no markup, HTML, links, mentions, formulas or control characters.

    >>> print(escape("a|b <i>*x*</i> @me [y](z)"))
    a\|b &lt;i&gt;\*x\*&lt;/i&gt; @<!-- -->me \[y\](z)
    """
    spelled = _LINKED.sub("\x00", words.clean(text))  # a mark that `clean` leaves nowhere
    spelled = _SPECIAL.sub(lambda found: "\\" + found.group(), spelled)
    spelled = "".join(_HTML.get(c, c) for c in spelled)
    return spelled.replace("\x00", "<!-- -->")


def source(text: str) -> str:
    """A source: a link where all of it is a plain web address, words otherwise.

    >>> source("https://arxiv.org/abs/2407.21783"), source("javascript:x")
    ('<https://arxiv.org/abs/2407.21783>', 'javascript:x')
    """
    return f"<{text}>" if _ADDRESS.fullmatch(text) else escape(text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = (), escaped: bool = False) -> str:
    """A table, its cells escaped here unless they are already."""
    rights = set(right)
    keep = str if escaped else escape
    lines = [[escape(h) for h in head], ["---:" if i in rights else "---" for i in range(len(head))]]
    lines += [[keep(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folded(title: str, body: str) -> str:
    """A part that opens on a click."""
    return f"<details>\n<summary>{escape(title)}</summary>\n\n{body}\n\n</details>"
