"""The parts of detection do what they say: networks, canvases, crops, boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from ml_models.conversion.mtcnn import ORIGINALS, convert, packaged, read_original
from ml_models.detection import FaceDetector
from ml_models.detection_boxes import crops, inside, squared, suppress
from ml_models.levels import Levels
from ml_models.mtcnn_graphs import CANVAS, CELLS, MEAN, SCALE, STRIDE, WEIGHTS, WINDOW, Mtcnn
from ml_models.mtcnn_nets import OutputNet, ProposalNet, RefineNet
from ml_models.pnet_canvas import OVERLAP, packed, pyramid, search
from ml_models.registry import weight
from ml_models.training.detection_score import fit

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def nets() -> Mtcnn:
    return Mtcnn.load(exact=True)


def module(name: str, net: nn.Module) -> nn.Module:
    tensors = load_file(weight(WEIGHTS).verified())
    start = f"{name}."
    net.load_state_dict({key.removeprefix(start): t for key, t in tensors.items() if key.startswith(start)})
    return net.eval().requires_grad_(False)


def normalised(pixels: Photo) -> torch.Tensor:
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - MEAN) * SCALE


def logit(probability: torch.Tensor) -> NDArray[np.float32]:
    return np.asarray(torch.logit(probability.double()).float().numpy())


def random_pixels(*shape: int) -> Photo:
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def test_the_graph_of_p_net_gives_what_its_module_gives(nets: Mtcnn) -> None:
    pixels = random_pixels(1, CANVAS, CANVAS, 3)
    logits, shift = nets.proposal.run(pixels)
    expected_shift, probability = module("pnet", ProposalNet())(normalised(pixels))
    assert logits.shape == (1, 1, CELLS, CELLS)
    np.testing.assert_allclose(logits[:, 0], logit(probability), atol=1e-3)
    np.testing.assert_allclose(shift, expected_shift, atol=1e-4)


def test_the_graph_of_r_net_gives_what_its_module_gives(nets: Mtcnn) -> None:
    pixels = random_pixels(35, 24, 24, 3)
    logits, shift = nets.refine.run(pixels)
    expected_shift, probability = module("rnet", RefineNet())(normalised(pixels))
    np.testing.assert_allclose(logits[:, 0], logit(probability), atol=1e-3)
    np.testing.assert_allclose(shift, expected_shift, atol=1e-4)


def test_the_graph_of_o_net_gives_what_its_module_gives(nets: Mtcnn) -> None:
    pixels = random_pixels(11, 48, 48, 3)
    logits, shift, points = nets.output.run(pixels)
    expected_shift, expected_points, probability = module("onet", OutputNet())(normalised(pixels))
    np.testing.assert_allclose(logits[:, 0], logit(probability), atol=1e-3)
    np.testing.assert_allclose(shift, expected_shift, atol=1e-4)
    np.testing.assert_allclose(points, expected_points, atol=1e-4)


def test_the_shipped_weights_are_those_of_the_package() -> None:
    pytest.importorskip("facenet_pytorch", reason="needs facenet-pytorch, of requirements/train.txt")
    shipped = load_file(weight(WEIGHTS).verified())
    originals = convert(packaged())
    assert shipped.keys() == originals.keys()
    for name, tensor in originals.items():
        assert torch.equal(shipped[name], tensor)


def test_another_file_is_not_converted(tmp_path: Path) -> None:
    for net in ORIGINALS:
        torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / f"{net}.pt")
    with pytest.raises(ValueError, match=r"another file than the one of facenet-pytorch 2\.5\.3"):
        read_original(tmp_path, "pnet")


@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_faces_are_where_facenet_pytorch_finds_them(request: pytest.FixtureRequest, name: str) -> None:
    mtcnn = pytest.importorskip("facenet_pytorch", reason="needs facenet-pytorch").MTCNN()
    photo: Photo = request.getfixturevalue(name)
    boxes, _, points = mtcnn.detect(Image.fromarray(photo), landmarks=True)
    found = FaceDetector.load().detect([Levels(photo)])[0]
    assert len(found.boxes) == len(boxes) == 1
    height = found.boxes[0, 3]
    ends = np.concatenate([found.boxes[0, :2], found.boxes[0, :2] + found.boxes[0, 2:]])
    np.testing.assert_allclose(ends, boxes[0].astype(np.float32), atol=0.06 * height)
    np.testing.assert_allclose(found.landmarks[0], points[0].astype(np.float32), atol=0.03 * height)


@pytest.mark.parametrize("size", [(24, 20), (300, 431), (683, 1024), (1600, 90)])
def test_every_cell_of_every_level_is_in_exactly_one_piece(size: tuple[int, int]) -> None:
    steps = [step for number in range(3) for step in pyramid(size, number, 20.0, 0.709)]
    pieces, count = packed(steps)
    cells = [np.zeros(((s.rows - OVERLAP) // STRIDE, (s.columns - OVERLAP) // STRIDE), int) for s in steps]
    canvases = np.zeros((count, CANVAS, CANVAS), dtype=int)
    for piece in pieces:
        top, left = piece.top // STRIDE, piece.left // STRIDE
        rows, columns = (piece.rows - OVERLAP) // STRIDE, (piece.columns - OVERLAP) // STRIDE
        cells[piece.step][top : top + rows, left : left + columns] += 1
        area = canvases[piece.canvas, piece.y : piece.y + piece.rows, piece.x : piece.x + piece.columns]
        assert area.shape == (piece.rows, piece.columns)
        area += 1
        assert (piece.y % STRIDE, piece.x % STRIDE) == (0, 0)
    assert all((one == 1).all() for one in cells)
    assert canvases.max() <= 1


def test_canvases_are_mostly_full() -> None:
    steps = [step for number in range(8) for step in pyramid((683, 1024), number, 20.0, 0.709)]
    pixels = sum(step.rows * step.columns for step in steps)
    assert packed(steps)[1] * CANVAS**2 < 1.25 * pixels


def test_windows_out_of_canvases_are_those_of_whole_levels(nets: Mtcnn, astronaut: Photo) -> None:
    steps = pyramid((512, 512), 0, WINDOW, 0.5)[:1]
    found = search(nets.proposal, [Levels(astronaut)], steps, 0.0)
    shift, probability = module("pnet", ProposalNet())(normalised(astronaut[None]))
    logits = logit(probability)[0]
    rows, columns = np.nonzero(np.isclose(logits, logits.max()))
    best = found.logits.argmax()
    assert found.logits[best] == pytest.approx(logits.max(), abs=1e-3)
    corner = STRIDE * np.array([columns[0], rows[0]])
    box = np.concatenate([corner, corner + WINDOW]) + WINDOW * shift[0, :, rows[0], columns[0]].numpy()
    np.testing.assert_allclose(found.boxes[best], box, atol=1e-2)
    # Neighbours of a better window are left out, others are not.
    assert 0.1 * (logits > 0).sum() < len(found.logits) < 0.5 * (logits > 0).sum()


def test_crops_of_large_regions_average_all_their_pixels() -> None:
    stripes = np.zeros((512, 512, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    found = crops(Levels(stripes), np.array([[1, 1, 480, 480]], dtype=np.float32), 24)
    assert np.abs(found.astype(int) - 128).max() < 3


def test_crops_show_what_the_box_holds_and_go_on_at_the_edge() -> None:
    picture = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3))
    found = crops(Levels(picture), np.array([[50, 20, 98, 68], [180, 0, 228, 48]], dtype=np.float32), 48)
    assert found[0, 5, :, 0].tolist() == list(range(50, 98))
    assert found[1, 5, :, 0].tolist() == [*range(180, 200), *[199] * 28]


def slow_suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], limit: float) -> list[int]:
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        for other in kept:
            sides = np.minimum(boxes[row, 2:], boxes[other, 2:]) - np.maximum(
                boxes[row, :2], boxes[other, :2]
            )
            shared = float(np.clip(sides, 0, None).prod())
            areas = [float((boxes[one, 2:] - boxes[one, :2]).prod()) for one in (row, other)]
            if shared > limit * (sum(areas) - shared):
                break
        else:
            kept.append(row)
    return kept


@pytest.mark.parametrize("count", [0, 1, 5, 700])
def test_suppression_is_that_of_the_textbook(count: int) -> None:
    rng = np.random.default_rng(count)
    low = rng.random((count, 2)) * 200
    boxes = np.concatenate([low, low + 5 + rng.random((count, 2)) * 60], axis=1).astype(np.float32)
    scores = rng.random(count).astype(np.float32)
    for limit in (0.3, 0.7):
        assert suppress(boxes, scores, limit).tolist() == slow_suppress(boxes, scores, limit)


def test_a_better_box_removes_one_inside_it_and_no_other() -> None:
    boxes = np.array([[0.0, 0, 50, 50], [5, 5, 45, 45], [100, 0, 150, 50], [30, 0, 80, 50]], dtype=np.float32)
    scores = np.array([0.9, 0.95, 0.8, 0.7], dtype=np.float32)
    assert suppress(boxes, scores, 0.7, smaller=True).tolist() == [1, 2, 3]


def test_squares_keep_their_middle() -> None:
    assert squared(np.array([[0.0, 10, 10, 40]], dtype=np.float32)).tolist() == [[-10, 10, 20, 40]]


def test_boxes_beside_the_picture_are_not_inside() -> None:
    boxes = np.array([[0, 0, 5, 5], [-9, 0, 0.5, 5], [60, 0, 70, 5], [-5, -5, 99, 99]], dtype=np.float32)
    assert inside(boxes, (40, 60)).tolist() == [True, False, False, True]


def test_the_fit_of_the_decision_finds_the_numbers_behind_its_labels() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(0, 3, (20_000, 2))
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(0.8 * features[:, 0] + 0.3 * features[:, 1] - 1)))
    found = fit(features, labels.astype(np.float64))
    assert (found.look, found.refine, found.bias) == pytest.approx((0.8, 0.3, -1), abs=0.06)
