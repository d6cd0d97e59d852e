"""Names of models as people type them: what each means, and what means nothing for certain."""

from __future__ import annotations

import pytest

from llmcost import spec
from llmcost.catalog import Catalog
from llmcost.engine.model.stored import checkpoint_of
from llmcost.errors import LlmcostError
from llmcost.names import models

CATALOG = Catalog()

# typed -> preset, and the format where the name says one
KNOWN = """
meta-llama/Llama-3.3-70B-Instruct llama-3.3-70b
meta-llama/Meta-Llama-3.1-8B-Instruct llama-3.1-8b
Meta-Llama-3-8B-Instruct llama-3-8b
llama3.1:8b llama-3.1-8b
llama3.1:70b-instruct-q4_K_M llama-3.1-70b q4_k_m
llama3:70b llama-3-70b
llama3.2:1b llama-3.2-1b
llama3.2:3b-instruct-fp16 llama-3.2-3b 16bit
llama3-1-8b llama-3.1-8b
llama-3-3-70b-instruct llama-3.3-70b
Llama3.3 llama-3.3-70b
llama3.3:latest llama-3.3-70b
unsloth/Llama-3.2-3B-Instruct-bnb-4bit llama-3.2-3b bnb-4bit
hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4 llama-3.1-70b awq
RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic llama-3.3-70b fp8-dynamic
RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16 llama-3.1-8b w4a16
RedHatAI/Llama-3.3-70B-Instruct-quantized.w8a8 llama-3.3-70b w8a8
nvidia/Llama-3.1-70B-Instruct-FP8 llama-3.1-70b fp8
bartowski/Llama-3.3-70B-Instruct-GGUF:Q5_K_M llama-3.3-70b q5_k_m
TheBloke/Llama-2-70B-Chat-GPTQ llama-2-70b gptq-4bit
ISTA-DASLab/gemma-3-27b-it-GPTQ-4b-128g gemma-3-27b gptq-4bit
ISTA-DASLab/Meta-Llama-3.1-8B-Instruct-GPTQ-8b-g128 llama-3.1-8b gptq-8bit
TheBloke/Mistral-7B-Instruct-v0.2-GPTQ:4bit-32g mistral-7b-v0.2 gptq-4bit
Qwen2.5-7B-Instruct-AWQ-int4-g128 qwen2.5-7b awq
llama2:13b llama-2-13b
meta.llama3-1-70b-instruct-v1:0 llama-3.1-70b
us.meta.llama3-3-70b-instruct-v1:0 llama-3.3-70b
mistral.mistral-7b-instruct-v0:2 mistral-7b-v0.2
accounts/fireworks/models/llama-v3p1-70b-instruct llama-3.1-70b
accounts/fireworks/models/qwen2p5-72b-instruct qwen2.5-72b
llama-3.3-70b-versatile llama-3.3-70b
llama-3.1-8b-instant llama-3.1-8b
meta-llama/llama-3.3-70b-instruct:free llama-3.3-70b
gpt-oss:120b-cloud gpt-oss-120b
gpt-4o-2024-08-06 gpt-4o
claude-3-5-sonnet-20241022 claude-3.5-sonnet
gemma3:27b-it-qat gemma-3-27b q4_0
gemma3:4b-it-qat gemma-3-4b q4_0
google/gemma-3-27b-it-qat-q4_0-gguf gemma-3-27b q4_0
google/gemma-3-12b-it-qat-q4_0-unquantized gemma-3-12b 16bit
mistral-small3.2:24b mistral-small-3.1
microsoft/Phi-3.5-mini-instruct phi-3-mini
mistralai/Pixtral-12B-2409 pixtral-12b
Qwen/QVQ-72B-Preview qwen2-vl-72b
amd/Llama-3.1-70B-Instruct-FP8-KV llama-3.1-70b fp8-kv
neuralmagic/Meta-Llama-3.1-405B-Instruct-FP8 llama-3.1-405b fp8-dynamic
meta-llama/Llama-3.1-405B-Instruct-FP8 llama-3.1-405b fp8
Llama-2-7b-chat-hf llama-2-7b
https://huggingface.co/meta-llama/Llama-3.1-405B llama-3.1-405b
models--meta-llama--Llama-3.1-8B llama-3.1-8b
meta-llama/Llama-4-Scout-17B-16E-Instruct llama-4-scout
meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 llama-4-maverick fp8
llama4:scout llama-4-scout
llama4:16x17b llama-4-scout
meta-llama/Llama-3.2-11B-Vision-Instruct llama-3.2-11b-vision
meta-llama/Llama-3.2-90B-Vision-Instruct llama-3.2-90b-vision
NousResearch/Hermes-3-Llama-3.1-8B llama-3.1-8b
nvidia/Llama-3.1-Nemotron-70B-Instruct-HF llama-3.1-70b
nvidia/Llama-3_3-Nemotron-Super-49B-v1_5 llama-3.3-nemotron-super-49b
codellama:34b codellama-34b
codellama/CodeLlama-7b-Instruct-hf codellama-7b
TinyLlama/TinyLlama-1.1B-Chat-v1.0 tinyllama
Qwen/Qwen2.5-72B-Instruct qwen2.5-72b
Qwen/Qwen2.5-7B-Instruct-AWQ qwen2.5-7b awq
Qwen/Qwen2.5-32B-Instruct-GPTQ-Int8 qwen2.5-32b gptq-8bit
qwen2.5:14b qwen2.5-14b
qwen2.5-coder:32b qwen2.5-32b
Qwen/Qwen2.5-Coder-7B-Instruct qwen2.5-7b
Qwen/Qwen2.5-Math-72B-Instruct qwen2.5-72b
Qwen/Qwen2.5-VL-7B-Instruct qwen2.5-vl-7b
Qwen/QwQ-32B qwen2.5-32b
qwq:32b qwen2.5-32b
Qwen/Qwen2-57B-A14B-Instruct qwen2-57b-a14b
qwen2:1.5b qwen2-1.5b
Qwen/Qwen1.5-110B-Chat qwen1.5-110b
qwen:7b-nothing -
qwen3:30b qwen3-30b-a3b
qwen3:30b-a3b-instruct-2507-q4_K_M qwen3-30b-a3b q4_k_m
Qwen/Qwen3-30B-A3B-Instruct-2507-FP8 qwen3-30b-a3b fp8
Qwen/Qwen3-235B-A22B-Thinking-2507 qwen3-235b-a22b
Qwen/Qwen3-4B-Instruct-2507 qwen3-4b
qwen3:0.6b qwen3-0.6b
Qwen3-32B-AWQ qwen3-32b awq
mlx-community/Qwen3-14B-4bit qwen3-14b mlx-4bit
mlx-community/Qwen3-8B-6bit qwen3-8b mlx-6bit
qwen3-coder:30b qwen3-30b-a3b
Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 qwen3-coder-480b-a35b fp8
Qwen/Qwen3-Coder-Next qwen3-next
Qwen/Qwen3-Next-80B-A3B-Instruct qwen3-next
Qwen/Qwen3-VL-8B-Instruct qwen3-vl-8b
qwen3-vl:32b qwen3-vl-32b
Qwen/Qwen3.5-9B qwen3.5-9b
Qwen/Qwen3.5-35B-A3B-GPTQ-Int4 qwen3.5-35b-a3b gptq-4bit
Qwen/Qwen3.6-27B-FP8 qwen3.5-27b fp8
nvidia/Qwen3.5-397B-A17B-NVFP4 qwen3.5-397b-a17b nvfp4
mistralai/Mistral-7B-Instruct-v0.2 mistral-7b-v0.2
mistralai/Mistral-7B-Instruct-v0.3 mistral-7b-v0.3
mistralai/Mistral-7B-v0.1 mistral-7b
mistralai/Mixtral-8x7B-Instruct-v0.1 mixtral-8x7b
mixtral:8x22b mixtral-8x22b
mistralai/Mistral-Nemo-Instruct-2407 mistral-nemo
mistral-nemo:12b mistral-nemo
mistralai/Mistral-Small-24B-Instruct-2501 mistral-small-3
mistralai/Mistral-Small-3.1-24B-Instruct-2503 mistral-small-3.1
mistralai/Mistral-Small-3.2-24B-Instruct-2506 mistral-small-3.1
mistral-small:24b mistral-small-3
mistral-small:22b codestral-22b
mistralai/Mistral-Large-Instruct-2411 mistral-large-2
mistral-large:123b mistral-large-2
mistralai/Codestral-22B-v0.1 codestral-22b
mistralai/Devstral-Small-2507 mistral-small-3
mistralai/Magistral-Small-2509 mistral-small-3.1
mistralai/Ministral-8B-Instruct-2410 ministral-8b
mistralai/Ministral-3-8B-Instruct-2512 ministral-3-8b
mistralai/Ministral-3-14B-Instruct-2512 ministral-3-14b
HuggingFaceH4/zephyr-7b-beta mistral-7b
google/gemma-3-27b-it gemma-3-27b
gemma3:4b gemma-3-4b
gemma3:12b-it-q8_0 gemma-3-12b q8_0
gemma2:9b gemma-2-9b
google/gemma-2-27b-it gemma-2-27b
gemma:2b gemma-2b
google/gemma-3n-E4B-it gemma-3n-e4b
gemma3n:e2b gemma-3n-e2b
google/gemma-4-E4B-it gemma-4-e4b
google/gemma-4-31B-it gemma-4-31b
Qwen/Qwen-72B-Chat qwen-72b
deepseek-coder:33b deepseek-coder-33b
EleutherAI/pythia-70m-deduped pythia-70m
baichuan-inc/Baichuan2-13B-Chat baichuan2-13b
stabilityai/stablelm-2-12b-chat stablelm-2-12b
openbmb/MiniCPM3-4B minicpm3-4b
ibm-granite/granite-3.1-1b-a400m-instruct granite-3.0-1b-a400m
ibm-research/PowerMoE-3b granite-3.1-3b-a800m
berkeley-nest/Starling-LM-7B-alpha mistral-7b
WizardLM/WizardCoder-Python-34B-V1.0 codellama-34b
microsoft/Phi-3.5-vision-instruct phi-3.5-vision
zai-org/GLM-4.6V-Flash glm-4.1v-9b
gemma-4-26B-A4B-it gemma-4-26b-a4b
google/medgemma-27b-text-it gemma-3-27b
phi4:14b phi-4
microsoft/phi-4 phi-4
microsoft/Phi-4-mini-instruct phi-4-mini
phi4-mini phi-4-mini
microsoft/Phi-4-reasoning phi-4
microsoft/Phi-3-mini-4k-instruct phi-3-mini
microsoft/Phi-3-medium-128k-instruct phi-3-medium
microsoft/Phi-3.5-MoE-instruct phi-3.5-moe
microsoft/phi-2 phi-2
deepseek-ai/DeepSeek-V3 deepseek-v3
deepseek-ai/DeepSeek-V3-0324 deepseek-v3
deepseek-ai/DeepSeek-V3.1-Terminus deepseek-v3
deepseek-ai/DeepSeek-V3.2-Exp deepseek-v3.2
deepseek-ai/DeepSeek-R1-0528 deepseek-r1
deepseek-r1:671b deepseek-r1
deepseek-r1:70b llama-3.3-70b
deepseek-r1:32b qwen2.5-32b
deepseek-r1:14b qwen2.5-14b
deepseek-r1:1.5b deepseek-r1-distill-qwen-1.5b
deepseek-ai/DeepSeek-R1-Distill-Llama-8B llama-3.1-8b
deepseek-ai/DeepSeek-R1-Distill-Qwen-32B qwen2.5-32b
deepseek-ai/DeepSeek-R1-0528-Qwen3-8B qwen3-8b
deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct deepseek-v2-lite
deepseek-ai/DeepSeek-V2.5 deepseek-v2
deepseek-ai/DeepSeek-V4-Flash deepseek-v4-flash
deepseek-ai/deepseek-coder-6.7b-instruct deepseek-coder-6.7b
openai/gpt-oss-120b gpt-oss-120b
gpt-oss:20b gpt-oss-20b
openai/gpt-oss-safeguard-20b gpt-oss-20b
moonshotai/Kimi-K2-Instruct-0905 kimi-k2
moonshotai/Kimi-K2-Thinking kimi-k2-thinking
moonshotai/Kimi-K2.5 kimi-k2.5
moonshotai/Kimi-K2.6 kimi-k2.5
moonshotai/Kimi-K3 kimi-k3
moonshotai/Kimi-Linear-48B-A3B-Instruct kimi-linear
zai-org/GLM-4.5-Air-FP8 glm-4.5-air fp8
zai-org/GLM-4.6 glm-4.5
zai-org/GLM-4.7 glm-4.5
zai-org/GLM-4.7-Flash glm-4.7-flash
zai-org/GLM-5 glm-5
zai-org/GLM-5.1 glm-5
zai-org/GLM-5.3 glm-5.3
zai-org/GLM-5.3-Flash glm-5.3-flash
zai-org/GLM-4.5V glm-4.5v
zai-org/GLM-4.6V-FP8 glm-4.6v fp8
zai-org/GLM-4.1V-9B-Thinking glm-4.1v-9b
OpenGVLab/InternVL3-78B internvl3-78b
OpenGVLab/InternVL3_5-30B-A3B internvl3.5-30b-a3b
internlm/Intern-S1 intern-s1
google/gemma-4-12B-it gemma-4-12b
poolside/Laguna-S-2.1-NVFP4 laguna-s-2.1 nvfp4
poolside/Laguna-XS.2 laguna-xs
meta-models/Muse-Glimmer-30B muse-glimmer-30b
speakleash/Bielik-11B-v3.0-Instruct bielik-11b
skt/A.X-4.0-Light a.x-4.0-light
deepseek-ai/DeepSeek-Prover-V2-671B deepseek-v3
wizardlm2:8x22b mixtral-8x22b
zai-org/GLM-4-32B-0414 glm-4-32b
MiniMaxAI/MiniMax-M2 minimax-m2
MiniMaxAI/MiniMax-M2.7 minimax-m2.5
nvidia/NVIDIA-Nemotron-Nano-9B-v2 nemotron-nano-9b-v2
nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16 nemotron-3-nano 16bit
nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4 nemotron-3-super nvfp4
ibm-granite/granite-4.0-h-small granite-4.0-h-small
ibm-granite/granite-3.3-8b-instruct granite-3.3-8b
granite3.3:8b granite-3.3-8b
CohereLabs/c4ai-command-a-03-2025 command-a
command-r-plus command-r-plus
CohereForAI/c4ai-command-r-08-2024 command-r-08-2024
LiquidAI/LFM2-8B-A1B lfm2-8b-a1b
LiquidAI/LFM2.5-1.2B-Instruct lfm2-1.2b
inclusionAI/Ling-flash-2.0 ling-flash-2.0
inclusionAI/Ling-1T ling-1t
rednote-hilab/dots.llm1.inst dots-llm1
LGAI-EXAONE/K-EXAONE-236B-A23B k-exaone-236b-a23b
LGAI-EXAONE/EXAONE-4.0-32B exaone-4.0-32b
meituan-longcat/LongCat-Flash-Chat longcat-flash
XiaomiMiMo/MiMo-V2-Flash mimo-v2-flash
arcee-ai/Trinity-Mini trinity-mini
tencent/Hunyuan-A13B-Instruct hunyuan-a13b
swiss-ai/Apertus-70B-Instruct-2509 apertus-70b
ByteDance-Seed/Seed-OSS-36B-Instruct seed-oss
HuggingFaceTB/SmolLM3-3B smollm3
HuggingFaceTB/SmolLM2-1.7B-Instruct smollm2-1.7b
allenai/OLMo-2-0325-32B-Instruct olmo-2-32b
allenai/Olmo-3-32B-Think olmo-3-32b
allenai/OLMoE-1B-7B-0924-Instruct olmoe
tiiuae/Falcon-H1-34B-Instruct falcon-h1-34b
tiiuae/falcon-40b-instruct falcon-40b
ai21labs/AI21-Jamba-Mini-1.6 jamba-v0.1
01-ai/Yi-1.5-34B-Chat yi-34b
bigcode/starcoder2-15b starcoder2-15b
baidu/ERNIE-4.5-21B-A3B-PT ernie-4.5-21b-a3b
upstage/SOLAR-10.7B-Instruct-v1.0 solar
Snowflake/snowflake-arctic-instruct snowflake-arctic
databricks/dbrx-instruct dbrx
EleutherAI/gpt-neox-20b gpt-neox
bigscience/bloomz-560m bloom-560m
openai-community/gpt2 gpt-2
nvidia/Llama-3_1-Nemotron-Ultra-253B-v1-FP8 llama-3.1-nemotron-ultra-253b fp8
stepfun-ai/step3 step3
Qwen/Qwen2.5-Omni-7B qwen2.5-omni-7b
Qwen/Qwen3-Omni-30B-A3B-Instruct qwen3-omni-30b-a3b
Qwen/Qwen3.8-Flash-Next-FP8 qwen3.8-flash-next fp8
Qwen/Qwen3.8-2.4T-A95B qwen3.8-2.4t-a95b
deepseek-ai/DeepSeek-OCR deepseek-ocr
deepseek-ai/DeepSeek-V4-Flash-0731 deepseek-v4-flash
thinkingmachines/Inkling-Small-NVFP4 inkling-small nvfp4
XiaomiMiMo/MiMo-V2.5-Pro mimo-v2.5-pro
poolside/Laguna-M.1-FP8 laguna-m.1 fp8
moonshotai/Kimi-VL-A3B-Thinking-2506 kimi-vl-a3b
microsoft/Phi-4-multimodal-instruct phi-4-multimodal
meta-llama/Llama-Guard-4-12B llama-guard-4-12b
mistralai/Devstral-2-123B-Instruct-2512 devstral-2-123b
bartowski/Qwen_Qwen3-32B-GGUF:Q4_K_M qwen3-32b q4_k_m
bartowski/mistralai_Mistral-Small-3.2-24B-Instruct-2506-GGUF mistral-small-3.1
qwen2.5vl:7b qwen2.5-vl-7b
google/gemma-4-12B-it-qat-w4a16-ct gemma-4-12b w4a16
MiniMaxAI/MiniMax-M3-MXFP8 minimax-m3 mxfp8
deepseek-ai/deepseek-moe-16b-chat deepseek-moe-16b
baidu/ERNIE-4.5-VL-28B-A3B-Thinking ernie-4.5-vl-28b-a3b
nvidia/Nemotron-H-47B-Reasoning-128K nemotron-h-47b
openbmb/MiniCPM-V-4_5 minicpm-v-4.5
ai21labs/AI21-Jamba2-3B jamba2-3b
ibm-granite/granite-4.0-tiny-preview granite-4.0-tiny-preview
agentica-org/DeepCoder-14B-Preview qwen2.5-14b
simplescaling/s1.1-32B qwen2.5-32b
zai-org/GLM-OCR glm-ocr
rednote-hilab/dots.ocr dots.ocr
moondream:1.8b moondream2
THUDM/chatglm3-6b chatglm3-6b
deepseek-ai/deepseek-vl2 deepseek-vl2
"""
# What is another shape, a size that nobody published, or says too little: never a preset.
NOTHING = """
llama3
llama-3.1
llama3.2:70b
llama-3.1-9b
llama-3.1-7b-instruct
meta-llama/Llama-3.2-8B
qwen3
qwen3:70b
qwen2.5:8b
Qwen/Qwen3-Embedding-8B
Qwen/Qwen3-Reranker-4B
Qwen/Qwen3-VL-7B-Instruct
mistral
mistral-small
mistral-small-2402
mistral-7b-v0.4
mistral-large
mixtral
gemma3
gemma-3-9b-it
gemma-3n-e8b
google/t5gemma-2b-2b
google/embeddinggemma-300m
deepseek-r1:8b
deepseek-v4
zai-org/GLM-5V-Turbo
zai-org/GLM-5.4-Flash
glm-4
nvidia/Llama-3.1-Minitron-4B-Width-Base
sparkarena/Minimax-M3-v0-NVFP4-REAP50
RedHatAI/Qwen3.8-2.4T-A95B-NVFP4-REAP-25
amd/PARD-Llama-3.2-1B
nvidia/gpt-oss-120b-Eagle3-v3
z-lab/Qwen3-4B-DFlash-b16
someone/unheard-of
kimi
deepseek-ai/DeepSeek-V4.1-Flash
open_llama_7b
gpt-5
command
granite-4.0
olmo
"""


