"""The one error type a user sees, the exit codes, and how a user's text is shown in a message."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from enum import IntEnum

# printable by Unicode's classes, yet nothing to see: joiners, fillers, variation selectors
_INVISIBLE = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"


HELP = {  # what usually helps where the operating system refuses
    errno.EACCES: "ls -l shows who may: chmod u+rw, or another place",
    errno.EPERM: "ls -l shows who may: chmod u+rw, or another place",
    errno.EISDIR: "that is a folder: name a file in it",
    errno.ENOTDIR: "a part of the path is a file: name a folder there",
    errno.ENOENT: "the folder has to be there: mkdir -p makes it",
    errno.ENOSPC: "df -h . shows what is free",
    errno.EDQUOT: "df -h . shows what is free",
    errno.EROFS: "nothing can be written there: name another place",
    errno.ENAMETOOLONG: "give it a shorter name",
}


class Exit(IntEnum):
    """Exit codes of every command; one meaning each, no option changes them."""

    OK = 0
    NO = 1  # answered, and the answer is no: over budget, does not fit, target not reachable
    USAGE = 2  # the question is wrong
    BUG = 70  # EX_SOFTWARE; Python's own crash code is 1, which would read as "over budget"
    INTERRUPTED = 130


class LlmcostError(Exception):
    """A finding to show the user on one line, with the next step.

    Parameters
    ----------
    message : str
        What is wrong, where, what was seen, what is accepted. One line, lower case, no full stop.
    hint : str
        The next command or spelling to try; may be empty.
    code : Exit
        `Exit.USAGE` when the question is wrong, `Exit.NO` when the answer is no.
    """

    def __init__(self, message: str, hint: str = "", code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class Missing(LlmcostError):
    """Too little was said for an answer: nothing is wrong with what was."""


class Findings(LlmcostError):
    """Several findings of one file or one command line, shown together."""

    def __init__(self, findings: Iterable[LlmcostError]) -> None:
        self.findings = list(findings)
        super().__init__("; ".join(f.message for f in self.findings), code=max(f.code for f in self.findings))


def raise_all(findings: list[LlmcostError]) -> None:
    """Raise what was collected: nothing, the one finding, or all of them together."""
    if not findings:
        return
    if len(findings) == 1:
        raise findings[0]
    raise Findings(findings)


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Names close to `name`, case-insensitively, best first (difflib ratio >= 0.6)."""
    from difflib import get_close_matches  # only on the error path

    by_lower = {k.lower(): k for k in known}
    hits = get_close_matches(name.lower(), list(by_lower), n=count, cutoff=0.6)
    if not hits and len(name) > 2:
        hits = [k for k in by_lower if name.lower() in k or (len(k) > 2 and k in name.lower())][:count]
    return [by_lower[h] for h in hits]


def one_each(key: str, values: Iterable[str]) -> str:
    """The command that answers for each of several values, where one was asked for.

    >>> one_each("dtype", ["fp8", " bf16"])
    'one value here; for each of several: llmcost compare --vary dtype=fp8,bf16'
    """
    return f"one value here; for each of several: llmcost compare --vary {key}={','.join(v.strip() for v in values)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'a' or 'b'?`, or an empty string when nothing is near."""
    names = nearest(name, known)
    return f"did you mean {' or '.join(repr(n) for n in names)}?" if names else ""


def not_of(said: object, known: Iterable[str], otherwise: str = "") -> LlmcostError:
    """The finding for a name that is none of those accepted, with the nearest, or what else to write.

    >>> not_of("fp7", ["fp8", "bf16"]).hint, not_of(7, ["fp8", "bf16"]).hint
    ("did you mean 'fp8'?", "write one of them: 'fp8'")
    """
    names = list(known)
    near = did_you_mean(said, names) if isinstance(said, str) else ""
    return LlmcostError(
        f"{shown(said)} is not one of {', '.join(names)}", near or otherwise or f"write one of them: {names[0]!r}"
    )


def one_of(*said: str) -> LlmcostError:
    """The finding for several things said where one decides.

    >>> one_of("--by", "--cross").hint
    'leave --cross out'
    """
    return LlmcostError(f"{' and '.join(said)} are two answers to one question: give one", f"leave {said[-1]} out")


def of_system(what: str, error: Exception) -> LlmcostError:
    """The finding for what the operating system refuses, with what usually helps.

    >>> of_system("cannot write 'x'", OSError(28, "No space left on device")).hint
    'df -h . shows what is free'
    """
    helps = HELP.get(getattr(error, "errno", None) or 0, "name another place")
    return LlmcostError(f"{what}: {getattr(error, 'strerror', None) or error}", helps)


def at(where: str, error: LlmcostError) -> LlmcostError:
    """The same finding with its place in front: `--price: '2.5' is not a price per hour: ...`."""
    return LlmcostError(f"{where}: {error.message}", error.hint, error.code)


def shown(text: object, limit: int = 60) -> str:
    r"""User text on one line for a message: quoted, control and invisible characters escaped, shortened.

    >>> print(shown("70B\x1b[2J"))
    '70B\x1b[2J'
    >>> print(shown(40), shown("a" * 100, limit=12))
    40 'aaaaaaaaa...'
    """
    if not isinstance(text, str):
        try:
            text = repr(text) if not isinstance(text, int) or text.bit_length() <= 4 * limit else "a very large integer"
        except Exception:  # whatever a stranger's repr raises, the message must still be made
            text = f"a value of type {type(text).__name__}"
        return _escaped(text, limit, "")
    return f"'{_escaped(text, limit, chr(39))}'"


def plainly(text: str, limit: int = 120) -> str:
    r"""What another library says, on one line of a message: control and invisible characters escaped, shortened.

    >>> print(plainly("Invalid value (at line 1, column 4)\n"))
    Invalid value (at line 1, column 4)\n
    """
    return _escaped(text, limit, "")


def _escaped(text: str, limit: int, quote: str) -> str:
    parts: list[str] = []
    length = 0
    for char in text[: limit + 1]:
        if char in (quote, "\\") and quote:
            part = "\\" + char
        elif char.isprintable() and not re.match(_INVISIBLE, char):
            part = char
        else:
            part = char.encode("unicode_escape", "surrogatepass").decode("ascii")
        length += len(part)
        parts.append(part)
    if length <= limit and len(text) <= limit:
        return "".join(parts)
    while parts and length > limit - 3:
        length -= len(parts.pop())
    return "".join(parts) + "..."
