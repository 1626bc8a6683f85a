"""How numbers are written on pages, once; and where they stand on a bullet bar."""

import math

from django.contrib.humanize.templatetags.humanize import intcomma

THIN = "\u202f"
WORDS = {"higher": "at least", "lower": "at most"}


def number(value: float | None) -> str:
    """Three significant digits: 0.927, 12.3, 4,570."""
    if value is None:
        return "–"
    value = float(value)
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-4 or size >= 1e9:
        text = f"{size:.2e}"
    else:
        decimals = max(0, 2 - math.floor(math.log10(size)))
        rounded = round(size, decimals)
        # 0.9996 rounds up to 1.000, which is one digit too many.
        decimals = max(0, 2 - math.floor(math.log10(rounded))) if rounded else decimals
        text = intcomma(f"{rounded:.{decimals}f}", use_l10n=False)
    return f"−{text}" if value < 0 else text


def percent(value: float | None) -> str:
    """A share as a whole percentage; one decimal below ten per cent."""
    if value is None:
        return "–"
    points = 100 * float(value)
    digits = 0 if abs(points) >= 10 or points == 0 else 1
    return f"{points:.{digits}f}{THIN}%".replace("-", "−")


def count(value: float | None) -> str:
    return "–" if value is None else intcomma(round(value), use_l10n=False)


def in_unit(value: float | None, unit: str = "ratio") -> str:
    return count(value) if unit in {"rows", "count", "queries"} else number(value)


def interval(row) -> str:
    """[0.28, 0.34] of anything that has low and high; nothing where there is none."""
    if row.low is None or row.high is None:
        return ""
    unit = getattr(row, "unit", "ratio")
    return f"[{in_unit(row.low, unit)}, {in_unit(row.high, unit)}]"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# The bar's drawing units.
WIDTH, INSET = 200.0, 6.0


def bullet_geometry(value, low, high, better, warn, fail) -> dict:
    """Zones, interval, dot and the sentence that says the same."""
    if value is None:
        return {"sentence": "not measured", "zones": []}
    start, end = _range([x for x in (value, low, high, warn, fail) if x is not None])

    def at(x: float) -> float:
        return round(INSET + (WIDTH - 2 * INSET) * (min(max(x, start), end) - start) / (end - start), 2)

    return {
        "zones": _zones(at, start, end, better, warn, fail),
        "x": at(value),
        "low": None if low is None else at(low),
        "high": None if high is None else at(high),
        "sentence": _sentence(value, low, high, better, warn, fail),
    }


def _range(points: list[float]) -> tuple[float, float]:
    """0 to 1 for shares; otherwise what holds every point, with room beyond."""
    if min(points) >= 0 and max(points) <= 1:
        # A limit of 0.10 would sit in the first tenth of the bar: zoom in on small shares.
        top = 1.0 if max(points) > 0.4 else min(1.0, 2.0 * max(points) or 1.0)
        return 0.0, top
    start, end = min(0.0, *points), max(0.0, *points)
    room = 0.15 * (end - start or 1.0)
    return (start - room if start < 0 else 0.0), end + room


def _zones(at, start, end, better, warn, fail) -> list[dict]:
    if better == "none" or (warn is None and fail is None):
        return [_zone("none", at(start), at(end))]
    near, far = (warn if warn is not None else fail), (fail if fail is not None else warn)
    left, right = ("fail", "pass") if better == "higher" else ("pass", "fail")
    first, second = sorted((near, far))
    zones = [(left, start, first), ("warn", first, second), (right, second, end)]
    return [_zone(look, at(a), at(b)) for look, a, b in zones if at(b) > at(a)]


def _zone(look: str, a: float, b: float) -> dict:
    return {"look": look, "x": a, "width": round(b - a, 2)}


def _sentence(value, low, high, better, warn, fail) -> str:
    parts = [f"Measured {number(value)}"]
    if low is not None and high is not None:
        parts.append(f"95 % interval {number(low)} to {number(high)}")
    word = WORDS.get(better)
    if word and fail is not None:
        parts.append(f"must be {word} {bound(fail)}")
    if word and warn is not None and warn != fail:
        parts.append(f"should be {word} {bound(warn)}")
    return ", ".join(parts)


def threshold(row) -> str:
    """The limit that a value must keep: ≥ 0.80."""
    limit = row.fail if row.fail is not None else row.warn
    sign = {"higher": "≥ ", "lower": "≤ "}.get(row.better, "")
    return "–" if limit is None else f"{sign}{bound(limit)}"


def limit(criterion: dict, which: str) -> str:
    """The same for a criterion of a policy; `which` is warn or fail."""
    sign = {"higher": "below ", "lower": "above "}.get(criterion["better"], "")
    value = criterion.get(which)
    return "–" if value is None else f"{sign}{bound(value)}"


def bound(value: float) -> str:
    """A limit that people set: two decimals where it has no more."""
    return f"{value:.2f}" if round(value, 2) == value and abs(value) < 10 else number(value)


def cell(value) -> str:
    """A cell of a test's own table: text stays, numbers are written like all others."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return {None: "–", True: "yes", False: "no"}.get(value, value)
    if isinstance(value, list):  # what was changed about a row
        return "; ".join(f"{change['column']}: {change['before']} → {change['after']}" for change in value)
    return count(value) if isinstance(value, int) else number(value)


def plain(value) -> str:
    """A small JSON value as a line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    return str(value)


def change(before, after) -> dict:
    """From one measured row to another: better, worse, or no more than both intervals allow for chance.

    The half-widths of two independent 95 % intervals add as squares.
    """
    if before is None or before.value is None or after.value is None:
        return {"way": "same", "text": "", "word": "not comparable"}
    found = after.value - before.value
    sign = "+" if found > 0 else "−" if found < 0 else "±"
    text = f"{sign}{number(abs(found))}"
    noise = math.hypot(_half_width(before), _half_width(after))
    if abs(found) <= noise:
        return {"way": "same", "text": text, "word": "not significant"}
    if after.better == "none":
        return {"way": "same", "text": text, "word": ""}
    way = "better" if (found > 0) == (after.better == "higher") else "worse"
    return {"way": way, "text": text, "word": way}


def _half_width(row) -> float:
    return 0.0 if row.low is None or row.high is None else (row.high - row.low) / 2
