"""`compass`, as it is typed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compass_core.domain import Feedback
from compass_core.store import Store
from tests.bot.made import conclusion

if TYPE_CHECKING:
    from collections.abc import Mapping

CASE = Path(__file__).parents[1] / "bot" / "demo_case"
ONE = "from bot.cli import main; main()"
SEVERAL = """
import json, sys, traceback
from click.testing import CliRunner
from bot.cli import main
def told(words, environ):
    done = CliRunner().invoke(main, words, env=environ)
    unexpected = done.exception and not isinstance(done.exception, SystemExit)
    return [done.exit_code, done.stdout, done.stderr + ("".join(traceback.format_exception(*done.exc_info)) if unexpected else "")]
json.dump([told(*each) for each in json.load(sys.stdin)], sys.stdout)
"""


def compass(
    folder: Path, *words: str, environ: Mapping[str, str] | None = None, program: str = ONE, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder without any setting but those given."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COMPASS_", "SLACK_", "OTEL_"))}
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-c", program, *words],
        cwd=folder,
        input=given,
        env={**bare, **(environ or {}), "PYTHONPATH": str(CASE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    done = compass(tmp_path, "--help")
    assert done.returncode == 0
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE) == ["demo", "eval", "history", "investigate", "serve"]


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    done = compass(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"compass {version('compass-investigator')}\n")


def test_one_recording_gives_one_answer(tmp_path: Path) -> None:
    """Whatever the order of Python's sets."""

    def told(seed: str) -> dict[str, object]:
        done = compass(tmp_path, "investigate", "--case", str(CASE), "--json", environ={"PYTHONHASHSEED": seed})
        report = json.loads(re.sub(r'"(seconds|id)": [^,]+,', "", done.stdout))
        return {name: report[name] for name in ("hypotheses", "outcome")}

    assert told("1") == told("2")


def test_investigate_a_case_as_text(tmp_path: Path) -> None:
    done = compass(tmp_path, "investigate", "--case", str(CASE))
    assert done.returncode == 0, done.stderr
    assert re.search(r"1\. bookings-db: connection exhaustion, (very likely|likely|possible) ", done.stdout)
    assert "$0.0000 / $10.00" in done.stdout
    assert not list(tmp_path.iterdir()), "a recorded case leaves nothing behind"


def test_investigate_a_case_as_json(tmp_path: Path) -> None:
    done = compass(tmp_path, "investigate", "INC-42", "--case", str(CASE), "--only", "database", "--budget", "0", "--json")
    shown = json.loads(done.stdout)
    assert list(shown) == ["outcome", "incident", "looked", "agents", "hypotheses", "cost", "coverage"]
    assert [(run["name"], run["outcome"]) for run in shown["agents"]] == [
        ("application", "skipped"),
        ("database", "answered"),
        ("network", "skipped"),
    ]
    assert shown["cost"] == {
        "total_usd": "0.0000",
        "budget_usd": "0.00",
        "by_agent": {"application": "0.0000", "database": "0.0000", "network": "0.0000"},
    }
    ids = {seen["id"] for run in shown["agents"] for seen in run["observations"]}
    cited = {name for one in shown["hypotheses"] for name in (*one["evidence_for"], *one["evidence_against"])}
    assert cited
    assert cited <= ids
    assert all(one["verdict"] in {"survived", "contradicted", "untested"} for one in shown["hypotheses"])


def test_eval_prints_one_object_and_tells_what_it_could_not_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(CASE, tmp_path / "shop" / name)
    (tmp_path / "shop" / "b" / "logs.jsonl.gz").write_bytes(b"not gzip")
    done = compass(tmp_path, "eval", "shop", "--without", "spans", "--only", "database", "--json")
    (shop,) = json.loads(done.stdout)["sets"]
    assert (shop["name"], shop["n"], [case["case"] for case in shop["cases"]]) == ("shop", 1, ["a"])
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert "shop/b/logs.jsonl.gz is not a readable gzip file" in said[0]
    assert said[1:] == ["Error: 1 of 2 cases could not be read; they are not counted."]


