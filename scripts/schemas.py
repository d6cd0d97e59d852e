"""Write schemas/*.json from the code's own tables."""

from __future__ import annotations

from pathlib import Path

import msgspec

from llmcost import schemas

FOLDER = Path(__file__).parent.parent / "schemas"


def main() -> None:
    for name in schemas.NAMES:
        text = msgspec.json.format(msgspec.json.encode(schemas.build(name)), indent=2) + b"\n"
        (FOLDER / f"{name}.json").write_bytes(text)


if __name__ == "__main__":
    main()
