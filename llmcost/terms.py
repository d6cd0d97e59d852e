"""Every name in an answer: its label, kind, unit and meaning. `docs/glossary.md` has a row for each."""

from __future__ import annotations

from msgspec import Struct

from llmcost.units import KINDS


class Term(Struct, frozen=True):
    """One result key or array column.

    `kind` is a kind of `units.KINDS`, or `text` or `bool`; `unit` the base unit where the kind does not say it (`days`
    of a count, `USD/month` of money); `symbol` the letter in formulas; `also` other names the field has for it.
    """

    name: str
    label: str
    kind: str
    meaning: str
    unit: str = ""
    symbol: str = ""
    also: str = ""

    @property
    def base(self) -> str:
        """The unit of the number in JSON and CSV; empty for words.

        >>> TERMS["duration_seconds"].base, TERMS["crossover_days"].base, TERMS["binds"].base
        ('s', 'days', '')
        """
        if self.unit or self.kind in ("text", "bool"):
            return self.unit
        return KINDS[self.kind].base


_TRAINING = (
    Term("total_usd", "cost", "usd", "What training costs, by the definition in `cost_definition` and the extent in `scope`", symbol="C", also="training cost"),
    Term("cost_definition", "cost means", "text", "`rental` (GPU-hours x rate), `amortised` (hardware value consumed + energy) or `acquisition` (purchase of the cluster)"),
    Term("scope", "scope", "text", "What `total_usd` holds: `run` (the final run) or `program` (and what is around it)"),
    Term("run_usd", "final run", "usd", "The final run alone, by the definition in `cost_definition`"),
    Term("program_usd", "programme cost", "usd", "The run and what is around it: experiments, failed runs, staff, and data and storage where given", also="total development cost"),
    Term("electricity_usd", "electricity", "usd", "Electricity of the run at the stated price; part of a rental price, not added to it"),
    Term("gpu_hours", "GPU-hours", "count", "Accelerator-hours billed: compute GPU-hours over goodput", "GPU-hours", also="accelerator-hours, chip-hours"),
    Term("compute_gpu_hours", "compute GPU-hours", "count", "Accelerator-hours of useful steps, without failures and restarts", "GPU-hours"),
    Term("duration_seconds", "duration", "seconds", "Calendar time of the run, failures and restarts included", symbol="T", also="wall-clock time"),
    Term("compute_seconds", "compute time", "seconds", "Time of the useful steps alone"),
    Term("training_flops", "training FLOPs", "count", "Model FLOPs of the run: forward and backward, no recomputation", "FLOP", "F", "training compute"),
    Term("hardware_flops", "hardware FLOPs", "count", "FLOPs executed: model FLOPs and recomputation", "FLOP"),
    Term("flops_per_token", "FLOPs per token", "count", "Model FLOPs of one training token, all phases: forward and backward, and a teacher, rollouts and scoring where the method has them", "FLOP", also="about 6N"),
    Term("hardware_flops_per_token", "hardware FLOPs per token", "count", "FLOPs executed for one training token: model FLOPs and recomputation", "FLOP", also="about 8N with full recomputation"),
    Term("method", "method", "text", "How it is trained: pretrain, continue, full, lora, qlora, distill or rl"),
    Term("mfu", "MFU", "share", "Model FLOPs per second over the dense peak of the compute format", also="model FLOPs utilisation"),
    Term("hfu", "HFU", "share", "Hardware FLOPs per second over the dense peak of the compute format", also="hardware FLOPs utilisation"),
    Term("goodput", "goodput", "share", "Useful time over billed time: what failures, checkpoints and restarts leave", also="effective training time"),
    Term("tokens", "tokens", "count", "Training tokens, repeats counted", "tokens", "D", "dataset size"),
    Term("params_total", "parameters", "count", "All weights of the model", "parameters", "N"),
    Term("params_active", "active parameters", "count", "Weights that one token passes: all but the unselected routed experts", "parameters", also="activated parameters"),
    Term("energy_kwh", "energy", "kwh", "Electricity at the meter, PUE included"),
    Term("power_watts", "power", "watts", "Mean draw at the meter while it runs, PUE included"),
    Term("co2e_kg", "carbon", "kg", "Location-based emissions of that electricity, CO2 equivalent", "kg CO2e", also="operational emissions, Scope 2"),
    Term("embodied_co2e_kg", "embodied carbon", "kg", "Share of the hardware's manufacturing emissions that the run uses up", "kg CO2e", also="Scope 3"),
    Term("water_litres", "water", "count", "Water used on site, where the region states it", "litres", also="WUE"),
    Term("homes_year", "homes for a year", "count", "The energy in average US household-years", "household-years"),
    Term("cars_year", "cars for a year", "count", "The carbon in average US passenger-car-years", "car-years"),
    Term("usd_per_hour", "price per GPU-hour", "usd_per_hour", "What one accelerator-hour costs", also="rental rate"),
    Term("usd_per_mtok_trained", "per Mtok trained", "usd_per_mtok", "Training cost per million training tokens"),
    Term("step_seconds", "step time", "seconds", "One optimizer step of the whole cluster", also="iteration time"),
    Term("global_batch_tokens", "global batch", "count", "Tokens per optimizer step", "tokens", also="batch size in tokens"),
    Term("tp", "tensor parallel", "whole", "Ranks that split each layer", "ranks", also="TP"),
    Term("pp", "pipeline parallel", "whole", "Stages that split the layers", "stages", also="PP"),
    Term("dp", "data parallel", "whole", "Replicas that split the batch", "ranks", also="DP"),
    Term("cp", "context parallel", "whole", "Ranks that split the sequence", "ranks", also="CP, ring attention"),
    Term("ep", "expert parallel", "whole", "Ranks that split the experts", "ranks", also="EP"),
    Term("vpp", "virtual stages", "whole", "Virtual stages of each pipeline rank", "stages", "v", "interleaved pipeline"),
    Term("recompute", "recomputation", "text", "Activations computed again in the backward pass: none, selective (attention) or full", also="activation checkpointing"),
    Term("zero", "ZeRO stage", "whole", "What data-parallel ranks shard: 0 nothing, 1 optimizer states, 2 and gradients, 3 and weights", also="FSDP"),
    Term("micro_batch", "micro-batch", "count", "Sequences of one forward pass on one rank", "sequences"),
    Term("gpus", "GPUs", "whole", "Accelerators in use", "GPUs", "n", "accelerators, chips"),
    Term("layout", "layout", "text", "Parallel ranks in one phrase, such as `tp 8, pp 16, dp 128`", also="parallelism strategy"),
    Term("runner_up", "runner-up", "text", "The second fastest layout that fits, and how much slower it is"),
    Term("memory_bytes_per_gpu", "memory per GPU", "bytes", "Peak memory on the fullest accelerator", also="HBM footprint"),
)  # fmt: skip

