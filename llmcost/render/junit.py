"""JUnit XML: a suite per budget file, a case per limit. Valid for Ant's schema and for that of Jenkins.

Both know neither a file nor a line of a case, so these stand in the text of a failure.
https://github.com/windyroad/JUnit-Schema, https://github.com/jenkinsci/xunit-plugin (junit-10.xsd)
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from llmcost.render import Options
from llmcost.render import text as words
from llmcost.render.check import verdicts
from llmcost.result import Estimate, LimitRow
from llmcost.version import __version__

TIME = "0"  # limits are judged together: none has a time of its own


def render(estimate: Estimate, options: Options) -> str:
    """The answer as a test report; ASCII with character references where the output has no more than that."""
    root = ET.Element("testsuites")
    suites: dict[str, list[LimitRow]] = {}
    for row in estimate.arrays["rows"]:
        suites.setdefault(row["file"], []).append(row)
    for number, (file, rows) in enumerate(suites.items()):
        _suite(root, number, "standard input" if file == "-" else words.clean(file), rows, estimate)
    ET.indent(root)
    encoding = "utf-8" if options.unicode else "us-ascii"
    document: bytes = ET.tostring(root, encoding=encoding, xml_declaration=True)
    return document.decode() + "\n"


def _suite(root: ET.Element, number: int, name: str, rows: Sequence[LimitRow], estimate: Estimate) -> None:
    errors = [row for row in rows if _kind(row) == "error"]
    failures = [row for row in rows if _kind(row) == "failure"]
    suite = ET.SubElement(
        root, "testsuite", name=name, package=name, id=str(number), hostname="localhost", time=TIME, skipped="0",
        timestamp=f"{estimate.presets}T00:00:00",  # of the presets: the same question gives the same bytes
        tests=str(len(rows)), failures=str(len(failures)), errors=str(len(errors)),
    )  # fmt: skip
    known = ET.SubElement(suite, "properties")
    said = [("llmcost", __version__), ("presets", estimate.presets)]
    for key, value in [*said, *([("currency", estimate.currency.told)] if estimate.currency.told else [])]:
        ET.SubElement(known, "property", name=key, value=value)
    for row in rows:
        _case(suite, row)
    warned = [f"{verdicts.place(row)}: {verdicts.sentence(row)}" for row in rows if row["verdict"] == "warn"]
    ET.SubElement(suite, "system-out").text = "\n".join(warned)
    ET.SubElement(suite, "system-err")


def _kind(row: LimitRow) -> str:
    """A limit that is broken is a failure; one that cannot be computed is an error."""
    if row["verdict"] != "fail":
        return ""
    return "error" if row["headroom"] is None and row["estimate"] is None else "failure"


def _case(suite: ET.Element, row: LimitRow) -> None:
    name = f"{verdicts.limit(row)} on {row['on']} of {words.clean(row['scenario'])}"
    case = ET.SubElement(suite, "testcase", classname=words.clean(row["budget"]), name=name, time=TIME)
    kind = _kind(row)
    if not kind:
        return
    told = ET.SubElement(case, kind, type=row["limit"], message=verdicts.sentence(row))
    lines = [verdicts.place(row), *(f"{name}: {text}" for name, text in verdicts.details(row))]
    told.text = "\n".join(lines)
