"""What the program is made of and run by: known weaknesses of packages, the Action and the workflow, oldest versions.

`audit` asks for published weaknesses of what is installed, `actions` reads the shell of the Action and of the workflow,
`oldest` writes the oldest versions that pyproject.toml allows, as constraints for pip.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
WORKFLOWS = (ROOT / "action.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml")))
SCRIPTS = sorted((ROOT / "examples").rglob("*.sh"))


def audit() -> int:
    """Packages with a published weakness; 0 where there is none, and where the lists cannot be reached."""
    command = [str(BIN / "pip-audit"), "--format", "json", "--progress-spinner", "off", "--skip-editable", "--local"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        why = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"audit: skipped, the lists of weaknesses cannot be reached: {why[:160]}")
        return 0
    weak = [(p["name"], p["version"], v) for p in packages for v in p.get("vulns", ())]
    looked_up = [p for p in packages if "skip_reason" not in p]
    for name, version, found in weak:
        print(f"audit: {name} {version}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}")
    if not looked_up:
        print(f"audit: skipped, none of {len(packages)} packages is known to the lists that can be reached")
        return 0
    print(f"audit: {len(looked_up)} of {len(packages)} packages looked up, {len(weak)} weaknesses")
    return int(bool(weak))


def steps(data: Any) -> Iterator[tuple[str, str]]:
    """Every step with shell in an Action or a workflow: its name and its lines."""
    jobs = [data["runs"]] if "runs" in data else list(data["jobs"].values())
    for job in jobs:
        for n, step in enumerate(job["steps"], 1):
            if "run" in step:
                yield str(step.get("name", f"step {n}")), str(step["run"])


def actions() -> int:
    """What zizmor says of the Action and the workflow, and shellcheck of their shell and of the examples'."""
    code = subprocess.run(
        [str(BIN / "zizmor"), "--offline", "--no-progress", "--quiet", str(ROOT)], check=False
    ).returncode
    check = [str(BIN / "shellcheck"), "--shell=bash"]
    for path in WORKFLOWS:
        for name, lines in steps(yaml.safe_load(path.read_text("utf-8"))):
            # what GitHub puts in before the shell starts is a word to it
            text = re.sub(r"\$\{\{.*?\}\}", "word", lines)
            done = subprocess.run([*check, "-"], input=text, text=True, capture_output=True, check=False)
            if done.returncode:
                print(f"{path.name}, {name}:\n{done.stdout}")
            code = code or done.returncode
    for script in SCRIPTS:
        code = code or subprocess.run([*check, str(script)], check=False).returncode
    return code


def oldest() -> int:
    """A line for each dependency: the first versions that are allowed."""
    for line in constraints(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]):
        print(line)
    return 0


def constraints(project: Any) -> list[str]:
    """The oldest series that the requirements allow; of a package that is named twice the newer one."""
    optional = project["optional-dependencies"]
    least: dict[str, tuple[int, ...]] = {}
    for requirement in (*project["dependencies"], *optional.get("dev", ()), *optional.get("dask", ())):
        found = re.match(r"([\w.-]+)>=([\d.]+)", requirement)
        assert found is not None, f"{requirement}: no oldest version"
        version = tuple(int(part) for part in found[2].split("."))
        least[found[1]] = max(version, least.get(found[1], ()))
    return [f"{name}=={'.'.join(map(str, version))}.*" for name, version in sorted(least.items())]


if __name__ == "__main__":
    sys.exit({"audit": audit, "actions": actions, "oldest": oldest}[sys.argv[1]]())
