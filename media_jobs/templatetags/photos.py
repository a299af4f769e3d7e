"""Words and geometry for the pages of photos.

Numbers that end up in SVG attributes are returned as ready text with a point, so that no language setting
can turn them into something a browser does not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from django import template

from analysis.models import Face
from media_jobs.models import JobItem, Media

register = template.Library()

# Width in CSS pixels for which labels are sized before js/overlay.js has measured the real one.
ASSUMED_WIDTH = 720
# From this share of the picture's width on, a box has room for 'Person 1' instead of '1'.
WIDE_ENOUGH_FOR_WORD = 0.1
# Below this share of the picture's larger side there is no room for a label above the box.
ROOM_ABOVE = 0.03
CROP_MARGIN = 0.35
# Where the usual face is narrower than this share of the picture, a phone shows the picture enlarged.
SMALL_FACE = 0.06
LABEL_HEIGHT = 20
LABEL_PADDING = 6
LETTER_WIDTH = 7.2


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@register.filter
def percent(share: float | None) -> str:
    """0.9342 -> '93.4%'; nothing for None."""
    return "" if share is None else f"{100 * share:.1f}%"


@register.filter
def strongest_share(face: Face) -> float | None:
    """Probability, 0 to 1, of the emotion a face shows most strongly; None where emotion is switched off."""
    return getattr(face, face.strongest) if face.strongest else None


@register.filter
def looks(face: Face) -> str:
    """'Female 83%, about 34 years old': what is known of gender and age, in words; '' when neither is."""
    parts = []
    if face.gender and face.gender_confidence is not None:
        parts.append(f"{face.gender} {100 * face.gender_confidence:.0f}%")
    if face.age is not None:
        parts.append(f"about {face.age:.0f} years old")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


# Words for attributes that are shown when they are likelier than not, by their place in the stored JSON.
_SHOWN = (
    ("smile", "smile"),
    ("facial_hair.beard", "beard"),
    ("facial_hair.moustache", "moustache"),
    ("headwear", "headwear"),
    ("makeup.eyes", "eye make-up"),
    ("makeup.lips", "lip make-up"),
)
_GLASSES = {"ReadingGlasses": "glasses", "Sunglasses": "sunglasses"}


@register.filter
def attributes_in_words(face: Face) -> list[str]:
    """'glasses', 'smile' and so on: what is likelier than not, for people. Empty when nothing is known."""
    found = face.attributes
    if not found:
        return []
    words = [word for place, word in _SHOWN if _at(found, place) >= 0.5]
    words += [_GLASSES[kind] for kind in [found["glasses"]["kind"]] if kind in _GLASSES]
    return words + (["face mask"] if found["mask"]["kind"] == "faceMask" else [])


def _at(found: dict[str, Any], place: str) -> float:
    value: Any = found
    for name in place.split("."):
        value = value[name]
    return float(value)


@register.filter
def faces_in_words(count: int) -> str:
    """0 -> 'No face', 1 -> '1 face', 7 -> '7 faces'."""
    if count == 0:
        return "No face"
    return f"{count} face{'' if count == 1 else 's'}"


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


@register.filter
def are_small_in(faces: Sequence[Face], photo: Media) -> bool:
    """Whether the boxes would be too small to read in a picture as wide as a phone."""
    return bool(faces) and median(face.width for face in faces) < SMALL_FACE * photo.width


@dataclass(frozen=True)
class Label:
    """What stands at a box, in CSS pixels. `css` says at which sizes of the picture it is shown."""

    text: str
    css: str

    @property
    def width(self) -> str:
        return _number(self._width)

    @property
    def middle(self) -> str:
        return _number(self._width / 2)

    @property
    def _width(self) -> float:
        return len(self.text) * LETTER_WIDTH + 2 * LABEL_PADDING


@dataclass(frozen=True)
class Box:
    """A face's box as SVG attributes in pixels of the upright picture, cut off at the picture's edges.

    The labels hang from its upper left corner; `label_top` is relative to that corner, in CSS pixels as
    everything about labels, which `unit` scales to pixels of the picture.
    """

    face: Face
    left: str
    top: str
    width: str
    height: str
    label_top: str
    labels: tuple[Label, ...]
    unit: str


@register.simple_tag
def face_boxes(photo: Media, faces: Sequence[Face]) -> list[Box]:
    """One `Box` per face by number: the large ones come first, so they never cover small ones."""
    unit = _number(max(photo.width, photo.height) / ASSUMED_WIDTH)
    return [_box(photo, face, unit) for face in faces]


def _box(photo: Media, face: Face, unit: str) -> Box:
    left, right = max(0.0, face.left), min(float(photo.width), face.left + face.width)
    top, bottom = max(0.0, face.top), min(float(photo.height), face.top + face.height)
    above = top > ROOM_ABOVE * max(photo.width, photo.height)
    return Box(
        face=face,
        left=_number(left),
        top=_number(top),
        width=_number(max(0.0, right - left)),
        height=_number(max(0.0, bottom - top)),
        label_top=_number(-LABEL_HEIGHT if above else 0),
        labels=_labels(photo, face),
        unit=unit,
    )


def _labels(photo: Media, face: Face) -> tuple[Label, ...]:
    """'Person 1' with '1' in its place where the picture is shown small; for small boxes '1' alone."""
    number = str(face.number)
    if face.width / photo.width < WIDE_ENOUGH_FOR_WORD:
        return (Label(number, ""),)
    return (Label(f"Person {number}", "es-tag-wide"), Label(number, "es-tag-narrow"))


@register.simple_tag
def crop_view(photo: Media, face: Face) -> str:
    """`viewBox` of a square around a face with some margin, kept inside the picture where it fits."""
    side = max(face.width, face.height) * (1 + 2 * CROP_MARGIN)
    side = min(side, photo.width, photo.height)
    left = min(max(0.0, face.left + face.width / 2 - side / 2), photo.width - side)
    top = min(max(0.0, face.top + face.height / 2 - side / 2), photo.height - side)
    return f"{_number(left)} {_number(top)} {_number(side)} {_number(side)}"
