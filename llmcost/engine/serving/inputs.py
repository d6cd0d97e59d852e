"""What the serving engine is told besides model and machine: layout, precision, load and calibrated constants."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llmcost.engine.machine.factors import NOTHING, Told, picked
from llmcost.engine.machine.roofline import Machine
from llmcost.engine.numeric.kinds import Num
from llmcost.records import FactorRow, FormatRow, NamedTuple


class Layout(NamedTuple):
    """How one replica is spread over accelerators: tp * pp * dp of them."""

    tp: Num = 1.0  # tensor-parallel ranks of one attention group [-]
    pp: Num = 1.0  # pipeline stages [-]
    dp: Num = 1.0  # data-parallel groups [-]: each serves its share of the batch
    ep: Num = 1.0  # ranks the routed experts are dealt over [-]: at most tp, or tp * dp with attention_dp
    attention_dp: Num = 0.0  # 1: the dp groups share one set of experts; 0: they are full copies


class Precision(NamedTuple):
    """Bytes per stored number and the format the matrix units are asked for."""

    weight_bytes: Num = 2.0  # FFN and experts [bytes per parameter], scales included
    kv_bytes: Num = 2.0  # KV cache [bytes per element]
    compute_bits: Num = 16.0  # 16, 8 or 4: the chip falls back to the next wider format it has
    integer: Num = 0.0  # 1: int8 instead of fp8
    attention_bytes: Num = 2.0  # attention projections [bytes per parameter]
    head_bytes: Num = 2.0  # embedding and output head [bytes per parameter]
    weight_only: Num = 0.0  # 1: weights are widened to the compute format in every step


def formats_from_rows(rows: Iterable[FormatRow]) -> dict[str, Precision]:
    """Precision of each weight format, with a KV cache in that format.

    Parameters
    ----------
    rows : iterable of mapping
        Parsed `[[formats]]`: name and the fields of `Precision` but for the cache.

    Source: presets/calibration/serving.toml.

    Examples
    --------
    OCP Microscaling Formats 1.0, section 5: 32 elements of 8 bits share a scale of 8 bits, 8.25 bits each.

    >>> row = FormatRow(name="mxfp8", weight_bytes=8.25 / 8, attention_bytes=8.25 / 8, head_bytes=2.0,
    ...                 compute_bits=8.0, integer=False, weight_only=False)
    >>> formats_from_rows([row])["mxfp8"].kv_bytes
    1.03125
    """
    return {
        row["name"]: Precision(
            row["weight_bytes"], row["weight_bytes"], row["compute_bits"], float(row["integer"]),
            row["attention_bytes"], row["head_bytes"], float(row["weight_only"]),
        )
        for row in rows
    }  # fmt: skip


class Load(NamedTuple):
    """What a replica is asked to do."""

    isl: Num  # prompt length [tokens]
    osl: Num  # answer length [tokens]
    cached_isl: Num = 0.0  # prompt tokens found in the prefix cache [tokens]
    batch: Num = 1.0  # requests in flight on the replica (or in the static batch), or in a burst: sent at once [-]
    arrivals: Num = 0.0  # how requests come: CLOSED, OPEN or BURST of `arrivals` [-]
    spread: Num = 0.0  # standard deviation of answers over their mean, of a burst [-]


class Calibration(NamedTuple):
    """Fitted and sourced constants; each a float or an array that broadcasts with the points."""

    compute_efficiency_16: Num = 0.75  # share of the 16-bit dense peak large matrix products reach [-]
    compute_efficiency_8: Num = 0.65
    compute_efficiency_4: Num = 0.5
    weight_only_efficiency: Num = 0.6  # of the 16-bit rate, when weights are widened on the fly [-]
    attention_efficiency: Num = 0.4  # prefill attention, share of the 16-bit peak [-]
    half_sums: Num = 0.0  # 1: 16-bit products are summed in 16 bits, for which GeForce chips have their full rate [-]
    score_bytes: Num = 0.0  # memory traffic per attention score of a prompt; fused attention has none [bytes]
    bandwidth_efficiency: Num = 0.8  # reading weights, share of datasheet bandwidth [-]
    kv_by_batch: Num = 0.0  # 1: tensor-parallel ranks beyond the KV heads take sequences of their own [-]
    kv_again: Num = 0.0  # share of query heads that read the keys of their group once more: kernels of before [-]
    kv_efficiency: Num = 0.6  # reading the KV cache, share of datasheet bandwidth [-]
    link_efficiency: Num = 0.6  # collectives, share of link bandwidth [-]
    network_efficiency: Num = 0.85  # messages between machines and over a bus, share of its bandwidth [-]
    host_efficiency: Num = 0.5  # collectives through the host's memory, share of the bus's rate [-]
    exchange_hidden: Num = 0.5  # share of the expert exchange that runs behind the other half of the batch [-]
    activation_passes: Num = 17.0  # 16-bit passes over the hidden state per layer outside matrix products [-]
    width_passes: Num = 1.0  # 16-bit passes over what matrix products hand on inside a layer, split by tp [-]
    copy_passes: Num = 10.0  # 16-bit passes over the hidden state of each copy routed to an expert [-]
    expert_tile: Num = 16.0  # tokens an expert's matrix product is padded by [tokens]
    vector_tokens: Num = 0.0  # of an iteration whose experts are products with a vector, without padding [tokens]
    expert_skew: Num = 1.0  # shape of the spread of expert popularity: small is skewed, large uniform [-]
    expert_imbalance: Num = 0.25  # extra load of the busiest rank when experts are dealt over many [-]
    layer_seconds: Num = 12e-6  # launches and tails per layer and iteration [s]
    moe_layer_seconds: Num = 20e-6  # routing and permutation per MoE layer and iteration [s]
    step_seconds: Num = 1e-3  # scheduling and sampling per iteration [s]
    stage_seconds: Num = 0.0  # scheduling of a pipeline stage that nothing hides, of each of several [s]
    sequence_seconds: Num = 5e-6  # scheduling, sampling and text per sequence and iteration [s]
    link_seconds: Num = 6e-6  # start-up of one collective per doubling of ranks [s]
    hop_seconds: Num = 0.0  # of a message from a chip to its neighbour, on links without switches [s]
    compute_factor: Num = 1.0  # what the software reaches of the arithmetic rate, over the fitted share [-]
    memory_factor: Num = 1.0  # the same of the memory rate [-]
    fixed_factor: Num = 1.0  # its launches, scheduling and collective start-ups, over the fitted times [-]
    expert_factor: Num = 1.0  # its time in routed experts, over that of matrix products alike [-]
    prompt_mixer_seconds: Num = 0.0  # launches of a prompt's pass per layer with a linear mixer [s]
    sparse_seconds: Num = 0.0  # choosing positions in a layer with an indexer, per iteration [s]
    network_seconds: Num = 0.0  # start-up of a collective or a hand-over between machines, besides its messages [s]
    message_seconds: Num = 0.0  # of a message between two machines, by RDMA [s]
    network_bytes: Num = 12.5e9  # network of a server of which none is known [bytes/s]
    lone_network_bytes: Num = 1.25e9  # the same of a machine that is one accelerator [bytes/s]
    bus_seconds: Num = 0.0  # more of a collective between cards that share no more than a bus [s]
    request_seconds: Num = 10e-3  # front end per request before its first token [s]
    rank_seconds: Num = 0.0  # of it, per doubling of the tensor-parallel ranks the request is handed to [s]
    prompt_layer_seconds: Num = 0.0  # launches of a prompt's pass per layer: prompts run outside CUDA graphs [s]
    prompt_moe_seconds: Num = 0.0  # of it, per MoE layer and eight choices besides [s]
    narrow_seconds: Num = 0.0  # casting activations to 8 bits or less, per layer and iteration [s]
    burst_share: Num = 0.08  # share of other requests' prefill met before the first token, not between tokens [-]
    first_steps: Num = 0.5  # iterations a request waits besides its prefill before the client has a token [-]
    open_steps: Num = 1.5  # iterations a first token of random arrivals takes besides its prefill [-]
    turn_seconds: Num = 3e-3  # of a burst's request in the front end, one after another [s]
    token_seconds: Num = 5e-5  # of a burst's token in the front end, one after another [s]
    burst_between: Num = 1.0  # share of the prompts behind it that a burst's request meets between its tokens [-]
    burst_fill: Num = 0.85  # mean number that decodes while a burst fills and drains, over its most [-]
    burst_tail: Num = 1.0  # length of a burst's last answers beyond the mean one [-]
    acceptance: Num = 0.6  # chance that a token of a draft that is not told is accepted [-]
    acceptance_native: Num = 0.7  # the same of a model with routed experts, which ship with a prediction layer [-]
    uneven: Num = 0.0  # 1: attention groups that share experts wait while any of them runs a prompt; 0: balanced [-]
    gather_steps: Num = 0.0  # iterations a dense model's server waits to gather prompts [-]
    balance_steps: Num = 0.0  # iterations attention groups that share experts wait for one another's prompts [-]
    chunk_tokens: Num = 8192.0  # prompt tokens an iteration may carry [tokens]
    context_share: Num = 0.5  # of an answer that a decoding step reads, on average; 1: of static shapes, all [-]
    static_tokens: Num = np.inf  # prompt tokens of one pass of a static batch [tokens]
    pipeline_tokens: Num = 2048.0  # prompt tokens of one micro-batch on its way through pipeline stages [tokens]
    batch_limit: Num = 2048.0  # sequences an engine runs at once [-]
    memory_share: Num = 0.92  # of the memory shown to a process that the engine takes [-]
    left_bytes: Num = 0.0  # left of the card, from which the share follows as in SGLang; 0: memory_share [bytes]
    left_rank_bytes: Num = 0.0  # more of it for every rank [bytes]
    left_pictures_share: Num = 1.0  # of the share, where a model has a vision tower [-]
    rank_share: Num = 0.0  # by which memory_share is less for every rank after the first [-]
    left_long_share: Num = 1.0  # of the share, kept for the workspace of attention over long contexts [-]
    share_of_free: Num = 0.0  # 1: memory_share is of what weights and workspace leave, as TensorRT-LLM counts [-]
    context_bytes: Num = 0.32e9  # what a process holds before it loads anything [bytes]
    group_bytes: Num = 1.1e9  # communication buffers of a rank among several, on links of their own [bytes]
    group_pcie_bytes: Num = 0.35e9  # the same over PCIe [bytes]
    kept_sums: Num = 0.0  # reductions of a layer over ranks whose inputs stay until the pass is done [-]
    graph_bytes: Num = 0.0  # first captures of decoding steps, where they come off the cache [bytes]
    graph_size_bytes: Num = 0.0  # of every size captured [bytes]
    sampled: Num = 256.0  # sequences whose logits are held at once [-]
    logit_bytes: Num = 12.0  # sampler, per sequence and entry of the vocabulary [bytes]
    sorts: Num = 0.0  # 1: the sampler sorts all logits [-]
    partial_sums: Num = 0.0  # of a product with weights of 4 bits, whole in 16 bits before they are added [-]
    sorted_logit_bytes: Num = 36.0  # the same where it does [bytes]
    profiled: Num = 2048.0  # prompt tokens of the pass whose peak is measured, held beside windows too [tokens]
    pictures_bytes: Num = 2.4e9  # the vision tower's pass that is measured with the language model's [bytes]
    mixer_passes: Num = 10.0  # 16-bit copies of a linear mixer's channels that its chunks hold at once [-]
    unfused_tokens: Num = 0.0  # tokens whose attention scores stand in memory; fused attention has none [tokens]
    unfused_wide: Num = 0.0  # the same for heads wider than 128 [tokens]
    weights_factor: Num = 1.0  # weights as loaded over those computed, of a stack that was measured [-]
    loads_vision: Num = 1.0  # 1: the engine loads the vision tower of a model that has one [-]
    expert_padding: Num = 1.0  # widths of 4-bit experts are padded to a multiple of it [-]
    paged_groups: Num = 1.0  # 1: one pool of pages for layers of every kind, as vLLM has [-]
    window_share: Num = 0.0  # tokens that sliding layers hold over those of full ones; 0: windows are cut [-]
    state_share: Num = 0.0  # pool of recurrent states over that of the cache; 0: by the requests in flight [-]
    mixed_padding: Num = 1.9  # pages over entries where a window and a compressed cache share a pool [-]
    compressor_padding: Num = 1.29  # pages over the states of tokens that are not compressed yet [-]
    gathered_most: Num = 0.0  # tokens gathered of attention groups that experts take at once; 0: not gathered [tokens]
    shown_spread: Num = 0.004  # standard deviation of ln of what a process is shown [-]
    weights_spread: Num = 0.012  # of weights as loaded [-]
    narrow_spread: Num = 0.05  # the same below 8 bits, where recipes differ in what they leave wide [-]
    workspace_spread: Num = 0.6  # of the workspace where it is larger than its median [-]
    workspace_less: Num = 0.3  # by which it is smaller, over its median [-]
    share_spread: Num = 0.0  # of the share that an engine takes of its own, of all there is [-]
    untold_share_spread: Num = 0.0  # the same of a start that was reported without its share [-]
    cache_spread: Num = 0.01  # of the cache of a request [-]
    mixed_spread: Num = 0.1  # the same where windows, states or compressed caches share pools [-]
    block_draft: Num = 0.0  # layers of attention of a draft that writes a block at once, beside the model [-]
    fit_margin: Num = 1.2816  # standard deviations that have to be left for a layout to be taken: 90 % [-]
    kv_reserve: Num = 1.0  # share of the answer's KV set aside on admission [-]
    tpot_log_spread: Num = 0.2  # of a tuned stack: standard deviation of ln(measured / predicted) [-]
    throughput_log_spread: Num = 0.2


def calibration_from_factors(
    rows: Iterable[FactorRow], generation: str, framework: str, told: Told = NOTHING
) -> Calibration:
    """Pick constants for a hardware generation and a serving framework from the rows of a calibration preset.

    Where several rows name one factor the most specific wins: both scopes, then framework, then generation, then
    "any"; ratios multiply it. Unknown factor names are ignored here; the preset tests refuse them.

    Parameters
    ----------
    rows : list of dict
        `[[factors]]` tables: name, value, generation, framework, ratio, until, before, above_gib.
    generation, framework : str
        Hardware generation (`generation_of`) and serving framework of the point; "any" where not known.
    told : Told
        Year and release of the framework, memory of the card: engines start with other limits on large ones.

    Examples
    --------
    >>> rows = [{"name": "first_steps", "value": 3.0, "generation": "any", "framework": "any"},
    ...         {"name": "first_steps", "value": 4.0, "generation": "any", "framework": "vllm"}]
    >>> calibration_from_factors(rows, "hopper", "vllm").first_steps
    4.0
    """
    return Calibration(**picked(rows, Calibration._fields, generation, framework, told))


def generation_of(generation: str, machine: Machine) -> str:
    """Generation as serving engines see it: Blackwell cards (sm_120) lack the tensor memory and the kernels of sm_100.

    Parameters
    ----------
    generation : str
        Of the accelerator preset.
    machine : Machine
        A Blackwell without a scale-up domain is a card.

    Source: NVIDIA CUDA C++ programming guide, compute capabilities 10.x and 12.x.

    Examples
    --------
    >>> rtx = Machine(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    >>> generation_of("blackwell", rtx), generation_of("blackwell", rtx._replace(scale_up_domain=8.0))
    ('blackwell-rtx', 'blackwell')
    """
    alone = not float(machine.scale_up_domain) > 1.0
    return "blackwell-rtx" if generation == "blackwell" and alone else generation
