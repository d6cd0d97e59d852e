"""A repository of 50 scenarios and 120 limits: verdicts equal those computed one by one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import llmcost
from llmcost.scenario import Said, Scenario, resolve
from tests.conftest import Cli

SIDES = {
    "train": ("total_usd", "gpu_hours", "co2e_kg"),
    "serve": ("usd_per_mtok_output", "usd_per_month", "tpot_seconds"),
    "crossover": ("crossover_days", "training_usd"),
}


def _scenario(kind: str, r: random.Random) -> str:
    model = r.choice(("llama-3.1-8b", "llama-3.1-70b"))
    lines = [f'model = "{model}"', f'hardware = "{r.choice(("h100-sxm", "h200-sxm"))}"']
    if kind != "serve":
        lines += [f'tokens = "{r.randint(1, 15)}T"', f"train_gpus = {r.choice((512, 1024, 2048))}"]
    if kind != "train":
        lines += ['serve_dtype = "fp8"', f"isl = {r.randint(200, 3000)}", f"osl = {r.randint(100, 800)}"]
        lines += [f'requests = "{r.randint(1, 100)}M/day"', "tp = 4" if kind == "serve" else "serve_tp = 4"]
    return "\n".join(lines) + "\n"


def repository(folder: Path) -> list[tuple[str, str, str, str, str, float]]:
    """Write 50 scenarios and 120 limits; what each limit says: file, command, side, key, quantile, level."""
    r = random.Random(8)
    said: list[tuple[str, str, str, str, str, float]] = []
    text = []
    for i in range(50):
        kind = ("train", "serve", "crossover")[i % 3]
        (folder / f"s{i}.toml").write_text(_scenario(kind, r))
        text.append(f'[[budget]]\nname = "b{i}"\nscenario = "s{i}.toml"\n')
        count = 2 if i < 30 else 3
        keys = [(kind, key) for key in SIDES[kind]] + [("serve", "usd_per_month")] * (kind == "crossover")
        for on, key in keys[:count]:
            at, side = r.choice(("p5", "p50", "p95")), "min" if key == "crossover_days" else "max"
            level = 10 ** r.uniform(
                *{
                    "total_usd": (5, 8),
                    "gpu_hours": (4, 7),
                    "co2e_kg": (4, 7),
                    "usd_per_mtok_output": (-2, 1),
                    "usd_per_month": (4, 7),
                    "tpot_seconds": (-2.5, -0.5),
                    "crossover_days": (1, 3.5),
                    "training_usd": (5, 8),
                }[key]
            )
            said.append((f"s{i}.toml", on, side, key, at, level))
            text.append(f'{side}_{key} = {{ fail = {level!r}, at = "{at}" }}\n')
    (folder / "llmcost.toml").write_text("".join(text))
    return said


def _alone(file: str, on: str, side: str, key: str, at: str, level: float) -> tuple[float | None, bool]:
    """The figure and whether it is inside, from the command itself."""
    ask: Any = getattr(llmcost, on)
    answer = ask(file)
    value = answer.result[key] if at == "p50" or key not in answer.ranges else getattr(answer.ranges[key], at)
    if value is None:  # beyond the horizon
        return None, side == "min"
    return value, value <= level if side == "max" else value >= level


def test_verdicts_equal_those_computed_one_by_one(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = repository(tmp_path)
    assert len(said) == 120
    run = cli("check", "--json")
    rows = {(r["scenario"], r["on"], r["limit"]): r for r in run.json["rows"]}
    assert len(rows) == 120
    assert run.code == 1
    for file, on, side, key, at, level in said[::3]:  # a third of them: each is a question of its own
        row = rows[file, on, f"{side}_{key}"]
        value, inside = _alone(file, on, side, key, at, level)
        assert (row["estimate"], row["verdict"]) == (value, "ok" if inside else "fail"), row
    words = [r["verdict"] for r in run.json["rows"]]
    assert min(words.count("ok"), words.count("fail")) > 20  # a test that could fail either way
    assert words == sorted(words, key=("ok", "warn", "fail").index)


def test_each_scenario_and_command_is_answered_once(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcost.estimate.check import answers

    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text('gpu_hours = "2.788M"\nprice = "2/h"\n')
    limits = "max_total_usd = 1\nmax_gpu_hours = 1\nmax_run_usd = 1\n"
    (tmp_path / "llmcost.toml").write_text(f'[[budget]]\nscenario = "run.toml"\n{limits}' * 3)
    asked = []
    train = answers.ENGINES["train"]

    def counted(scenario: Any, catalog: Any) -> Any:
        asked.append(1)
        return train(scenario, catalog)

    monkeypatch.setitem(answers.ENGINES, "train", counted)
    assert len(cli("check", "--json").json["rows"]) == 9
    assert len(asked) == 1


def test_keys_of_two_commands_are_known() -> None:
    """A number that both train and serve have, and mean differently, asks for `on`."""
    from llmcost.estimate.check.answers import AMBIGUOUS

    train, serve = (getattr(llmcost, on)("llama-3.1-70b-chat").result for on in ("train", "serve"))
    numbers = [k for k in train.keys() & serve.keys() if isinstance(train[k], int | float) and train[k] is not True]
    assert set(numbers) <= set(AMBIGUOUS), "a key of train and serve: name it in AMBIGUOUS of estimate/check/answers.py"


def test_a_scenario_of_many_budgets_is_read_once(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of budgets about one scenario: its values are parsed once, and every verdict is still given."""
    read: list[str] = []

    def counted(flags: Mapping[str, object], *files: Said) -> Scenario:
        read.extend(file.where for file in files)
        return resolve(flags, *files)

    monkeypatch.setattr("llmcost.estimate.check.answers.resolve", counted)
    (tmp_path / "s.toml").write_text(_scenario("train", random.Random(8)))
    budgets = "".join(f'[[budget]]\nname = "b{i}"\nscenario = "s.toml"\nmax_total_usd = {i + 1}\n' for i in range(40))
    (tmp_path / "b.toml").write_text(budgets)
    run = cli("check", str(tmp_path / "b.toml"), "--json")
    assert len(run.json["rows"]) == 40, run.err
    assert len(read) == 1


def test_a_table_draws_the_worst_and_counts_the_others(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(_scenario("train", random.Random(8)))
    limit = '[[budget]]\nname = "b{}"\nscenario = "s.toml"\nmax_total_usd = {}\n'
    (tmp_path / "llmcost.toml").write_text("".join(limit.format(i, 10 if i == 7 else 1e12) for i in range(205)))
    text = cli("check").out
    assert text.count("max_total_usd") == 202  # 200 rows, the sentence that leads, the reason of the worst
    assert "and 5 that are less bad (5 ok): --json has all" in text
    assert "b7: " in text
    assert len(cli("check", "--json").json["rows"]) == 205
    (tmp_path / "llmcost.toml").write_text("".join(limit.format(i, 1e12) for i in range(200)))
    assert "less bad" not in cli("check").out