def pairs() -> list[tuple[str, str, str]]:
    rows = [[*line.split(), ""][:3] for line in KNOWN.strip().splitlines()]
    return [(typed, preset, scheme) for typed, preset, scheme in rows if preset != "-"]


def test_there_are_enough_names_to_mean_something() -> None:
    assert len(pairs()) >= 150


@pytest.mark.parametrize(("typed", "preset", "scheme"), pairs(), ids=lambda x: str(x)[:40])
def test_a_name_means_its_model(typed: str, preset: str, scheme: str) -> None:
    found = CATALOG.find("models", typed)
    assert (found.name, found.scheme) == (preset, scheme)


@pytest.mark.parametrize("typed", NOTHING.split())
def test_a_guess_is_never_taken(typed: str) -> None:
    with pytest.raises(LlmcostError):
        CATALOG.find("models", typed)


def test_no_two_presets_share_a_name() -> None:
    files, aliases = CATALOG.files("models"), CATALOG.aliases("models")
    table = models.index({**aliases, **{name: name for name in files}})
    assert not [key for key, preset in table.items() if not preset]


@pytest.mark.parametrize(
    ("typed", "hints"),
    [
        ("llama3", ["llama-3-70b", "llama-3-8b"]),
        ("llama-3.2-7b", ["llama-3.2-3b", "llama-3.2-1b"]),
        ("qwen3:7b", ["qwen3-8b"]),
        ("gemma3:70b", ["gemma-3-27b"]),
        ("llama3.2:70b", ["llama-3.2-3b"]),
        ("llama3.1", ["llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"]),
        ("deepseek-r1:8b", ["deepseek-r1-distill-llama-8b", "deepseek-r1-0528-qwen3-8b"]),
        ("mistral-small", ["mistral-small-3", "mistral-small-4"]),
        ("mistral-medium-2505", ["mistral-medium-3.5"]),
        ("somebody/NeuralHermes-2.5-Mistral-7B", ["mistral-7b"]),
        ("meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", ["llama-3.1-405b"]),
    ],
)
def test_hints_are_of_the_family_and_the_nearest_size(typed: str, hints: list[str]) -> None:
    with pytest.raises(LlmcostError) as error:
        CATALOG.find("models", typed)
    assert all(f"'{hint}'" in error.value.hint for hint in hints)
    assert "llama-1" not in error.value.hint


