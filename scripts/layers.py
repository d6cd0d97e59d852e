"""The layers of the package, drawn from its imports: pictures of docs/contributing.md."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "llmcost"
Graph = dict[str, set[str]]


@cache
def modules() -> Graph:
    """Which module imports which; imports inside functions and for the type checker count."""
    paths = {_name(path): path for path in PACKAGE.rglob("*.py")}
    found: Graph = {name: set() for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                meant = [f"{node.module}.{alias.name}" for alias in node.names]
                found[name] |= {one if one in paths else node.module for one in meant} & paths.keys() - {name}
    return found


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def boxes(inside: str) -> Graph:
    """The same between the packages and files of one package."""
    found: Graph = {}
    for name, others in modules().items():
        box = _box(name, inside)
        if box:
            found.setdefault(box, set()).update({b for other in others if (b := _box(other, inside))} - {box})
    return found


def _box(name: str, inside: str) -> str:
    """The package or file directly inside another that holds a module; empty where none does."""
    rest = name.removeprefix(f"{inside}.")
    return "" if rest == name else rest.split(".")[0]


def reduced(graph: Graph) -> Graph:
    """Without the arrows that a longer way says as well."""

    def reach(box: str) -> set[str]:
        return graph[box].union(*(reach(other) for other in graph[box]))

    return {box: {one for one in to if not any(one in reach(other) for other in to)} for box, to in graph.items()}


def picture(inside: str) -> str:
    """A Mermaid picture of a package: an arrow is an import; those that follow from others are left out."""
    graph = {box: to for box, to in reduced(boxes(inside)).items() if not box.startswith("_")}
    lines = [f"  {box} --> {other}" for box in sorted(graph) for other in sorted(graph[box] & graph.keys())]
    lines += [f"  {box}" for box in sorted(graph) if not graph[box] and not any(box in to for to in graph.values())]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])