def test_eval_as_text(tmp_path: Path) -> None:
    done = compass(tmp_path, "eval", str(CASE))
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^bot +1 +1\.00 ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_is_configured_is_hidden(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = compass(tmp_path, "investigate", "--case", str(CASE), *words, environ={"COMPASS_REDACT": '["bookings-[a-z]+"]'})
    assert done.returncode == 0, done.stderr
    assert "<custom-1>" in done.stdout
    assert not re.search("bookings-[a-z]", done.stdout)


BAD: tuple[tuple[tuple[str, ...], dict[str, str], str], ...] = (
    (("serve",), {}, "SLACK_BOT_TOKEN"),
    (("serve",), {"SLACK_BOT_TOKEN": "xapp-1", "SLACK_APP_TOKEN": "xoxb-1"}, "swapped"),
    (("serve",), {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}, "COMPASS_PROMETHEUS_URL: no telemetry"),
    (("investigate", "INC-1"), {}, "COMPASS_PROMETHEUS_URL: no telemetry"),
    (("investigate", "INC-1"), {"COMPASS_PROMETHEUS_URL": "prometheus:9090"}, "COMPASS_PROMETHEUS_URL"),
    (("investigate", "INC-1"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "No incident 'INC-1'. Looked in: declared incidents"),
    (("investigate", "INC-1"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9", "COMPASS_BUDGET_USD": "-3"}, "COMPASS_BUDGET_USD"),
    (("investigate", "--service", "a", "--since", "1y"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "--since cannot be '1y'"),
    (("investigate", "checkout"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "--service checkout"),
    (("investigate", "https://a.example/graph"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "this link: give the alert's name"),
    (("investigate", "INC-1", "--in", "shop"), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "--in namespace=shop"),
    (("investigate", "--case", str(CASE)), {"COMPASS_REDACT": "["}, "COMPASS_REDACT: must be a JSON list"),
    (("investigate",), {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}, "Say which incident"),
    (("investigate", "--case", "nowhere"), {}, "nowhere"),
    (("investigate", "INC-7", "--case", str(CASE)), {}, "Nearest: INC-42"),
    (("demo", "--json"), {}, "--json goes with --once"),
    (("eval",), {}, "DIR"),
    (("eval", "nowhere"), {}, "'nowhere' does not exist"),
    (("eval", "."), {}, ". holds no recorded case"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str, str]]:
    """Status, standard output and standard error of each, in one process: to start one takes longer than to refuse."""
    every = json.dumps([(words, environ) for words, environ, _ in BAD])
    done = compass(tmp_path_factory.mktemp("bad"), program=SEVERAL, given=every)
    assert done.returncode == 0, done.stderr
    return [(status, out, err) for status, out, err in json.loads(done.stdout)]


@pytest.mark.parametrize("at", range(len(BAD)), ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_gets_a_line_and_no_traceback(told: list[tuple[int, str, str]], at: int) -> None:
    status, out, err = told[at]
    assert status != 0
    assert BAD[at][2] in err
    assert "Traceback" not in err
    assert out == ""


def test_a_time_of_several_words(tmp_path: Path) -> None:
    down = {"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}
    words = ("--service", "checkout", "--namespace", "shop", "--since", "2", "hours")
    shown = json.loads(compass(tmp_path, "investigate", "--json", *words, environ=down).stdout)
    ago = datetime.now(UTC) - datetime.fromisoformat(shown["incident"]["started_at"])
    assert timedelta(hours=2) <= ago < timedelta(hours=3)


def test_all_sources_down_is_said_and_nothing_is_invented(tmp_path: Path) -> None:
    down = dict.fromkeys((f"COMPASS_{name}_URL" for name in ("PROMETHEUS", "LOKI", "TEMPO")), "http://127.0.0.1:9")
    done = compass(tmp_path, "investigate", "--service", "checkout", "--since", "20m", "--json", environ=down)
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["outcome"]) == (3, "blind")
    assert shown["hypotheses"] == []
    assert all(run["observations"] == [] and run["gaps"] for run in shown["agents"])
    told = compass(tmp_path, "investigate", "--service", "checkout", "--since", "20m", environ=down).stdout
    assert "othing could be observed" in told
    assert "check" in told


def test_what_is_refused_has_a_status_of_its_own(tmp_path: Path) -> None:
    assert compass(tmp_path, "investigate", "INC-7", "--case", str(CASE)).returncode == 2


def test_a_terminal_is_told_what_to_type_in_a_terminal(tmp_path: Path) -> None:
    told = compass(tmp_path, "investigate", "--service", "checkout", environ={"COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9"}).stderr
    assert "compass investigate --service checkout --since 45m" in told
    assert "/compass" not in told


def test_history_lists_what_ended_and_shows_one_whole(tmp_path: Path) -> None:
    assert "Nothing was investigated here" in compass(tmp_path, "history").stderr
    assert not list(tmp_path.iterdir()), "asking makes no database"
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    ended = conclusion()

    async def kept() -> None:
        await store.opened(ended.investigation)
        await store.closed(ended)
        about = {"investigation": ended.investigation.id, "hypothesis": ended.hypotheses[0].about}
        await store.answered(Feedback(**about, person="", name="", right=True, note="recovered together by 14:25 UTC"))
        await store.answered(Feedback(**about, person="U1", name="sam", right=True))

    asyncio.run(kept())
    store.dispose()
    (line,) = compass(tmp_path, "history").stdout.splitlines()
    assert "INC-42" in line
    assert "postgres-orders: connection exhaustion (86%, untested); recovered together by 14:25 UTC; sam says: right" in line
    assert "All connections of postgres-orders are taken" in compass(tmp_path, "history", "inc-42").stdout
    assert json.loads(compass(tmp_path, "history", ended.investigation.id, "--json").stdout)["agents"]
    assert "Nothing of INC-9 was investigated" in compass(tmp_path, "history", "INC-9").stderr