@pytest.mark.parametrize(("typed", "seller"), [("gpt-5", "openai"), ("claude-opus-4-1", "anthropic")])
def test_a_closed_model_is_not_taken_for_an_old_one(typed: str, seller: str) -> None:
    with pytest.raises(LlmcostError) as error:
        CATALOG.find("models", typed)
    assert f"api:{seller}/{typed}" in error.value.hint
    assert "did you mean" not in error.value.hint


@pytest.mark.parametrize(
    ("typed", "preset"),
    # the README of Ollama, "Model library": what the name without a tag pulls
    [("llama3.2:latest", "llama-3.2-3b"), ("gemma3:latest", "gemma-3-4b"), ("library/llama3.1:latest", "llama-3.1-8b"),
     ("tinyllama:latest", "tinyllama")],
)  # fmt: skip
def test_the_tag_latest_is_what_a_runtime_pulls(typed: str, preset: str) -> None:
    found = CATALOG.find("models", typed)
    assert found.name == preset
    assert typed in found.warnings[0].message


@pytest.mark.parametrize(
    ("typed", "preset", "scheme"),
    # model cards: fine-tunes of Mistral Small 24B, Phi-3 mini, Qwen2.5-VL 7B and Qwen3.5 35B-A3B
    [("sarvamai/sarvam-m", "mistral-small-3", ""), ("microsoft/Phi-3-mini-128k-instruct", "phi-3-mini", ""),
     ("allenai/olmOCR-2-7B-1025-FP8", "qwen2.5-vl-7b", "fp8"), ("ornith-1.5-35b-a3b", "qwen3.5-35b-a3b", ""),
     # model cards: of Llama 3 8B, of Llama 3.1 8B with tokens added, of Yi 34B
     ("elyza/Llama-3-ELYZA-JP-8B", "llama-3-8b", ""), ("fdtn-ai/Foundation-Sec-8B", "llama-3.1-8b", ""),
     ("jondurbin/bagel-dpo-34b-v0.2", "yi-34b", ""),
     # the library of Ollama: what each page says it packs
     ("hermes3:70b", "llama-3.1-70b", ""), ("tulu3:8b-q4_K_M", "llama-3.1-8b", "q4_k_m"), ("aya:35b", "command-r", ""),
     ("wizardlm2:7b", "mistral-7b", ""), ("reader-lm:1.5b", "qwen2-1.5b", "")],
)  # fmt: skip
def test_a_fine_tune_of_a_name_of_its_own_has_the_shape_of_what_it_was_tuned_from(
    typed: str, preset: str, scheme: str
) -> None:
    found = CATALOG.find("models", typed)
    assert (found.name, found.scheme) == (preset, scheme)
    assert "the same class and, to 0.1 %, count of parameters" in found.warnings[0].message


