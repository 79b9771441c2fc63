"""`pgmaskproxy demo`: a real PostgreSQL behind the proxy, with an agent and two people, and a tour of it."""

from __future__ import annotations

import rich_click as click

from pgmaskproxy.cli.output import log_options, option


@click.command("demo")
@option("--tour", is_flag=True, help="Play a scripted agent, say what happens, and end.")
@option(
    "--yes", is_flag=True, help="With --tour: decide by itself as the second person. Exit 0 only if all came out right."
)
@option(
    "--pg-bindir",
    type=click.Path(file_okay=False, exists=True),
    help="The programs of an installed PostgreSQL instead of the embedded one.",
)
@option("--upstream", metavar="DSN", help="Any PostgreSQL (libpq's connection string) instead of a throwaway one.")
@option("--port", type=click.IntRange(0, 65535), default=6432, help="Where the proxy listens; 0 takes a free port.")
@option(
    "--web-port",
    type=click.IntRange(0, 65535),
    default=8432,
    help="Where the REST interface listens; 0 takes a free port.",
)
@option(
    "--metrics-port", type=click.IntRange(0, 65535), default=9432, help="Where metrics and health are; 0: any port."
)
@log_options
@click.pass_context
def demo(
    context: click.Context,
    *,
    tour: bool,
    yes: bool,
    pg_bindir: str | None,
    upstream: str | None,
    port: int,
    web_port: int,
    metrics_port: int,
) -> None:
    """Try it: a shop in a throwaway PostgreSQL, the proxy before it, and how to connect and approve."""
    from pgmaskproxy import demo as program  # noqa: PLC0415 - needs the demo's extra packages

    if yes and not tour:
        raise click.UsageError("--yes goes with --tour")
    if pg_bindir is not None and upstream is not None:
        raise click.UsageError("--pg-bindir and --upstream exclude each other")
    context.exit(
        program.run(
            tour=tour,
            yes=yes,
            pg_bindir=pg_bindir,
            upstream=upstream,
            port=port,
            web_port=web_port,
            metrics_port=metrics_port,
        )
    )
