"""What all charts share: paper, colours, type, axes, and a figure turned into the same bytes every time.

Nothing here is pyplot: a Figure belongs to its thread, so that a web worker may draw several at once.
"""

import dataclasses
import functools
import io
import re
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from assessments.charts._reading import one_line

INK, MUTED, GRID, PALE = "#1c2430", "#5c6775", "#e8ebf0", "#d5dae2"
BLUE, ORANGE, GREEN, SHADE = "#2f5bd7", "#d9622b", "#177352", "#fdebe8"
SERIES = (BLUE, ORANGE, GREEN, "#7a4fbf", "#0f7f8c", "#6b4a1b", "#b83280", MUTED)
# Beside the colour, for who cannot tell the colours apart: the marks and the dashes of the series in order.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (7, 2, 1.5, 2))
WIDTH = 6.0  # inches; 576 CSS pixels
SMALL, NORMAL, HEADING = 9.0, 10.0, 12.0  # points
MOST_STEPS = 50_000  # points of a curve that names keep clear of
PNG_DPI = 192  # twice the 96 of CSS

Curves = Sequence[tuple[np.ndarray, np.ndarray]]

FONTS = Path(__file__).parent / "fonts"
# Family names of our own: what is installed on the machine must not change the picture.
FAMILY = ["ModelRisk Inter", "ModelRisk DejaVu"]
FACES = (
    (FAMILY[0], 400, FONTS / "Inter-Regular.otf"),
    (FAMILY[0], 600, FONTS / "Inter-SemiBold.otf"),
    (FAMILY[1], 400, Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"),  # for the scripts Inter lacks
    (FAMILY[1], 600, Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"),
)

# Process-wide and set once, not in an rc_context, which is not safe between threads.
mpl.rcParams.update({"svg.hashsalt": "modelrisk", "svg.fonttype": "path", "text.parse_math": False})


@functools.cache
def _fonts() -> tuple[FT2Font, ...]:
    """Make our faces known to matplotlib; those of normal weight, which a character may come from."""
    for family, weight, path in FACES:
        entry = font_manager.ttfFontProperty(FT2Font(str(path)))
        entry = dataclasses.replace(entry, fname=str(path), name=family, weight=weight)
        font_manager.fontManager.ttflist.append(entry)
    return tuple(FT2Font(str(path)) for _, weight, path in FACES if weight == 400)


def type_face(size: float = NORMAL, *, strong: bool = False) -> FontProperties:
    _fonts()
    return FontProperties(family=FAMILY, size=size, weight=600 if strong else 400)


@functools.lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """The text with a box for each character that no face of ours has."""
    return "".join(c if any(face.get_char_index(ord(c)) for face in _fonts()) else "▯" for c in text)


@functools.lru_cache(maxsize=4096)
def width_of(text: str, size: float = NORMAL, *, strong: bool = False) -> float:
    """The width of printed text in inches."""
    renderer = FigureCanvasAgg(Figure(figsize=(0.1, 0.1), dpi=288)).get_renderer()
    return renderer.get_text_width_height_descent(printable(text), type_face(size, strong=strong), False)[0] / 288


def fit(value: object, inches: float, size: float = NORMAL, *, strong: bool = False) -> str:
    """The text on one line, cut with an ellipsis to what fits."""
    text = printable(one_line(value)[:400])
    if width_of(text, size, strong=strong) <= inches:
        return text
    short, long = 0, len(text)  # the longest cut that fits, by halving
    while short < long:
        middle = (short + long + 1) // 2
        if width_of(text[:middle].rstrip() + "…", size, strong=strong) <= inches:
            short = middle
        else:
            long = middle - 1
    return text[:short].rstrip() + "…"


def paper(
    title: object, *, height: float, left: float, right: float = 0.25, bottom: float = 0.62
) -> tuple[Figure, Axes]:
    """White paper with a heading and one axes; margins in inches."""
    figure = Figure(figsize=(WIDTH, height), dpi=96, facecolor="white")
    top = 0.52
    axes = figure.add_axes(
        (left / WIDTH, bottom / height, (WIDTH - left - right) / WIDTH, (height - top - bottom) / height)
    )
    axes.set_facecolor("white")
    axes.spines[:].set_visible(False)
    axes.grid(True, color=GRID, linewidth=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5, colors=MUTED)
    heading = fit(title, WIDTH - 0.3, HEADING, strong=True)
    figure.text(
        0.15 / WIDTH, 1 - 0.16 / height, heading, va="top", color=INK, fontproperties=type_face(HEADING, strong=True)
    )
    return figure, axes


def write(axes: Axes, x: float, y: float, text: str, *, size: float = NORMAL, strong: bool = False, **how) -> Text:
    """Text in the axes; `dx`, `dy` shift it by points, `halo` clears the paper behind it."""
    shift = (how.pop("dx", 0), how.pop("dy", 0))
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85} if how.pop("halo", False) else None
    where = how.pop("coordinates", "data")
    return axes.annotate(
        printable(text),
        (x, y),
        xycoords=where,
        xytext=shift,
        textcoords="offset points",
        fontproperties=type_face(size, strong=strong),
        annotation_clip=False,
        bbox=box,
        **{"color": INK, **how},
    )


def name_axes(axes: Axes, *, x: str = "", y: str = "") -> None:
    """Axis titles and the type of the tick labels."""
    axes.set_xlabel(printable(one_line(x)), fontproperties=type_face(), color=MUTED, labelpad=6)
    axes.set_ylabel(printable(one_line(y)), fontproperties=type_face(), color=MUTED, labelpad=6)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(type_face(SMALL))


def unit_square(axes: Axes, *, x: str, y: str) -> None:
    """Both axes from 0 to 1 with room for the line's own width."""
    axes.set_xlim(-0.012, 1.012)
    axes.set_ylim(-0.012, 1.03)
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    name_axes(axes, x=x, y=y)


def percent_ticks(axes: Axes, top: float) -> None:
    """The x axis from 0 to `top` (a share) in round per cents, at most 6 steps."""
    step = next(s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if top / s <= 6 or s == 0.2)
    axes.set_xticks(np.arange(0, top + step / 2, step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(share * 100, 2):g}%"))


def dashes(place: int) -> dict[str, tuple[float, ...]]:
    """How the line of the series at this place is broken, as an argument of `plot`; the first is whole."""
    pattern = DASHES[place % len(DASHES)]
    return {"dashes": pattern} if pattern else {}


LINE, KEY, EDGE = 14 / 72, 0.3, 0.16  # inches: the height of a line in a list, its key, from the axes' edge


def list_lines(axes: Axes, lines: list[tuple[str, str]], *, corner: str, curves: Curves = ()) -> None:
    """Coloured lines of text in a corner ("lower right", "lower left"), or where they cover least of the curves.

    Of several, each begins with its key: the dashes of its series. Call it when the axes have their limits.
    """
    placer, strong = Placer(axes, *curves), len(lines) == 1
    key = 0.0 if strong else KEY
    widest = max((width_of(text, strong=strong) for text, _ in lines), default=0.0)
    extent = np.array([key + widest, LINE * len(lines)])
    left, bottom = placer.clearest(extent, right_first=corner.endswith("right"))
    right = corner.endswith("right")
    for row, (text, colour) in enumerate(reversed(lines)):
        start = left + (widest - width_of(text, strong=strong) if right else 0.0)
        x, y = (start + key) / placer.size[0], (bottom + LINE * row) / placer.size[1]
        write(axes, x, y, text, coordinates="axes fraction", va="bottom", color=colour, strong=strong, halo=True)
        if key:
            ends = np.array([start, start + key - 0.07]) / placer.size[0]
            axes.plot(ends, np.full(2, y + 0.085 / placer.size[1]), color=colour, linewidth=2,
                      transform=axes.transAxes, **dashes(len(lines) - 1 - row))  # fmt: skip


def judged_line(axes: Axes, at: float, furthest: float, *, percent: bool = False) -> None:
    """A dashed line at the strength that the measures, and so the verdict, are about."""
    if not 0 < at <= furthest:
        return
    axes.axvline(at, color=MUTED, linewidth=1.1, dashes=(4, 3), zorder=1)
    # Above the axes, where no curve can be.
    said = f"{round(100 * at, 2):g}%" if percent else f"{at:g}"
    write(axes, at, 1.0, f"judged at {said}", size=SMALL, color=MUTED, dx=-2, dy=0, va="bottom", ha="left",
          coordinates=("data", "axes fraction"))  # fmt: skip


def stepped(x: np.ndarray, y: np.ndarray, *, ahead: bool) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a curve that jumps at each x: y holds from there on where it looks ahead, up to there otherwise.

    Straight lines between few points would show values that nothing has.
    """
    x, y = np.repeat(x, 2), np.repeat(y, 2)
    return (x[1:], y[:-1]) if ahead else (x[:-1], y[1:])


class Placer:
    """Puts names beside curves: at the first of the spots tried that meets no curve and no earlier name."""

    def __init__(self, axes: Axes, *curves: tuple[np.ndarray, np.ndarray]) -> None:
        self.axes = axes
        width, height = axes.figure.get_size_inches()
        self.size = np.array([axes.get_position().width * width, axes.get_position().height * height])
        self.points = np.concatenate([self._dense(x, y) for x, y in curves] or [np.empty((0, 2))])
        self.taken: list[np.ndarray] = []

    def _inches(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        (left, right), (low, high) = self.axes.get_xlim(), self.axes.get_ylim()
        return np.column_stack([(x - left) / (right - left), (y - low) / (high - low)]) * self.size

    def _dense(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The curve in inches from the corner, a point every hundredth of an inch as long as that is few enough."""
        known = np.isfinite(x) & np.isfinite(y)
        points = self._inches(x[known], y[known])
        if len(points) < 2:
            return points
        along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        # A curve that leaves the paper may be of any length: its points are counted before they are made.
        steps = np.linspace(0, along[-1], int(min(along[-1] * 100, MOST_STEPS)) + 2)
        return np.column_stack([np.interp(steps, along, points[:, 0]), np.interp(steps, along, points[:, 1])])

    def clearest(self, extent: np.ndarray, *, right_first: bool) -> tuple[float, float]:
        """The left lower corner, in inches, of the place at an edge of the axes that covers least of the curves."""
        sides = [self.size[0] - EDGE - extent[0], EDGE]
        free = self.size[1] - 2 * EDGE - extent[1]
        corners = [
            np.array([x, EDGE + free * height])
            for height in (0.0, 0.25, 0.5, 0.75, 1.0)
            for x in (sides if right_first else sides[::-1])
        ]
        covered = [((self.points > at - 0.05) & (self.points < at + extent)).all(axis=1).sum() for at in corners]
        chosen = corners[int(np.argmin(covered))]
        return float(chosen[0]), float(chosen[1])

    def put(self, text: str, spots: list[tuple[float, float, int, int]], *, size: float = NORMAL, **style) -> None:
        """spots: (x, y, side, level): side -1 left, 1 right of the point; level -1 below, 0 level with, 1 above it."""
        if not spots:
            return
        extent = np.array([width_of(text, size, strong=style.get("strong", False)) + 0.04, size / 72 * 1.25])
        boxes = [self._box(spot, extent) for spot in spots]
        ranked = (self._free, self._inside)  # where none is free, at least none that is cut off
        chosen = next((i for fits in ranked for i, box in enumerate(boxes) if fits(box)), 0)
        x, y, side, level = spots[chosen]
        self.taken.append(boxes[chosen])
        write(
            self.axes, x, y, text, size=size, dx=6 * side, dy=4 * level, ha="left" if side > 0 else "right",
            va={1: "bottom", 0: "center", -1: "top"}[level], halo=not self._free_of_curves(boxes[chosen]), **style,
        )  # fmt: skip

    def _box(self, spot: tuple[float, float, int, int], extent: np.ndarray) -> np.ndarray:
        x, y, side, level = spot
        corner = self._inches(np.array([x]), np.array([y]))[0]
        corner = corner + np.array([side * 6 / 72, level * 4 / 72]) + extent * ((side - 1) / 2, (level - 1) / 2)
        return np.array([corner, corner + extent])

    def _free_of_curves(self, box: np.ndarray) -> bool:
        return not ((self.points > box[0]) & (self.points < box[1])).all(axis=1).any()

    def _inside(self, box: np.ndarray) -> bool:
        inside = (box[0] > 0).all() and (box[1] < self.size).all()
        return bool(inside) and all((box[0] > other[1]).any() or (box[1] < other[0]).any() for other in self.taken)

    def _free(self, box: np.ndarray) -> bool:
        return self._inside(box) and self._free_of_curves(box)


def spread(wanted: list[float], gap: float) -> list[float]:
    """Positions near those wanted, in the same order, no two closer than `gap`."""
    order = np.argsort(wanted, kind="stable")
    placed = np.array(wanted, dtype=float)[order]
    for _ in range(60):
        short = gap - np.diff(placed)
        if not (short > 1e-9).any():
            break
        push = np.where(short > 0, short / 2, 0)
        placed[:-1] -= push
        placed[1:] += push
    settled = np.empty_like(placed)
    settled[order] = placed
    return settled.tolist()


def as_png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()


def as_svg(figure: Figure, *, name: str, title: str, alt: str) -> bytes:
    """The figure as SVG that may stand inside a page.

    Ids begin with `name`, so that two charts do not meet; styles are attributes, as a strict content security
    policy wants; `title` and `alt` are its accessible name and description.
    """
    out = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(out, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawing = out.getvalue().decode()
    body = drawing[drawing.index(">", drawing.index("<svg ")) + 1 :]
    body = re.sub(r"\s*<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r'\sstyle="([^"]*)"', lambda found: _attributes(found[1]), body)
    slug = re.sub(r"[^A-Za-z0-9_-]", "-", name) or "chart"
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{slug}-", body)
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    box = " ".join(f"{inches * 72:g}" for inches in figure.get_size_inches())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}"'
        f' height="{height}" viewBox="0 0 {box}" role="img" aria-labelledby="{slug}-title {slug}-desc"'
        f' stroke-linejoin="round" stroke-linecap="butt">\n<title id="{slug}-title">{escape(one_line(title))}</title>'
        f'\n<desc id="{slug}-desc">{escape(one_line(alt))}</desc>'
    )
    return (head + body).encode()


def _attributes(style: str) -> str:
    """`fill: none; stroke: #fff` as attributes; matplotlib's SVG uses only properties that exist as such."""
    pairs = (part.split(":", 1) for part in style.split(";") if part.strip())
    return "".join(f' {key.strip()}="{value.strip()}"' for key, value in pairs)
