"""Small SVG plots for the page: bars, intervals, lines.

Everything a person reads in them is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

__all__ = ["bars", "forest", "lines"]

WIDTH, ROW, LEFT = 640, 30, 190


def _svg(height: float, title: str, parts: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}"><title>{}</title>'
    )
    return (
        head.format(WIDTH, height, title, title)
        + Markup("").join(parts)
        + Markup("</svg>")
    )


def _label(
    x: float, y: float, text: object, css: str = "", anchor: str = "start"
) -> Markup:
    return Markup(
        '<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>'
    ).format(x, y, css, anchor, text)


def _rect(x: float, y: float, size: tuple[float, float], css: str) -> Markup:
    form = Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3" class="{}"/>'
    )
    return form.format(x, y, max(size[0], 0.5), size[1], css)


def bars(rows: Sequence[tuple[str, float, str]], title: str) -> Markup:
    """Horizontal bars.

    Args:
        rows: label, value (not negative), text behind the bar.
        title: what the plot shows.
    """
    # The longest bar leaves room for the text behind it; without any value none has a length.
    longest = max((value for _, value, _ in rows), default=0.0) or 1.0
    scale = (WIDTH - LEFT - 110) / longest

    parts = []
    for i, (name, value, text) in enumerate(rows):
        top = i * ROW + 6
        baseline = top + 14
        length = value * scale
        end = LEFT + length
        parts += [
            _label(LEFT - 10, baseline, name, anchor="end"),
            _rect(LEFT, top, (length, 18), "bar"),
            _label(end + 8, baseline, text, "dim"),
        ]

    height = len(rows) * ROW + 8
    return _svg(height, title, parts)


def forest(
    rows: Sequence[tuple[str, float, float, float]], title: str, *, best: str = ""
) -> Markup:
    """Points with intervals on one axis.

    Args:
        rows: label, value, low, high.
        title: what the plot shows.
        best: the row that is coloured.
    """
    if not rows:
        return Markup("")
    least = min(row[2] for row in rows)
    most = max(row[3] for row in rows)
    pad = (most - least) * 0.08 or 0.05
    low = least - pad
    high = most + pad
    scale = (WIDTH - LEFT - 170) / (high - low)
    parts = []
    end = len(rows) * ROW + 6
    for k in range(5):
        x = LEFT + (WIDTH - LEFT - 170) * k / 4
        parts += [
            Markup(
                '<line x1="{0:.1f}" x2="{0:.1f}" y1="0" y2="{1}" class="grid"/>'
            ).format(x, end),
            _label(
                x, end + 14, f"{low + (high - low) * k / 4:.2f}", "dim small", "middle"
            ),
        ]
    for i, (name, value, a, b) in enumerate(rows):
        y = i * ROW + 18
        css = "best" if name == best else "point"
        at = [LEFT + (v - low) * scale for v in (value, a, b)]
        form = Markup(
            '<line x1="{:.1f}" x2="{:.1f}" y1="{y}" y2="{y}" class="span {css}"/>'
            '<circle cx="{:.1f}" cy="{y}" r="5" class="{css}"/>'
        )
        parts += [
            _label(LEFT - 10, y + 5, name, "strong" if name == best else "", "end"),
            form.format(at[1], at[2], at[0], y=y, css=css),
            _label(WIDTH - 155, y + 5, f"{value:.3f}", "strong"),
            _label(WIDTH - 108, y + 5, f"{a:.2f} to {b:.2f}", "dim small"),
        ]
    return _svg(end + 20, title, parts)


def lines(curves: Mapping[str, Sequence[float]], title: str) -> Markup:
    """Line plots, one panel a curve, each on its own scale.

    Args:
        curves: name to values, at even distances.
        title: what the plot shows.
    """
    parts: list[Markup] = []
    width = (WIDTH - 20) / max(len(curves), 1)
    for k, (name, values) in enumerate(curves.items()):
        top = max(values, default=1.0)
        low = min(values, default=0.0)
        left = 10 + k * width

        steps = max(len(values) - 1, 1)
        span = (top - low) or 1.0
        start = left + 40
        points = []
        for i, value in enumerate(values):
            x = start + (width - 60) * i / steps
            y = 110 - 80 * (value - low) / span
            points.append(f"{x:.1f},{y:.1f}")

        # The axis' labels stand to the left of the line.
        axis = left + 34
        line = Markup('<polyline points="{}" class="line"/>')
        parts += [
            _label(start, 16, name, "strong"),
            _label(axis, 34, f"{top:.2f}", "dim small", "end"),
            _label(axis, 112, f"{low:.2f}", "dim small", "end"),
            line.format(" ".join(points)),
        ]
    return _svg(124, str(escape(title)), parts)
