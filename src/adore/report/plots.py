"""Small SVG plots for the page: bars, intervals, lines, points of two errors.

All texts in them are escaped. Lengths are in the units of the plot's view box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Bar", "ErrorPoint", "Interval", "bars", "errors", "forest", "lines"]

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
"""Of one curve: the vertical position of its lowest value, and the height to its highest."""

ERRORS_SIZE = 220
"""Width and height of the square of two errors."""
ERRORS_LEFT = 60
ERRORS_TOP = 10
LEGEND_LEFT = 320


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of :func:`bars`.

    Args:
        label: what is measured.
        value: its size, not negative.
        text: shown behind the bar.
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
    opening_tag = Markup(
        '<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}"><title>{}</title>'
    )
    opening_element = opening_tag.format(WIDTH, height, title, title)
    return opening_element + Markup("").join(elements) + Markup("</svg>")


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
    longest = max((bar_row.value for bar_row in rows), default=0.0)
    longest_width = WIDTH - LABEL_WIDTH - BAR_MARGIN
    # Without any value no bar has a length, whatever the scale.
    scale = longest_width / (longest or 1.0)

    elements = []
    for index, bar_row in enumerate(rows):
        bar_top = index * ROW_HEIGHT + 6
        baseline = bar_top + 14
        bar_length = bar_row.value * scale
        text_left = LABEL_WIDTH + bar_length + 8
        row_label = _label(LABEL_WIDTH - 10, baseline, bar_row.label, anchor="end")
        bar_text = _label(text_left, baseline, bar_row.text, "dim")
        elements += [row_label, _bar(bar_top, bar_length), bar_text]

    height = len(rows) * ROW_HEIGHT + 8
    return _svg(height, title, elements)


@dataclass(frozen=True, slots=True)
class _Axis:
    """A horizontal axis that maps values to positions."""

    low: float
    high: float

    def position(self, value: float) -> float:
        """How far from the left a value lies."""
        axis_width = WIDTH - LABEL_WIDTH - INTERVAL_MARGIN
        value_range = self.high - self.low
        share = (value - self.low) / value_range
        return LABEL_WIDTH + axis_width * share


def _axis_of(rows: Sequence[Interval]) -> _Axis:
    """An axis that holds every interval, with some space at both ends."""
    lowest_end = min(row.low for row in rows)
    highest_end = max(row.high for row in rows)
    value_range = highest_end - lowest_end
    padding = 0.08 * value_range
    # Equal ends would make an axis of length zero.
    if padding == 0:
        padding = 0.05
    return _Axis(lowest_end - padding, highest_end + padding)


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
    axis_bottom = len(rows) * ROW_HEIGHT + 6
    elements = _grid(axis, axis_bottom)
    for index, interval_row in enumerate(rows):
        row_middle = index * ROW_HEIGHT + 18
        elements += _interval(
            interval_row, axis, row_middle, is_best=interval_row.label == best
        )
    return _svg(axis_bottom + 20, title, elements)


def _grid(axis: _Axis, bottom: float) -> list[Markup]:
    """Vertical lines at even distances, each with its value below."""
    template = Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" class="grid"/>')
    elements = []
    for grid_step in range(GRID_STEPS + 1):
        share = grid_step / GRID_STEPS
        grid_value = axis.low + share * (axis.high - axis.low)
        line_left = axis.position(grid_value)
        elements.append(template.format(line_left, bottom))
        elements.append(
            _label(line_left, bottom + 14, f"{grid_value:.2f}", "dim small", "middle")
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
    point_class = "best" if is_best else "point"
    label_class = "strong" if is_best else ""
    drawn_interval = template.format(
        axis.position(row.low),
        axis.position(row.high),
        axis.position(row.value),
        y=middle,
        css=point_class,
    )
    # Text is placed by its baseline, 5 below the middle of its line.
    baseline = middle + 5
    return [
        _label(LABEL_WIDTH - 10, baseline, row.label, label_class, "end"),
        drawn_interval,
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
    panel_count = max(len(curves), 1)
    panel_width = (WIDTH - 20) / panel_count
    panel_left = 10.0
    elements = []
    for name, values in curves.items():
        elements += _panel(name, values, panel_left, panel_width)
        panel_left += panel_width

    return _svg(124, title, elements)


def _panel(
    name: str, values: Sequence[float], left: float, panel_width: float
) -> list[Markup]:
    """One curve, with its name above and its extremes to the left."""
    highest_value = max(values, default=1.0)
    lowest_value = min(values, default=0.0)
    value_range = (highest_value - lowest_value) or 1.0
    curve_left = left + 40
    intervals = max(len(values) - 1, 1)

    curve_points = []
    for value_index, value in enumerate(values):
        share_of_width = value_index / intervals
        share_of_height = (value - lowest_value) / value_range
        point_left = curve_left + share_of_width * (panel_width - 60)
        point_top = PANEL_BASE - share_of_height * PANEL_HEIGHT
        curve_points.append(f"{point_left:.1f},{point_top:.1f}")

    # Labels of the axis end a little to the left of the curve.
    label_right = left + 34
    curve = Markup('<polyline points="{}" class="line"/>')
    return [
        _label(curve_left, 16, name, "strong"),
        _label(label_right, 34, f"{highest_value:.2f}", "dim small", "end"),
        _label(label_right, 112, f"{lowest_value:.2f}", "dim small", "end"),
        curve.format(" ".join(curve_points)),
    ]


@dataclass(frozen=True, slots=True)
class ErrorPoint:
    """Two error rates of one system, for :func:`errors`.

    Args:
        label: the system; empty on a curve.
        fpr: false positives, to the right.
        fnr: false negatives, upwards.
    """

    label: str
    fpr: float
    fnr: float


def errors(
    curve: Sequence[ErrorPoint],
    systems: Sequence[ErrorPoint],
    title: str,
    *,
    best: str = "",
) -> Markup:
    """Draw how two errors are traded for each other, and where systems stand.

    Args:
        curve: points to be had, in their order.
        systems: numbered in the plot, and named with their figures beside it.
        title: what the plot shows.
        best: label of the system that is coloured; empty: none.

    Returns:
        An SVG element; nothing where there are no systems.
    """
    if not systems:
        return Markup("")
    # the curve's ends, where everything is wrong one way, would squeeze the systems together
    widest = 2 * max(point.fpr for point in systems) or 1.0
    highest = 1.5 * max(point.fnr for point in systems) or 1.0

    def position(point: ErrorPoint) -> tuple[float, float]:
        share_of_width = point.fpr / widest
        share_of_height = point.fnr / highest
        left = ERRORS_LEFT + ERRORS_SIZE * share_of_width
        top = ERRORS_TOP + ERRORS_SIZE * (1 - share_of_height)
        return left, top

    shown = []
    for point in curve:
        if point.fpr <= widest and point.fnr <= highest:
            left, top = position(point)
            shown.append(f"{left:.1f},{top:.1f}")
    line = Markup('<polyline points="{}" class="line"/>').format(" ".join(shown))

    elements = [*_error_axes(widest, highest), line]
    for number, point in enumerate(systems, start=1):
        css = "best" if point.label == best else "point"
        elements += _error_mark(number, point, position(point), css)
    return _svg(ERRORS_TOP + ERRORS_SIZE + 40, title, elements)


def _error_axes(widest: float, highest: float) -> list[Markup]:
    """The square with the names of both errors and their largest values."""
    square = Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" class="grid" fill="none"/>'
    )
    right = ERRORS_LEFT + ERRORS_SIZE
    bottom = ERRORS_TOP + ERRORS_SIZE
    beside = ERRORS_LEFT - 6
    return [
        square.format(ERRORS_LEFT, ERRORS_TOP, ERRORS_SIZE, ERRORS_SIZE),
        _label(beside, ERRORS_TOP + 10, f"{highest:.2f}", "dim small", "end"),
        _label(beside, ERRORS_TOP + 26, "missed", "dim small", "end"),
        _label(beside, bottom, "0", "dim small", "end"),
        _label(right, bottom + 14, f"{widest:.2f}", "dim small", "end"),
        _label(ERRORS_LEFT, bottom + 14, "falsely exact", "dim small"),
    ]


def _error_mark(
    number: int, point: ErrorPoint, position: tuple[float, float], css: str
) -> list[Markup]:
    """One system: its point, and its line of the legend."""
    left, top = position
    circle = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" class="{}"/>')
    baseline = ERRORS_TOP + number * ROW_HEIGHT
    label_class = "strong" if css == "best" else ""
    figures = f"missed {point.fnr:.3f}, falsely exact {point.fpr:.3f}"
    return [
        circle.format(left, top, css),
        _label(left + 7, top - 5, str(number), f"small {label_class}"),
        _label(LEGEND_LEFT, baseline, f"{number} {point.label}", label_class),
        _label(LEGEND_LEFT + 110, baseline, figures, "dim small"),
    ]
