"""The README keeps its word: it is short, its picture is what the demo says, and every command in it can be typed as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.command import Declare, Show, parse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = [line.strip() for line in README.split("\n") if line.startswith("    ")]
SHELL = [line for line in BLOCKS if re.match(r"python3 |export |\.uv/bin/uv ", line)]
TYPED = [line for line in BLOCKS if line.startswith("/compass ")]
SET_UP = "python3 -m venv --without-pip .uv && python3 -m pip -q --python .uv/bin/python install uv=={} && .uv/bin/uv run {}"


def test_it_is_short() -> None:
    assert len(README.split("\n")) <= 151


def test_one_command_each_for_the_demo_and_the_tests() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["required-version"].removeprefix("==")
    assert SHELL[:2] == [SET_UP.format(version, "compass demo"), SET_UP.format(version, "pytest")]
    assert all(f"uv=={version}" in (ROOT / name).read_text() for name in (".ci/run", "README.md"))


@pytest.mark.parametrize("line", SHELL)
def test_a_shell_would_take_it(line: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", line], check=False, capture_output=True).returncode == 0  # noqa: S603, S607 - it is only read
    for command in re.findall(r"uv run compass (.*)", line):
        name, *words = shlex.split(command)
        with click.Context(main) as context:
            main.commands[name].make_context(name, words, parent=context)


@pytest.mark.parametrize("line", TYPED)
def test_compass_would_take_it(line: str) -> None:
    asked = parse(line.removeprefix("/compass "), datetime(2026, 1, 5, 14, 3, tzinfo=UTC))
    assert asked != Show("help")
    assert not isinstance(asked, Declare) or (asked.title, asked.service) == ("Orders fail", "checkout")


def test_there_are_some_of_each() -> None:
    assert (len(SHELL) >= 5, len(TYPED) >= 5) == (True, True)


@pytest.mark.parametrize("module", re.findall(r"python -m ([\w.]+)", README))
def test_benchmarks_that_it_names_are_there(module: str) -> None:
    assert find_spec(module)


@pytest.mark.parametrize("path", re.findall(r"`((?:bot|compass_core|tests|manifest|\.ci)[\w/.]*)`", README))
def test_files_that_it_names_are_there(path: str) -> None:
    assert (ROOT / path).exists()
