"""Finds faces: MTCNN in three stages, each a network over all candidates of a picture at once.

The steps follow `facenet_pytorch.MTCNN.detect`, so results agree with it closely. What differs: memory is
bounded for any picture, pictures are resampled in uint8 and crops cut by `roi_align` from the nearest
halving of the picture (a fifth of the time), and nothing depends on the numpy version.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ml_models.mtcnn_nets import OutputNet, ProposalNet, RefineNet
from ml_models.native_ops import nms, roi_align
from ml_models.registry import weight

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

#: P-Net looks at windows of this many pixels, two pixels apart.
WINDOW, STRIDE = 12, 2
#: Pixels 0 to 255 become -1 to 1, as in the training of MTCNN.
MEAN, SCALE = 127.5, 1 / 128
#: Candidates that go through R-Net or O-Net at once: bounds memory (O-Net needs about 0.6 MB each).
CHUNK = 128


@dataclass(frozen=True)
class DetectionOptions:
    """How to search.

    min_face: smallest face in pixels of the (possibly shrunk) picture. thresholds: least probability after
    each stage. factor: step of the pyramid. max_pixels: larger pictures are shrunk to this many pixels for
    detection. max_candidates: at most so many windows, the most probable, leave the first stage.
    """

    min_face: float = 20.0
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8)
    factor: float = 0.709
    max_pixels: int = 4_000_000
    max_candidates: int = 6_000


@dataclass(frozen=True)
class Detections:
    """boxes (N, 4) as left, top, width, height; confidence (N,); landmarks (N, 5, 2): all float32."""

    boxes: NDArray[np.float32]
    confidence: NDArray[np.float32]
    landmarks: NDArray[np.float32]


def load_mtcnn() -> tuple[ProposalNet, RefineNet, OutputNet]:
    """The three networks with their verified weights, ready for inference; WeightError when a file is not
    right.
    """
    nets = ProposalNet(), RefineNet(), OutputNet()
    for name, net in zip(("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"), nets, strict=True):
        net.load_state_dict(torch.load(weight(name).verified(), map_location="cpu", weights_only=True))
        net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return nets


def normalised(pixels: Tensor) -> Tensor:
    """0 to 255 -> -1 to 1, as MTCNN was trained."""
    return (pixels - MEAN) * SCALE


def squared(boxes: Tensor) -> Tensor:
    """Boxes (N, 4) as x0, y0, x1, y1 made square about their middle, as wide as the longer side."""
    size = boxes[:, 2:] - boxes[:, :2]
    corner = (boxes[:, :2] + boxes[:, 2:] - size.amax(dim=1, keepdim=True)) / 2
    return torch.cat([corner, corner + size.amax(dim=1, keepdim=True)], dim=1)


def corrected(boxes: Tensor, shift: Tensor) -> Tensor:
    """Move the edges of boxes (N, 4) by shares of their size, counted in whole pixels as MTCNN does."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + shift * size.repeat(1, 2)


def suppress_inside(boxes: Tensor, scores: Tensor, limit: float = 0.7) -> Tensor:
    """Indices of boxes kept, best first: one goes when a better one covers more than `limit` of the smaller
    of both.
    """
    order = scores.argsort(descending=True, stable=True)
    ordered = boxes[order].numpy()
    low, high = ordered[:, :2], ordered[:, 2:]
    area = (high - low + 1).prod(axis=1)
    alive = np.ones(len(order), dtype=bool)
    # Box by box, so that memory grows with their number and not with its square.
    for better in range(len(order)):
        if alive[better]:
            rest = slice(better + 1, None)
            shared = np.minimum(high[better], high[rest]) - np.maximum(low[better], low[rest]) + 1
            covered = shared.clip(min=0).prod(axis=1) / np.minimum(area[better], area[rest])
            alive[rest] &= covered <= limit
    return order[torch.from_numpy(alive)]


