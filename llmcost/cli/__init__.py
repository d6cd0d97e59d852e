"""The command line: the only part that prints, reads the environment or exits."""

from __future__ import annotations

import gc
import os
import sys

from llmcost.errors import Exit, LlmcostError, of_system

LITTER = 50_000  # objects made before garbage is looked for: an answer ends sooner, and its modules are no garbage


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (see `llmcost.errors.Exit`)."""
    args = sys.argv[1:] if argv is None else argv
    _silence_closed_pipes()
    gc.set_threshold(LITTER)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix products here: its threads only cost start-up
    try:
        if args == ["--version"]:  # before the parser is imported: scripts ask this often
            from llmcost.cli import messages, output

            messages.put(f"{output.version_line()}\n")
            return Exit.OK
        if args == ["--cite"]:
            from llmcost.cli import messages, output

            messages.put(output.citation())
            return Exit.OK
        if "_LLMCOST_COMPLETE" in os.environ:  # likewise: a key was pressed
            from llmcost.cli.complete import at_once

            names = at_once(os.environ)
            if names is not None:
                print("\n".join(names))
                return _flushed(Exit.OK)
        from llmcost.cli.app import run

        return _flushed(run([arg for arg in args if arg != "--debug"]))
    except LlmcostError as error:
        from llmcost.cli import messages

        return messages.refuse(error)
    except KeyboardInterrupt:
        from llmcost.cli import messages

        messages.say("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        from llmcost.cli import messages

        messages.drop_output()
        return 141
    except OSError as error:  # a full disk, a closed stream, a name the system refuses
        from llmcost.cli import messages

        messages.drop_output()
        return messages.refuse(of_system(repr(error.filename)[:200] if error.filename else "the system", error))
    except Exception as error:
        from llmcost.cli import messages

        if "--debug" in args:
            raise
        what = " ".join(str(error).split())[:300]
        messages.say(f"error: this is a bug in llmcost: {type(error).__name__}: {what}")
        messages.say("hint: run it again with --debug and report what it prints")
        return Exit.BUG


def _flushed(code: int) -> int:
    """The code, once everything is written: at exit Python would report a full disk with a code of its own."""
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _silence_closed_pipes() -> None:
    """`llmcost ... | head -1` ends silently with 141, not with an exit code that reads as an answer."""
    import signal

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
