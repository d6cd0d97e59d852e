"""TOML parsed ahead: the same tables, and never those of another text."""

from __future__ import annotations

import datetime as dt
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmcost import files
from llmcost.decode import STRUCTS, decode

SHIPPED = sorted(files.shipped_folder().glob("*/*.toml"))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of presets that is the shipped one, parsed ahead."""
    (tmp_path / "models").mkdir()
    shutil.copy(files.shipped_folder() / "models" / "mistral-7b.toml", tmp_path / "models")
    files.parse_ahead(tmp_path)
    monkeypatch.setattr(files, "shipped_folder", lambda: tmp_path)
    files._parsed.cache_clear()
    yield tmp_path
    files._parsed.cache_clear()


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(v) for v in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def test_every_shipped_preset_is_parsed_ahead() -> None:
    assert set(files._parsed()) == {files._key(path) for path in SHIPPED}


@pytest.mark.parametrize("kind", sorted({path.parent.name for path in SHIPPED}))
def test_parsed_ahead_is_what_the_toml_says(kind: str) -> None:
    for path in SHIPPED:
        if path.parent.name != kind:
            continue
        ahead, now = files.read_toml(path), tomllib.loads(path.read_text("utf-8"))
        assert ahead == _dates_as_text(now), path
        if kind in STRUCTS:
            assert decode(STRUCTS[kind], ahead, path.name) == decode(STRUCTS[kind], now, path.name)


def test_an_edited_preset_is_read_as_it_stands(shelf: Path) -> None:
    path = shelf / "models" / "mistral-7b.toml"
    before = files.read_toml(path)
    path.write_text(path.read_text("utf-8").replace("n_layers = 32", "n_layers = 33"), encoding="utf-8")
    assert (before["n_layers"], files.read_toml(path)["n_layers"]) == (32, 33)


def test_a_new_file_of_a_known_name_is_read_as_it_stands(shelf: Path) -> None:
    own = shelf / "own" / "models" / "mistral-7b.toml"
    own.parent.mkdir(parents=True)
    own.write_text("n_layers = 1\n", encoding="utf-8")
    assert files.read_toml(own) == {"n_layers": 1}


@pytest.mark.parametrize("junk", [b"", b"\xc1", b"\x81\xa1a", b"\x93\x01\x02\x03"])
def test_without_a_sound_file_the_toml_is_read(shelf: Path, junk: bytes) -> None:
    (shelf / files.PARSED).write_bytes(junk)
    assert files._parsed() == {}
    assert files.read_toml(shelf / "models" / "mistral-7b.toml")["n_layers"] == 32


def test_a_broken_preset_is_left_to_its_reader(shelf: Path) -> None:
    (shelf / "models" / "broken.toml").write_text("n_layers = = 3", encoding="utf-8")
    files.parse_ahead(shelf)
    assert list(files._parsed()) == ["models/mistral-7b.toml"]
