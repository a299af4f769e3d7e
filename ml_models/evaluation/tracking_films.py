"""Films for the evaluation of tracking: those of the data folder, and one made of its photos."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from ml_models.detection import FaceDetector
from ml_models.levels import Levels
from ml_models.pairs import read_picture

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

#: Size (columns, rows), frames a second and seconds of the scenes of the film that is made.
SIZE, RATE, SCENES = (1280, 720), 25, (6.0, 4.0, 5.0)
#: How much of the photo around a face's box is shown with it, as a share of the box.
AROUND = 0.45
#: Seconds for which a face keeps an expression.
EXPRESSION = 1.5


@dataclass(frozen=True)
class Film:
    """A film by name. frames: reads them anew, (ms, RGB picture). actors: who is where on frame number k."""

    name: str
    frames: Callable[[], Iterator[tuple[int, Picture]]]
    actors: Callable[[int], dict[str, Box]] | None = None


def films(data: Path) -> list[Film]:
    """The films of a data folder, then the one made of its photos; FileNotFoundError without any."""
    found = sorted(
        file for file in (data / "videos").glob("*") if file.suffix in {".mp4", ".webm", ".mkv", ".mov"}
    )
    if not found:
        raise FileNotFoundError(f"{data} has no videos/*.mp4 or *.webm: give --data the data folder.")
    return [*(Film(file.stem, _reader(file.read_bytes())) for file in found), made(data / "photos")]


def _reader(content: bytes) -> Callable[[], Iterator[tuple[int, Picture]]]:
    """Reads the frames of a video file, times from its first frame on."""

    def frames() -> Iterator[tuple[int, Picture]]:
        with av.open(io.BytesIO(content), "r") as container:
            first = None
            for frame in container.decode(video=0):
                time = frame.time or 0.0
                first = time if first is None else first
                picture = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
                yield round(1000 * (time - first)), picture

    return frames


#: Seconds -> middle and height of a head in pixels, None where it is away.
Place = Callable[[float], tuple[float, float, float] | None]


@dataclass(frozen=True)
class _Actor:
    """A face that moves. looks: its pictures, one after another."""

    name: str
    looks: list[Picture]
    place: Place

    def box(self, seconds: float) -> Box | None:
        """Where it is drawn."""
        if (found := self.place(seconds)) is None:
            return None
        x, y, height = found
        rows, columns = self.looks[0].shape[:2]
        width = height * columns / rows
        return x - width / 2, y - height / 2, width, height

    def draw(self, canvas: Picture, seconds: float) -> None:
        """Onto the canvas, with the look of the moment."""
        if (box := self.box(seconds)) is None:
            return
        look = self.looks[int(seconds / EXPRESSION) % len(self.looks)]
        left, top, width, height = box
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(canvas.shape[1], int(left + width) + 1), min(canvas.shape[0], int(top + height) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        smaller = cv2.resize(look, (round(width), round(height)), interpolation=cv2.INTER_AREA)
        across, down = width / smaller.shape[1], height / smaller.shape[0]
        matrix = np.array([[across, 0, left - x0], [0, down, top - y0]])
        mask = np.zeros(smaller.shape[:2], dtype=np.uint8)
        middle = (mask.shape[1] // 2, mask.shape[0] // 2)
        cv2.ellipse(mask, middle, middle, 0, 0, 360, 255, -1)
        size = (x1 - x0, y1 - y0)
        shown = cv2.warpAffine(mask, matrix, size)[..., None] / 255
        drawn, under = cv2.warpAffine(smaller, matrix, size), canvas[y0:y1, x0:x1]
        canvas[y0:y1, x0:x1] = (under * (1 - shown) + drawn * shown).astype(np.uint8)


def _swaying(x: float, y: float, height: float, far: float, period: float) -> Place:
    """Moves to and fro, nearer and away."""

    def place(seconds: float) -> tuple[float, float, float]:
        turn = 2 * np.pi * seconds / period
        return (
            x + far * np.sin(turn),
            y + far / 4 * np.cos(1.3 * turn),
            height * (1 + 0.15 * np.sin(0.7 * turn)),
        )

    return place


def _walking(
    start: float, speed: float, y: float, height: float, away: tuple[float, float] = (0.0, 0.0)
) -> Place:
    """Goes across at pixels a second; away between two times."""

    def place(seconds: float) -> tuple[float, float, float] | None:
        return None if away[0] <= seconds < away[1] else (start + speed * seconds, y, height)

    return place


def _heads(file: Path, detector: FaceDetector) -> list[Picture]:
    """The heads of a photo, the largest first."""
    photo = read_picture(file)
    (found,) = detector.detect([Levels(photo)])
    order = np.argsort(-found.boxes[:, 3])
    heads = []
    for left, top, width, height in found.boxes[order].tolist():
        x0, y0 = max(0, round(left - AROUND * width)), max(0, round(top - AROUND * height))
        x1, y1 = round(left + (1 + AROUND) * width), round(top + (1 + AROUND) * height)
        heads.append(photo[y0:y1, x0:x1])
    return heads


def made(photos: Path) -> Film:
    """A film of three scenes, 1280 x 720, as H.264: three faces of which one changes its expression and one
    goes away and comes back; a photo of three that the camera moves over; four of whom two pass each other.
    """
    detector = FaceDetector.load()
    stock = [_heads(file, detector)[0] for file in sorted(photos.glob("stock-emotions-a-*.jpg"))]
    astronaut, hopper = (_heads(photos / name, detector)[0] for name in ("astronaut.png", "grace_hopper.jpg"))
    group = _heads(photos / "group-3.jpg", detector)
    still = read_picture(photos / "group-2.jpg")
    first = [
        _Actor("a", stock, _swaying(300, 330, 300, 120, 5.0)),
        _Actor("astronaut", [astronaut], _swaying(700, 400, 180, 80, 2.0)),
        _Actor("hopper", [hopper], _walking(900, 40, 250, 220, (2.5, 4.0))),
    ]
    third = [
        _Actor("g0", group[:1], _walking(200, 160, 300, 240)),
        _Actor("g1", group[1:2], _walking(1100, -160, 330, 230)),
        _Actor("g2", group[2:3], _swaying(300, 600, 150, 60, 3.0)),
        _Actor("g3", group[3:4], _swaying(950, 600, 130, 90, 1.5)),
    ]
    edges = SCENES[0], SCENES[0] + SCENES[1]
    walls = _background(90), _background(170)

    def actors(number: int) -> dict[str, Box]:
        seconds = number / RATE
        own, start = (first, 0.0) if seconds < edges[0] else (third, edges[1])
        if edges[0] <= seconds < edges[1]:
            return {}
        boxes = {one.name: one.box(seconds - start) for one in own}
        return {name: box for name, box in boxes.items() if box is not None}

    def picture(number: int) -> Picture:
        seconds = number / RATE
        if edges[0] <= seconds < edges[1]:
            return _moved_over(still, seconds - edges[0])
        own, start, wall = (first, 0.0, walls[0]) if seconds < edges[0] else (third, edges[1], walls[1])
        canvas = wall.copy()
        for actor in own:
            actor.draw(canvas, seconds - start)
        return canvas

    content = _encoded(picture(number) for number in range(round(sum(SCENES) * RATE)))
    return Film("made of photos", _reader(content), actors)


def _background(light: int) -> Picture:
    """A wall with a pattern, of a lightness."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    grey = light + 30 * np.sin(x / 57) * np.cos(y / 41)
    return np.stack([grey, grey * 0.95, grey * 0.85], axis=2).astype(np.uint8)


def _moved_over(photo: Picture, seconds: float) -> Picture:
    """What a camera sees that moves over a photo and nears it."""
    scale = SIZE[0] / photo.shape[1] * (1 + 0.06 * seconds)
    matrix = np.array([[scale, 0, -40 * seconds], [0, scale, -25 * seconds]])
    return np.asarray(cv2.warpAffine(photo, matrix, SIZE), dtype=np.uint8)


def _encoded(pictures: Iterator[Picture]) -> bytes:
    """The pictures as H.264 in a Matroska file."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def at_rate(frames: Iterator[tuple[int, Picture]], rate: float) -> Iterator[tuple[int, Picture]]:
    """The first frame of every slot of 1 / rate seconds, as the analysis chooses them."""
    slot = -1
    for ms, picture in frames:
        own = int(ms / 1000 * rate + 1e-6)
        if own > slot:
            slot = own
            yield ms, picture
