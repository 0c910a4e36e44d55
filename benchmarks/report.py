"""From results to what people read: a page of tables, and a plot."""

from html import escape
from pathlib import Path
from typing import Any

from contestants import NAMES, TITLES
from scenarios import BY_NAME
from targets import Row, faster_falcon, misses

PARTS = ("served", "startup", "memory", "cache")
COLOURS = {
    "raw": "#9a9a9a", "lback": "#c2410c", "lback-defaults": "#fdba74",
    "falcon": "#2563eb", "falcon-compiled": "#93c5fd",
    "bottle": "#15803d", "starlette": "#7c3aed", "flask": "#0f766e", "django": "#475569",
}  # fmt: skip


def markdown(results: dict[str, Any]) -> str:
    parts = ["# Results\n", _machine(results["machine"])]
    if "in_process" in results:
        parts += ["## In process\n", IN_PROCESS, _table(results["in_process"]), _missed(results)]
        parts.append(_registration(results["in_process"]))
    parts += [_part(results[part]) for part in PARTS if part in results]
    return "\n".join(parts)


IN_PROCESS = """\
Microseconds of processor time per request, the median of interleaved rounds. In brackets: how
far the middle half of the rounds is spread, in per cent, where that is over 5. The last columns
are Lback's ratio to the faster Falcon, to Flask and to Django. Smaller is better.
"""


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, {machine['python']}; {versions}. "
        f"Load of the machine when the measurement began: {machine['load']}.\n"
    )


def _table(rows: dict[str, Row]) -> str:
    heads = [*[TITLES[n] for n in NAMES], "of Falcon", "of Flask", "of Django"]
    lines = [
        f"| scenario | {' | '.join(heads)} |",
        f"|---|{'|'.join(['--:'] * len(heads))}|",
    ]
    for name, row in rows.items():
        cells = [_microseconds(row.get(n)) for n in NAMES]
        cells += [_ratio(row, other) for other in (faster_falcon(row), "flask", "django")]
        lines.append(f"| {BY_NAME[name].title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _microseconds(cell: dict[str, float] | None) -> str:
    if cell is None:
        return "-"
    spread = f" ({cell['spread'] * 100:.0f})" if cell["spread"] > 0.05 else ""
    return f"{significant(cell['median'] * 1e6)}{spread}"


def significant(number: float) -> str:
    """Write three digits, and no more of them than the measurement holds."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _ratio(row: Row, other: str | None) -> str:
    if other is None or other not in row or "lback" not in row:
        return "-"
    return f"{row['lback']['median'] / row[other]['median']:.2f}"


def _missed(results: dict[str, Any]) -> str:
    found = misses(results["in_process"])
    if not found:
        return "Every ratio is within its target.\n"
    return "Over their targets:\n\n" + "\n".join(f"- {line}" for line in found) + "\n"


def _registration(rows: dict[str, Row]) -> str:
    built = {name: row for name, row in rows.items() if name.startswith("routes-")}
    heads = [name for name in NAMES if any(name in row for row in built.values())]
    lines = [
        "### Registering the routes\n",
        "Seconds of processor time, measured once, from nothing to an application with them.\n",
        f"| | {' | '.join(TITLES[name] for name in heads)} |",
        f"|---|{'|'.join(['--:'] * len(heads))}|",
    ]
    for scenario, row in built.items():
        cells = [significant(row[n]["built_in"]) if n in row else "-" for n in heads]
        lines.append(f"| {int(scenario.partition('-')[2]):,} routes | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _part(part: dict[str, Any]) -> str:
    heads = part["columns"]
    lines = [
        f"## {part['title']}\n\n{part['text']}\n",
        f"| {' | '.join(['', *heads])} |",
        f"|---|{'|'.join(['--:'] * len(heads))}|",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in part["rows"]),
    ]
    return "\n".join(lines) + "\n"


# The plot: a row a scenario, a dot a contestant, on a logarithmic scale of microseconds.

LEFT, TOP, WIDTH, STEP = 290, 70, 620, 26


def plot(rows: dict[str, Row]) -> str:
    """Draw the table as an SVG."""
    from math import log10

    values = [cell["median"] * 1e6 for row in rows.values() for cell in row.values()]
    low, high = log10(min(values) * 0.8), log10(max(values) * 1.25)

    def x(microseconds: float) -> float:
        return LEFT + WIDTH * (log10(microseconds) - low) / (high - low)

    height = TOP + STEP * len(rows) + 50
    marks = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_legend(),
    ]
    for power in range(-1, 5):
        for digit in (1, 3):
            tick = digit * 10.0**power
            if low <= log10(tick) <= high:
                marks += [
                    f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" '
                    f'y2="{height - 42}" stroke="#e5e5e5"/>',
                    f'<text x="{x(tick):.1f}" y="{height - 26}" text-anchor="middle" '
                    f'fill="#555">{tick:g}</text>',
                ]
    marks.append(
        f'<text x="{LEFT + WIDTH / 2}" y="{height - 8}" text-anchor="middle" fill="#555">'
        "microseconds per request, logarithmic</text>"
    )
    for number, (name, row) in enumerate(rows.items()):
        y = TOP + STEP * number + 10
        marks.append(
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">'
            f"{escape(BY_NAME[name].title)}</text>"
        )
        drawn = sorted(row, key=lambda n: n == "lback")  # Lback last, on top
        for contestant in drawn:
            radius = 6 if contestant == "lback" else 4.5
            marks.append(
                f'<circle cx="{x(row[contestant]["median"] * 1e6):.1f}" cy="{y}" r="{radius}" '
                f'fill="{COLOURS[contestant]}" fill-opacity="0.85"/>'
            )
    return "\n".join([*marks, "</svg>\n"])


def _legend() -> list[str]:
    marks = []
    for number, name in enumerate(NAMES):
        x, y = LEFT + (number % 5) * 130, 20 + (number // 5) * 20
        marks += [
            f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{COLOURS[name]}"/>',
            f'<text x="{x + 10}" y="{y}">{TITLES[name]}</text>',
        ]
    return marks


def write(results: dict[str, Any], directory: Path) -> None:
    (directory / "results.md").write_text(markdown(results))
    if "in_process" in results:
        (directory / "in-process.svg").write_text(plot(results["in_process"]))