class Halvings:
    """A picture of at most `max_pixels`, and its halves, quarters ..., made when needed.

    Every resampling starts from the nearest of them. size: rows and columns. shrunk: how often its width and
    height fit into those of the picture that was given, float (2,).
    """

    def __init__(self, picture: Picture, max_pixels: int = DetectionOptions.max_pixels) -> None:
        # Pillow's arrays are read-only, which torch warns about; the order (H, W, 3) is channels-last
        # already.
        writable = picture if picture.flags.writeable else picture.copy()
        pixels = torch.from_numpy(writable).permute(2, 0, 1)[None]
        rows, columns = picture.shape[:2]
        share = min(1.0, math.sqrt(max_pixels / (rows * columns)))
        # A very long, narrow picture must keep at least one row.
        self.size = (max(1, int(rows * share)), max(1, int(columns * share)))
        self.shrunk = torch.tensor([columns / self.size[1], rows / self.size[0]])
        self.levels = [_resampled(pixels, *self.size)]
        self.floats: dict[int, Tensor] = {}

    def level(self, number: int) -> tuple[Tensor, int]:
        """The picture halved so many times, or fewer where a side would vanish, uint8 (1, 3, h, w); and the
        number.
        """
        while len(self.levels) <= number and min(self.levels[-1].shape[2:]) >= 2:
            rows, columns = self.levels[-1].shape[2:]
            self.levels.append(_resampled(self.levels[-1], rows // 2, columns // 2))
        number = min(number, len(self.levels) - 1)
        return self.levels[number], number

    def scaled(self, scale: float) -> Tensor:
        """The whole picture at a scale, float (1, 3, h, w), 0 to 255, channels last."""
        halved, _ = self.level(int(max(0.0, -math.log2(scale))))
        return _resampled(halved, int(self.size[0] * scale + 1), int(self.size[1] * scale + 1)).float()

    def regions(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes cut to whole pixels of the picture (N, 4), and which of them have any left (bool (N,))."""
        rows, columns = self.size
        whole = boxes.trunc()
        low = whole[:, :2].clamp_min(1) - 1
        high = torch.minimum(whole[:, 2:], torch.tensor([columns, rows], dtype=torch.float32))
        return torch.cat([low, high], dim=1), (high > low).all(dim=1)

    def crops(self, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Normalised crops (M, 3, size, size) of the boxes that touch the picture, and those boxes (M, 4)."""
        regions, some = self.regions(boxes)
        boxes, regions = boxes[some], regions[some]
        crops = torch.empty(len(regions), 3, size, size)
        extent = (regions[:, 2:] - regions[:, :2]).amax(dim=1)
        # From the halving where a cell of the crop is one to two pixels wide, two samples a side see all of
        # it.
        wanted = (extent / size).clamp_min(1).log2().floor().int()
        for number in wanted.unique().tolist():
            chosen = (wanted == number).nonzero().squeeze(1)
            halved, level = self.level(number)
            if level not in self.floats:
                self.floats[level] = halved.float().contiguous()
            rows, columns = halved.shape[2:]
            ratio = torch.tensor([columns / self.size[1], rows / self.size[0]]).repeat(2)
            places = torch.cat([torch.zeros(len(chosen), 1), regions[chosen] * ratio], dim=1)
            crops[chosen] = roi_align(self.floats[level], places, size, samples=2)
        return normalised(crops).contiguous(memory_format=torch.channels_last), boxes


def _resampled(pixels: Tensor, rows: int, columns: int) -> Tensor:
    """uint8 (1, 3, H, W) at another size, every pixel counted."""
    if tuple(pixels.shape[2:]) == (rows, columns):
        return pixels
    return F.interpolate(pixels, (rows, columns), mode="bilinear", antialias=True)


class FaceDetector:
    """MTCNN on one picture at a time. Holds no state between calls, so threads may share it."""

    def __init__(self, options: DetectionOptions | None = None) -> None:
        self.options = options or DetectionOptions()
        self.pnet, self.rnet, self.onet = load_mtcnn()

    @torch.inference_mode()
    def detect(self, picture: Picture) -> Detections:
        """Faces of a checked RGB picture, in no particular order."""
        halvings = Halvings(picture, self.options.max_pixels)
        boxes = self._refine(halvings, self._propose(halvings))
        boxes, scores, points = self._conclude(halvings, boxes)
        scale, (rows, columns) = halvings.shrunk, picture.shape[:2]
        limits = torch.tensor([columns, rows], dtype=torch.float32)
        low = torch.minimum((boxes[:, :2] * scale).clamp_min(0), limits)
        size = torch.minimum((boxes[:, 2:] * scale).clamp_min(0), limits) - low
        # A box that lies wholly beside the picture after the last correction is no face in it.
        keep = (size >= 1).all(dim=1)
        return Detections(
            torch.cat([low, size], dim=1)[keep].numpy(), scores[keep].numpy(), (points * scale)[keep].numpy()
        )

    @torch.inference_mode()
    def look_at(self, picture: Picture, boxes: Sequence[Box]) -> Detections:
        """Confidence and landmarks of given boxes: O-Net only; the boxes come back unchanged."""
        given = np.array(boxes, dtype=np.float32).reshape(-1, 4)
        halvings = Halvings(picture, self.options.max_pixels)
        scale = halvings.shrunk.repeat(2)
        corners = torch.from_numpy(np.concatenate([given[:, :2], given[:, :2] + given[:, 2:]], axis=1))
        # A box of less than a pixel has no whole pixel to look at; one pixel is the least.
        low, high_corner = (corners / scale)[:, :2].floor() + 1, (corners / scale)[:, 2:].ceil()
        pixels = torch.cat([low, torch.maximum(high_corner, low)], dim=1)
        _, points, scores = self._output(halvings, squared(pixels))
        return Detections(given, scores.numpy(), (points * scale[:2]).numpy())

    def _propose(self, halvings: Halvings) -> Tensor:
        """Stage one: P-Net over the pyramid -> squared boxes (N, 4)."""
        options, (rows, columns) = self.options, halvings.size
        scale = WINDOW / options.min_face
        found: list[Tensor] = []
        while min(rows, columns) * scale >= WINDOW:
            level = halvings.scaled(scale)
            shift, probability = self.pnet(normalised(level))
            mask = probability[0] >= options.thresholds[0]
            cells = mask.nonzero().flip(1).float()
            if len(cells):
                corners = ((STRIDE * cells + 1) / scale).floor(), ((STRIDE * cells + WINDOW) / scale).floor()
                level_boxes = torch.cat([*corners, probability[0][mask][:, None], shift[0][:, mask].T], dim=1)
                found.append(level_boxes[nms(level_boxes[:, :4], level_boxes[:, 4], 0.5)])
            scale *= options.factor
        if not found:
            return torch.zeros(0, 4)
        boxes = torch.cat(found)
        boxes = boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)][: options.max_candidates]
        return squared(boxes[:, :4] + boxes[:, 5:9] * (boxes[:, 2:4] - boxes[:, :2]).repeat(1, 2))

    def _refine(self, halvings: Halvings, boxes: Tensor) -> Tensor:
        """Stage two: R-Net throws out most candidates and corrects the others."""
        crops, boxes = halvings.crops(boxes, 24)
        if not len(boxes):
            return boxes
        shift, scores = _in_chunks(self.rnet, crops)
        keep = scores > self.options.thresholds[1]
        boxes, scores, shift = boxes[keep], scores[keep], shift[keep]
        best = nms(boxes, scores, 0.7)
        return squared(corrected(boxes[best], shift[best]))

    def _output(self, halvings: Halvings, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """O-Net: corrections (N, 4), points (N, 5, 2) in pixels and probability (N,) of boxes in the
        picture.
        """
        crops, boxes = halvings.crops(boxes, 48)
        if not len(boxes):
            return torch.zeros(0, 4), torch.zeros(0, 5, 2), torch.zeros(0)
        shift, points, scores = _in_chunks(self.onet, crops)
        size = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None, :]
        return shift, points.view(-1, 2, 5).transpose(1, 2) * size + boxes[:, None, :2] - 1, scores

    def _conclude(self, halvings: Halvings, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stage three: O-Net decides, corrects and gives the points."""
        boxes = boxes[halvings.regions(boxes)[1]]
        shift, points, scores = self._output(halvings, boxes)
        keep = scores > self.options.thresholds[2]
        boxes, scores, points = corrected(boxes[keep], shift[keep]), scores[keep], points[keep]
        best = suppress_inside(boxes, scores)
        return boxes[best], scores[best], points[best]


def _in_chunks(net: nn.Module, crops: Tensor) -> tuple[Any, ...]:
    """Run a net over many crops in parts, so that memory does not grow with their number."""
    parts = [net(some) for some in crops.split(CHUNK)]
    return tuple(torch.cat(outputs) for outputs in zip(*parts, strict=True))
