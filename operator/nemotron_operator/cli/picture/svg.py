"""Pictures as lists of shapes: what is drawn where, and nothing of how it is written. Colours are the style sheet's.

The page's template writes the shapes, and escapes every attribute and every text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape:
    """One element of SVG."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    hint: str = ""
    """What a pointer that rests on the shape is told."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with what a screen reader says instead."""

    name: str
    """Unique in the page."""
    title: str
    description: str
    width: int
    height: int
    shapes: Sequence[Shape] = field(default_factory=tuple)


def draw_box(x: float, y: float, width: float, height: float, style: str, hint: str = "") -> Shape:  # noqa: PLR0913, PLR0917 - a box has four sides
    """Draw a rectangle."""
    return _shape("rect", style, hint=hint, x=x, y=y, width=max(0.0, width), height=height)


def draw_line(x1: float, y1: float, x2: float, y2: float, style: str) -> Shape:
    """Draw a straight line."""
    return _shape("line", style, x1=x1, y1=y1, x2=x2, y2=y2)


def draw_curve(points: Sequence[tuple[float, float]], style: str, hint: str = "") -> Shape:
    """Draw a line through points."""
    return _shape("polyline", style, hint=hint, points=_write_points(points))


def draw_area(points: Sequence[tuple[float, float]], style: str) -> Shape:
    """Draw what points enclose."""
    return _shape("polygon", style, points=_write_points(points))


def draw_disc(x: float, y: float, radius: float, style: str, hint: str = "") -> Shape:
    """Draw a circle."""
    return _shape("circle", style, hint=hint, cx=x, cy=y, r=radius)


def write(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> Shape:
    """Write text; `anchor` is `start`, `middle` or `end`, and says which part of it stands at `x`."""
    return _shape("text", style, text=text, x=x, y=y, text_anchor=anchor)


def write_upward(x: float, y: float, text: str, style: str = "") -> Shape:
    """Write text that runs upwards, its middle at a point."""
    return _shape("text", style, text=text, transform=f"translate({x:.1f} {y:.1f}) rotate(-90)", text_anchor="middle")


def _shape(tag: str, style: str, text: str = "", hint: str = "", **attributes: float | str) -> Shape:
    written = {
        name.replace("_", "-"): value if isinstance(value, str) else _write_number(value)
        for name, value in attributes.items()
    }
    return Shape(tag, {"class": style, **written} if style else written, text, hint)


def _write_points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_write_number(x)},{_write_number(y)}" for x, y in points)


def _write_number(number: float) -> str:
    """Write a coordinate to a tenth of a point, without a needless fraction."""
    return f"{number:.1f}".removesuffix(".0")