@pytest.mark.parametrize(
    ("typed", "preset", "tokens"),
    # configurations and cards of the releases: tokens of max_position_embeddings
    [("zai-org/GLM-4.6", "glm-4.5", 202_752), ("glm-4.7", "glm-4.5", 202_752), ("zai-org/GLM-4.5", "glm-4.5", 131_072),
     ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3-30b-a3b", 262_144), ("Qwen/Qwen3-30B-A3B", "qwen3-30b-a3b", 40_960),
     ("qwen3:30b-a3b-thinking-2507-q4_K_M", "qwen3-30b-a3b", 262_144), ("qwen3-coder:30b", "qwen3-30b-a3b", 262_144),
     ("Qwen/Qwen3-8B-Base", "qwen3-8b", 32_768), ("moonshotai/Kimi-K2-Instruct-0905", "kimi-k2", 262_144),
     # what the name says itself; of a thinking budget it says nothing
     ("microsoft/Phi-3-mini-128k-instruct", "phi-3-mini", 131_072), ("Phi-3-mini-4k-instruct", "phi-3-mini", 4_096),
     ("01-ai/Yi-34B-200K", "yi-34b", 200_000), ("Qwen/Qwen2.5-7B-Instruct-1M", "qwen2.5-7b", 1_000_000),
     ("gradientai/Llama-3-8B-Instruct-Gradient-1048k", "llama-3-8b", 1_048_576), ("gpt-2-124m", "gpt-2", 1_024),
     ("BAAI/Infinity-Instruct-3M-0625-Llama3-8B", "llama-3-8b", 8_192),  # three million examples
     ("granite-3b-code-base-2k", "granite-3b-code", 2_048), ("MiniMaxAI/MiniMax-M1-80k", "minimax-m1", 1_000_000),
     ("RedHatAI/Llama-3.1-8B-Instruct-GPTQ-INT4-128g", "llama-3.1-8b", 131_072)],
)  # fmt: skip
def test_a_release_of_the_same_shape_keeps_its_own_context(typed: str, preset: str, tokens: int) -> None:
    model, found = CATALOG.load(spec.Model, typed)
    assert (found.name, model.max_context) == (preset, tokens)
    said = f"with a context of {tokens:,} tokens" in "".join(warning.message for warning in found.warnings)
    assert said == (found.context is not None)


