"""Words and geometry for the pages of photos.

Numbers that end up in SVG attributes are returned as ready text with a point, so that no language setting
can turn them into something a browser does not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import template

from analysis.models import Face
from media_jobs.models import JobItem, Media

register = template.Library()

# Width in CSS pixels for which labels are sized before js/overlay.js has measured the real one.
ASSUMED_WIDTH = 720
# From this share of the picture's width on, a box has room for 'Person 1' instead of '1'.
WIDE_ENOUGH_FOR_WORD = 0.13
# Below this share of the picture's larger side there is no room for a label above the box.
ROOM_ABOVE = 0.045
CROP_MARGIN = 0.35
LABEL_HEIGHT = 20
LABEL_PADDING = 6
LETTER_WIDTH = 7.2


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@register.filter
def percent(share: float) -> str:
    """0.9342 -> '93.4%'."""
    return f"{100 * share:.1f}%"


@register.filter
def strongest_share(face: Face) -> float:
    """Probability, 0 to 1, of the emotion a face shows most strongly."""
    share: float = getattr(face, face.strongest)
    return share


@register.filter
def faces_in_words(count: int) -> str:
    """0 -> 'No face', 1 -> '1 face', 7 -> '7 faces'."""
    if count == 0:
        return "No face"
    return f"{count} face{'' if count == 1 else 's'}"


@register.filter
def mix_in_words(mix: Sequence[tuple[str, int]]) -> str:
    """[('happiness', 4), ('neutral', 3)] -> '4 happiness, 3 neutral'."""
    return ", ".join(f"{count} {emotion}" for emotion, count in mix)


@dataclass(frozen=True)
class Segment:
    """A part of the mix bar: `start` and `count` in faces."""

    emotion: str
    start: int
    count: int


@register.filter
def mix_segments(mix: Sequence[tuple[str, int]]) -> Iterator[Segment]:
    """The mix as parts of one bar that is as long as the number of faces."""
    start = 0
    for emotion, count in mix:
        yield Segment(emotion, start, count)
        start += count


@register.filter
def photo_state(photo: Any) -> str:
    """'done', 'queued', 'failed' or 'cancelled' for a photo of `selectors.photos`."""
    if getattr(photo, "analysis", None) is not None:
        return "done"
    return "queued" if photo.work_status == JobItem.Status.PENDING else (photo.work_status or "cancelled")


@dataclass(frozen=True)
class Box:
    """A face's box as SVG attributes in pixels of the upright picture, cut off at the picture's edges.

    `label_x`, `label_y` is the corner the label hangs from and `label_offset` its top relative to that
    corner; the label's own figures are in CSS pixels and are scaled by `unit`.
    """

    face: Face
    left: str
    top: str
    width: str
    height: str
    label: str
    label_x: str
    label_y: str
    label_offset: str
    label_width: str
    label_middle: str
    unit: str


@register.simple_tag
def face_boxes(photo: Media, faces: Sequence[Face]) -> list[Box]:
    """One `Box` per face, smallest first, so that a large box never covers a small one."""
    unit = _number(max(photo.width, photo.height) / ASSUMED_WIDTH)
    return [_box(photo, face, unit) for face in reversed(faces)]


def _box(photo: Media, face: Face, unit: str) -> Box:
    left, right = max(0.0, face.left), min(float(photo.width), face.left + face.width)
    top, bottom = max(0.0, face.top), min(float(photo.height), face.top + face.height)
    words = face.width / photo.width >= WIDE_ENOUGH_FOR_WORD
    label = f"Person {face.number}" if words else str(face.number)
    label_width = len(label) * LETTER_WIDTH + 2 * LABEL_PADDING
    above = top > ROOM_ABOVE * max(photo.width, photo.height)
    return Box(
        face=face,
        left=_number(left),
        top=_number(top),
        width=_number(max(0.0, right - left)),
        height=_number(max(0.0, bottom - top)),
        label=label,
        label_x=_number(left),
        label_y=_number(top),
        label_offset=_number(-LABEL_HEIGHT if above else 0),
        label_width=_number(label_width),
        label_middle=_number(label_width / 2),
        unit=unit,
    )


@register.simple_tag
def crop_view(photo: Media, face: Face) -> str:
    """`viewBox` of a square around a face with some margin, kept inside the picture where it fits."""
    side = max(face.width, face.height) * (1 + 2 * CROP_MARGIN)
    side = min(side, photo.width, photo.height)
    left = min(max(0.0, face.left + face.width / 2 - side / 2), photo.width - side)
    top = min(max(0.0, face.top + face.height / 2 - side / 2), photo.height - side)
    return f"{_number(left)} {_number(top)} {_number(side)} {_number(side)}"
