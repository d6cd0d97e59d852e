"""Find, load, check and suggest presets: the user's folder first, then the shipped ones.

A preset is a TOML file `KIND/NAME.toml`; it answers to its file name and its aliases. Values are plain numbers in the
unit the key names or quantities with their own unit (`memory_bytes = "80 GB"`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llmcost.errors import LlmcostError, did_you_mean, one_each, shown
from llmcost.files import beside, presets_in, read_toml, shipped_folder
from llmcost.records import AbsentRow, ContextRow, FactorRow, FormatRow, NamedTuple, RangeRow, SameRow

if TYPE_CHECKING:
    import msgspec

    from llmcost import spec
    from llmcost.result import Warning

T = TypeVar("T", bound="msgspec.Struct")
V = TypeVar("V")

SINGULAR = {
    "hardware": "hardware",
    "models": "model",
    "prices": "provider",
    "regions": "region",
    "instances": "provider's instances",
    "frameworks": "framework",
    "scenarios": "scenario",
    "calibration": "calibration",
}
KINDS = tuple(SINGULAR)
_SHIPPED: dict[tuple[str, str], tuple[int, int, Any]] = {}  # what was made of shipped files, with their time and size
_DATES = re.compile(r"^date = (\d{4}-\d{2}-\d{2})", re.MULTILINE)
_ALIASES = re.compile(r"^aliases\s*=\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)


class Found(NamedTuple):
    """A preset file: what it answers to, where it is, and whether the user put it there."""

    kind: str
    name: str
    path: Path
    user: bool
    warnings: tuple[Warning, ...] = ()  # how a typed name was read, and what is not understood of a model's file
    scheme: str = ""  # a format that the name of a model says: a row of calibration/checkpoints.toml
    context: int | None = None  # tokens that the name of a model says, where they are not the preset's

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
        self._places: dict[str, dict[str, tuple[str, bool]]] = {}
        self._found: dict[tuple[str, str], Found] = {}
        self._extra: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.notes: list[str] = []
        self._aliases: dict[str, dict[str, str]] = {}
        self._spellings: dict[tuple[str, ...], str] | None = None
        self._chips: dict[tuple[str, ...], str] | None = None

    def names(self, kind: str) -> dict[str, tuple[str, bool]]:
        """Every preset of a kind in the order of names, user presets hiding shipped ones: its file, and whose it is."""
        if kind not in self._places:
            found: dict[str, tuple[str, bool]] = {}
            for folder, user in ((shipped_folder(), False), *((f, True) for f in reversed(self.user_folders))):
                found |= {stem: (path, user) for stem, path in presets_in(folder / kind).items()}
            self._places[kind] = dict(sorted(found.items()))
        return self._places[kind]

    def files(self, kind: str) -> dict[str, Found]:
        """Every preset of a kind by name."""
        return {name: Found(kind, name, Path(path), user) for name, (path, user) in self.names(kind).items()}

    def _named_so(self, kind: str, name: str) -> Found | None:
        """The preset of exactly that name."""
        place = self.names(kind).get(name)
        if place is not None and (kind, name) not in self._found:
            self._found[kind, name] = Found(kind, name, Path(place[0]), place[1])
        return self._found.get((kind, name))

    def find(self, kind: str, name: str) -> Found:
        """The preset of that name or alias, a `.toml` path, or a model or accelerator by any common spelling.

        Raises
        ------
        LlmcostError
            Unknown name (with the nearest ones), or missing file.
        """
        if kind == "models":
            return self._model(name)
        if is_path(name):
            return _file(kind, name)
        found = self._known(kind, name) or (self._chip(name) if kind == "hardware" else None)
        if found is None:
            raise self._unknown(kind, name)
        return found

    def _each_of(self, kind: str, name: str) -> str:
        """What to type where names of several presets stand for one."""
        parts = [part.strip() for part in name.split(",")]
        if len(parts) < 2 or not all(parts):
            return ""
        try:
            for part in parts:
                self.find(kind, part)
        except LlmcostError:
            return ""
        return one_each(SINGULAR[kind], parts)

    def _chip(self, name: str) -> Found | None:
        """The accelerator that a name as people and drivers write it means for certain."""
        from llmcost.names import chips

        if self._chips is None:
            self._chips = chips.index(self._named("hardware"))
        return self._named_so("hardware", self._chips.get(chips.key(name), ""))

    def _known(self, kind: str, name: str) -> Found | None:
        """The preset whose name or alias is exactly that, in any case."""
        wanted = name.strip().lower()
        return self._named_so(kind, wanted) or self._named_so(kind, self.aliases(kind).get(wanted, ""))

    def _unknown(self, kind: str, name: str) -> LlmcostError:
        wanted = name.strip().lower()
        if kind == "scenarios":
            try:
                model = self._model(wanted)
            except LlmcostError:
                pass
            else:
                return LlmcostError(f"unknown scenario {shown(name)}: it is a model", f"--model {model.name}")
        near = self._each_of(kind, name) or did_you_mean(wanted, [*self.names(kind), *self.aliases(kind)])
        if kind == "hardware":
            from llmcost.names import chips

            counted = chips.several(wanted) if wanted[:1].isdigit() else None
            more = chips.holding(counted[1] if counted else wanted, self._named(kind))[:3]
            near = f"did you mean {' or '.join(repr(n) for n in more)}?" if more else near
        return LlmcostError(f"unknown {SINGULAR[kind]} {shown(name)}", near or f"llmcost presets list {kind}")

    def _model(self, name: str) -> Found:
        """A model: by its preset's name or alias, as its files, or by a name that has one certain reading."""
        path = Path(name).expanduser()
        if is_path(name) and path.exists():
            return Found("models", _label(path), path, True)
        found = self._known("models", name) or self._spelled(name)
        if found is not None:
            return found if found.user or found.name == name else self._in_context(found, name)
        if path.suffix in MODEL_FILES or path.is_dir() or name.startswith((".", "/", "~")):
            if path.exists():
                return Found("models", _label(path), path, True)
            raise LlmcostError(f"no such file: {shown(name)}", "llmcost presets list models")
        from llmcost.names import unknown

        absent = cast("list[AbsentRow]", self.table("hub", "absent"))
        raise unknown.model(name, self._named("models"), self._each_of("models", name), absent)

    def _spelled(self, name: str) -> Found | None:
        """The model that a name as people type it means for certain, with a note of how it was read."""
        from llmcost.names import models, reading

        if self._spellings is None:
            self._spellings = models.index(self._named("models"))
        sizes = {row["name"]: row["size"] for row in self.table("tags", "latest")} if ":" in name else {}
        preset = models.resolve(models.pulled(name, self._named("models"), sizes), self._spellings)
        rows = [row for table in ("hub", "tags") for row in cast("list[SameRow]", self.table(table, "same"))]
        same = preset or models.listed(name, rows)
        if not same or (found := self._named_so("models", same)) is None:
            return None
        wide = 'native_dtype = "bf16"' in found.path.read_text("utf-8")
        said = reading.notes(name, same, listed=not preset, wide=wide)
        return found._replace(warnings=said, scheme=models.read(name).scheme)

    def _in_context(self, found: Found, name: str) -> Found:
        """A shipped model with the context that its name says, and a note of that."""
        from llmcost.names import contexts

        rows = cast("list[ContextRow]", self.table("contexts", "contexts"))
        tokens, said = contexts.noted(name, found.name, rows, found.warnings)
        return found._replace(context=tokens, warnings=said)

    def _named(self, kind: str) -> dict[str, str]:
        """Every name and alias, with its preset."""
        return {**self.aliases(kind), **{file: file for file in self.names(kind)}}

    def aliases(self, kind: str) -> dict[str, str]:
        """Alias to file name. Read as text, so that completion and look-up parse no TOML."""
        if kind in self._aliases:
            return self._aliases[kind]
        table = self._aliases.setdefault(kind, {})
        for name, (path, _) in self.names(kind).items():
            match = _ALIASES.search(Path(path).read_text(encoding="utf-8", errors="replace")[:4000])
            if match:
                for alias in re.findall(r'"([^"]*)"', match.group(1)):
                    table.setdefault(alias, name)
        return table

    def load(self, struct: type[T], name: str) -> tuple[T, Found]:
        """The preset as a struct, with every finding of its file at once.

        Raises
        ------
        LlmcostError
            Unknown name, broken TOML, unknown keys, wrong types or impossible values; each names file and key.
        """
        from llmcost.decode import STRUCTS

        kind = next(k for k, s in STRUCTS.items() if s is struct)
        found = self.find(kind, name)
        if kind == "models" and found.path.suffix != ".toml":
            return self._imported(found)
        return self._as_named(self._decoded(kind, found), found), found

    def stored_in(self, model: spec.Model, scheme: str) -> tuple[spec.Model, str]:
        """A model in a format of calibration/checkpoints.toml, and how that stores it."""
        note = next(row["note"] for row in self.table("checkpoints", "schemes") if row["name"] == scheme)
        return self._stored(model, scheme), str(note)

    def held(self, found: Found) -> Any:
        """The model of what was found: in the format that its name says, or as its own files have it."""
        own = found.path.suffix != ".toml"
        return self._imported(found)[0] if own else self._as_named(self._decoded("models", found), found)

    def _decoded(self, kind: str, found: Found) -> Any:
        """A preset as the struct of its kind."""
        from llmcost.decode import STRUCTS, decode

        return self._once(kind, found, lambda: decode(STRUCTS[kind], read_toml(found.path), found.path.name))

    def _as_named(self, preset: Any, found: Found) -> Any:
        """A preset with the format and the context that the name it was asked by says."""
        from msgspec.structs import replace

        preset = self._stored(preset, found.scheme)
        return replace(preset, max_context=found.context) if found.context else preset

    def _stored(self, preset: Any, scheme: str) -> Any:
        """A model in a format."""
        if not scheme or preset.n_layers is None:
            return preset
        from llmcost.hf_config.schemes import stored_as

        return stored_as(preset, next(row for row in self.table("checkpoints", "schemes") if row["name"] == scheme))

    def _imported(self, found: Found) -> tuple[Any, Found]:
        """A model read from its own files."""
        from llmcost.hf_config.model_files import read

        model, warnings = read(found.path)
        return model, found._replace(warnings=(*found.warnings, *warnings))

    def quotes(self, name: str, hardware: str | None, terms: tuple[str, ...] = ()) -> list[spec.RentalPrice]:
        """Prices of a provider, of one accelerator or (None) of all, on some terms or (empty) on any.

        A price list is long and a question needs a part of it: the other rows are not decoded. `presets check` reads
        every one.
        """
        from llmcost import spec
        from llmcost.decode import decode

        found = self.find("prices", name)
        data, known = self._read(found), self._once("quotes", found, dict[int, "spec.RentalPrice"])
        rows = listed if isinstance(listed := data.get("prices", []), list) else [listed]
        asked = [i for i, row in enumerate(rows) if _asked(row, hardware, terms)]
        if (missing := [i for i in asked if i not in known]) or found.user:
            more = decode(spec.Provider, {**data, "prices": [rows[i] for i in missing]}, found.path.name).prices
            known.update(zip(missing, more, strict=True))
        return [known[i] for i in asked]

    def tier(self, name: str) -> str:
        """What kind of provider it is, without decoding its prices."""
        return str(self._read(self.find("prices", name)).get("tier", "cloud"))

    def _read(self, found: Found) -> dict[str, Any]:
        """A file as parsed TOML."""
        return self._once("parsed", found, lambda: read_toml(found.path))

    def _once(self, what: str, found: Found, make: Callable[[], V]) -> V:
        """What is made of a file, once: a user's by each catalog, a shipped one in this process until it changes."""
        key = (what, str(found.path))
        if key not in self._loaded and found.user:
            self._loaded[key] = make()
        elif key not in self._loaded:
            at = os.stat(found.path)
            if _SHIPPED.get(key, (0, 0))[:2] != (at.st_mtime_ns, at.st_size):
                _SHIPPED[key] = (at.st_mtime_ns, at.st_size, make())
            self._loaded[key] = _SHIPPED[key][2]
        return cast(V, self._loaded[key])

    def table(self, name: str, table: str) -> list[dict[str, Any]]:
        """The rows of a table of a calibration preset, as parsed TOML, then those added to it."""
        return [*self._read(self.find("calibration", name)).get(table, []), *self.added(name, table)]

    def factors(self, *names: str) -> list[FactorRow]:
        """The `[[factors]]` rows of calibration presets."""
        return cast("list[FactorRow]", [row for name in names for row in self.table(name, "factors")])

    def formats(self) -> list[FormatRow]:
        """The weight formats that serving knows."""
        return cast("list[FormatRow]", self.table("serving", "formats"))

    def ranges(self) -> list[RangeRow]:
        """How far serving is off, by class."""
        return cast("list[RangeRow]", self.table("serving", "ranges"))

    def added(self, name: str, table: str) -> list[dict[str, Any]]:
        """The rows that a calibration of one's own added to a table."""
        return self._extra.get((name, table), [])

    def with_rows(self, extra: Mapping[tuple[str, str], list[dict[str, Any]]]) -> Catalog:
        """The same presets with more rows, by calibration preset and table."""
        new = copy(self)
        new._extra = {**self._extra, **extra}
        return new

    def noted(self, notes: list[str]) -> Catalog:
        """The same presets with what an answer has to say of them."""
        new = copy(self)
        new.notes = [*self.notes, *notes]
        return new