def test_every_listed_context_is_another_than_the_preset_has() -> None:
    for row in CATALOG.table("contexts", "contexts"):
        for name in row["names"]:
            found = CATALOG.find("models", name)
            assert found.context == row["tokens"], name
            assert CATALOG.load(spec.Model, found.name)[0].max_context != row["tokens"] or "M1" in name, name


@pytest.mark.parametrize("mark", ["awq", "q4_k_m", "ud-q4_k_xl", "iq4_xs", "4bit", "3bit-mlx", "fp8", "nvfp4", "w4a16"])
@pytest.mark.parametrize("packer", ["mlx-community/", "unsloth/", ""])
@pytest.mark.parametrize("end", ["-mlx", "-gguf", ""])
def test_marks_of_formats_in_any_company_leave_the_model_as_it_is(mark: str, packer: str, end: str) -> None:
    assert models.read(f"{packer}Qwen3.5-27B-{mark}{end}").words == ("qwen", "3.5", "27b")


def test_every_format_that_a_name_can_say_is_known() -> None:
    known = {row["name"] for row in CATALOG.table("checkpoints", "schemes")}
    marks = [f"{n}{rest}" for n in range(1, 9) for rest in ("bit", "-bit", "bit-mlx", "bit-dwq", "bit-gptq", "bit-awq")]
    marks += [f"{i}q{n}_{rest}" for i in ("", "i") for n in range(1, 9) for rest in
              ("0", "1", "k", "k_s", "k_m", "k_l", "k_xl", "xxs", "xs", "s", "m", "nl")]  # fmt: skip
    said = {models.read(f"{owner}Qwen3-8B-{mark}").scheme for owner in ("", "mlx-community/") for mark in marks}
    assert said - {""} <= known


