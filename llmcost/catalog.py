"""Find, load, check and suggest presets: the user's folder first, then the shipped ones.

A preset is a TOML file `KIND/NAME.toml`; it answers to its file name and its aliases. Values are plain numbers in the
unit the key names or quantities with their own unit (`memory_bytes = "80 GB"`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from llmcost.errors import LlmcostError, did_you_mean, shown
from llmcost.files import read_toml, shipped_folder

if TYPE_CHECKING:
    import msgspec

    from llmcost import spec

T = TypeVar("T", bound="msgspec.Struct")

SINGULAR = {
    "hardware": "hardware",
    "models": "model",
    "prices": "provider",
    "regions": "region",
    "frameworks": "framework",
    "scenarios": "scenario",
    "calibration": "calibration",
}
KINDS = tuple(SINGULAR)
_DATES = re.compile(r"^date = (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_ALIASES = re.compile(r"^aliases\s*=\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)


class Found(NamedTuple):
    """A preset file: what it answers to, where it is, and whether the user put it there."""

    kind: str
    name: str
    path: Path
    user: bool

    @property
    def origin(self) -> str:
        """`preset:models/llama-3-70b`, or `user-preset:...`."""
        return f"{'user-preset' if self.user else 'preset'}:{self.kind}/{self.name}"


class Catalog:
    """Presets of the user's folders and the shipped folder; the first folder that has a name wins.

    Parameters
    ----------
    folders : list of Path
        The user's preset folders, in order; may be missing on disk.
    """

    def __init__(self, folders: list[Path] | None = None) -> None:
        self.user_folders = [Path(f) for f in folders or []]
        self._loaded: dict[tuple[str, str], Any] = {}
        self._files: dict[str, dict[str, Found]] = {}

    def _folders(self) -> Iterator[tuple[Path, bool]]:
        yield from ((f, True) for f in self.user_folders)
        yield shipped_folder(), False

    def files(self, kind: str) -> dict[str, Found]:
        """Every preset of a kind by file name, user presets hiding shipped ones of the same name."""
        if kind not in self._files:
            found: dict[str, Found] = {}
            for folder, user in self._folders():
                for stem, path in _stems(folder / kind).items():
                    found.setdefault(stem, Found(kind, stem, path, user))
            self._files[kind] = dict(sorted(found.items()))
        return self._files[kind]

    def find(self, kind: str, name: str) -> Found:
        """The preset of that name or alias, or a `.toml` path.

        Raises
        ------
        LlmcostError
            Unknown name (with the nearest ones), or missing file.
        """
        if is_path(name):
            path = Path(name)
            if not path.exists():
                hint = self._published(name) if kind == "models" else ""
                raise LlmcostError(f"no such file: {shown(name)}", hint or f"llmcost presets list {kind}")
            return Found(kind, path.stem, path, True)
        files = self.files(kind)
        wanted = name.strip().lower()
        if wanted in files:
            return files[wanted]
        aliases = self.aliases(kind)
        if wanted in aliases:
            return files[aliases[wanted]]
        raise LlmcostError(
            f"unknown {SINGULAR[kind]} {shown(name)}",
            did_you_mean(wanted, [*files, *aliases]) or f"llmcost presets list {kind}",
        )

    def _published(self, name: str) -> str:
        """What to say to the name that a model is published under, `meta-llama/Llama-3.1-70B-Instruct`."""
        owner, _, model = name.strip().lower().partition("/")
        if not owner or not model or "/" in model or model.endswith(".toml") or owner in (".", "..", "~"):
            return ""
        plain = re.sub(r"(-(instruct|chat|it|base|hf|thinking|fp8|bf16|awq|gptq|int4|[0-9]{4}))+$", "", model)
        known = [*self.files("models"), *self.aliases("models")]
        exact = next((known_as for known_as in (model, plain) if known_as in known), "")
        if exact:
            return f"here it is '{exact}'"
        return did_you_mean(plain, known) or "llmcost presets import config.json makes a preset of its configuration"

    def aliases(self, kind: str) -> dict[str, str]:
        """Alias to file name. Read as text, so that completion and look-up parse no TOML."""
        table: dict[str, str] = {}
        for found in self.files(kind).values():
            match = _ALIASES.search(found.path.read_text(encoding="utf-8", errors="replace")[:4000])
            if match:
                for alias in re.findall(r'"([^"]*)"', match.group(1)):
                    table.setdefault(alias, found.name)
        return table

    def load(self, struct: type[T], name: str) -> tuple[T, Found]:
        """The preset as a struct, with every finding of its file at once.

        Raises
        ------
        LlmcostError
            Unknown name, broken TOML, unknown keys, wrong types or impossible values; each names file and key.
        """
        from llmcost.decode import STRUCTS, decode

        kind = next(k for k, s in STRUCTS.items() if s is struct)
        found = self.find(kind, name)
        key = (kind, str(found.path))
        if key not in self._loaded:
            self._loaded[key] = decode(struct, read_toml(found.path), str(found.path.name))
        return self._loaded[key], found

    def quotes(self, name: str, hardware: str | None) -> list[spec.RentalPrice]:
        """Prices of a provider, of one accelerator or (None) of all.

        A price list is long and a question needs one accelerator of it: the other rows are not decoded.
        `presets check` reads every one.
        """
        from llmcost import spec
        from llmcost.decode import decode

        found = self.find("prices", name)
        key = (f"quotes of {hardware}", str(found.path))
        if key not in self._loaded:
            data = read_toml(found.path)
            rows = data.get("prices")
            if hardware is not None and isinstance(rows, list):
                data["prices"] = [r for r in rows if not isinstance(r, dict) or r.get("hardware") == hardware]
            self._loaded[key] = decode(spec.Provider, data, found.path.name).prices
        return list(self._loaded[key])

    def table(self, name: str, table: str) -> list[dict[str, Any]]:
        """The rows of a table of a calibration preset, as parsed TOML."""
        found = self.find("calibration", name)
        key = ("calibration", str(found.path))
        if key not in self._loaded:
            self._loaded[key] = read_toml(found.path)
        return list(self._loaded[key].get(table, []))

    def factors(self, name: str) -> list[dict[str, Any]]:
        """The `[[factors]]` rows of a calibration preset."""
        return self.table(name, "factors")


def is_path(name: str) -> bool:
    """Whether a preset argument names a file: it holds a `/` or ends in `.toml`."""
    return "/" in name or name.endswith(".toml")


def _stems(folder: Path) -> dict[str, Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return {}
    return {e.name[:-5]: Path(e.path) for e in entries if e.name.endswith(".toml")}


def source_of(preset: Any, key: str) -> spec.Source | None:
    """The source that covers a key: the one that names it, else the one that names none."""
    return source_for(getattr(preset, "sources", []), key)


def source_for(sources: list[spec.Source], key: str) -> spec.Source | None:
    """The source that covers a key, of a list of them."""
    named = next((s for s in sources if key in s.keys), None)
    return named or next((s for s in sources if not s.keys), None)


def presets_date(catalog: Catalog) -> str:
    """The newest date in the shipped prices and calibrations: the presets' identity in every answer."""
    shipped = [f.path for kind in ("prices", "calibration") for f in catalog.files(kind).values() if not f.user]
    return _newest_date(tuple(shipped))


@cache
def _newest_date(paths: tuple[Path, ...]) -> str:
    return max((date for path in paths for date in _DATES.findall(path.read_text("utf-8"))), default="")
