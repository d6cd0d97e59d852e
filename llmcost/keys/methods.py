"""How a model is trained, by name: `--method NAME`."""

from __future__ import annotations

from llmcost.records import NamedTuple

KAPLAN = "Kaplan et al. 2020, arXiv:2001.08361, section 2.1"
LORA_SOURCE = "Hu et al. 2021, arXiv:2106.09685, section 4.2"
DPO_SOURCE = "Rafailov et al. 2023, arXiv:2305.18290, equation 7"
TEACHER, SCORERS, REFERENCE = "teacher", "scorers", "reference"  # who runs forward beside the model


class Method(NamedTuple):
    """A training method: all that is declared of it.

    `verb` stands before the model's name in sentences. A method that `pretrains` takes the batch and the length of the
    published pre-training. `adapters` alone are trained; `frozen` is the factor with the bytes of a frozen parameter,
    16 bits where none is named. `beside` says which models run forward with it: a `teacher`, the `reference` that a
    preference is measured against, or `scorers` of what it generates in `rollouts`. `pairs` of a preferred and a
    rejected answer stay in one micro-batch. `measured` is whether steps and peaks of it are among the measurements.
    """

    name: str
    verb: str
    source: str = KAPLAN
    pretrains: bool = False
    adapters: bool = False
    frozen: str = ""
    beside: str = ""
    rollouts: bool = False
    pairs: bool = False
    measured: bool = True
    also: tuple[str, ...] = ()

    @property
    def kin(self) -> str:
        """The measured method that trains what it trains.

        >>> [METHODS[name].kin for name in ("dpo", "dpo-lora", "dpo-qlora", "rl")]
        ['full', 'lora', 'qlora', 'full']
        """
        return "qlora" if self.frozen else "lora" if self.adapters else "full"

    @property
    def lighter(self) -> tuple[str, ...]:
        """Methods that learn the same and hold less: adapters in place of all weights, then narrower frozen weights.

        >>> METHODS["full"].lighter, METHODS["dpo-lora"].lighter, METHODS["pretrain"].lighter
        (('lora', 'qlora'), ('dpo-qlora',), ())
        """
        if self.pretrains:
            return ()
        own, aim = (self.adapters, bool(self.frozen)), (self.beside, self.rollouts, self.pairs)
        alike = [m for m in ALL if not m.pretrains and (m.beside, m.rollouts, m.pairs) == aim]
        return tuple(m.name for m in alike if (m.adapters, bool(m.frozen)) > own)


ALL = (
    Method("pretrain", "training", pretrains=True, also=("pretraining", "pre-training")),
    Method("continue", "continued pre-training of", pretrains=True, also=("cpt", "continued")),
    Method("full", "full fine-tuning of", also=("sft", "finetune", "fine-tune", "fine-tuning", "instruct")),
    Method("lora", "LoRA fine-tuning of", LORA_SOURCE, adapters=True,
           also=("peft", "adapter", "adapters")),
    Method("qlora", "QLoRA fine-tuning of", "Dettmers et al. 2023, arXiv:2305.14314", adapters=True,
           frozen="qlora_bytes"),
    Method("dpo", "preference tuning (DPO) of", DPO_SOURCE, beside=REFERENCE, pairs=True, measured=False,
           also=("preference", "ipo")),
    Method("dpo-lora", "preference tuning (DPO, LoRA) of", DPO_SOURCE, adapters=True, beside=REFERENCE, pairs=True,
           measured=False, also=("lora-dpo",)),
    Method("dpo-qlora", "preference tuning (DPO, QLoRA) of", DPO_SOURCE, adapters=True, frozen="qlora_bytes",
           beside=REFERENCE, pairs=True, measured=False, also=("qlora-dpo",)),
    Method("distill", "distilling into", "Hinton et al. 2015, arXiv:1503.02531", beside=TEACHER, measured=False,
           also=("distillation",)),
    Method("rl", "reinforcement learning of", "Shao et al. 2024, arXiv:2402.03300, section 4.1", beside=SCORERS,
           rollouts=True, measured=False, also=("rlhf", "rlvr", "ppo", "grpo", "reinforcement")),
)  # fmt: skip
METHODS: dict[str, Method] = {method.name: method for method in ALL}
DEFAULT = ALL[0].name
SPELLINGS: dict[str, str] = {other: method.name for method in ALL for other in method.also}
