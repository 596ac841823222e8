"""`compass`: serve the Slack app, show the demo, investigate in a terminal, measure how often it is right.

Every command imports what it needs itself, so that `compass --help` stays quick.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import signal
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compass_core.domain import Conclusion, Request


class _Refused(click.ClickException):
    """Nothing was started."""

    exit_code = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="compass-investigator", message="compass %(version)s")
def main() -> None:
    """Finds the causes of incidents: three agents, ranked hypotheses, every number with its query."""


@main.command()
def serve() -> None:
    """Connect to Slack and answer `/compass`."""
    with _told():
        from bot import app
        from compass_core import bootstrap, settings, telemetry

        wanted = settings.load()
        telemetry.configure(secret=wanted.redact)
        slack = wanted.for_slack()
        wanted.for_telemetry()

        async def run() -> None:
            async with bootstrap.live(wanted) as compass:
                await app.serve(compass, slack, _asked_to_stop())

        asyncio.run(run())


@main.command()
@click.option("--port", default=8137, show_default=True, type=click.IntRange(0, 65535), help="Of the page on 127.0.0.1; 0 takes any.")
@click.option("--once", is_flag=True, help="Ask the demo's question, print the thread and end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print one JSON object.")
def demo(port: int, *, once: bool, as_json: bool) -> None:
    """Investigate a recorded incident in a local workspace; needs no account, server or key."""
    if as_json and not once:
        raise click.UsageError("--json goes with --once.")
    with _told():
        from bot import demo as show
        from compass_core import telemetry

        telemetry.configure({}, level=logging.WARNING)

        async def run() -> None:
            await (show.once(sys.stdout, as_json=as_json) if once else show.page(port, sys.stdout, _asked_to_stop()))

        asyncio.run(run())


@main.command()
@click.argument("words", metavar="[ID]", nargs=-1)
@click.option("--case", type=click.Path(path_type=Path), help="A folder with a recorded case; its only incident needs no id.")
@click.option("--service", default="", help="Instead of an id: the service that suffers …")
@click.option("--since", default="", help="… and since when, such as 45m, '2 hours' or 03:00.")
@click.option("--in", "environment", multiple=True, metavar="KEY=VALUE", help="Read only telemetry with this label; may be repeated.")
@click.option("--namespace", default="", help="The same as --in namespace=…")
@click.option("--cluster", default="", help="The same as --in cluster=…")
@click.option("--budget", default="", help="US dollars; 0 uses no model.")
@click.option("--only", default="", metavar="AGENT", help="application, database or network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def investigate(words: tuple[str, ...], *, case: Path | None, as_json: bool, environment: tuple[str, ...], **options: str) -> None:
    """Investigate one incident here: a declared one, an alert, a service's trouble, or a recorded case.

    Exit status: 0 answered or stopped, 1 failed, 2 nothing was started, 3 nothing could be read.
    """
    with _told():
        from bot.report import report
        from bot.terminal import TerminalThread
        from compass_core import bootstrap, settings, telemetry

        wanted = settings.load()
        telemetry.configure(level=logging.WARNING, secret=wanted.redact)
        if case is None:
            wanted.for_telemetry()

        async def run() -> Conclusion:
            async with bootstrap.replayed(case, wanted) if case else bootstrap.unkept(wanted) as compass:
                only = await compass.telemetry.places[-1].known() if case else ()
                flags = [*options.items(), *(("in", one) for one in environment)]
                request = _request(words or (only if not options["service"] else ()), flags)
                return await compass.investigate(request, TerminalThread(io.StringIO() if as_json else sys.stdout))

        conclusion = asyncio.run(run())
        if as_json:
            click.echo(json.dumps(report(conclusion), ensure_ascii=False, indent=1))
        sys.exit({"failed": 1, "blind": 3}.get(conclusion.outcome, 0))


@main.command()
@click.argument("which", metavar="[ID]", default="")
@click.option("--most", default=20, show_default=True, type=click.IntRange(1), help="How many of the latest are listed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, or with several a list.")
def history(which: str, most: int, *, as_json: bool) -> None:
    """List what was investigated, newest first, or show the latest of one incident with all that was found."""
    with _told():
        from bot import words
        from bot.report import report
        from bot.terminal import TerminalThread
        from compass_core import bootstrap, settings

        ended = asyncio.run(bootstrap.history(settings.load(), which, most))
        if as_json:
            shown = [report(one) for one in ended]
            click.echo(json.dumps(shown[0] if which else shown, ensure_ascii=False, indent=1))
        elif which:
            asyncio.run(TerminalThread(sys.stdout).concluded(ended[0]))
        else:
            for one in ended:
                about = one.investigation
                click.echo(words.printable(f"{words.utc(about.started_at)}  {about.incident.id}  {words.remembered(one)}"))


@main.command("eval")
@click.argument("directories", metavar="DIR...", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", type=click.Choice(["application", "database", "network"]), help="Run one agent alone.")
@click.option(
    "--without", multiple=True, type=click.Choice(["metrics", "logs", "spans"]), help="Leave this telemetry out; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(directories: tuple[Path, ...], *, only: str | None, without: tuple[str, ...], as_json: bool) -> None:
    """Measure on recorded cases, or folders of cases, how often the true cause comes first; uses no model."""
    with _told():
        from bot.scores import text
        from compass_core import evaluation
        from compass_core.domain import AgentName
        from compass_core.errors import CaseError

        cases = evaluation.find(directories)
        said = evaluation.investigated(cases, AgentName(only) if only else None, without)
        with click.progressbar(said, len(cases), file=sys.stderr, hidden=not sys.stderr.isatty()) as progress:
            answers = list(progress)
        sets = evaluation.sets((path, answer) for path, answer in answers if not isinstance(answer, CaseError))
        click.echo(json.dumps({"sets": sets}, ensure_ascii=False, indent=1) if as_json else text(sets))
        unread = [answer for _, answer in answers if isinstance(answer, CaseError)]
        for problem in unread:
            click.echo(f"Error: {problem}", err=True)
        if unread:
            raise click.ClickException(f"{len(unread)} of {len(cases)} cases could not be read; they are not counted.")


def _request(words: Sequence[str], flags: Sequence[tuple[str, str]]) -> Request:
    """What the same words would ask for in Slack; raises `RefusalError`."""
    from bot.command import investigation

    given = [(f"--{name}={value}", False) for name, value in sorted(flags, key=lambda flag: flag[0] == "since") if value]
    return investigation([*given, *((word, True) for word in words)], datetime.now(UTC))  # a time may be several words: `--since 20 m`


def _asked_to_stop() -> asyncio.Event:
    """Set when the process is asked to end; what runs then can still say so in its thread."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextmanager
def _told() -> Iterator[None]:
    """What Compass refuses or cannot do is told in its words, not as a traceback."""
    from compass_core.errors import CaseError, CompassError, RefusalError, SettingsError
    from compass_core.redaction.redact import hidden

    try:
        yield
    except CompassError as error:
        told = str(error) if isinstance(error, SettingsError) else hidden(str(error))  # the others may quote what was typed
        told = told.replace("/compass ", "compass ")
        raise (_Refused if isinstance(error, RefusalError | SettingsError | CaseError) else click.ClickException)(told) from error