@pytest.mark.parametrize(
    ("typed", "preset", "scheme"),
    [("alonsoko/gemma-4-31b-it-abliterated-heretic-AWQ-W4A16", "gemma-4-31b", "awq"),
     ("Avesed/Qwen3.6-27B-INT8-W8A8", "qwen3.5-27b", "w8a8"),
     ("Minachist/Qwen3.6-35B-A3B-INT8-AutoRound", "qwen3.5-35b-a3b", "gptq-8bit"),
     ("zhiqing/Huihui-Qwen3.6-27B-abliterated-AWQ", "qwen3.5-27b", "awq"),
     ("sakamakismile/Qwen3.8-27B-MTP-NVFP4", "qwen3.5-27b", "nvfp4"), ("Command R+", "command-r-plus", ""),
     ("command-r+:104b-q4_K_M", "command-r-plus", "q4_k_m")],
)  # fmt: skip
def test_words_of_packers_and_marks_said_twice_change_no_shape(typed: str, preset: str, scheme: str) -> None:
    found = CATALOG.find("models", typed)
    assert (found.name, found.scheme) == (preset, scheme)


def test_every_listed_checkpoint_is_of_a_preset_that_there_is() -> None:
    rows = [*CATALOG.table("hub", "same"), *CATALOG.table("tags", "same")]
    assert {row["preset"] for row in rows} <= set(CATALOG.names("models"))
    names = [name for row in rows for name in row["names"]]
    assert len(names) == len(set(names)) > 480
    known = models.index(CATALOG._named("models"))
    assert not [name for name in names if models.resolve(name, known)]  # what a name says itself needs no list
    with pytest.raises(LlmcostError, match="unknown model"):
        CATALOG.find("models", "lift")  # one word without its owner says too little


