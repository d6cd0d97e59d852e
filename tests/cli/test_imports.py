"""What an ordinary command never imports: extras, and what only one of its answers needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = ("transformers", "torch", "gguf", "pandas", "polars", "matplotlib", "dask", "distributed", "jinja2", "pyarrow")
ASKED = ("-m", "llama-3.1-8b", "-H", "h100-sxm")
SERVED = (*ASKED, "--isl", "500", "--osl", "100")
GIVEN = ("--train-cost", "1M", "--cost-per-request", "0.05", "--requests", "1M/day", "--samples", "50")
COMMANDS = (
    ("train", *ASKED, "--tokens", "1T", "--gpus", "64", "--samples", "50"),
    ("serve", *SERVED, "--requests", "1M/day", "--samples", "50", "--explain"),
    ("fit", *ASKED),
    ("fit", "-m", "config.json", "-H", "rtx4090", "--method", "qlora", "--gpus", "1"),
    ("crossover", *GIVEN, "--actuals", "bill.csv", "--json"),
    ("crossover", *GIVEN, "--chart"),
    ("compare", *SERVED, "--vary", "isl=100,200", "--samples", "50", "--format", "csv"),
    ("check", "llmcost.toml", "--format", "markdown"),
    ("presets", "list", "models", "--family", "qwen"),
    ("presets", "search", "qwen"),
    ("presets", "import", "config.json", "-o", "-"),
    ("trace", "log.csv"),
    ("validate", "serving", "--data", "measured.csv"),
    ("calibrate", "measured.csv", "-o", "mine.toml"),
    ("sweep", *ASKED, "--osl", "100", "--vary", "isl=100..800:3", "-o", "grid.csv"),
    ("explain", "W015"),
    ("schema", "serve"),
)
# a finder before all others sees every import, of a package that is there and of one that is not
PROGRAM = """
import io, contextlib, json, sys
heavy, commands = json.loads(sys.argv[1])
asked = []
class Seen:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy or name in heavy:
            asked.append(name)
sys.meta_path.insert(0, Seen())
from llmcost.cli import main
found = []
for words in commands:
    before, out, err = len(asked), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    found.append([code, sorted(set(asked[before:])), err.getvalue()])
print(json.dumps(found))
"""
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
    "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "tie_word_embeddings": True, "torch_dtype": "bfloat16", "max_position_embeddings": 131072, "head_dim": 64,
}  # fmt: skip
BUDGET = '[[budget]]\nscenario = "run.toml"\non = "train"\nmax_total_usd = "6M"\n'
RUN = 'model = "deepseek-v3"\ngpu_hours = "2.788M"\nprice = "2/h"\n'
BENCHMARK = (
    "model,hardware,n_gpus,tp,dtype,framework,isl,osl,concurrency,ttft_ms,tpot_ms\n"
    "llama-3.1-8b,h100-sxm,1,1,bf16,vllm,1000,200,8,60,8\nllama-3.1-8b,h100-sxm,1,1,bf16,vllm,1000,200,32,120,11\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hours = [f"2026-01-0{1 + i // 24}T{i % 24:02d}:00:00Z,{100 + i},{50 + i}\n" for i in range(60)]
    texts = {
        "config.json": json.dumps(LLAMA), "llmcost.toml": BUDGET, "run.toml": RUN, "measured.csv": BENCHMARK,
        "bill.csv": "date,cost_usd\n2026-01-01,100\n2026-02-01,200\n",
        "log.csv": "timestamp,input_tokens,output_tokens\n" + "".join(hours),
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def imported(folder: Path, commands: object, heavy: tuple[str, ...] = EXTRAS) -> list[tuple[int, list[str], str]]:
    said = json.dumps([heavy, commands])
    done = subprocess.run([sys.executable, "-c", PROGRAM, said], cwd=folder, capture_output=True, text=True, check=True)
    found: list[tuple[int, list[str], str]] = [tuple(row) for row in json.loads(done.stdout)]
    return found


def test_masked_arrays_are_not_imported_for_an_answer(folder: Path) -> None:
    growing = ("crossover", *GIVEN, "--growth", "5%/mo")
    commands = [growing, *(words for words in COMMANDS if words[0] in ("train", "serve", "fit", "crossover", "check"))]
    for words, (code, names, told) in zip(commands, imported(folder, commands, ("numpy.ma",)), strict=True):
        assert (code, names) == (0, []), (words, told)


def test_no_extra_is_imported_unless_asked(folder: Path) -> None:
    page = ("crossover", *GIVEN, "-o", "page.html")  # a page is made with jinja2: the finder sees it
    *found, last = imported(folder, [*COMMANDS, page])
    for words, (code, names, told) in zip(COMMANDS, found, strict=True):
        assert code == 0, (words, told)
        assert not names, words
    assert "jinja2" in last[1]
