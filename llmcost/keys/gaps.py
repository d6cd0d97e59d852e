"""What may be said beside a file of measurements: it fills what the file leaves out."""

from __future__ import annotations

from llmcost.keys.key import Key

PANEL = "Where the file is silent"
GAPS: dict[str, Key] = {
    key.name: key
    for key in (
        Key("model", "text", PANEL, "model preset, or the name it is published under"),
        Key("hardware", "text", PANEL, "accelerator"),
        Key("gpus", "whole", PANEL, "number of accelerators"),
        Key("tp", "whole", PANEL, "tensor-parallel ranks"),
        Key("pp", "whole", PANEL, "pipeline stages"),
        Key("dtype", "text", PANEL, "format of the weights"),
        Key("framework", "text", PANEL, "serving or training software"),
        Key("isl", "count", PANEL, "input tokens per request"),
        Key("osl", "count", PANEL, "output tokens per request"),
        Key("concurrency", "count", PANEL, "requests in flight"),
        Key("method", "text", PANEL, "how it is trained: full, lora and others"),
        Key("seq_len", "whole", PANEL, "training sequence length"),
        Key("global_batch_tokens", "count", PANEL, "tokens per optimizer step: 4M"),
        Key("micro_batch", "whole", PANEL, "sequences per micro-batch"),
    )
}
