"""The work and the software that does it."""

from __future__ import annotations

from llmcost.dtypes import ALL, DTYPES
from llmcost.keys.key import CROSSOVER, SERVE, Key

BATCHING = ("continuous", "static")
POOLS = ("colocated", "disaggregated")
PHASES = ("prefill", "decode")
ARRIVALS = ("poisson", "steady", "burst")
KEPT = ("ttft", "tpot")
COMPUTED = tuple(dtype.name for dtype in ALL if dtype.computes)

KEYS = (
    Key("isl", "count", "Workload", "input tokens per request: 1000", (SERVE, CROSSOVER), ranged=True, most=1e9),
    Key("osl", "count", "Workload", "output tokens per request: 500", (SERVE, CROSSOVER), ranged=True, most=1e9),
    Key("cache_hit", "share", "Workload", "share of input tokens found in the prefix cache: 50%", (SERVE, CROSSOVER),
        most=0.999),
    Key("shared_prompt", "share", "Workload", "share of input tokens that all requests begin with: 30%",
        (SERVE,), most=0.999),
    Key("session_share", "share", "Workload", "share of input tokens that its session has sent before: 50%",
        (SERVE,), most=0.999),
    Key("sessions", "count", "Workload", "sessions open at once on a replica, whose histories the cache may hold: 500",
        (SERVE,)),
    Key("cache_curve", "text", "Workload", "share of input tokens that a cache of so many tokens finds: 500k:5%,5M:22%",
        (SERVE,)),
    Key("length_spread", "ratio", "Workload", "standard deviation of the lengths over their mean, lognormal: 1.2",
        (SERVE, CROSSOVER), most=10.0),
    Key("lengths", "file", "Workload", "lengths of requests: a CSV file with columns isl and osl", (SERVE, CROSSOVER)),
    Key("trace", "file", "Workload", "log of requests: its lengths, traffic, peaks and reused prefixes, where nothing "
        "else is said of them", (SERVE, CROSSOVER)),
    Key("requests", "per_day", "Workload", "traffic: 10M/day, 250/s", (SERVE, CROSSOVER), ranged=True),
    Key("requests_per_user", "per_day", "Workload", "requests of one user: 15/day", (SERVE,), ranged=True),
    Key("kv_dtype", "choice", "Serving", "KV cache format", (SERVE, CROSSOVER), choices=tuple(DTYPES)),
    Key("dtypes", "choices", "Serving", "formats from which to choose the cheapest: fp8,bf16",
        (SERVE, CROSSOVER), choices=tuple(DTYPES)),
    Key("compute_dtype", "choice", "Serving", "format of the arithmetic, if it differs from that of the weights",
        (SERVE, CROSSOVER), choices=COMPUTED),
    Key("max_num_seqs", "whole", "Serving", "maximum number of sequences that the engine runs at once: 256", (SERVE, CROSSOVER)),
    Key("chunk_tokens", "whole", "Serving", "prompt tokens that an iteration of the engine carries at most: 2048",
        (SERVE, CROSSOVER)),
    Key("arrivals", "choice", "Serving", "whether requests come at random, evenly spaced, or as many at once",
        (SERVE,), choices=ARRIVALS),
    Key("users_at_once", "whole", "Serving", "users of a replica who each wait for an answer before asking again: 32",
        (SERVE,)),
    Key("slo_p99", "choices", "Serving", "targets that 99 % of the most users at once keep: ttft,tpot",
        (SERVE,), choices=KEPT),
    Key("peer_access", "choice", "Serving", "whether cards on one bus read one another's memory, or go by way of the host's",
        (SERVE, CROSSOVER), choices=("yes", "no")),
    Key("expert_imbalance", "ratio", "Serving", "load of the busiest expert rank over the mean, less 1: 0.3",
        (SERVE, CROSSOVER), most=100.0),
    Key("phase", "choice", "Serving", "prompts without answers, or answers to prompts that arrive cached",
        (SERVE,), choices=PHASES),
    Key("pools", "choice", "Serving", "whether the same accelerators run prompts and answers, or separate pools",
        (SERVE, CROSSOVER), choices=POOLS),
    Key("batching", "choice", "Serving", "whether requests join and leave at any step, or a batch ends together",
        (SERVE, CROSSOVER), choices=BATCHING),
    Key("batch", "whole", "Serving", "requests in flight per replica, in place of the best that fits",
        (SERVE, CROSSOVER)),
    Key("tpot", "seconds", "Serving", "target time per output token: 50ms, or none", (SERVE, CROSSOVER), none=True),
    Key("ttft", "seconds", "Serving", "target time to first token: 2s, or none", (SERVE, CROSSOVER), none=True),
    Key("ttft_p95", "seconds", "Serving", "time to first token that 95 % of requests keep, random arrivals: 2s",
        (SERVE, CROSSOVER)),
    Key("utilization", "share", "Serving", "share of the fleet's capacity that traffic uses: 60%",
        (SERVE, CROSSOVER), least=0.001, ranged=True),
    Key("tokens_per_second", "per_second", "Serving", "output tokens per second of one replica, given: 4391/s",
        (SERVE, CROSSOVER), ranged=True),
    Key("cost_per_request", "usd_per_request", "Serving", "cost of a request, given: 0.05", (SERVE, CROSSOVER),
        ranged=True),
    Key("energy_per_request", "kwh", "Serving", "energy of a request, given: 1.0e-4kWh",
        (SERVE, CROSSOVER), ranged=True),
)  # fmt: skip
