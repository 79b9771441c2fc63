"""The table as one HTML page that needs nothing else: no script, no font and no picture from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.aims import aims
from bench.charts import Bar, bars, latencies
from bench.lanes import DIRECT, INTERPRETED, LOGGED_LANE, MASKING, POOLER_LANE, TRANSPARENT_LANE, WORKERS
from bench.report import COSTS, Report, failures, lane_names, median, number

STYLE = Path(__file__).with_name("page.css")
KINDS = {
    DIRECT: "direct",
    POOLER_LANE: "pooler",
    TRANSPARENT_LANE: "light",
    MASKING: "ours",
    LOGGED_LANE: "light",
    INTERPRETED: "light",
    WORKERS: "ours",
}
GROUPS = {
    "select-only": "One row by its key",
    "TPC-B": "Seven statements in a transaction",
    "texts": "Statements as they are written",
    "rows": "Many rows, and large ones",
    "connections": "Connections",
}


def page(found: Report) -> str:
    """The whole of it."""
    body = [
        "<h1>pgmaskproxy beside what one would use instead</h1>",
        _definitions(found["conditions"]),
        *(f'<p class="note">{escape(note)}</p>' for note in found["notes"]),
        _lanes(found),
        "<h2>What it should be, and what it is</h2>",
        _aims(found),
        "<h2>Beside PgBouncer</h2>",
        "<p>How many times PgBouncer's rate the proxy has, masking and attesting. The line is PgBouncer.</p>",
        _overview(found),
        "<h2>How much later an answer comes than directly</h2>",
        "<p>Masking and attesting: p50 <span class='p50'>●</span>, p99 <span class='p99'>●</span>, p99.9"
        " <span class='p999'>●</span>; each step of the scale is tenfold. With several clients the"
        " machine is busy, and waiting for one's turn is in it.</p>",
        _latencies(found),
    ]
    for group, workloads in groupby(found["workloads"], key=lambda each: str(each["group"])):
        body.append(f"<h2>{escape(GROUPS.get(group, group))}</h2>")
        body += [_workload(found, each) for each in workloads]
    if found["cold_start"]:
        body += ["<h2>Start to accepting</h2>", _starts(found)]
    wrong = failures(found)
    if wrong:
        body += ["<h2>What did not work</h2>", "<ul>", *(f"<li>{escape(each[:400])}</li>" for each in wrong), "</ul>"]
    style = STYLE.read_text(encoding="utf-8")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        ' content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>pgmaskproxy: the bench</title><style>{style}</style></head>"
    )
    return head + "<body><main>" + "\n".join(body) + "</main></body></html>\n"


def _definitions(conditions: Mapping[str, str]) -> str:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in conditions.items())
    return f'<dl class="conditions">{rows}</dl>'


def _lanes(found: Report) -> str:
    known = [lane for lane in found["lanes"] if lane["name"] in lane_names(found)]
    rows = "".join(
        f'<li><span class="swatch {KINDS.get(lane["name"], "other")}"></span><b>{escape(lane["name"])}</b> '
        f"{escape(lane['about'])}</li>"
        for lane in known
    )
    return f'<ul class="lanes">{rows}</ul>'


def _aims(found: Report) -> str:
    words = {True: ("met", "met"), False: ("missed", "not met"), None: ("unknown", "not measured")}
    rows = [
        [escape(aim.about), escape(aim.wanted), escape(aim.shown), '<span class="{}">{}</span>'.format(*words[aim.met])]
        for aim in aims(found)
    ]
    return f'<div class="words">{table(["", "wanted", "measured", ""], rows)}</div>'


def _overview(found: Report) -> str:
    rows = []
    for workload in found["workloads"]:
        figure = workload["lanes"].get(MASKING, {}).get("pgbouncer_rate")
        if figure is not None:
            value = float(figure["median"])
            rows.append(Bar(workload["name"], value, figure["min"], figure["max"], f"{value:.2f} x", "ours"))
    return f"<figure>{bars(rows, 'rate against PgBouncer', mark=1.0)}</figure>"


def _latencies(found: Report) -> str:
    rows: dict[str, dict[str, float]] = {}
    for workload in found["workloads"]:
        later = {part: median(workload, MASKING, f"added_{part}") for part in ("p50", "p99", "p999")}
        known = {part: value for part, value in later.items() if value is not None}
        if known:
            rows[workload["name"]] = known
    return f"<figure>{latencies(rows, 'added latency')}</figure>"


def _workload(found: Report, workload: Mapping[str, Any]) -> str:
    names = [lane for lane in lane_names(found) if lane in workload["lanes"]]
    rows = []
    for lane in names:
        rate = workload["lanes"][lane]["rate"]
        of = median(workload, lane, "direct_rate")
        shown = f"{number(rate['median'])} {workload['unit']}" + (f" ({of:.2f} x direct)" if of is not None else "")
        rows.append(Bar(lane, rate["median"], rate["min"], rate["max"], shown, KINDS.get(lane, "other")))
    parts = [
        f"<section><h3>{escape(workload['name'])}</h3><p>{escape(workload['about'])}</p>",
        f"<figure>{bars(rows, str(workload['about']))}</figure>",
        _figures(workload, names),
    ]
    for title, key in (("Where the proxy's time goes", "profile"), ("Where the server's time goes", "server_profile")):
        if workload[key]:
            parts.append(_profile(title, workload[key]))
    return "".join(parts) + "</section>"


def _figures(workload: Mapping[str, Any], names: Sequence[str]) -> str:
    shown = [cost for cost in COSTS if any(cost[1] in workload["lanes"][lane] for lane in names)]
    if not shown:
        return ""
    rows = [
        [escape(title), *(escape(write(median(workload, lane, key))) for lane in names)] for title, key, write in shown
    ]
    return table(["", *names], rows)


def _profile(title: str, lines: Sequence[Sequence[Any]]) -> str:
    rows = [[f"<code>{escape(str(name))}</code>", f"{own:.1%}", f"{whole:.1%}"] for name, own, whole in lines]
    inside = table(["", "itself", "with what it calls"], rows)
    return f"<details><summary>{escape(title)}</summary>{inside}</details>"


def _starts(found: Report) -> str:
    rows = [
        Bar(lane, each["median"], each["min"], each["max"], number(each["median"], " ms"), KINDS.get(lane, "other"))
        for lane, each in found["cold_start"].items()
    ]
    return f"<figure>{bars(rows, 'start to accepting')}</figure>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Wide ones scroll by themselves; cells are HTML."""
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(
        "<tr>"
        + "".join(f"<{'td' if n else 'th'}>{cell}</{'td' if n else 'th'}>" for n, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