_SERVING = (
    Term("usd_per_mtok_output", "output", "usd_per_mtok", "Cost of a million output tokens: decode time at the fleet's cost, idle time included", also="price per million completion tokens"),
    Term("usd_per_mtok_input", "input", "usd_per_mtok", "Cost of a million input tokens that are not cached: prefill time", also="price per million prompt tokens"),
    Term("usd_per_mtok_cached_input", "cached input", "usd_per_mtok", "Cost of a million input tokens found in the prefix cache: what reading them adds to decoding; null where none is cached", also="cache-read price"),
    Term("usd_per_mtok_blended", "blended", "usd_per_mtok", "All cost over all tokens, input and output, at the ratio in `blend_ratio`", also="blended price"),
    Term("blend_ratio", "blend", "ratio", "Input tokens per output token of the blended price", "tokens/token"),
    Term("usd_per_request", "per request", "usd_per_request", "Cost of one request of the stated lengths"),
    Term("usd_per_user_month", "per user", "usd", "Cost of a user's requests a month", "USD/month"),
    Term("usd_per_month", "per month", "usd", "What the fleet costs a month", "USD/month"),
    Term("usd_per_day", "per day", "usd", "What the fleet costs a day", "USD/day"),
    Term("tpot_seconds", "TPOT", "seconds", "Time per output token after the first, of one request", also="inter-token latency, ITL, TBT"),
    Term("ttft_seconds", "TTFT", "seconds", "Time to first token with the batch full: waiting for prompts in front, and the prompt's prefill, mean", also="time to first token"),
    Term("ttft_p50_seconds", "TTFT p50", "seconds", "Time to first token that half of the requests stay under at this traffic, random arrivals"),
    Term("ttft_p95_seconds", "TTFT p95", "seconds", "Time to first token that 95 % of requests stay under at this traffic, random arrivals"),
    Term("ttft_p99_seconds", "TTFT p99", "seconds", "Time to first token that 99 % of requests stay under at this traffic, random arrivals"),
    Term("latency_seconds", "latency", "seconds", "A whole request: TTFT and every further output token", also="end-to-end latency, E2EL"),
    Term("tokens_per_second_per_user", "speed per user", "count", "Output tokens per second of one request: 1 / TPOT", "tokens/s", also="interactivity, TPS/user"),
    Term("output_tokens_per_second", "output speed", "count", "Output tokens per second of one replica; of a decode replica where pools are separate", "tokens/s", also="throughput, TPS"),
    Term("output_tokens_per_second_per_gpu", "output speed per GPU", "count", "Output tokens per second of one accelerator", "tokens/s"),
    Term("requests_per_second_per_replica", "requests per replica", "count", "Requests per second that a replica completes at full load", "requests/s"),
    Term("requests_per_second_peak", "peak traffic", "count", "Requests per second at the peak that the fleet is built for", "requests/s"),
    Term("requests_per_day", "traffic", "per_day", "Requests a day, mean", "requests/day", also="QPS"),
    Term("batch", "batch", "count", "Requests in flight on a replica", "requests", "B", "concurrency, running sequences"),
    Term("batch_max", "batch that fits", "count", "Requests in flight that memory has room for", "requests"),
    Term("gpus_per_replica", "GPUs per replica", "whole", "Accelerators that hold one copy of the model", "GPUs"),
    Term("replicas", "replicas", "whole", "Copies of the model in the fleet, spares included", "replicas"),
    Term("prefill_gpus", "prefill GPUs", "whole", "Accelerators of the prefill pool", "GPUs"),
    Term("decode_gpus", "decode GPUs", "whole", "Accelerators of the decode pool", "GPUs"),
    Term("prefill_layout", "prefill layout", "text", "Parallel ranks of a prefill replica"),
    Term("prefill_gpus_per_replica", "GPUs per prefill replica", "whole", "Accelerators of one prefill replica", "GPUs"),
    Term("usd_per_request_colocated", "colocated", "usd_per_request", "Cost of one request where the same accelerators run prompts and answers; null where no such replica keeps the targets"),
    Term("gpus_colocated", "GPUs colocated", "whole", "Accelerators for the traffic where the same ones run prompts and answers", "GPUs"),
    Term("utilization", "utilization", "share", "Mean load over the capacity paid for", symbol="rho", also="fleet utilisation"),
    Term("max_utilization", "highest utilization", "share", "Highest mean load over the capacity of this fleet at which 95 % of requests keep the TTFT target"),
    Term("dtype", "format", "text", "Format of weights and arithmetic"),
    Term("fastest_tpot_seconds", "fastest TPOT", "seconds", "TPOT of the fastest layout and batch that keep the targets"),
    Term("fastest_usd_per_mtok_output", "fastest output", "usd_per_mtok", "Cost of a million output tokens at the fastest layout and batch"),
    Term("prefill_share", "prefill share", "share", "Share of a replica's time spent on prompts"),
    Term("binds", "limited by", "text", "What limits a replica: `memory`, `compute`, a latency target or traffic", also="bottleneck"),
    Term("feasible", "feasible", "bool", "Whether it fits in memory and meets the latency targets"),
    Term("weight_bytes", "weights", "bytes", "Weights of the model in the serving format"),
    Term("kv_bytes_per_token", "KV per token", "bytes", "KV cache of one token in all layers"),
    Term("kv_bytes_per_request", "KV per request", "bytes", "KV cache of one request at its mean length"),
    Term("missing_bytes", "missing memory", "bytes", "Bytes per accelerator that are missing for it to fit"),
    Term("smallest_gpus", "smallest that fits", "whole", "Fewest accelerators that it fits on", "GPUs"),
    Term("electricity_usd_per_request", "electricity a request", "usd_per_request", "Electricity of a request at the stated price; part of a rental price, not added to it"),
    Term("wh_per_request", "energy per request", "count", "Electricity of one request at the meter", "Wh"),
    Term("kwh_per_request", "energy per request", "kwh", "Electricity of one request at the meter"),
    Term("energy_kwh_per_month", "energy per month", "kwh", "Electricity of the fleet a month", "kWh/month"),
    Term("co2e_kg_per_request", "carbon per request", "kg", "Location-based emissions of one request", "kg CO2e"),
    Term("co2e_kg_per_month", "carbon per month", "kg", "Location-based emissions of the fleet a month", "kg CO2e/month"),
)  # fmt: skip

