"""What Lback sets itself: the ratio to another contestant that a scenario must not exceed."""

from typing import Any

FALCON = {
    **dict.fromkeys(
        ("plaintext", "json", "params", "not-found", "not-allowed", "cookies", "json-body",
         "middlewares"), 0.8,
    ),
    **dict.fromkeys(("query", "form", "template"), 1.0),
}  # fmt: skip
FLASK = {"upload": 0.8}
NOT_BELOW_FLASK_OR_DJANGO = {"upload", "template"}
RAW = {"plaintext": 4.0}

Row = dict[str, dict[str, float]]


def misses(results: dict[str, Row]) -> list[str]:
    """Return a sentence for each ratio that is over its target."""
    found = []
    for scenario, other, ratio, target in ratios(results):
        if ratio > target:
            found.append(f"{scenario}: {ratio:.2f} of {other}, the target is {target:g}")
    return found


def ratios(results: dict[str, Row]) -> list[tuple[str, str, float, float]]:
    """Return scenario, the other one, ratio and target, for all that has a target."""
    found: list[tuple[str, str, float, float]] = []
    for scenario, row in results.items():
        mine = row.get("lback")
        if mine is None:
            continue
        for other, target in _targets(scenario, row):
            found.append((scenario, other, mine["median"] / row[other]["median"], target))
    first, last = results.get("routes-20"), results.get("routes-10000")
    if first and last:
        ratio = last["lback"]["median"] / first["lback"]["median"]
        found.append(("routes-10000", "its own time with 20 routes", ratio, 1.3))
    return found


def faster_falcon(row: Row) -> str | None:
    """Return which of the two Falcons is ahead in a scenario."""
    falcons = [name for name in ("falcon", "falcon-compiled") if name in row]
    return min(falcons, key=lambda name: row[name]["median"], default=None)


def _targets(scenario: str, row: Row) -> list[tuple[str, float]]:
    wanted: list[tuple[str | None, float | None]] = [
        (faster_falcon(row), FALCON.get(scenario)),
        ("raw", RAW.get(scenario)),
        ("flask", FLASK.get(scenario)),
    ]
    if scenario not in NOT_BELOW_FLASK_OR_DJANGO:
        wanted += [("flask", 0.25), ("django", 0.15)]
    return [(other, limit) for other, limit in wanted if other in row and limit is not None]


def moved(before: dict[str, Row], now: dict[str, Row], by: float = 0.07) -> list[str]:
    """Say which scenarios of Lback moved against Falcon or, where it has none, against Flask."""
    found: list[Any] = []
    for scenario, row in now.items():
        old = before.get(scenario, {})
        other = next((n for n in ("falcon", "flask") if n in row and n in old), None)
        if other is None or "lback" not in row or "lback" not in old:
            continue
        was = old["lback"]["median"] / old[other]["median"]
        is_now = row["lback"]["median"] / row[other]["median"]
        if abs(is_now / was - 1) > by:
            found.append((is_now / was, f"{scenario}: {was:.2f} -> {is_now:.2f} of {other}"))
    return [text for _, text in sorted(found, reverse=True)]