@pytest.mark.parametrize("typed", ["deepseek-r1:latest", "mixtral:latest", "llama3:latest"])
def test_the_tag_latest_is_not_guessed_where_it_moved_or_no_list_has_it(typed: str) -> None:
    with pytest.raises(LlmcostError, match="unknown model") as error:
        CATALOG.find("models", typed)
    assert typed.removesuffix(":latest").replace("llama3", "llama-3") in error.value.hint


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("openai/whisper-large-v3", "a model of audio"), ("BAAI/bge-m3", "an embedding model"),
        ("nomic-embed-text:latest", "an embedding model"), ("bert-base-uncased", "an encoder"),
        ("Qwen/Qwen3-Embedding-8B", "an embedding model"), ("google/t5-v1_1-xxl", "an encoder with a decoder"),
        ("stabilityai/stable-diffusion-xl-base-1.0", "a model of pictures"), ("state-spaces/mamba-2.8b", "state-space"),
        ("tiiuae/falcon-mamba-7b", "state-space"), ("google/flan-t5-xl", "an encoder with a decoder"),
        ("black-forest-labs/FLUX.1-dev", "a model of pictures"), ("RadixArk/Kimi-K3-DSpark", "a drafter"),
        ("nvidia/Nemotron-Labs-Diffusion-3B", "by diffusion"), ("Qwen/Qwen3-TTS-12Hz-1.7B-Base", "a model of audio"),
        ("baidu/ERNIE-4.9-VL-28B-A3B-PT", "unknown model"), ("deepseek-ai/DeepSeek-V4.1-Flash", "half of its layers"),
        ("apple/OpenELM-3B-Instruct", "in every layer"), ("upstage/Solar-Open2-250B", "no public list"),
    ],
)  # fmt: skip
def test_a_name_of_a_model_that_is_not_covered_says_what_it_is(typed: str, said: str) -> None:
    with pytest.raises(LlmcostError, match=said):
        CATALOG.find("models", typed)