_CROSSOVER = (
    Term("crossover_days", "crossover", "count", "Days from launch until cumulative inference reaches training; null when it does not within the horizon", "days", "t*", "break-even time"),
    Term("crossover_months", "crossover", "count", "The same in months of 365.25/12 days", "months"),
    Term("crossover_date", "crossover date", "date", "The day it happens; null without a launch date"),
    Term("crossover_requests", "after requests", "count", "Requests served until inference reaches training", "requests", also="cost parity"),
    Term("crossover_tokens", "after tokens", "count", "Input and output tokens served until then", "tokens"),
    Term("crossover_usd", "spend at crossover", "usd", "Cumulative inference spend at the crossing, equal to training spend"),
    Term("crossover_kwh", "energy at crossover", "kwh", "Cumulative inference electricity at the crossing, equal to that of training"),
    Term("crossover_co2e_kg", "carbon at crossover", "kg", "Cumulative inference emissions at the crossing, equal to those of training", "kg CO2e"),
    Term("probability_crossed", "chance of crossing", "share", "Share of samples in which it happens within the horizon", symbol="P"),
    Term("status", "status", "text", "Whether it crosses, has crossed at launch, or does not within the horizon"),
    Term("reason", "reason", "text", "Why there is no answer, or why it never happens"),
    Term("basis", "measured in", "text", "What is compared: `usd`, `kwh` or `co2e_kg`"),
    Term("horizon_days", "horizon", "count", "How far it looks", "days"),
    Term("training_usd", "training", "usd", "Training spend: the final run"),
    Term("training_usd_program", "training programme", "usd", "Training spend with experiments, failed runs, staff, and data and storage where given"),
    Term("training_kwh", "training energy", "kwh", "Electricity of training"),
    Term("training_co2e_kg", "training carbon", "kg", "Location-based emissions of training", "kg CO2e"),
    Term("inference_usd", "inference", "usd", "Cumulative inference spend since launch"),
    Term("inference_p5_usd", "inference p5", "usd", "5 % quantile of it"),
    Term("inference_p95_usd", "inference p95", "usd", "95 % quantile of it"),
    Term("inference_kwh", "inference energy", "kwh", "Cumulative inference electricity since launch"),
    Term("inference_p5_kwh", "inference energy p5", "kwh", "5 % quantile of it"),
    Term("inference_p95_kwh", "inference energy p95", "kwh", "95 % quantile of it"),
    Term("inference_co2e_kg", "inference carbon", "kg", "Cumulative inference emissions since launch", "kg CO2e"),
    Term("inference_p5_co2e_kg", "inference carbon p5", "kg", "5 % quantile of it", "kg CO2e"),
    Term("inference_p95_co2e_kg", "inference carbon p95", "kg", "95 % quantile of it", "kg CO2e"),
    Term("inference_usd_per_day", "inference per day", "usd", "Inference spend of a day at launch", "USD/day"),
    Term("inference_usd_at_horizon", "inference at horizon", "usd", "Cumulative inference spend at the end of the horizon"),
    Term("inference_share", "inference share", "share", "Inference over inference and final run, at the end of the horizon"),
    Term("inference_share_program", "share with programme", "share", "Inference over inference and the whole training programme, at the end of the horizon"),
    Term("energy_crossover_days", "energy crossover", "count", "Days until cumulative inference electricity reaches that of training", "days"),
    Term("energy_crossover_requests", "energy crossover", "count", "The same in requests", "requests", also="energy parity"),
    Term("carbon_crossover_days", "carbon crossover", "count", "Days until cumulative inference emissions reach those of training", "days"),
    Term("carbon_crossover_requests", "carbon crossover", "count", "The same in requests", "requests"),
    Term("flops_crossover_days", "compute crossover", "count", "Days until cumulative inference FLOPs reach those of training", "days"),
    Term("flops_crossover_tokens", "compute crossover", "count", "The same in tokens: about 3 x the training tokens", "tokens"),
    Term("day", "day", "count", "Days since launch", "days", "t"),
    Term("month", "month", "count", "Months of 365.25/12 days since launch", "months"),
    Term("share", "share", "share", "Inference over inference and training, cumulative"),
)  # fmt: skip

