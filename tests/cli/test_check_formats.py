"""Annotations, JUnit and Markdown of a check, whatever names the files hold."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llmcost.render.github import command
from tests.conftest import Cli, examples

HOSTILE = [
    "a|b `c` <script>alert(1)</script>",
    "line\nbreak\r\n::error::injected",
    "100% of: a, b; %0A %25",
    "\x1b[31mred\x1b[0m \x07 \u202e\u200b",
    "*bold* _it_ [link](http://x.example) @team #1 $x$ ![i](y) ~~s~~ \\",
    "</details><h1>x</h1>&amp;<!-- -->",
    "]]> \"quotes\" 'single' & <failure/>",
    "| --- |\n# title\n- item\n```\ncode",
    "::set-output name=x::y",
    "=1+1",
]


def _toml(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget for each hostile name: one that fails, one that warns, one that holds, one that cannot be computed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text('gpu_hours = "2.788M"\nprice = "2/h"\n')
    parts = [
        f'[[budget]]\nname = {_toml(name)}\nscenario = "run.toml"\nowner = {_toml(name)}\nreason = {_toml(name)}\n'
        'max_total_usd = "5M"\nmax_gpu_hours = { warn = "2M" }\nmin_run_usd = "1M"\nmax_co2e_kg = 1\n'
        for name in HOSTILE
    ]
    (tmp_path / "llmcost.toml").write_text("\n".join(parts), encoding="utf-8")


# What the runner reads: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
ANNOTATION = re.compile(r"::(?P<name>error|warning) (?P<said>[^:]*)::(?P<message>.*)")


def _unescape(text: str, more: dict[str, str] | None = None) -> str:
    for code, char in {**(more or {}), "%0D": "\r", "%0A": "\n", "%25": "%"}.items():
        text = text.replace(code, char)
    return text


def _parse(line: str) -> tuple[str, dict[str, str], str]:
    found = ANNOTATION.fullmatch(line)
    assert found, line
    pairs = (pair.split("=", 1) for pair in found["said"].split(","))
    said = {key: _unescape(value, {"%3A": ":", "%2C": ","}) for key, value in pairs}
    return found["name"], said, _unescape(found["message"])


@pytest.mark.usefixtures("hostile")
def test_annotations_parse(cli: Cli) -> None:
    lines = cli("check", "--format", "github").out.splitlines()
    parsed = [_parse(line) for line in lines[:-1]]
    assert [name for name, _, _ in parsed] == ["error"] * 20 + ["warning"] * 10
    assert {said["line"] for _, said, _ in parsed} == {str(10 * i + k) for i in range(10) for k in (6, 7, 9)}
    for _, said, message in parsed:
        assert set(said) == {"file", "line", "title"}
        assert said["file"] == "llmcost.toml"
        assert all(c == "\n" or c.isprintable() for c in message + said["title"])
    assert any(
        "100% of: a, b; %0A %25" in message and said["title"].startswith("100% of: a, b; %0A %25")
        for _, said, message in parsed
    )
    assert not lines[-1].startswith("::")


@examples(80)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_comes_back_from_an_annotation(title: str, message: str) -> None:
    line = command("error", {"title": title}, message)
    assert "\n" not in line
    assert "\r" not in line
    found = re.fullmatch(r"::error title=([^:,]*)::(.*)", line, re.DOTALL)
    assert found
    assert _unescape(found[1], {"%3A": ":", "%2C": ","}) == title
    assert _unescape(found[2]) == message


@pytest.mark.usefixtures("hostile")
def test_the_worst_comes_first_in_annotations(cli: Cli) -> None:
    """A step shows ten annotations of a kind: the first ten."""
    rows = cli("check", "--json").json["rows"]
    lines = cli("check", "--format", "github").out.splitlines()
    worst = rows[-1]
    assert f"line={worst['line']}," in lines[0]


# The constraints of Ant's schema (windyroad/JUnit-Schema, JUnit.xsd) and of that of Jenkins (jenkinsci/xunit-plugin,
# junit-10.xsd), both: attribute -> pattern; every attribute listed is required, no other is allowed.
TOKEN = r"\S(?:[^\n\r\t]*\S)?"
NUMBER, INT = r"[0-9]+(?:\.[0-9]*)?", r"[0-9]+"
ATTRIBUTES = {
    "testsuites": {},
    "testsuite": {
        "name": TOKEN,
        "package": TOKEN,
        "id": INT,
        "hostname": TOKEN,
        "tests": INT,
        "failures": INT,
        "errors": INT,
        "skipped": INT,
        "time": NUMBER,
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    },
    "properties": {},
    "property": {"name": TOKEN, "value": r".*"},
    "testcase": {"name": TOKEN, "classname": TOKEN, "time": NUMBER},
    "failure": {"type": r".*", "message": r".*"},
    "error": {"type": r".*", "message": r".*"},
    "system-out": {},
    "system-err": {},
}
CHILDREN = {  # as a pattern over the names of the children
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "properties": r"(property )*",
    "testcase": r"((failure|error) )?",
}


def _validate(element: ET.Element) -> None:
    assert set(element.attrib) == set(ATTRIBUTES[element.tag]), element.tag
    for name, pattern in ATTRIBUTES[element.tag].items():
        assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name, element.attrib[name])
    children = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(CHILDREN.get(element.tag, ""), children), (element.tag, children)
    for child in element:
        _validate(child)


@pytest.mark.usefixtures("hostile")
def test_junit_follows_both_schemas(cli: Cli) -> None:
    root = ET.fromstring(cli("check", "--format", "junit").out)
    _validate(root)
    (suite,) = root
    cases = suite.findall("testcase")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("40", "10", "10")
    assert len(cases) == 40
    assert len([c for c in cases if c.find("failure") is not None]) == 10
    assert len([c for c in cases if c.find("error") is not None]) == 10
    failure = next(c for c in cases if c.find("failure") is not None).find("failure")
    assert failure is not None
    assert re.match(r"llmcost\.toml:\d+\n", failure.text or "")


@pytest.mark.usefixtures("hostile")
def test_junit_of_several_files(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('gpu_hours = 1000\nprice = "2/h"\n[budget]\nmax_total_usd = "1M"\n')
    root = ET.fromstring(cli("check", "llmcost.toml", "other.toml", "--format", "junit").out)
    _validate(root)
    assert sorted((s.get("name"), s.get("tests")) for s in root) == [("llmcost.toml", "40"), ("other.toml", "1")]


OURS = re.compile(r"</?(details|summary|sub)>|<!-- -->")


@pytest.mark.usefixtures("hostile")
def test_markdown_renders_with_hostile_names(cli: Cli) -> None:
    text = cli("check", "--format", "markdown").out
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    columns, cells = 0, 0
    for token in tokens:
        if token.type == "tr_open":
            columns, cells = (cells or columns), 0
        cells += token.type in ("td_open", "th_open")
        if token.type == "table_open":
            columns, cells = 0, 0
        if token.type == "tr_close":
            assert cells == columns or not columns
        assert token.type not in ("fence", "code_block", "hr")
        if token.type == "html_block":
            assert not OURS.sub("", token.content).strip() or "summary" in token.content, token.content
        for child in token.children or ():
            if child.type == "link_open" and child.markup == "autolink":
                assert "x.example" not in str(child.attrs)  # a source, not a name
                continue
            assert child.type not in ("link_open", "image", "em_open", "strong_open", "code_inline", "s_open"), child
            if child.type == "html_inline":
                assert OURS.fullmatch(child.content), child.content
    assert len([t for t in tokens if t.type == "heading_open"]) == 1
    shown = "".join(c.content for t in tokens for c in t.children or () if c.type == "text")
    for name in ("a|b `c` <script>alert(1)</script>", "</details><h1>x</h1>&amp;", "*bold* _it_ [link](http"):
        assert name in shown.replace("\u200b", ""), name


@pytest.mark.usefixtures("hostile")
def test_tables_with_hostile_names(cli: Cli) -> None:
    """No control character, no markup eaten, and no line that a CI runner would take for a command."""
    text = cli("check").out
    assert all(c == "\n" or c.isprintable() for c in text)
    assert "[link](http://x.example)" in text
    assert not [line for line in text.splitlines() if line.strip().startswith(("::", "##["))]


def test_a_report_fits_a_comment(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub refuses comments over 65,536 characters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text('gpu_hours = "2.788M"\nprice = "2/h"\n')
    one = '[[budget]]\nname = "{}"\nscenario = "run.toml"\nmax_total_usd = "{}M"\n'
    (tmp_path / "llmcost.toml").write_text(
        "".join(one.format(f"a rather long name of a budget, number {i}", 5 + i % 2) for i in range(600))
    )
    text = cli("check", "--format", "markdown").out
    assert len(text) < 65_536
    assert "Too long for a comment, left out: " in text
    assert "300 of 600 limits fail" in text


@pytest.mark.usefixtures("hostile")
def test_without_unicode_all_formats_are_ascii(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from llmcost.cli import output

    monkeypatch.setattr(output, "_unicode", lambda: False)
    for form in ("table", "markdown", "github", "junit", "json"):
        assert cli("check", "--format", form).out.isascii(), form
    _validate(ET.fromstring(cli("check", "--format", "junit").out))
