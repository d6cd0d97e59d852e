"""`llmcost train --method`: FLOPs by the counts of the papers, memory that fits or does not, phases that add up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Cli

SEVENTY = ("train", "--model", "llama-3.1-70b", "--tokens", "1B", "--hardware", "h100-sxm", "--gpus", "8")
MATMUL = 70_553_706_496 - 128_256 * 8192  # parameters less the input embedding
HEAD = 128_256 * 8192
ATTENTION = 4 * 64 * 128 * 80 * 8192 / 2  # 4 h e L S / 2, forward, causal mean
# rank 16 on every linear layer: r (d_in + d_out): q, o 16384 each; k, v 9216 each; three of 8192 + 28672
ADAPTERS = 16 * 80 * (2 * 16_384 + 2 * 9_216 + 3 * 36_864)


def _result(cli: Cli, *args: str) -> Any:
    run = cli(*args, "--json")
    assert run.code == 0, run.err
    return run.json["result"]


def test_pre_training_is_6n_and_8n_with_full_recomputation(cli: Cli) -> None:
    # Kaplan et al. 2020: 6N; Narayanan et al. 2021, section 5.1: one more forward pass, not of the head
    result = _result(cli, *SEVENTY[:-1], "64", "--recompute", "full")
    assert result["flops_per_token"] == pytest.approx(6 * MATMUL + 3 * ATTENTION, rel=1e-9)
    again = 2 * (MATMUL - HEAD) + ATTENTION
    assert result["hardware_flops"] == pytest.approx(1e9 * (6 * MATMUL + 3 * ATTENTION + again), rel=1e-9)


def test_lora_is_4n_and_6n_with_full_recomputation(cli: Cli) -> None:
    # Hu et al. 2021, arXiv:2106.09685: no weight gradient of frozen weights
    result = _result(cli, *SEVENTY, "--method", "lora", "--adapted", "all-linear", "--recompute", "full")
    model = 4 * MATMUL + 6 * ADAPTERS + 3 * ATTENTION
    assert result["flops_per_token"] == pytest.approx(model, rel=1e-9)
    assert result["training_flops"] == pytest.approx(1e9 * model, rel=1e-9)
    again = 2 * (MATMUL - HEAD) + 2 * ADAPTERS + ATTENTION
    assert result["hardware_flops"] == pytest.approx(1e9 * (model + again), rel=1e-9)


def test_embedding_and_head_are_trained_whole_beside_adapters(cli: Cli) -> None:
    """2 x 128,256 x 8,192 more parameters with gradients and states; the head adds the gradient of its weights, 2 FLOPs each."""
    asked = (*SEVENTY, "--method", "lora", "--recompute", "full")
    plain, more = (cli(*asked, "--adapted", where, "--json") for where in ("all-linear", "+embeddings"))
    assert plain.code == more.code == 0, more.err
    added = more.json["result"]["flops_per_token"] - plain.json["result"]["flops_per_token"]
    assert added == pytest.approx(2 * HEAD, rel=1e-6)
    assert more.json["inputs"]["trained_embedding_params"]["value"] == 2 * 128_256 * 8_192


@pytest.mark.parametrize(("method", "model", "hardware"), [("full", 6.0, 8.0), ("lora", 4.0, 6.0), ("qlora", 4.0, 6.0)])
def test_counts_alone_give_the_rules(cli: Cli, method: str, model: float, hardware: float) -> None:
    # adapters of rank 16 are 0.3 % of 70B: 6 of them add 0.02 to 4N
    args = ("train", "--params", "70B", "--tokens", "1B", "--hardware", "h100-sxm", "--method", method)
    result = _result(cli, *args, "--recompute", "full")
    assert result["flops_per_token"] == pytest.approx(model * 70e9, rel=0.006)
    assert result["hardware_flops_per_token"] == pytest.approx(hardware * 70e9, rel=0.006)


def test_lora_fits_where_full_fine_tuning_does_not(cli: Cli) -> None:
    # 16 bytes x 70.6e9 / 8 = 141 GB of states on each 80 GB accelerator; LoRA: 2 bytes, 17.6 GB
    refused = cli(*SEVENTY, "--method", "full", "--json")
    assert refused.code == 1
    assert refused.json["result"]["feasible"] is False
    assert refused.json["result"]["missing_bytes"] > 141e9 - 80e9
    assert refused.json["result"]["smallest_gpus"] >= 1129e9 / 80e9
    held = _result(cli, *SEVENTY, "--method", "lora")
    assert 17.6e9 < held["memory_bytes_per_gpu"] < 79.65 * 2**30


def test_qlora_fits_where_lora_does_not(cli: Cli) -> None:
    # one accelerator of 80 GB: 141 GB in 16 bits; 68.5e9 x 0.516 + 2.1e9 x 2 = 39.5 GB in 4 bits (Dettmers et al. 2023)
    one = (*SEVENTY[:-1], "1", "--global-batch-tokens", "65536", "--seq-len", "4096")
    assert cli(*one, "--method", "lora", "--json").code == 1
    assert 39.5e9 < _result(cli, *one, "--method", "qlora")["memory_bytes_per_gpu"] < 80e9


# 70B on 16 accelerators with tp 4 and pp 4 are 4.4e9 parameters on each. The usual states, 16 bytes, are 71 GB of 85; the
# activations of 80 layers in flight (34 s b h / t, Korthikanti et al. 2022) 23 GB more. So that run kept leaner states
# or recomputed; 1,816 tokens/s are 762 TFLOP/s, as many as 7B reaches (681), which leave no time to recompute. The page
# does not say which: states of 16 bits are those that fit.
LEANER = ("--optimizer", "adamw-bf16")


@pytest.mark.parametrize(
    ("method", "model", "gpus", "tp", "pp", "measured", "more"),
    # NVIDIA NeMo user guide 24.12, performance summary, fine-tuning on H100 in FP8, sequences packed to 4,096,
    # 32 of them per step: tokens per second of each GPU. None of these rows is in the fit.
    [
        ("full", "llama-2-7b", 8, 1, 1, 16_891, ()),
        ("full", "llama-2-13b", 8, 1, 4, 10_176, ()),
        ("full", "llama-2-70b", 16, 4, 4, 1_816, LEANER),
        ("lora", "llama-2-7b", 8, 1, 1, 24_824, ()),
        ("lora", "llama-2-13b", 8, 1, 1, 14_629, ()),
        ("lora", "llama-2-70b", 8, 2, 4, 2_621, ()),
    ],
)
def test_measured_fine_tuning_lies_in_the_range(
    cli: Cli, method: str, model: str, gpus: int, tp: int, pp: int, measured: float, more: tuple[str, ...]
) -> None:
    layout = ("--gpus", str(gpus), "--tp", str(tp), "--pp", str(pp), "--micro-batch", "1", *more)
    run = ("--dtype", "fp8", "--seq-len", "4096", "--tokens", "10M", "--global-batch-tokens", "131072")
    args = ("train", "--model", model, "--method", method, "--hardware", "h100-sxm", *layout, *run, "--json")  # fmt: skip
    answer = cli(*args).json
    hours = 10e6 / measured / 3600
    assert answer["ranges"]["compute_gpu_hours"]["p5"] < hours < answer["ranges"]["compute_gpu_hours"]["p95"]
    assert answer["result"]["compute_gpu_hours"] == pytest.approx(hours, rel=0.3)


def test_usual_states_of_70b_leave_no_room_on_16(cli: Cli) -> None:
    run = (*SEVENTY[:-1], "16", "--method", "full", "--tp", "4", "--pp", "4", "--micro-batch", "1", "--seq-len", "4096")
    refused = cli(*run, "--dtype", "fp8", "--recompute", "selective", "--json")
    assert refused.code == 1
    assert refused.json["result"]["missing_bytes"] > (71 + 23 - 85) * 1e9


def test_distillation_adds_the_teachers_forward_pass(cli: Cli) -> None:
    # 2N + A of the teacher on every token: 2 x 69.5e9 + 10.7e9
    args = ("train", "--model", "llama-3.1-8b", "--tokens", "1B", "--hardware", "h100-sxm", "--gpus", "8")
    student = _result(cli, *args)
    both = cli(*args, "--method", "distill", "--teacher", "llama-3.1-70b", "--json").json
    extra = both["result"]["flops_per_token"] - student["flops_per_token"]
    assert extra == pytest.approx(2 * MATMUL + ATTENTION, rel=1e-9)
    assert "llama-3.1-70b" in both["headline"]
    assert cli(*args, "--method", "distill").code == 2


def test_preference_tuning_adds_the_forward_pass_of_its_reference(cli: Cli) -> None:
    # Rafailov et al. 2023, equation 7: log-probabilities of the policy (6N to train) and of the frozen reference (2N)
    args = ("train", "--params", "8B", "--hardware", "h100-sxm", "--tokens", "1B", "--method")
    assert _result(cli, *args, "dpo")["training_flops"] == pytest.approx(8 * 8e9 * 1e9, rel=1e-12)
    # with adapters (Hu et al. 2021) the frozen weights have no weight gradient: 4N for 6N
    run = "train --model llama-3.1-70b --hardware 8xh100 --offload activations --tokens 1B --method"
    added = [_result(cli, *run.split(), f"{dpo}lora") for dpo in ("dpo-", "")]
    extra = added[0]["flops_per_token"] - added[1]["flops_per_token"]
    assert extra == pytest.approx(2 * MATMUL + ATTENTION, rel=1e-9)


def test_the_reference_of_adapters_is_the_same_weights_without_them(cli: Cli) -> None:
    # llama-3.1-8b has 8.03e9 parameters: 2 bytes of each on 8 accelerators are 2.0e9 bytes on one
    fit = ("fit", "--model", "llama-3.1-8b", "--hardware", "8xh100", "--seq-len", "2048", "--json", "--method")
    beside = {
        method: {row["name"]: row["bytes"] for row in cli(*fit, method).json["memory"]}.get("models beside it", 0.0)
        for method in ("dpo", "dpo-lora", "dpo-qlora")
    }
    assert beside["dpo"] == pytest.approx(2 * 8.03e9 / 8, rel=1e-3)
    assert not beside["dpo-lora"]
    assert not beside["dpo-qlora"]


@pytest.mark.parametrize("method", ["dpo", "dpo-lora"])
def test_a_pair_of_answers_stays_in_one_micro_batch(cli: Cli, method: str) -> None:
    args = ("--model", "llama-3.1-8b", "--hardware", "8xh100", "--seq-len", "2048", "--method", method)
    fit = cli("fit", *args, "--json").json["result"]
    assert fit["largest_micro_batch"] % 2 == 0
    assert fit["micro_batch"] % 2 == 0
    half = cli("train", *args, "--tokens", "10M", "--micro-batch", "1")
    assert half.code == 2
    assert "--micro-batch 2" in half.err


def test_reinforcement_learning_counts_rollouts_scoring_and_updates(cli: Cli) -> None:
    # Shao et al. 2024: 2N generated, 2N reference, 6N update; two passes over the rollouts: 16N per generated token
    args = ("train", "--params", "8B", "--hardware", "h100-sxm", "--method", "rl", "--rollout-tokens", "1B")
    assert _result(cli, *args)["training_flops"] == pytest.approx(10 * 8e9 * 1e9, rel=1e-12)
    assert _result(cli, *args, "--epochs", "2")["training_flops"] == pytest.approx(16 * 8e9 * 1e9, rel=1e-12)


def test_decoding_is_slower_than_its_flops(cli: Cli) -> None:
    args = ("train", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--method", "rl", "--rollout-tokens", "1B")
    answer = cli(*args, "--gpus", "16", "--json").json
    phases = {row["name"]: row for row in answer["phases"]}
    assert phases["rollouts"]["training_flops"] == pytest.approx(phases["reference policy"]["training_flops"])
    assert phases["rollouts"]["compute_gpu_hours"] > 2 * phases["reference policy"]["compute_gpu_hours"]
    assert "W016" in [w["code"] for w in cli(*args, "--json").json["warnings"]]
    # one name for one thing: the step's MFU in inputs and result, that of all phases beside it (H100: 989.4 TFLOP/s)
    found = answer["result"]
    assert found["mfu"] == answer["inputs"]["mfu"]["value"]
    seconds = 3600 * sum(row["compute_gpu_hours"] for row in answer["phases"])
    assert found["run_mfu"] == pytest.approx(found["training_flops"] / (989.4e12 * seconds), rel=1e-3)
    assert found["run_mfu"] < found["mfu"]


@pytest.mark.parametrize(
    "extra",
    [
        ("--method", "rl", "--rollout-tokens", "1B", "--reward-model", "llama-3.1-8b", "--epochs", "2"),
        ("--method", "distill", "--teacher", "llama-3.1-70b", "--tokens", "1B", "--epochs", "3"),
        ("--method", "continue", "--tokens", "100B", "--long-tokens", "10B", "--long-seq-len", "131072"),
        ("--method", "distill", "--teacher", "llama-3.1-70b", "--tokens", "1B", "--long-tokens", "1B",
         "--long-seq-len", "32768"),
    ],
    ids=lambda e: f"{e[1]} {len(e)}",
)  # fmt: skip
def test_phases_add_up(cli: Cli, extra: tuple[str, ...]) -> None:
    args = ("train", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--gpus", "64", *extra, "--json")
    answer = cli(*args).json
    for key in ("training_flops", "compute_gpu_hours"):
        assert sum(row[key] for row in answer["phases"]) == pytest.approx(answer["result"][key], rel=1e-9)
    assert sum(row["seconds"] for row in answer["step"]) == pytest.approx(answer["result"]["step_seconds"], rel=1e-9)


def test_epochs_repeat_the_tokens(cli: Cli) -> None:
    args = ("train", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--mfu", "40%", "--method", "full")
    once = _result(cli, *args, "--tokens", "300M")
    thrice = _result(cli, *args, "--tokens", "100M", "--epochs", "3")
    assert thrice["training_flops"] == pytest.approx(once["training_flops"], rel=1e-12)
    assert thrice["tokens"] == once["tokens"] == 300e6


def test_a_long_context_phase_pays_for_its_attention(cli: Cli) -> None:
    # attention grows with the sequence: 16 times 4 h e L x 8192 / 2 at 131,072, on the long tokens alone
    args = ("train", "--model", "llama-3.1-70b", "--hardware", "h100-sxm", "--mfu", "40%", "--seq-len", "8192")
    plain = _result(cli, *args, "--tokens", "110B")
    mixed = _result(cli, *args, "--tokens", "100B", "--long-tokens", "10B", "--long-seq-len", "131072")
    assert mixed["tokens"] == plain["tokens"]
    extra = mixed["training_flops"] - plain["training_flops"]
    assert extra == pytest.approx(10e9 * 3 * 15 * ATTENTION, rel=1e-6)
    assert cli(*args, "--tokens", "1B", "--long-tokens", "1B").code == 2


def test_hardware_flops_are_those_of_the_steps(cli: Cli) -> None:
    result = _result(cli, *SEVENTY[:-1], "32")
    steps = 1e9 / result["global_batch_tokens"]
    peak = 989.4e12 * 32
    assert result["hardware_flops"] == pytest.approx(result["hfu"] * result["step_seconds"] * peak * steps, rel=1e-3)
    assert result["hardware_flops"] >= result["training_flops"]


def test_other_methods_do_not_take_the_tokens_of_pre_training(cli: Cli) -> None:
    run = cli("train", "--model", "llama-3.1-8b", "--method", "lora", "--hardware", "h100-sxm")
    assert run.code == 2
    assert "--tokens" in run.err


@pytest.mark.parametrize(
    "asked",
    [
        "--model llama-3.1-405b --hardware h100-sxm --gpus 16384 --recompute selective",
        "--model llama-3.1-8b --hardware h100-sxm --gpus 64",
        "--model mixtral-8x7b --hardware a100-80gb-sxm --gpus 128",
        "--model deepseek-v3 --hardware h100-sxm --gpus 1000 --method qlora",  # 40 of them wait
        "--model qwen3-30b-a3b --hardware rtx4090 --gpus 1536 --global-batch-tokens 4194304",  # steps of two batches
        "--model deepseek-v2-lite --hardware mi300x --gpus 12 --method dpo --global-batch-tokens 65536",
        "--model llama-3.1-8b --hardware h100-sxm --gpus 64 --micro-batch 3",  # its batch follows
        "--model qwen3-30b-a3b --hardware h100-sxm --gpus 16",  # 43 of 48 layers recomputed in full
    ],
)
def test_a_printed_layout_given_back_gets_the_same_answer(cli: Cli, asked: str) -> None:
    run = ("train", *asked.split(), "--tokens", "1T", "--samples", "50", "--json")
    open_ = cli(*run).json["result"]
    degrees = [k for k in ("tp", "pp", "vpp", "cp", "sp", "ep", "zero", "micro_batch") if k != "ep" or open_[k] > 1]
    mixed = re.fullmatch(r"selective, (\d+) of \d+ layers in full", open_["recompute"])
    degrees += [] if mixed else ["recompute"]
    layout = ["--recompute-layers", mixed[1]] if mixed else []
    layout += [p for k in degrees if (flag := f"--{k.replace('_', '-')}") not in run for p in (flag, str(open_[k]))]
    assert cli(*run, *layout).json["result"]["gpu_hours"] == open_["gpu_hours"]


@pytest.mark.parametrize(
    ("asked", "why", "nearest"),
    # by hand: 512 sequences have no 3 among their divisors; 32 layers in 20 stages leave 8 places empty, more than 3;
    # 64 = 2^6; 32 heads; 8 experts; 256 experts over 24 leave 16
    [
        ("--global-batch-tokens 4194304 --micro-batch 3", "512 sequences a step", "--micro-batch 2 or --micro-batch 4"),
        ("--global-batch-tokens 4194304 --pp 4 --vpp 5", "into 20 stages", "--vpp 4 or --vpp 8"),
        ("--pp 1 --vpp 2", "one pipeline stage has no virtual stages", "--vpp 1"),
        ("--pp 3", "64 accelerators do not divide by 3 (--pp)", "--pp 2 or --pp 4"),
        ("--tp 8 --pp 4 --cp 4", "64 accelerators do not divide by 128 (--tp x --pp x --cp)", "--cp 2"),
        ("--tp 3 --gpus 24", "32 attention heads", "--tp 2 or --tp 4"),
        ("--model mixtral-8x7b --gpus 4 --tp 1 --ep 8", "into groups of 8", "--ep 4"),
        ("--model mixtral-8x7b --ep 3", "8 experts do not split", "--ep 2 or --ep 4"),
        ("--model glm-5 --method lora --gpus 24 --ep 24", "256 experts do not split", "--ep 16 or --ep 32"),
    ],
)
def test_what_does_not_divide_is_refused_with_the_nearest_that_does(
    cli: Cli, asked: str, why: str, nearest: str
) -> None:
    rest = {"--model": "llama-3.1-8b", "--gpus": "64"}
    said = [part for flag, value in rest.items() if flag not in asked for part in (flag, value)]
    run = cli("train", *said, "--hardware", "h100-sxm", "--tokens", "1B", *asked.split())
    assert run.code == 2
    line, hint = run.err.strip().splitlines()
    assert why in line
    assert hint == f"hint: {nearest}"


def test_a_micro_batch_decides_a_batch_that_is_open(cli: Cli) -> None:
    asked = ("train", "--model", "llama-3.1-8b", "--hardware", "8xh100", "--tokens", "1B", "--method", "lora")
    found = _result(cli, *asked, "--micro-batch", "3", "--seq-len", "4096")
    assert found["global_batch_tokens"] % (3 * 4096 * found["dp"]) == 0
