"""The drawings of a video's report: curves over time, and bars of emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.graphics.charts.barcharts import HorizontalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, Line, String
from reportlab.lib.colors import Color, HexColor

from ml_models import EMOTIONS

FONT = "Report"
GREY = HexColor("#6b7280")
#: One colour an emotion, told apart by people who do not see all colours as well.
COLOURS: dict[str, Color] = {
    "neutral": HexColor("#9ca3af"),
    "happiness": HexColor("#e69f00"),
    "surprise": HexColor("#56b4e9"),
    "sadness": HexColor("#0072b2"),
    "anger": HexColor("#d55e00"),
    "disgust": HexColor("#009e73"),
    "fear": HexColor("#7b3294"),
    "contempt": HexColor("#cc79a7"),
}
LINES = [HexColor(one) for one in ("#2563eb", "#e69f00", "#009e73", "#d55e00")]


@dataclass(frozen=True)
class Curve:
    """A curve: its title, colour, milliseconds and values; None where nothing is known."""

    title: str
    colour: Any
    ms: Sequence[int]
    values: Sequence[float | None]


def clock(ms: float) -> str:
    """Minutes and seconds, with hours where there are any: 1:05, 1:02:09."""
    seconds = round(ms / 1000)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def stretches(ms: Sequence[int], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The points of a curve in seconds, cut where nothing is known. One alone is drawn as a short line."""
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in zip(ms, values, strict=True):
        if value is None:
            found.append([])
        else:
            found[-1].append((at / 1000, value))
    return [one if len(one) > 1 else [*one, (one[0][0] + 0.1, one[0][1])] for one in found if one]


def curves(
    lines: Sequence[Curve], *, width: float, height: float, seconds: float, low: float, high: float
) -> Drawing:
    """A chart of curves over the length of the video, with a legend above it."""
    drawing = Drawing(width, height)
    drawing.add(_legend([(one.colour, one.title) for one in lines], height))
    pieces = [(one.colour, piece) for one in lines for piece in stretches(one.ms, one.values)]
    plot: Any = LinePlot()
    plot.x, plot.y, plot.width, plot.height = 30, 22, width - 40, height - 46
    # A chart needs a point; one outside of what is shown is not seen.
    plot.data = [piece for _, piece in pieces] or [[(0, low), (0.001, low)]]
    for number, (colour, _) in enumerate(pieces):
        plot.lines[number].strokeColor = colour
        plot.lines[number].strokeWidth = 1
    if not pieces:
        plot.lines[0].strokeColor = None
        drawing.add(String(width / 2, height / 2, "Nothing is known", fontName=FONT, textAnchor="middle"))
    _axis(plot.xValueAxis, 0, max(seconds, 0.1), lambda value: clock(1000 * value))
    _axis(plot.yValueAxis, low, high, lambda value: f"{value:g}")
    plot.yValueAxis.visibleGrid = True
    plot.yValueAxis.gridStrokeColor = HexColor("#e5e7eb")
    drawing.add(plot)
    if low < 0 < high:
        zero = plot.y + plot.height * -low / (high - low)
        drawing.add(Line(plot.x, zero, plot.x + plot.width, zero, strokeColor=GREY, strokeWidth=0.5))
    return drawing


def _axis(axis: Any, low: float, high: float, text: Any) -> None:
    axis.valueMin, axis.valueMax = low, high
    axis.valueSteps = [low + (high - low) * step / 4 for step in range(5)]
    axis.labelTextFormat = text
    axis.labels.fontName, axis.labels.fontSize = FONT, 7
    axis.labels.fillColor = axis.strokeColor = GREY


def _legend(entries: Sequence[tuple[Any, str]], height: float) -> Legend:
    legend: Any = Legend()
    legend.x, legend.y = 30, height - 4
    legend.fontName, legend.fontSize = FONT, 7.5
    legend.alignment, legend.columnMaximum, legend.deltax = "right", 1, 62
    legend.dx = legend.dy = 6
    legend.strokeWidth = 0
    legend.colorNamePairs = list(entries)
    return legend


def emotion_bars(shares: Mapping[str, float], *, width: float, height: float) -> Drawing:
    """A bar for each emotion, its share in percent beside it."""
    drawing = Drawing(width, height)
    chart: Any = HorizontalBarChart()
    chart.x, chart.y, chart.width, chart.height = 62, 4, width - 106, height - 8
    # From below upwards, so the other way round.
    names = list(reversed(EMOTIONS))
    chart.data = [[100 * shares[name] for name in names]]
    chart.valueAxis.valueMin, chart.valueAxis.valueMax = 0, 100
    chart.valueAxis.visible = False
    chart.categoryAxis.categoryNames = [name.capitalize() for name in names]
    chart.categoryAxis.labels.fontName, chart.categoryAxis.labels.fontSize = FONT, 8
    chart.categoryAxis.strokeColor = GREY
    chart.categoryAxis.visibleTicks = False
    chart.barLabelFormat = "%.0f %%"
    chart.barLabels.fontName, chart.barLabels.fontSize = FONT, 8
    chart.barLabels.boxAnchor, chart.barLabels.dx = "w", 4
    chart.bars.strokeColor = None
    for number, name in enumerate(names):
        chart.bars[(0, number)].fillColor = COLOURS[name]
    drawing.add(chart)
    return drawing
