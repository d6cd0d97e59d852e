"""Fill docs/ci.md: its files are those of examples/ci, its output is what one session there prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.docs import ENV, ROOT

PAGE = ROOT / "docs" / "ci.md"
EXAMPLE = ROOT / "examples" / "ci"
BLOCK = re.compile(
    r"(?P<head><!-- (?P<what>show|session): (?P<said>[^\n]*) -->\n(?P<fence>`{3,4})\w+\n).*?(?P<tail>^(?P=fence)\n)",
    re.DOTALL | re.MULTILINE,
)


def page(text: str) -> str:
    """The page with every marked block filled in; commands run one after the other in one copy of the example."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ci"
        shutil.copytree(EXAMPLE, place)

        def fill(found: re.Match[str]) -> str:
            body = (
                (EXAMPLE / found["said"]).read_text("utf-8") if found["what"] == "show" else _run(found["said"], place)
            )
            prompt = f"$ {found['said']}\n" if found["what"] == "session" and "markdown" not in found["said"] else ""
            return found["head"] + prompt + body + found["tail"]

        return BLOCK.sub(fill, text)


def _run(command: str, cwd: Path) -> str:
    """What a command prints on both streams."""
    env = {**ENV, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{{ {command}; }} 2>&1"], capture_output=True, text=True, check=False, cwd=cwd, env=env
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stdout}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n") + "\n"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