_COMPARE = (
    Term("name", "name", "text", "The alternative: what distinguishes it from the others"),
    Term("ratio", "ratio", "ratio", "Cost over that of the cheapest feasible alternative; 1.00 is the cheapest", "x"),
    Term("deciding", "ranked by", "text", "The figure that decides which is cheapest: the first that all feasible alternatives have"),
    Term("count", "count", "whole", "How many alternatives, presets or rows there are"),
    Term("total_usd_horizon", "total at horizon", "usd", "Training and inference spend to the end of the horizon", also="total cost of ownership, TCO"),
    Term("upfront_usd", "up front", "usd", "Spend before the first request"),
    Term("delta_usd", "difference", "usd", "Cost less that of the reference"),
    Term("delta_pct", "difference", "count", "The same in per cent of the reference", "%"),
    Term("range_of", "range of", "text", "The figure that `p5` and `p95` are quantiles of"),
    Term("p5", "p5", "count", "5 % quantile of the figure named in `range_of`", "unit of the figure"),
    Term("p95", "p95", "count", "95 % quantile of the figure named in `range_of`", "unit of the figure"),
)  # fmt: skip

_VALIDATE = (
    Term("subject", "subject", "text", "What is validated: training, runs or serving"),
    Term("file", "file", "text", "The file of measured rows"),
    Term("quantity", "quantity", "text", "The measured figure: step_seconds, gpu_hours, tpot, ttft or output_tokens_per_s"),
    Term("by", "by", "text", "What a group of rows has in common"),
    Term("measured", "measured", "count", "The published figure", "unit of the figure"),
    Term("predicted", "predicted", "count", "What the engine says; null where it cannot", "unit of the figure"),
    Term("error_pct", "error", "count", "100 (predicted / measured - 1)", "%"),
    Term("n", "rows", "whole", "Measured rows"),
    Term("skipped", "skipped", "count", "Rows without a prediction", "rows"),
    Term("median_ape_pct", "median error", "count", "Median of the absolute errors", "%", also="MdAPE"),
    Term("mape_pct", "mean error", "count", "Mean of the absolute errors", "%", also="MAPE"),
    Term("p90_ape_pct", "p90 error", "count", "90 % quantile of the absolute errors", "%"),
    Term("bias_pct", "bias", "count", "Geometric mean of predicted over measured, less one", "%"),
    Term("coverage_90_pct", "coverage", "count", "Rows inside the 90 % range", "%"),
    Term("median_range_ratio", "range p95/p5", "ratio", "Median width of the range: its p95 over its p5", "x"),
    Term("seconds", "time", "seconds", "Time of one part of the step"),
    Term("step_share", "share", "share", "Share of the step"),
    Term("energy_share", "share", "share", "Share of the run's energy"),
)  # fmt: skip

SECTIONS = {
    "Training": _TRAINING,
    "Serving": _SERVING,
    "Crossover": _CROSSOVER,
    "Comparison": _COMPARE,
    "Validation": _VALIDATE,
}
TERMS: dict[str, Term] = {term.name: term for section in SECTIONS.values() for term in section}