def _asked(row: Any, hardware: str | None, terms: tuple[str, ...]) -> bool:
    """Whether a price is of an accelerator and of one of some terms; what is no price is asked for, to be refused."""
    if not isinstance(row, dict):
        return True
    return (hardware is None or row.get("hardware") == hardware) and (not terms or row.get("commitment") in terms)


def is_path(name: str) -> bool:
    """Whether a preset argument names a file: it holds a `/` or ends in `.toml`."""
    return "/" in name or name.endswith(".toml")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a model's name that say which one it is: `qwen`, `3` and `8b` of `Qwen/Qwen3-8B-AWQ`."""
    from llmcost.names.models import read

    return read(name).words


MODEL_FILES = (".toml", ".json", ".gguf", ".safetensors")


def _file(kind: str, name: str) -> Found:
    path = Path(name)
    if not path.exists():
        raise LlmcostError(f"no such file: {shown(name)}", beside(path) or f"llmcost presets list {kind}")
    return Found(kind, path.stem, path, True)


def _label(path: Path) -> str:
    """What to call a model that is a file: a `config.json` by its folder."""
    return (
        path.resolve().parent.name if path.name == "config.json" else path.stem if path.is_file() else path.name
    ) or (path.resolve().name or "model")


def source_of(preset: Any, key: str) -> spec.Source | None:
    """The source that covers a key: the one that names it, else the one that names none."""
    return source_for(getattr(preset, "sources", []), key)


def source_for(sources: list[spec.Source], key: str) -> spec.Source | None:
    """The source that covers a key, of a list of them."""
    named = next((s for s in sources if key in s.keys), None)
    return named or next((s for s in sources if not s.keys), None)


def presets_date(catalog: Catalog) -> str:
    """The newest date in the shipped prices and calibrations: the presets' identity in every answer."""
    shipped = (path for kind in ("prices", "calibration") for path, user in catalog.names(kind).values() if not user)
    return _newest_date(tuple(shipped))


@cache
def _newest_date(paths: tuple[str, ...]) -> str:
    return max((date for path in paths for date in _DATES.findall(Path(path).read_text("utf-8"))), default="")
