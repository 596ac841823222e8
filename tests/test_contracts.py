"""The import contracts: each is broken by one forbidden import, and only then."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = "from importlinter.cli import lint_imports_command; lint_imports_command()"

FORBIDDEN = [
    ("core", "compass_core/domain.py", "import compass_core.ports"),
    ("core", "compass_core/journal.py", "import compass_core.store"),
    ("core", "compass_core/agents/base.py", "import compass_core.store"),
    ("core", "compass_core/unplaced.py", ""),
    ("core", "compass_core/llm/gateway.py", "import compass_core.store"),
    ("adapters", "compass_core/store/rows.py", "import compass_core.signals.catalogue"),
    ("http", "compass_core/agents/base.py", "import httpx"),
    ("http", "compass_core/store/rows.py", "import compass_core.sources.http"),
    ("http", "compass_core/llm/prices.py", "import httpx"),
    ("model", "compass_core/bootstrap.py", "import openai"),
    ("model", "bot/app.py", "import httpx2"),
    ("model", "compass_core/sources/loki.py", "import genai_prices"),
    ("specialists", "compass_core/agents/network.py", "import compass_core.agents.application"),
    ("slack", "compass_core/bootstrap.py", "import slack_sdk"),
    ("slack", "compass_core/orchestrator.py", "import bot.command"),
    ("bot", "bot/command.py", "import bot.listeners"),
    ("workspace", "bot/workspace/board.py", "import bot.words"),
    ("bot", "bot/unplaced.py", ""),
    ("backends", "bot/thread.py", "import sqlalchemy"),
    ("backends", "bot/command.py", "import httpx"),
    ("backends", "bot/app.py", "import compass_core.store"),
    ("backends", "bot/app.py", "import compass_core.llm.gateway"),
    ("backends", "compass_core/evaluation.py", "import compass_core.sources.recorded"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for room in ("bot", "compass_core"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(tree: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-c", PROGRAM, "--no-cache", "--no-logo", *options]
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603 - the linter itself
    return ran.returncode, ran.stdout


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    code, said = check(tree)
    assert code == 0, said


@pytest.mark.parametrize(("contract", "path", "line"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(tree: Path, contract: str, path: str, line: str) -> None:
    with (tree / path).open("a") as module:
        module.write(f"\n{line}\n")
    code, said = check(tree, "--contract", contract)
    assert code == 1
    assert "BROKEN" in said
    assert (line or Path(path).stem).rpartition(" ")[2].replace(".catalogue", "") in said


def test_every_contract_has_an_import_that_breaks_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {each["id"] for each in contracts} == {contract for contract, _, _ in FORBIDDEN}
