"""Small SVG plots for the page: bars, intervals, lines.

Everything a person reads in them is escaped. Lengths are in the units of the plot's view box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["Bar", "Interval", "bars", "forest", "lines"]

WIDTH = 640
ROW_HEIGHT = 30
LABEL_WIDTH = 190
"""Left part of a plot, with the names of its rows."""
BAR_MARGIN = 110
"""Space behind the longest bar, for its text."""
INTERVAL_MARGIN = 170
"""Right part of a forest plot, with the figures of its rows."""
GRID_STEPS = 4
PANEL_BASE = 110
PANEL_HEIGHT = 80
"""Of one curve: where its least value lies, and how far above it the greatest."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of :func:`bars`.

    Args:
        label: what is measured.
        value: its size, not negative.
        text: what stands behind the bar.
    """

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of :func:`forest`.

    Args:
        label: what is measured.
        value: the estimate.
        low: the interval's lower end.
        high: its upper end.
    """

    label: str
    value: float
    low: float
    high: float


def _svg(height: float, title: str, elements: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}"><title>{}</title>'
    )
    opening = head.format(WIDTH, height, title, title)
    return opening + Markup("").join(elements) + Markup("</svg>")


def _label(
    left: float, top: float, text: object, css: str = "", anchor: str = "start"
) -> Markup:
    template = Markup(
        '<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>'
    )
    return template.format(left, top, css, anchor, text)


def _bar(top: float, width: float) -> Markup:
    template = Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3" class="{}"/>'
    )
    # A bar of length zero stays visible.
    return template.format(LABEL_WIDTH, top, max(width, 0.5), 18, "bar")


def bars(rows: Sequence[Bar], title: str) -> Markup:
    """Draw horizontal bars.

    Args:
        rows: from top to bottom.
        title: what the plot shows.

    Returns:
        An SVG element.
    """
    longest = max((row.value for row in rows), default=0.0)
    # Without any value no bar has a length, whatever the scale.
    scale = (WIDTH - LABEL_WIDTH - BAR_MARGIN) / (longest or 1.0)

    elements = []
    for index, row in enumerate(rows):
        top = index * ROW_HEIGHT + 6
        baseline = top + 14
        length = row.value * scale
        text_left = LABEL_WIDTH + length + 8
        elements.append(_label(LABEL_WIDTH - 10, baseline, row.label, anchor="end"))
        elements.append(_bar(top, length))
        elements.append(_label(text_left, baseline, row.text, "dim"))

    height = len(rows) * ROW_HEIGHT + 8
    return _svg(height, title, elements)


@dataclass(frozen=True, slots=True)
class _Axis:
    """A horizontal axis that maps values to positions."""

    low: float
    high: float

    def position(self, value: float) -> float:
        """How far from the left a value lies."""
        width = WIDTH - LABEL_WIDTH - INTERVAL_MARGIN
        spread = self.high - self.low
        share = (value - self.low) / spread
        return LABEL_WIDTH + width * share


def _axis_of(rows: Sequence[Interval]) -> _Axis:
    """An axis that holds every interval, with some space at both ends."""
    least = min(row.low for row in rows)
    greatest = max(row.high for row in rows)
    padding = (greatest - least) * 0.08
    if padding == 0:
        padding = 0.05
    return _Axis(least - padding, greatest + padding)


def forest(rows: Sequence[Interval], title: str, *, best: str = "") -> Markup:
    """Draw points with intervals on one axis.

    Args:
        rows: from top to bottom.
        title: what the plot shows.
        best: label of the row that is coloured; empty: none.

    Returns:
        An SVG element; nothing where there are no rows.
    """
    if not rows:
        return Markup("")
    axis = _axis_of(rows)
    bottom = len(rows) * ROW_HEIGHT + 6
    elements = _grid(axis, bottom)
    for index, row in enumerate(rows):
        middle = index * ROW_HEIGHT + 18
        elements += _interval(row, axis, middle, is_best=row.label == best)
    return _svg(bottom + 20, title, elements)


def _grid(axis: _Axis, bottom: float) -> list[Markup]:
    """Vertical lines at even distances, each with its value below."""
    template = Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" class="grid"/>')
    elements = []
    for step in range(GRID_STEPS + 1):
        value = axis.low + (axis.high - axis.low) * step / GRID_STEPS
        left = axis.position(value)
        elements.append(template.format(left, bottom))
        elements.append(
            _label(left, bottom + 14, f"{value:.2f}", "dim small", "middle")
        )
    return elements


def _interval(
    row: Interval, axis: _Axis, middle: float, *, is_best: bool
) -> list[Markup]:
    """One row: its label, its interval and point, and their figures."""
    template = Markup(
        '<line x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}" class="span {css}"/>'
        '<circle cx="{:.1f}" cy="{y}" r="5" class="{css}"/>'
    )
    css = "best" if is_best else "point"
    label_css = "strong" if is_best else ""
    point = template.format(
        axis.position(row.low),
        axis.position(row.high),
        axis.position(row.value),
        y=middle,
        css=css,
    )
    # Text is placed by its baseline, 5 below the middle of its line.
    baseline = middle + 5
    return [
        _label(LABEL_WIDTH - 10, baseline, row.label, label_css, "end"),
        point,
        _label(WIDTH - 155, baseline, f"{row.value:.3f}", "strong"),
        _label(WIDTH - 108, baseline, f"{row.low:.2f} to {row.high:.2f}", "dim small"),
    ]


def lines(curves: Mapping[str, Sequence[float]], title: str) -> Markup:
    """Draw one panel a curve, each on its own scale.

    Args:
        curves: name to values, at even distances.
        title: what the plot shows.

    Returns:
        An SVG element.
    """
    panels = max(len(curves), 1)
    panel_width = (WIDTH - 20) / panels
    left = 10.0
    elements = []
    for name, values in curves.items():
        elements += _panel(name, values, left, panel_width)
        left += panel_width

    label = str(escape(title))
    return _svg(124, label, elements)


def _panel(
    name: str, values: Sequence[float], left: float, panel_width: float
) -> list[Markup]:
    """One curve, with its name above and its extremes to the left."""
    greatest = max(values, default=1.0)
    least = min(values, default=0.0)
    spread = (greatest - least) or 1.0
    start = left + 40
    intervals = max(len(values) - 1, 1)

    points = []
    for index, value in enumerate(values):
        across = start + (panel_width - 60) * index / intervals
        down = PANEL_BASE - PANEL_HEIGHT * (value - least) / spread
        points.append(f"{across:.1f},{down:.1f}")

    # Labels of the axis end a little to the left of the curve.
    axis = left + 34
    curve = Markup('<polyline points="{}" class="line"/>')
    return [
        _label(start, 16, name, "strong"),
        _label(axis, 34, f"{greatest:.2f}", "dim small", "end"),
        _label(axis, 112, f"{least:.2f}", "dim small", "end"),
        curve.format(" ".join(points)),
    ]
