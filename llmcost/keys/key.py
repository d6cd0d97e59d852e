"""One thing a user may say."""

from __future__ import annotations

from llmcost.records import NamedTuple

TRAIN, SERVE, CROSSOVER = "train", "serve", "crossover"
COMPARE = "compare"  # takes the keys of a crossover, and its own
SWEEP = "sweep"  # takes what its engine takes
FIT = "fit"  # takes those of both sides that change memory or speed
BOTH = (TRAIN, SERVE, CROSSOVER)


class Key(NamedTuple):
    """One thing a user may say.

    `kind` is a kind of `units.KINDS`, or `text`, `choice`, `date` or the preset kind it names; `sided` keys exist as
    `train_KEY` and `serve_KEY` too, for questions with both sides; `ranged` keys accept `a..b` and `{low, mode, high}`.
    """

    name: str
    kind: str
    panel: str
    help: str
    commands: tuple[str, ...] = BOTH
    sided: bool = False
    ranged: bool = False
    choices: tuple[str, ...] = ()
    short: str = ""
    least: float | None = None  # smallest value that makes sense, where the kind allows smaller ones
    most: float | None = None
    none: bool = False  # the word `none` is an answer: no such limit
    alone: bool = False  # of one programme that runs: no command of several alternatives takes it
    free: bool = False  # zero is an answer: it may cost nothing
    per: str = ""  # what an amount of money is for: `USD` of the kind becomes `USD/MW`

    @property
    def option(self) -> str:
        """`--cache-hit` for `cache_hit`."""
        return "--" + self.name.replace("_", "-")

    @property
    def next_step(self) -> str:
        """What to type where it is missing: with the first value that its help names, or where its names are listed.

        >>> Key("tokens", "count", "Training", "training tokens: 15T").next_step
        '--tokens 15T'
        """
        example = self.help.rpartition(": ")[2].split(", ")[0]
        if " " not in example:
            return f"{self.option} {example}"
        return f"llmcost presets list {self.kind}" if f"presets list {self.kind}" in self.help else self.option
