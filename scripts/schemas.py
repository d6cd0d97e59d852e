"""Write schemas/*.json from the code's own tables."""

from __future__ import annotations

from pathlib import Path

from llmcost import schemas

FOLDER = Path(__file__).parent.parent / "schemas"


def main() -> None:
    for name in schemas.NAMES:
        (FOLDER / f"{name}.json").write_text(schemas.text(name), "utf-8")


if __name__ == "__main__":
    main()
