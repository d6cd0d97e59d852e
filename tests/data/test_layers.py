"""Who may import whom, and what may not be imported early."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.layers import modules

PACKAGE = Path(__file__).parent.parent.parent / "llmcost"
# A module may import those to its left and its own layer.
ALLOWED = {
    "errors": set(),
    "version": set(),
    "records": set(),
    "caveats": set(),
    "dtypes": set(),
    "units": {"errors"},
    "terms": {"units", "errors"},
    "keys": {"dtypes"},
    "technique": {"errors", "units", "keys"},
    "spec": {"errors", "units", "dtypes"},
    "result": {"errors", "units"},
    "engine": {"errors", "units", "spec", "dtypes"},
    "files": {"errors"},
    "decode": {"errors", "units", "spec"},
    "names": {"errors", "result"},
    "hf_config": {"errors", "units", "spec", "engine", "result", "files", "names"},
    "catalog": {"errors", "spec", "files", "decode", "names", "hf_config", "result"},
    "scenario": {"errors", "units", "spec", "catalog", "keys", "technique"},
    "instances": {"errors", "names", "spec", "catalog", "keys", "scenario"},
    "budget": {"errors", "units", "spec", "result", "scenario", "keys", "terms"},
    "schemas": {"errors", "units", "spec", "result", "scenario", "keys", "terms", "budget"},
    "render": {"errors", "caveats", "units", "result", "keys", "terms"},
    "estimate": {"dtypes", "errors", "units", "spec", "result", "engine", "files", "decode", "catalog", "scenario", "keys", "terms", "budget", "technique", "instances"},
    "answer": {"errors", "result", "render"},
    "api": {"errors", "answer", "units", "result", "files", "catalog", "scenario", "estimate"},
    "cli": {"errors", "caveats", "budget", "units", "spec", "result", "files", "catalog", "keys", "scenario", "estimate", "render", "schemas", "hf_config", "terms"},
}  # fmt: skip
SEEN_BY_ALL = {"version", "records"}
# The same of the packages inside the two largest layers: rooms by domain, with the same names on both floors.
FLOORS = {
    "engine": {
        "numeric": set(),
        "machine": {"numeric"},
        "model": {"numeric"},
        "training": {"numeric", "machine", "model"},
        "serving": {"numeric", "machine", "model"},
        "demand": {"numeric"},
        "money": {"numeric"},
    },
    "estimate": {
        "asking": set(),
        "money": {"asking"},
        "fleet": {"asking", "money"},
        "training": {"asking", "money"},
        "serving": {"asking", "money", "fleet"},
        "actuals": {"money"},
        "lifetime": {"actuals", "asking", "money", "fleet", "training", "serving"},
        "crossover": {"actuals", "asking", "training", "serving", "lifetime"},
        "compare": {"asking", "money", "training", "serving", "lifetime", "crossover", "processes"},
        "check": {"actuals", "asking", "training", "serving", "lifetime", "crossover"},
        "fit": {"asking", "training", "serving"},
        "validate": {"asking", "training"},
        "processes": set(),
        "model_presets": set(),
        "api_presets": {"money"},
        "presets": {"api_presets", "model_presets", "money"},
        "preset_checks": {"model_presets", "presets"},
        "preset_templates": {"presets"},
        "start": {"training", "serving", "crossover"},
    },
}  # fmt: skip


# Folders inside a room, and what each may import of its room.
INSIDE = {
    "estimate.serving": {"replicas": set(), "techniques": {"replicas"}},
}


def _layer(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "llmcost":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names if not a.name.startswith("__")}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("llmcost.")}
    return found


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """A module that is reached from itself, with the way; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next((circle for other in sorted(graph[name]) if (circle := walk(other, [*way, name]))), [])
        done.add(name)
        return found

    return next((circle for name in sorted(graph) if (circle := walk(name, []))), [])


# Measurements, traces and bills: formats stand beside the other files, what they tell below the questions that use it.
ALLOWED["readers"] = {"errors", "files"}
ALLOWED["estimate"] |= {"readers"}
FLOORS["estimate"] |= {
    "sweep": {"asking", "compare", "crossover", "fit", "lifetime", "serving", "training", "processes"},
    "trace": set(),
    "calibrate": {"asking", "validate"},
    "prepared": {"trace", "calibrate"},
}
FLOORS["estimate"]["check"] |= {"prepared"}

MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if _layer(p) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    layer = _layer(path)
    assert _imports(path) - {layer} - SEEN_BY_ALL <= ALLOWED[layer], f"{layer} may not import that"


def test_nothing_imports_itself_by_way_of_others() -> None:
    assert not _circle(modules())


def test_a_circle_is_found_with_its_way() -> None:
    assert _circle({"a": {"b"}, "b": {"c", "d"}, "c": set(), "d": {"b"}}) == ["b", "d", "b"]


@pytest.mark.parametrize(("layer", "room"), [(layer, room) for layer, rooms in FLOORS.items() for room in rooms])
def test_rooms_of_a_layer_import_those_below(layer: str, room: str) -> None:
    inside = f"llmcost.{layer}."
    names = {
        other
        for name, others in modules().items()
        if name.startswith((f"{inside}{room}.", f"{inside}{room}"))
        for other in others
    }
    rooms = {other.removeprefix(inside).split(".")[0] for other in names if other.startswith(inside)}
    assert rooms - {room} <= FLOORS[layer][room], f"{layer}/{room} may not import that"


@pytest.mark.parametrize(("room", "folder"), [(room, name) for room, names in INSIDE.items() for name in names])
def test_folders_of_a_room_import_those_below(room: str, folder: str) -> None:
    inside = f"llmcost.{room}."
    mine = (others for name, others in modules().items() if name.startswith(f"{inside}{folder}"))
    seen = {other.removeprefix(inside).split(".")[0] for others in mine for other in others if other.startswith(inside)}
    assert seen - {folder} <= INSIDE[room][folder]


@pytest.mark.parametrize("layer", FLOORS)
def test_every_room_is_in_the_table(layer: str) -> None:
    assert {path.stem for path in (PACKAGE / layer).iterdir() if path.name[0] != "_"} == set(FLOORS[layer])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES}), ids=lambda p: p.name)
def test_folders_stay_small(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 18


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_command_line_prints_exits_or_reads_the_environment(path: Path) -> None:
    if _layer(path) == "cli":
        return
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}  # not a field of that name
    assert not used & {"print", "input", "exit", "quit"}
    attributes = {
        f"{n.value.id}.{n.attr}" for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    assert not attributes & {"os.environ", "sys.exit", "sys.stdout", "sys.stderr", "sys.argv"}


@pytest.mark.parametrize(
    "args",
    [["--help"], ["--version"], ["train", "--help"], ["presets", "list", "models"], ["presets", "list", "--json"]],
    ids=" ".join,
)
def test_light_commands_load_no_numpy(args: list[str]) -> None:
    code = f"import sys; from llmcost.cli import main; main({args!r}); sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_loads_neither_parser_nor_structs() -> None:
    code = "import sys; from llmcost.cli import main; main(['--version']); sys.exit(bool({'typer', 'msgspec', 'tomllib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_no_command_loads_numpy_random() -> None:
    # 10 ms of every command: samples come from `engine.spread.splitmix64`
    code = "import sys; from llmcost.cli import main; main(['crossover', 'llama-3.1-70b-chat', '-q']); sys.exit('numpy.random' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_importing_the_package_loads_no_numpy_and_no_parser() -> None:
    code = "import sys, llmcost; sys.exit(bool({'numpy', 'typer', 'msgspec', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_json_output_loads_no_rich() -> None:
    args = ["train", "--model", "deepseek-v3", "--gpu-hours", "2.788M", "--price", "2/h", "--json"]
    code = f"import sys; from llmcost.cli import main; main({args!r}); sys.exit('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_completion_loads_no_numpy() -> None:
    code = """
import sys
from llmcost.cli import main
main([])
sys.exit(bool({"numpy", "msgspec", "tomllib", "typer"} & set(sys.modules)))
"""
    env = {
        "_LLMCOST_COMPLETE": "complete_bash",
        "COMP_WORDS": "llmcost train --model llama-3.1-7",
        "COMP_CWORD": "3",
        "PATH": "/usr/bin",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert "llama-3.1-70b" in done.stdout
    assert done.returncode == 0, done.stderr


def test_no_test_reads_a_clock() -> None:
    """A busy machine fails no test: `make bench` keeps times."""
    clocks = {"perf_counter", "process_time", "monotonic", "perf_counter_ns", "process_time_ns", "monotonic_ns"}
    for path in (PACKAGE.parent / "tests").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        assert not {n.attr for n in nodes if isinstance(n, ast.Attribute)} & clocks, path.name
