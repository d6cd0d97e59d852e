"""The command line: the only part that prints, reads the environment or exits."""

from __future__ import annotations

import os
import sys

from llmcost.errors import Exit, LlmcostError


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (see `llmcost.errors.Exit`)."""
    args = sys.argv[1:] if argv is None else argv
    _silence_closed_pipes()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix products here: its threads only cost start-up
    try:
        if args == ["--version"]:  # before the parser is imported: scripts ask this often
            from llmcost.cli.output import version_line

            print(version_line())
            return _flushed(Exit.OK)
        from llmcost.cli.app import run

        return _flushed(run(args))
    except LlmcostError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 141
    except OSError as error:  # a full disk, a closed stream, a name the system refuses
        _drop_output()
        return _refuse(
            LlmcostError(f"{error.strerror or error}{f': {error.filename!r}' if error.filename else ''}"[:300])
        )
    except Exception as error:
        if "--debug" in args:
            raise
        print(
            f"error: this is a bug in llmcost: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            file=sys.stderr,
        )
        print("hint: run it again with --debug and report what it prints", file=sys.stderr)
        return Exit.BUG


def _flushed(code: int) -> int:
    """The code, once everything is written: at exit Python would report a full disk with a code of its own."""
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _drop_output() -> None:
    """Forget what standard output could not take, lest Python tries again at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or not a file
        return


def _refuse(error: LlmcostError) -> int:
    """Print every finding on a line of its own, its hint below it."""
    for finding in getattr(error, "findings", [error]):
        for line in _folded(f"error: {finding.message}"):
            print(line, file=sys.stderr)
        if finding.hint:
            print(f"hint: {finding.hint}", file=sys.stderr)
    return error.code


def _folded(line: str) -> list[str]:
    """A line as it is; on a terminal folded between its words. Hints never fold: they are pasted."""
    if sys.stderr is None or not sys.stderr.isatty():
        return [line]
    import shutil

    from llmcost.render.text import wrapped

    return wrapped(line, shutil.get_terminal_size().columns)


def _silence_closed_pipes() -> None:
    """`llmcost ... | head -1` ends silently with 141, not with an exit code that reads as an answer."""
    import signal

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