def test_a_tag_without_a_format_says_that_runtimes_pull_narrow_ones() -> None:
    assert "--model qwen3:8b-q4_K_M" in CATALOG.find("models", "qwen3:8b").warnings[0].hint
    assert "presets show" in CATALOG.find("models", "gpt-oss:20b").warnings[0].hint  # published in 4 bits


def test_trained_for_a_format_is_not_stored_in_it() -> None:
    codes = [w.code for w in CATALOG.find("models", "google/gemma-3-27b-it-qat").warnings]
    assert codes == ["W023", "W024"]


def test_how_a_name_was_read_is_said() -> None:
    (note,) = CATALOG.find("models", "Qwen/Qwen3-32B-AWQ").warnings
    assert (note.code, note.message) == ("W023", "'Qwen/Qwen3-32B-AWQ' is read as qwen3-32b stored as awq")
    assert not CATALOG.find("models", "qwen3-32b").warnings


def test_a_format_that_is_not_clear_is_said() -> None:
    codes = [w.code for w in CATALOG.find("models", "unsloth/Qwen3-8B-GGUF").warnings]
    assert codes == ["W023", "W024"]


def test_a_quantised_name_is_stored_so() -> None:
    model, _ = CATALOG.load(spec.Model, "Qwen/Qwen3-32B-AWQ")
    stored = checkpoint_of(model)
    assert stored.attention is not None
    assert (stored.method, stored.attention.bits, stored.rest.bits) == ("awq", 4.15625, 16.0)
    assert (model.native_dtype, stored.activation_dtype) == ("int4", None)
    assert CATALOG.load(spec.Model, "gpt-oss-20b-mxfp4")[0] == CATALOG.load(spec.Model, "gpt-oss-20b")[0]


def test_a_model_in_the_place_of_a_scenario_is_named() -> None:
    with pytest.raises(LlmcostError, match="it is a model") as error:
        CATALOG.find("scenarios", "llama-3.1-8b")
    assert error.value.hint == "--model llama-3.1-8b"


def test_every_file_format_of_a_name_has_a_size_or_is_said_to_be_unclear() -> None:
    """Blocks of 32 weights in 20, 22 and 24 bytes (ggml-common.h): 5, 5.5 and 6 bits; Q4_K is Q4_K_M in llama.cpp."""
    catalog = Catalog()

    def bits(scheme: str) -> float:
        checkpoint = catalog.load(spec.Model, f"qwen3-8b-{scheme}")[0].checkpoint
        return float(checkpoint.rest.bits) if checkpoint and checkpoint.rest else 16.0

    assert [bits(name) for name in ("q4_1", "q5_0", "q5_1", "q2_k", "q4_k")] == [5.0, 5.5, 6.0, 3.1593, 4.8944]
    kinds = ("s", "m", "l", "xl", "xs", "xxs", "nl")
    for name in [f"{q}_{k}" for q in ("iq1", "iq2", "iq3", "iq4", "q3_k", "q6_k", "q8_k") for k in kinds] + ["q8_k"]:
        assert 2.0 <= bits(name) <= 16.0, name
