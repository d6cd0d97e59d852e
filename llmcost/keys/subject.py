"""What is trained or served, and on what."""

from __future__ import annotations

from llmcost.dtypes import DTYPES
from llmcost.keys.key import CROSSOVER, SERVE, TRAIN, Key

ZERO = ("0", "1", "2", "3")
RECOMPUTE = ("none", "selective", "full")

# five times the largest that was ever tried: 174T, BaGuaLu (Ma et al., PPoPP 2022)
MOST_PARAMS = 1e15

KEYS = (
    Key("model", "models", "Model", "model preset (llmcost presets list models) or file.toml", short="-m"),
    Key("params", "count", "Model", "parameters, in place of a model: 70B", ranged=True, most=MOST_PARAMS),
    Key("params_active", "count", "Model", "parameters active per token (mixture of experts): 37B", ranged=True),
    Key("calibration", "file", "Hardware", "constants learnt from measurements of your own (llmcost calibrate): "
        "mystack.toml"),
    Key("hardware", "hardware", "Hardware", "accelerator (llmcost presets list hardware), 8xh100, a cloud's "
        "p5.48xlarge, or file.toml", sided=True, short="-H"),
    Key("gpus", "whole", "Hardware", "number of accelerators: 8", sided=True),
    Key("dtype", "choice", "Hardware", "compute and weight format", sided=True, choices=tuple(DTYPES)),
    Key("framework", "frameworks", "Hardware", "software it runs on (llmcost presets list frameworks): vllm",
        sided=True),
    Key("framework_year", "calendar_year", "Hardware", "year of that software, if not the current one: 2024",
        sided=True, least=2019.0, most=2026.0),  # of the measured rows
    Key("tp", "whole", "Layout", "tensor-parallel ranks", sided=True),
    Key("pp", "whole", "Layout", "pipeline-parallel stages", sided=True),
    Key("ep", "whole", "Layout", "expert-parallel ranks", sided=True),
    Key("dp", "whole", "Layout", "data-parallel attention groups of a serving replica that share its experts",
        (SERVE, CROSSOVER)),
    Key("machine_gpus", "whole", "Layout", "accelerators of one machine, beyond which the network is: 8",
        (SERVE, CROSSOVER)),
    Key("network_bandwidth", "bytes_per_second", "Layout", "network of each machine (training: of each place) to the "
        "others, all its cards together: 100Gbit/s", sided=True, ranged=True),
    Key("network_latency", "seconds", "Layout", "time of a message from a machine to another: 30us", (SERVE, CROSSOVER),
        ranged=True, most=1.0),  # by a geostationary satellite it takes a quarter of it
    Key("vpp", "whole", "Layout", "virtual stages per pipeline stage", (TRAIN, CROSSOVER)),
    Key("cp", "whole", "Layout", "context-parallel ranks", (TRAIN, CROSSOVER)),
    Key("sp", "whole", "Layout", "ranks that split sequences by Ulysses (sequence_parallel_size)", (TRAIN, CROSSOVER)),
    Key("zero", "choice", "Layout", "ZeRO stage", (TRAIN, CROSSOVER), choices=ZERO),
    Key("micro_batch", "whole", "Layout", "sequences per micro-batch", (TRAIN, CROSSOVER)),
    Key("recompute", "choice", "Layout", "activation recomputation", (TRAIN, CROSSOVER), choices=RECOMPUTE),
    Key("recompute_layers", "whole", "Layout", "layers that are recomputed in full, the others selectively",
        (TRAIN, CROSSOVER)),
)  # fmt: skip
