"""Build hook of hatchling: presets are parsed ahead into the wheel, and into the checkout for an editable install."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ParseAhead(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        sys.path.insert(0, self.root)
        from llmcost.files import parse_ahead

        parse_ahead(Path(self.root) / "presets")
