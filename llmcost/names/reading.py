"""What an answer says of how a model's name was read."""

from __future__ import annotations

from llmcost.errors import shown
from llmcost.names.models import read
from llmcost.result import Warning


def notes(typed: str, preset: str, listed: bool, wide: bool) -> tuple[Warning, ...]:
    """How a name was read, and what it does not say of its format.

    Parameters
    ----------
    typed, preset : str
        The name, and the preset it was read as.
    listed : bool
        Whether a list says so (`[[same]]` of presets/calibration/hub.toml), and not the name itself.
    wide : bool
        Whether the preset is published in 16 bits.

    Examples
    --------
    >>> [warning.message for warning in notes("phi4:14b", "phi-4", False, True)]
    ["'phi4:14b' is read as phi-4"]
    """
    asked = read(typed)
    stored = f" stored as {asked.scheme}" if asked.scheme else ""
    why = ": the same class and, to 0.1 %, count of parameters" if listed else ""
    note = f"{shown(typed)} is read as {preset}{stored}{why}"
    hint = f"llmcost presets show {preset}"
    if ":" in typed and not asked.scheme and wide:
        hint = f"weights as published; 4-bit ones as Ollama pulls them: --framework ollama, or --model {typed}-q4_K_M"
    said = [Warning("W023", note, hint)]
    if asked.unclear:
        told = f"{shown(typed)}: {asked.unclear!r} does not say which format: weights as published"
        said.append(Warning("W024", told, "--dtype int4"))
    return tuple(said)
