"""The GitHub Action, the pre-commit hook and the GitLab job, run for real from the built wheel on a git repository."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "ci"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
IDENTITY = {f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
GIT = {**IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Runner:
    """A machine of GitHub: a folder for temporary things, and the files that steps write to."""

    def __init__(self, temp: Path) -> None:
        self.temp = temp

    @property
    def bin(self) -> Path:
        """Where the action puts the command."""
        return self.temp / "llmcost" / "bin"

    def step(self, name: str, cwd: Path, **given: str) -> tuple[int, str, dict[str, str], str]:
        """Run a step of the action as a runner does: exit code, output, step outputs, job summary."""
        (found,) = [step for step in ACTION["runs"]["steps"] if step["id"] == name]
        assert found["shell"] == "bash"
        inputs = {key: given.pop(key.replace("-", "_"), said["default"]) for key, said in ACTION["inputs"].items()}
        assert not given
        known = {"github.action_path": str(ROOT), **{f"inputs.{key}": value for key, value in inputs.items()}}
        outputs, summary, script = (self.temp / n for n in ("output", "summary", "script.sh"))
        for file in (outputs, summary):
            file.write_text("")
        script.write_text(found["run"])
        env = {key: EXPRESSION.sub(lambda m: known[m[1]], value) for key, value in found["env"].items()}
        env |= {"RUNNER_TEMP": str(self.temp), "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        env |= {"GITHUB_ACTIONS": "true", "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)
        said = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        return done.returncode, done.stdout + done.stderr, said, summary.read_text()


@pytest.fixture(scope="module", autouse=True)
def _no_source_tree() -> Iterator[None]:
    """The installed package is tested: a path to the source tree must not come before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        yield


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The action's own installation, from the wheel. Nothing is downloaded: dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("runner")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    found = Runner(folder)
    code, text, _, _ = found.step("install", folder, package=str(wheel), python=sys.executable)
    assert code == 0, text
    (site,) = (folder / "llmcost").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{Path(np.__file__).parent.parent}\n")
    where = subprocess.run(
        [found.bin / "python", "-c", "import llmcost; print(llmcost.__file__)"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(site)
    return found


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A git repository with the budgets of examples/ci, committed."""
    for name in ("llmcost.toml", "growth.toml", "chat.toml", "pretrain.toml"):
        shutil.copy(EXAMPLE / name, tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "budgets")
    return tmp_path


def git(cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run git without anybody's settings."""
    return subprocess.run(
        ["git", *args], cwd=cwd, env={**os.environ, **GIT, **env}, capture_output=True, text=True, check=False
    )


def longer_answers(repo: Path) -> None:
    """The change of a pull request: a third more tokens in every answer."""
    path = repo / "chat.toml"
    path.write_text(path.read_text().replace("osl = 211", "osl = 280"))


def test_the_action_on_a_pull_request(runner: Runner, repo: Path) -> None:
    code, text, outputs, summary = runner.step("check", repo)
    assert (code, outputs["exit-code"]) == (0, "0"), text
    assert "::error" not in text
    assert summary == Path(outputs["report"]).read_text()
    assert summary.startswith("### llmcost: All ")
    baseline = [str(runner.bin / "llmcost"), "check", "growth.toml", "--baseline", "baseline.json", "--update-baseline"]
    subprocess.run(baseline, cwd=repo, check=True, capture_output=True)
    longer_answers(repo)
    given = {"files": "llmcost.toml\ngrowth.toml", "baseline": "baseline.json", "report": "report.md"}
    code, text, outputs, summary = runner.step("check", repo, **given)
    assert (code, outputs["exit-code"], outputs["report"]) == (1, "1", "report.md"), text
    assert re.search(r"^::error file=growth\.toml,line=5,title=", text, re.MULTILINE)
    assert "moved most: osl 211 -> 280" in text
    assert (repo / "report.md").read_text() == summary
    assert runner.step("check", repo, fail="false", **given)[0] == 0


def test_the_action_on_a_wrong_question(runner: Runner, repo: Path) -> None:
    code, text, outputs, summary = runner.step("check", repo, files="no.toml", fail="false")
    assert (code, outputs, summary) == (2, {"exit-code": "2"}, "")
    assert text.startswith("error: no such file: 'no.toml'")
    assert runner.step("check", repo, as_of="someday")[0] == 2
    assert runner.step("check", repo, presets="no/such")[0] == 2


def test_the_action_is_whole() -> None:
    steps = ACTION["runs"]["steps"]
    assert ACTION["runs"]["using"] == "composite"
    used = {name for step in steps for value in step["env"].values() for name in EXPRESSION.findall(value)}
    assert used == {"github.action_path", *(f"inputs.{key}" for key in ACTION["inputs"])}
    assert not [step for step in steps if "${{" in step["run"]]  # a value of a stranger never becomes a script
    assert all(said["description"] for said in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    workflow = yaml.safe_load((EXAMPLE / "github.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    (step,) = [step for step in job["steps"] if "llmcost" in step.get("uses", "")]
    assert set(step["with"]) <= set(ACTION["inputs"])
    said = set(re.findall(r"steps\.llmcost\.outputs\.([\w-]+)", str(job)))
    assert said <= set(ACTION["outputs"])


def test_the_pre_commit_hook_refuses_a_commit(runner: Runner, repo: Path) -> None:
    """As pre-commit runs it: the entry, without file names, where a staged file matches."""
    assert (HOOK["language"], HOOK["pass_filenames"]) == ("python", False)
    entry = shlex.join([*shlex.split(HOOK["entry"]), *HOOK.get("args", [])])
    hook = repo / ".git" / "hooks" / "pre-commit"
    hook.write_text(
        f"#!/bin/sh\ngit diff --cached --name-only | grep -qE {shlex.quote(HOOK['files'])} || exit 0\nexec {entry}\n"
    )
    hook.chmod(0o755)
    path = f"{runner.bin}{os.pathsep}{os.environ['PATH']}"

    def commit(file: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
        text = (repo / file).read_text() if (repo / file).exists() else ""
        (repo / file).write_text(text.replace(old, new) if old else text + new)
        git(repo, "add", file)
        return git(repo, "commit", "-qm", "change", PATH=path)

    assert commit("notes.md", "", "words\n").returncode == 0
    assert commit("chat.toml", "osl = 211", "osl = 215").returncode == 0
    over = commit("chat.toml", "100M/day", "200M/day")
    assert over.returncode == 1
    assert "llmcost.toml:22: chat: " in over.stdout + over.stderr
    assert "exceeds max_usd_per_month" in over.stdout + over.stderr
    assert git(repo, "log", "--oneline").stdout.count("\n") == 3
    config = yaml.safe_load((EXAMPLE / "pre-commit-config.yaml").read_text("utf-8"))
    assert config["repos"][0]["hooks"] == [{"id": HOOK["id"]}]


def test_the_gitlab_job(runner: Runner, repo: Path) -> None:
    job: dict[str, Any] = yaml.safe_load((EXAMPLE / "gitlab-ci.yml").read_text("utf-8"))["budgets"]
    env = {**os.environ, "PATH": f"{runner.bin}{os.pathsep}{os.environ['PATH']}"}
    script = "\n".join(job["script"])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=repo, env=env, check=False, capture_output=True
    )
    assert done.returncode == 0, done
    report = (repo / job["artifacts"]["reports"]["junit"]).read_text()
    assert '<testsuite name="llmcost.toml"' in report
    assert report.count("<testcase ") == 9
