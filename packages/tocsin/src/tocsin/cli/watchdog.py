"""``tocsin watchdog``: a small process of its own that pages when Tocsin itself does not do its work (E4)."""

from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.output import Piece, Screen, clock_time, span
from tocsin.cli.session import Failed, answers, session

if TYPE_CHECKING:
    from tocsin.cli.settings import Settings
    from tocsin.cli.watchdog_settings import WatchdogSettings
    from tocsin.watchdog.memory import Memory
    from tocsin.watchdog.run import Watchdog, Way


@click.group(invoke_without_command=True)
@click.pass_context
def watchdog(ctx: click.Context) -> None:
    """Watch Tocsin from outside, and page when it fails (E4).

    Run it on another machine if you can. It has its own database, settings and channels: TOCSIN_WATCHDOG_….

    \b
    TOCSIN_WATCHDOG_URL=https://tocsin.example.org TOCSIN_WATCHDOG_PAGES=slack:U0AF0001 tocsin watchdog
    tocsin watchdog status
    tocsin watchdog answer --by ines-moreau
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(run)


@watchdog.command()
@answers
def run() -> None:
    """Watch until told to end (E4).

    It looks at /health, the heartbeat behind it, the server's clock, and at /metrics with a viewer's token. A trouble
    that lasts is an alarm, repeated until somebody answers or all is well.

    \b
    tocsin watchdog run
    """
    import asyncio  # noqa: PLC0415 - the other commands need none of it.

    raise click.exceptions.Exit(asyncio.run(_watch()))


@watchdog.command()
@click.option("--by", default="", metavar="PERSON", help="Who knows of it.")
@answers
def answer(by: str) -> None:
    """Say that you know: the alarm is silent until there is another (E4).

    \b
    tocsin watchdog answer --by ines-moreau
    """
    from tocsin.engine.clock import SystemClock  # noqa: PLC0415
    from tocsin.watchdog.judge import answered  # noqa: PLC0415

    memory, now = _memory(), SystemClock().now()
    if not memory.state().findings:
        raise Failed("there is no alarm to answer", "Nothing is wrong with the server that this watchdog looks at.")
    _show(session().screen, memory.change(lambda state: answered(state, by, now)), memory)


@watchdog.command()
@answers
def status() -> None:
    """Show what the watchdog knows and what it said last (E4).

    \b
    tocsin watchdog status
    """
    memory = _memory()
    _show(session().screen, memory.state(), memory)


def _settings() -> "tuple[WatchdogSettings, Settings]":
    from tocsin.cli.settings import SettingsError  # noqa: PLC0415
    from tocsin.cli.watchdog_settings import watchdog_settings  # noqa: PLC0415

    try:
        return watchdog_settings()
    except SettingsError as error:
        raise Failed(str(error)) from error


def _memory() -> "Memory":
    import sqlite3  # noqa: PLC0415

    from tocsin.watchdog.memory import Memory  # noqa: PLC0415

    path = _settings()[0].database_path
    try:
        return Memory(path)
    except (sqlite3.Error, OSError) as error:
        raise Failed(f"TOCSIN_WATCHDOG_DATABASE: {path} cannot be used: {error}", "Name a file of its own.") from error


async def _watch() -> int:
    import asyncio  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from whenever import TimeDelta  # noqa: PLC0415

    from tocsin.cli.logs import set_up  # noqa: PLC0415

    settings, channels = _settings()
    set_up(channels.log_level, channels.log_format)
    dog = _made(settings, channels, _memory())
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, dog.stop)
    ways = " and ".join(settings.pages) or "the console alone: set TOCSIN_WATCHDOG_PAGES"
    click.echo(f"Tocsin's watchdog looks at {settings.url} every {settings.every_s:.0f} s and pages {ways}.")
    try:
        await dog.run(TimeDelta(seconds=settings.every_s))
    finally:
        await dog.close()
    return 0


def _made(settings: "WatchdogSettings", channels: "Settings", memory: "Memory") -> "Watchdog":
    import httpx  # noqa: PLC0415

    from tocsin.cli.settings import SettingsError  # noqa: PLC0415
    from tocsin.cli.wiring_channels import wire_channels  # noqa: PLC0415
    from tocsin.engine.clock import SystemClock  # noqa: PLC0415
    from tocsin.watchdog.probe import Probe  # noqa: PLC0415
    from tocsin.watchdog.run import Watchdog  # noqa: PLC0415

    clock = SystemClock()
    # No proxy of the environment, and its authorities all the same, as in the server.
    http = httpx.AsyncClient(trust_env=False, verify=httpx.create_ssl_context())
    try:
        table = wire_channels(channels, clock, http)
    except SettingsError as error:
        raise Failed(str(error).replace("TOCSIN_", "TOCSIN_WATCHDOG_")) from error
    probe = Probe(http, settings.url, settings.token, settings.limits, clock.now)
    ways = _ways(settings.pages or ("console:whoever reads this",), table)
    return Watchdog(probe, memory, table, ways, settings.limits, clock.now, settings.url)  # type: ignore[arg-type]  # a channel's name is text.


def _ways(pages: tuple[str, ...], known: Any) -> "list[Way]":
    from tocsin.watchdog.run import Way  # noqa: PLC0415

    found = []
    for page in pages:
        channel, sign, address = page.partition(":")
        if not sign or not address:
            raise Failed(f'TOCSIN_WATCHDOG_PAGES: "{page}" is no way to anybody', "Write channel:address.")
        if channel not in known:
            remedy = f"Set it up by TOCSIN_WATCHDOG_{channel.upper()}_…; there are {', '.join(known)}."
            raise Failed(f'TOCSIN_WATCHDOG_PAGES: the channel "{channel}" is not set up', remedy)
        found.append(Way(channel, address))
    return found


def _show(screen: Screen, state: Any, memory: "Memory") -> None:
    sent = memory.last_sent(10)
    if screen.as_json:
        import msgspec  # noqa: PLC0415

        from tocsin.store.codec import encode  # noqa: PLC0415

        screen.json({"state": msgspec.Raw(encode(state)), "sent": msgspec.Raw(encode(sent))})
        return
    if state.looked_at is None:
        screen.line("The watchdog has not looked yet.")
    elif not state.findings:
        screen.line(("All is well", "bold green"), f", looked at {clock_time(state.looked_at, date=True)} UTC")
    else:
        since = span((state.looked_at - state.unwell_since).total("seconds"))
        screen.line(("Tocsin does not work", "bold red"), f", for {since}; {state.alarms} alarms sent")
        screen.table(("", ""), [(each.trouble.value, each.words) for each in state.findings], wide=1, indent=2)
        if state.answered_at:
            screen.line(f"Answered by {state.answered_by or 'somebody'} at {clock_time(state.answered_at)}", indent=2)
    if sent:
        screen.gap()
        screen.table(("at", "by", "to", "became", "what"), [_row(each) for each in sent], indent=2)


def _row(each: Any) -> tuple[Piece, ...]:
    outcome: Piece = (each.outcome, "green" if each.outcome == "accepted" else "bold red")
    return (clock_time(each.at, date=True), each.channel, each.address, outcome, each.subject)
