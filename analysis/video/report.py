"""The printable report of a video: what was shown, by whom and when, with charts, as PDF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from django.conf import settings
from django.utils import timezone
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from accounts.access import current_team
from analysis.models import VideoPerson
from ml_models import EMOTIONS

from .report_charts import COLOURS, FONT, LINES, Curve, clock, curves, emotion_bars
from .selectors import people_of, portrait_of, summary_shown
from .timelines import Timeline, timelines_of_all, timelines_of_person

BOLD = f"{FONT}-Bold"
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
#: People with a page part of their own: those who were longest in view.
MOST_PEOPLE = 30
MOST_MOMENTS = 40
#: Moments that are told of a person: the strongest.
MOMENTS_OF_ONE = 8
POINTS = 300
METRICS = ("activation", "engagement", "satisfaction", "attention")
CAUTION = (
    "A score says how an expression looks to people, not what somebody feels, and it is estimated from a "
    "picture. Read single values with care and compare groups rather than people."
)
#: Fields of a summary that are told of a person: title, field, how it is written.
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("Time in view", "dwell_seconds", "{:.1f} s"),
    ("Looks at the screen", "glances", "{:.0f}"),
    ("Attention", "attention_share", "{:.0%}"),
    ("Positive", "positive_percent", "{:.0f} %"),
    ("Neutral", "neutral_percent", "{:.0f} %"),
    ("Negative", "negative_percent", "{:.0f} %"),
    ("Activation", "activation", "{:.2f}"),
    ("Engagement", "engagement", "{:.2f}"),
    ("Satisfaction", "satisfaction", "{:.2f}"),
    ("Experience (valence)", "valence", "{:+.2f}"),
    ("Relevance", "relevance", "{:.2f}"),
    ("Smiling", "smile_share", "{:.0%}"),
    ("Wearing glasses", "glasses_share", "{:.0%}"),
    ("Blinks", "blinks", "{:.0f}"),
    ("Distance, estimated", "distance_cm", "{:.0f} cm"),
)


def report_pdf(video: Any) -> bytes:
    """The report of a video (`media_jobs.Video`) that is ready. The caller is inside the team's scope.

    People who are excluded are left out; of more than `MOST_PEOPLE` those longest in view are shown.
    """
    _fonts()
    people = [one for one in people_of(video.pk) if not one.excluded]
    summary = summary_shown(video.summary, current_team())
    story = [*_head(video, summary), *_whole(video, people, summary), *_moments(summary)]
    longest = sorted(people, key=lambda one: -(one.metrics.get("dwell_seconds") or 0))[:MOST_PEOPLE]
    for person in sorted(longest, key=lambda one: one.number):
        story += _person(video, person)
    if len(people) > MOST_PEOPLE:
        story.append(_text(f"{len(people) - MOST_PEOPLE} more people were in view for a shorter time."))
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"Report: {video.filename}",
        author="EmotionSite",
    )
    document.build(story, onFirstPage=_foot, onLaterPages=_foot)
    return out.getvalue()


@cache
def _fonts() -> None:
    """Letters of many scripts, embedded in the document."""
    folder = Path(settings.BASE_DIR) / "static" / "vendor"
    pdfmetrics.registerFont(TTFont(FONT, folder / "dejavu-sans.ttf"))
    pdfmetrics.registerFont(TTFont(BOLD, folder / "dejavu-sans-bold.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def _foot(canvas: Any, document: Any) -> None:
    canvas.setFont(FONT, 7)
    canvas.setFillColor(HexColor("#6b7280"))
    canvas.drawString(MARGIN, 10 * mm, "EmotionSite")
    canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {document.page}")


def _text(words: str, *, size: float = 9, bold: bool = False, grey: bool = False) -> Paragraph:
    """A paragraph of plain words: nothing in them is taken for markup."""
    style = ParagraphStyle(
        "report",
        fontName=BOLD if bold else FONT,
        fontSize=size,
        leading=size * 1.35,
        textColor=HexColor("#6b7280" if grey else "#111827"),
        # A file name of one long word must not run out of the page.
        splitLongWords=True,
    )
    return Paragraph(escape(words), style)


def _title(words: str) -> list[Flowable]:
    return [Spacer(1, 5 * mm), _text(words, size=13, bold=True), Spacer(1, 2 * mm)]


def _head(video: Any, summary: dict[str, Any]) -> list[Flowable]:
    rate = f"{video.frames_per_second:g} frames of a second" if video.frames_per_second else "every frame"
    facts = (
        f"{clock(video.duration_ms)} long, {video.width} x {video.height}. Analysed: {rate}, "
        f"{video.analyzed_frames} frames in all. People: {summary.get('people', 0)}"
    )
    if excluded := summary.get("excluded"):
        facts += f", and {excluded} excluded"
    made = f"{timezone.localtime():%d %B %Y, %H:%M} ({timezone.get_current_timezone_name()})"
    return [
        _text(video.filename, size=17, bold=True),
        Spacer(1, 2 * mm),
        _text(f"{facts}."),
        _text(f"{video.team.name}. Uploaded {video.created_at:%d %B %Y}; report of {made}.", grey=True),
        Spacer(1, 3 * mm),
        _text(CAUTION, grey=True),
    ]


# --- The video as a whole -------------------------------------------------------------------------------
def _whole(video: Any, people: Sequence[VideoPerson], summary: dict[str, Any]) -> list[Flowable]:
    if not people:
        return [*_title("Nobody"), _text("No face was found in this video, or everybody is excluded.")]
    means = summary.get("means", {})
    story = [*_title("Everybody together"), _figures(means)]
    if means.get("emotions"):
        story += [Spacer(1, 3 * mm), emotion_bars(means["emotions"], width=WIDTH, height=110)]
    names = [*METRICS, "valence", *EMOTIONS[1:]]
    found = {one.metric: one for one in timelines_of_all(video, people=people, names=names, points=POINTS)}
    return [*story, Spacer(1, 3 * mm), *_charts(video, found)]


def _charts(video: Any, found: dict[str, Timeline]) -> list[Flowable]:
    """Three charts: metrics, valence, emotions without neutral."""
    metrics = [_curve(found[name], colour) for name, colour in zip(METRICS, LINES, strict=True)]
    emotions = [_curve(found[name], COLOURS[name]) for name in EMOTIONS[1:]]
    valence = [_curve(found["valence"], LINES[0], "experience (valence)")]
    seconds = max(video.duration_ms, 1) / 1000
    return [
        curves(metrics, width=WIDTH, height=130, seconds=seconds, low=0, high=1),
        curves(valence, width=WIDTH, height=110, seconds=seconds, low=-1, high=1),
        curves(emotions, width=WIDTH, height=130, seconds=seconds, low=0, high=1),
    ]


def _curve(timeline: Timeline, colour: Any, title: str = "") -> Curve:
    return Curve(title or timeline.metric, colour, timeline.ms, timeline.values)


def _figures(metrics: dict[str, Any]) -> Table:
    """A table of what is known, two figures to a row."""
    cells = [
        (title, form.format(metrics[field]))
        for title, field, form in FIGURES
        if metrics.get(field) is not None
    ]
    half = (len(cells) + 1) // 2
    rows = []
    for number in range(half):
        pair = [*cells[number], *(cells[number + half] if number + half < len(cells) else ("", ""))]
        rows.append(
            [
                _text(words, size=8.5, grey=place % 2 == 0, bold=place % 2 == 1)
                for place, words in enumerate(pair)
            ]
        )
    widths = [WIDTH * share for share in (0.3, 0.2, 0.3, 0.2)]
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.25, HexColor("#e5e7eb"))
    return Table(rows or [[_text("Nothing is known.")]], colWidths=widths if rows else None, style=[line])


def _moments(summary: dict[str, Any]) -> list[Flowable]:
    moments = summary.get("moments") or []
    if not moments:
        return []
    strongest = sorted(moments, key=lambda one: -one["value"])[:MOST_MOMENTS]
    rows = [[_text(words, size=8.5, bold=True) for words in ("From", "To", "What", "How strong")]]
    for one in sorted(strongest, key=lambda moment: moment["ms"]):
        words = (clock(one["ms"]), clock(one["end_ms"]), moment_words(one), f"{one['value']:.2f}")
        rows.append([_text(word, size=8.5) for word in words])
    widths = [WIDTH * share for share in (0.14, 0.14, 0.52, 0.2)]
    line = ("LINEBELOW", (0, 0), (-1, -1), 0.25, HexColor("#e5e7eb"))
    return [*_title("Moments"), Table(rows, colWidths=widths, style=[line], repeatRows=1)]


def moment_words(moment: dict[str, Any]) -> str:
    """What a moment is, for people."""
    if moment["kind"] == "peak":
        return f"Peak of {moment['emotion']}"
    if moment["kind"] == "engaging":
        return "Most engaging"
    return f"Rejection: {moment['emotion']}" if moment["emotion"] else "Rejection: looking away"


# --- One person -----------------------------------------------------------------------------------------
def _person(video: Any, person: VideoPerson) -> list[Flowable]:
    metrics = person.metrics
    about = [f"In view from {clock(person.first_ms)} to {clock(person.last_ms)}"]
    about += [words for words in (metrics.get("age_group"), person.gender) if words]
    head: list[Flowable] = [_text(person.title, size=12, bold=True), _text(". ".join(about) + ".", grey=True)]
    portrait = portrait_of(person.pk)
    if portrait is not None:
        picture = Image(io.BytesIO(portrait), 18 * mm, 18 * mm)
        head = [Table([[picture, head]], colWidths=[22 * mm, WIDTH - 22 * mm])]
    names = [*METRICS, "valence", *EMOTIONS[1:]]
    found = {one.metric: one for one in timelines_of_person(video, person, names=names, points=POINTS)}
    charts = _charts(video, found)
    return [
        Spacer(1, 6 * mm),
        KeepTogether([*head, _figures(metrics), *_moments_of(person), Spacer(1, 2 * mm), *charts]),
    ]


def _moments_of(person: VideoPerson) -> list[Flowable]:
    """The strongest moments of one person, as one paragraph in the order of time."""
    strongest = sorted(person.metrics.get("moments") or (), key=lambda one: -one["value"])[:MOMENTS_OF_ONE]
    words = [
        f"{clock(one['at_ms'])} {moment_words(one).lower()} ({one['value']:.2f})"
        for one in sorted(strongest, key=lambda moment: moment["at_ms"])
    ]
    return [Spacer(1, 2 * mm), _text(f"Moments: {'; '.join(words)}.", size=8.5)] if words else []
