"""Every wrong input answers in one line with exit code 2, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli

TRAIN = ("train", "--model", "llama-3.1-8b", "--tokens", "15T", "--hardware", "h100-sxm", "--gpus", "1024")
CROSS = ("crossover", "--train-cost", "150M", "--cost-per-request", "0.05", "--requests", "10M/day")


def _said(*args: str) -> tuple[str, ...]:
    """`TRAIN` or `CROSS` with more options, which replace those of the same name."""
    words = list(args)
    for name in [w for w in args if w.startswith("--")]:
        while words.count(name) > 1:
            del words[words.index(name) : words.index(name) + 2]
    return tuple(words)


WRONG = [
    ("train", "--model", "llama-3.1-70", "--tokens", "1T"),
    ("train", "--model", "", "--tokens", "1T"),
    ("train", "--model", "../../etc/passwd", "--tokens", "1T"),
    ("train", "--model", "no-such.toml", "--tokens", "1T"),
    ("train", "--model", "\x1b[31mred\x1b[0m", "--tokens", "1T"),
    ("train", "--model", "[bold]x[/bold]", "--tokens", "1T"),
    (*TRAIN, "--hardware", "h1000"),
    (*TRAIN, "--provider", "amazonia"),
    (*TRAIN, "--region", "atlantis"),
    (*TRAIN, "--mfu", "40"),
    (*TRAIN, "--mfu", "0"),
    (*TRAIN, "--mfu", "-40%"),
    (*TRAIN, "--mfu", "140%"),
    (*TRAIN, "--mfu", "nan"),
    (*TRAIN, "--mfu", "45%..35%"),
    (*TRAIN, "--goodput", "inf"),
    (*TRAIN, "--tokens", "15TB"),
    (*TRAIN, "--tokens", "0"),
    (*TRAIN, "--tokens", "-1T"),
    (*TRAIN, "--tokens", "1e400"),
    (*TRAIN, "--tokens", "1,000"),
    (*TRAIN, "--tokens", "\x1b]0;pwned\x07"),
    (*TRAIN, "--gpus", "0"),
    (*TRAIN, "--gpus", "1.5"),
    (*TRAIN, "--gpus", "-8"),
    (*TRAIN, "--gpus", "99999999999999999999999999"),
    (*TRAIN, "--price", ".50/h"),
    (*TRAIN, "--price", "2.5"),
    (*TRAIN, "--purchase-price", "0"),
    (*TRAIN, "--price", "bash.12/h"),
    (*TRAIN, "--dtype", "fp7"),
    (*TRAIN, "--commitment", "2-year"),
    (*TRAIN, "--pue", "0.5"),
    (*TRAIN, "--as-of", "yesterday"),
    (*TRAIN, "--as-of", "1999-01-01"),
    (*TRAIN, "--format", "yaml"),
    (*TRAIN, "--samples", "0"),
    (*TRAIN, "--samples", "100000000"),
    (*TRAIN, "--config", "/"),
    ("train", "/"),
    ("train", "/dev/zero"),
    ("train", ""),
    ("serve", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "1e30", "--osl", "5"),
    ("",),
    (*TRAIN, "--presets", "/no/such/folder"),
    (*TRAIN, "--config", "/no/such/file.toml"),
    (*TRAIN, "-o", "/no/such/folder/x.json"),
    (*TRAIN, "--no-such-option"),
    ("train",  "--tokens", "1T"),
    ("train", "--model", "llama-3.1-8b", "--params", "8B", "--tokens", "1T", "--hardware", "h100-sxm"),
    ("train", "--params", "8B", "--params-active", "9B", "--tokens", "1T", "--hardware", "h100-sxm"),
    ("train", "no-such-scenario"),
    ("train", "no/such/file.toml"),
    ("trian",),
    (*CROSS, "--start", "01/01/2027"),
    (*CROSS, "--start", "2027-02-30"),
    (*CROSS, "--start", "9999-12-31"),
    (*CROSS, "--start", "0001-01-01"),
    (*CROSS, "--horizon", "5m"),
    (*CROSS[:-2], "--traffic", "/dev/zero"),
    (*CROSS[:-2], "--traffic", "/no/such.csv"),
    (*CROSS[:-2], "--traffic", "/"),
    (*CROSS, "--horizon", "2000y"),
    (*CROSS, "--requests", "10M"),
    (*CROSS, "--requests", "0/day"),
    (*CROSS, "--requests", "-5/day"),
    ("crossover", "--train-cost", "150M"),
    ("crossover", "--cost-per-request", "0.05"),
    ("crossover", "--train-cost", "150M", "--energy-per-request", "1kWh", "--requests", "1M/day"),
    ("compare", "--train-cost", "1M", "--vary", "colour=red,blue"),
    ("compare", "--train-cost", "1M", "--vary", "price"),
    ("compare", *CROSS[1:]),
    ("presets", "list", "colours"),
    ("presets", "show", "llama-3.1-70"),
    ("presets", "check", "/no/such.toml"),
    ("presets", "new", "models", "Bad Name"),
    ("presets", "import", "/no/such.json"),
    ("presets", "import", "/"),
    ("presets", "import", "/dev/zero"),
    ("schema", "trian"),
]  # fmt: skip


@pytest.mark.parametrize("args", WRONG, ids=lambda a: " ".join(a)[-60:].encode("unicode_escape").decode())
def test_one_line_and_exit_code_2(cli: Cli, args: tuple[str, ...]) -> None:
    run = cli(*_said(*args))
    assert run.code == 2, run
    assert run.out == ""
    assert "is given 2 times" not in run.err
    errors = [line for line in run.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, run.err
    assert "\nhint: " in run.err, "no next step"
    assert all(line.startswith(("error: ", "hint: ")) for line in run.err.splitlines()), run.err
    assert len(errors[0]) < 400
    assert "Traceback" not in run.err
    assert all(c == "\n" or c.isprintable() for c in run.err)


def test_an_option_given_twice_is_refused(cli: Cli) -> None:
    run = cli("train", "-m", "llama-3.1-8b", "--model=mistral-7b", "--gpus", "8", "--gpus", "16", "--json", "--json")
    assert run.code == 2
    assert [line for line in run.err.splitlines() if line.startswith("error")] == [
        "error: --model is given 2 times",
        "error: --gpus is given 2 times",
    ]
    assert cli("presets", "list", "--format", "json", "--format", "csv").code == 2
    assert cli("compare", *CROSS[3:], "--vary", "train_cost=1M,2M", "--vary", "horizon=1y,2y", "-q").code == 0


def test_hints_name_the_command(cli: Cli) -> None:
    assert "hint: llmcost presets check --help" in cli("presets", "check").err
    assert "hint: llmcost --help" in cli("").err
    assert "did you mean" not in cli("presets", "show", "nosuch").err  # nothing is near


HINTS = [
    (("--model", "meta-llama/Llama-3.1-9B-Instruct"), "did you mean 'llama-3.1-8b'"),
    (("--model", "someone/unheard-of"), "llmcost presets import config.json"),
    (("--method", "sft"), "here it is 'full'"),
    (
        ("--method", "rl", "--rollout-tokens", "1B"),
        "--method and --rollout-tokens decide the answer: leave --tokens out",
    ),
]


@pytest.mark.parametrize(("args", "hint"), HINTS, ids=lambda a: " ".join(a)[:40])
def test_what_a_newcomer_types_has_a_hint_of_its_own(cli: Cli, args: tuple[str, ...], hint: str) -> None:
    run = cli(*_said(*TRAIN, *args))
    assert run.code == 2, run
    assert f"hint: {hint}" in run.err


def test_a_term_that_is_not_quoted_is_answered_without_dollars(cli: Cli) -> None:
    run = cli(*_said(*TRAIN, "--provider", "aws", "--commitment", "3-year"))
    assert run.code == 0, run
    assert "(gcp has it, or give --price 2.50/h)" in run.err


FILES = {
    "broken": b"model = ",
    "binary": b"\x00\xff\xfe",
    "latin": "title = 'caf\xe9'".encode("latin-1"),
    "unknown key": b"modle = 'llama-3.1-8b'",
    "wrong type": b"model = 3",
    "list": b"tokens = [1, 2]",
    "table": b"[tokens]\nhigh = 3",
    "boolean": b"gpus = true",
    "nan": b"mfu = nan",
    "huge": b"gpus = 10000000000000000000000000000000",
    "date": b"tokens = 2026-01-01",
    "far date": b"start = 9999-12-31",
    "time of day": b"start = 2026-01-01T00:00:00",
    "escape": b'model = "\\u001b[31mx"',
    "escape in key": b'"\\u001b[31mx" = 1',
    "deep": b"a = " + b"[" * 2000 + b"]" * 2000,
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(FILES[name])
    run = cli("train", str(path))
    assert run.code == 2, run
    assert run.err.startswith("error: ")
    assert "bad.toml" in run.err.splitlines()[0]
    assert "Traceback" not in run.err
    assert all(c == "\n" or c.isprintable() for c in run.err)
    assert cli("train", "-", stdin=FILES[name]).code == 2


def test_messages_of_other_libraries_are_not_quoted_twice(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('model = "llama')
    assert "broken TOML: Unterminated string (at end of document)" in cli("train", str(path)).err
    models = tmp_path / "models"
    models.mkdir()
    (models / "mine.toml").write_text('title = "x"\nn_layers = -3\nsources = 3\n')
    err = cli("train", "--presets", str(tmp_path), "--model", "mine", "--tokens", "1T").err
    assert "mine.toml: n_layers: expected a whole number >= 1, got -3" in err
    assert "mine.toml: sources: expected a list, got 3" in err


def test_half_an_architecture_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "mine.toml"
    text = (ROOT / "presets" / "models" / "deepseek-v3.toml").read_text("utf-8")
    text = text.replace("vocab_size = 129280\n", "").replace("mla_kv_lora_rank = 512\n", "")
    path.write_text(
        text.replace("moe_topk = 8", "moe_topk = 800").replace("n_layers = 61", "n_layers = 1"), encoding="utf-8"
    )
    wanted = [
        "mine.toml: missing vocab_size",
        "mine.toml: missing mla_kv_lora_rank",
        "mine.toml: moe_first_dense_layers 3 is above n_layers 1",
        "mine.toml: moe_topk 800 is above moe_experts 256",
    ]
    for question in (("train", "--tokens", "1T"), ("serve", "--isl", "9", "--osl", "9")):
        run = cli(*question, "--model", str(path), "--hardware", "h200-sxm", "--price", "2/h")
        assert run.code == 2
        assert [line.removeprefix("error: ") for line in run.err.splitlines() if line.startswith("error: ")] == wanted
    checked = cli("presets", "check", str(path))
    assert checked.code == 1
    assert all(finding in checked.out for finding in wanted)


def test_a_word_that_is_no_choice_lists_the_choices(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "x"\nnorm = "rsm"\nattention = "{"a" * 5000}"\nparams_total = 1e9\n')
    err = cli("train", "--model", str(path), "--tokens", "1T").err
    assert "mine.toml: norm: 'rsm' is not one of rms, ln, ln_nobias, none" in err
    assert "did you mean 'rms'" in err
    assert max(map(len, err.splitlines())) < 200


def test_a_byte_order_mark_and_a_pipe_are_read(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'\xef\xbb\xbfgpu_hours = 3e6\r\nprice = "2/h"\r\n')
    assert cli("train", str(path), "-q").out.strip() == "6000000"
    read, write = os.pipe()
    os.write(write, b'gpu_hours = 3e6\nprice = "2/h"\n')
    os.close(write)
    assert cli("train", f"/dev/fd/{read}", "-q").out.strip() == "6000000"
    os.close(read)


def test_unreadable_files_do_not_hide_what_is_wrong_in_the_others(cli: Cli, tmp_path: Path) -> None:
    for name, text in (("broken", "model ="), ("wrong", "modle = 3\nmfu = 40")):
        (tmp_path / f"{name}.toml").write_text(text)
    run = cli("presets", "check", *(str(tmp_path / f"{n}.toml") for n in ("broken", "wrong", "missing")))
    assert run.code == 2
    assert len([line for line in run.err.splitlines() if line.startswith("error")]) == 4


def test_closed_and_full_streams(tmp_path: Path) -> None:
    main = [sys.executable, "-m", "llmcost"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for args, shell in (
        (["--version"], ">/dev/full"),
        (["schema", "train"], ">/dev/full"),
        (["--help"], ">/dev/full"),
        (["train", "-"], "<&-"),
        (CROSS, ">&-"),
        (CROSS, ">/dev/full"),
    ):
        done = subprocess.run(
            ["sh", "-c", f'"$@" {shell}', "sh", *main, *args], capture_output=True, text=True, check=False, env=env
        )
        assert done.returncode == 2, (args, shell)
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd {gone} && rmdir {gone} && "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *main, *CROSS, "-o", "x.json"], capture_output=True, text=True, check=False, env=env
    )
    assert "cannot write 'x.json'" in done.stderr


def test_all_findings_of_a_file_and_of_the_options_at_once(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('modle = "x"\nmfu = 40\ntokens = "15TB"\n')
    run = cli("train", str(path), "--gpus", "0")
    errors = [line for line in run.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 4
    assert "did you mean 'model'" in run.err
    assert any("--gpus" in e for e in errors)


def test_unknown_names_suggest_the_nearest(cli: Cli) -> None:
    assert "llama-3.1-70b" in cli("train", "--model", "llama-3.1-70", "--tokens", "1T").err
    assert "train" in cli("trian").err
    assert "--hardware" in cli("train", "--hardwear", "h100-sxm").err


def test_nothing_is_half_written(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")
    assert cli("train", "--model", "nope", "--tokens", "1T", "--json", "-o", str(target)).code == 2
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


IGNORED = [
    ("train", "--gpu-hours", "1M", "--price", "2/h", "--mfu", "40%"),
    ("train", "--gpu-hours", "1M", "--price", "2/h", "--region", "france"),
    (*TRAIN, "--mfu", "40%", "--tp", "4"),
    (*TRAIN, "--price", "2/h", "--commitment", "1-year"),
    (*CROSS, "--hardware", "h100-sxm"),
    (*CROSS, "--train-price", "2/h"),
    (
        *("serve", "-m", "llama-3.1-8b", "-H", "l40s", "--isl", "9", "--osl", "9", "--tokens-per-second", "99/s"),
        *("--ttft", "1s"),
    ),
]


@pytest.mark.parametrize("args", IGNORED, ids=" ".join)
def test_an_option_that_changes_nothing_is_refused(cli: Cli, args: tuple[str, ...]) -> None:
    run = cli(*args)
    assert run.code == 2, run
    assert f"{args[-2]} has no effect" in run.err


def test_a_scenario_may_say_more_than_a_command_needs(cli: Cli) -> None:
    assert cli("train", "llama-3.1-70b-chat", "-q").code == 0


def test_output_goes_to_regular_files_alone(cli: Cli, tmp_path: Path) -> None:
    given = ("train", "--gpu-hours", "1M", "--price", "2/h", "-o")
    fifo, folder, frozen, link = (tmp_path / n for n in ("fifo", "folder", "frozen", "link"))
    os.mkfifo(fifo)
    folder.mkdir()
    frozen.write_text("before")
    frozen.chmod(0o400)
    for target in (fifo, folder, frozen, ""):
        assert cli(*given, target).code == 2
    assert frozen.read_text() == "before"
    real = tmp_path / "real.txt"
    real.write_text("before")
    real.chmod(0o600)
    link.symlink_to(real)
    assert cli(*given, link).code == 0
    assert link.is_symlink()
    assert "GPU-hours" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600
    assert {p.name for p in tmp_path.iterdir()} == {"fifo", "folder", "frozen", "link", "real.txt"}


REFUSED = [
    ("serve", "-m", "llama-3.1-405b", "-H", "h100", "--gpus", "4", "--isl", "100", "--osl", "100"),
    ("serve", "-m", "llama-3.1-8b", "-H", "h100", "--isl", "1000", "--osl", "100", "--tpot", "1us"),
    ("serve", "-m", "llama-3.1-8b", "-H", "h100", "--isl", "1000", "--osl", "100", "--batch", "1000000"),
    ("serve", "-m", "llama-3.1-8b", "-H", "h100", "--isl", "1000", "--osl", "100", "--requests", "1B/day", "--gpus", "8"),
    ("train", "-m", "llama-3.1-405b", "--tokens", "1T", "-H", "h100", "--gpus", "8"),
    ("crossover", "-m", "llama-3.1-70b", "--tokens", "1T", "-H", "h100", "--train-gpus", "512", "--serve-gpus", "2", "--isl", "100", "--osl", "100", "--requests", "1B/day"),
    ("crossover", "-m", "llama-3.1-405b", "--tokens", "1T", "-H", "h100", "--train-gpus", "8", "--isl", "100", "--osl", "100", "--requests", "1M/day"),
]  # fmt: skip


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_no_is_an_answer_with_exit_code_1(cli: Cli, args: tuple[str, ...]) -> None:
    run = cli(*args, "--json")
    assert run.code == 1, run
    answer = run.json
    assert answer["result"]["feasible"] is False
    assert answer["result"]["reason"].lower()[:20] in answer["headline"].lower()
    assert cli(*args).code == 1


RATED = (
    *("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--isl", "1000", "--osl", "200"),
    *("--tokens-per-second", "900/s"),
)
TIMED = ("--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--gpu-hours", "1M")


@pytest.mark.parametrize(
    ("asked", "idle"),
    [
        (("serve", *RATED), ("--cache-hit", "30%")),
        (("serve", *RATED), ("--bandwidth-scale", "2")),
        (("train", *TIMED), ("--compute-scale", "2")),
    ],
)
def test_what_a_given_speed_leaves_without_effect(cli: Cli, asked: tuple[str, ...], idle: tuple[str, ...]) -> None:
    run = cli(*asked, *idle)
    assert run.code == 2
    assert f"{idle[0]} has no effect in this question" in run.err
    watts = [cli(*asked, *power, "--json").json["result"] for power in ((), ("--power-scale", "2"))]
    key = "energy_kwh" if asked[0] == "train" else "wh_per_request"
    assert watts[1][key] > watts[0][key]


@pytest.mark.parametrize(
    ("option", "values"),
    [("dtype", "fp8,bf16"), ("gpus", "4,8"), ("isl", "1000,2000"), ("price", "2/h,3/h"), ("hardware", "h100,b200"), ("model", "qwen3-32b,qwen3-8b")],
)  # fmt: skip
def test_a_list_for_one_value_is_shown_the_way_to_ask_for_each(cli: Cli, option: str, values: str) -> None:
    asked = {"model": "qwen3-32b", "hardware": "h100", "isl": "1000", "osl": "300"} | {option: values}
    run = cli("serve", *(text for key, value in asked.items() for text in (f"--{key}", value)))
    assert run.code == 2
    assert run.err.splitlines()[-1].endswith(f"llmcost compare --vary {option}={values}")


def test_digits_in_groups_are_one_number(cli: Cli) -> None:
    assert "write 1024 or 1_024" in cli("serve", "-m", "qwen3-32b", "--gpus", "1,024").err


BROKEN_FILES = {
    "trace": ("t.csv", "timestamp,input_tokens\n", "timestamp,input_tokens,output_tokens"),
    "validate serving --data": ("v.json", '{"duration": 3, "completed": ', "concurrency,isl,osl,mean_ttft_ms"),
    "crossover llama-3.1-70b-chat --actuals": ("b.csv", "date,amount\n2026-01-40,3\n", "date,amount,currency"),
    "serve": ("scene.toml", "a = [1", "key = 3"),
}


@pytest.mark.parametrize("command", BROKEN_FILES)
def test_a_broken_file_says_what_to_give_in_its_place(cli: Cli, tmp_path: Path, command: str) -> None:
    name, text, hint = BROKEN_FILES[command]
    (tmp_path / name).write_text(text)
    done = cli(*command.split(), str(tmp_path / name))
    assert done.code == 2
    assert hint in done.err


def test_a_missing_file_names_the_near_one_of_its_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "scene.toml").write_text("requests = 1\n")
    done = cli("serve", str(tmp_path / "scem.toml"))
    assert done.code == 2
    assert "did you mean" in done.err
    assert "scene.toml" in done.err


@pytest.mark.parametrize(
    ("option", "said", "hint"),
    [
        ("--tpot", "10ms..20ms", "write 10.0ms, and ask again with 20.0ms"),
        ("--tp", "1..4", "write 1, and ask again with 4"),
    ],
)
def test_a_range_where_one_number_is_taken_is_called_a_range(cli: Cli, option: str, said: str, hint: str) -> None:
    run = cli("serve", "-m", "llama-3.1-8b", "-H", "h100-sxm", "--isl", "500", "--osl", "100", option, said)
    assert run.code == 2
    assert f"{option}: '{said}' is a range: this takes one number\nhint: {hint}" in run.err
