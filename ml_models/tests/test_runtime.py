"""Layers of the runtime give what PyTorch's give, and a network answers rows the same way in any company."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ml_models import runtime
from ml_models.runtime import Layers, Network, pixels

ROWS = np.random.default_rng(3).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)


class Small(nn.Module):
    """One of everything that the engine's networks are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.prelu = nn.PReLU(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.wide = nn.Linear(8, 6, bias=False)
        self.norm1 = nn.BatchNorm1d(6)
        self.dense = nn.Linear(6, 4)
        for name, tensor in self.state_dict().items():
            if name.startswith("norm"):
                # Norms that have something to do; a variance is above 0.
                tensor.copy_(torch.rand(tensor.shape) + 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prelu(self.conv((x - 100) / 50))
        x = torch.relu(self.norm(self.depthwise(x)) + x)
        pooled = nn.functional.max_pool2d(x, 2, 2, ceil_mode=True)
        pooled = nn.functional.avg_pool2d(pooled, 2, 2, ceil_mode=True)
        answer: torch.Tensor = self.dense(self.norm1(self.wide(pooled.mean(dim=(2, 3))))).softmax(dim=1)
        return answer


@pytest.fixture(scope="module")
def module() -> Small:
    torch.manual_seed(1)
    return Small().eval()


def network(module: Small, batch: int, streams: int = 1) -> Network:
    layers = Layers({name: tensor.numpy() for name, tensor in module.state_dict().items()})
    parameter, x = pixels((batch, 12, 10, 3), mean=100.0, scale=1 / 50)
    x = layers.prelu(layers.conv(x, "conv", stride=2, padding=1), "prelu")
    x = runtime.relu(runtime.add(layers.conv_norm(x, "depthwise", "norm", padding=1, groups=8), x))
    x = runtime.avg_pool(runtime.max_pool(x, 2, 2, ceil=True), 2, 2, ceil=True)
    x = layers.dense(layers.dense_norm(runtime.mean_pixel(x), "wide", "norm1"), "dense")
    return Network(parameter, [runtime.softmax(x)], name="small", exact=True, streams=streams)


def expected(module: Small, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        answer: NDArray[np.float32] = module(torch.from_numpy(rows).permute(0, 3, 1, 2).float()).numpy()
    return answer


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_the_graph_gives_what_the_module_gives(module: Small, batch: int) -> None:
    [answer] = network(module, batch).run(ROWS)
    assert (answer.shape, answer.dtype) == ((5, 4), np.float32)
    np.testing.assert_allclose(answer, expected(module, ROWS), atol=1e-5)


def test_a_row_has_the_same_answer_in_any_company(module: Small) -> None:
    net = network(module, 2)
    [together] = net.run(ROWS)
    for number in range(5):
        np.testing.assert_array_equal(net.run(ROWS[number : number + 1])[0][0], together[number])


def test_no_rows_give_no_answers(module: Small) -> None:
    [answer] = network(module, 2).run(ROWS[:0])
    assert answer.shape == (0, 4)


def test_rows_that_do_not_lie_in_memory_one_after_another_are_taken(module: Small) -> None:
    mirrored = ROWS[:, :, ::-1]
    np.testing.assert_allclose(
        network(module, 2).run(mirrored)[0], expected(module, np.ascontiguousarray(mirrored)), atol=1e-5
    )


def test_rows_of_another_shape_are_refused(module: Small) -> None:
    with pytest.raises(ValueError, match=r"small takes rows of the shape \(12, 10, 3\)"):
        network(module, 2).run(ROWS[:, :10])


def test_threads_share_a_network(module: Small) -> None:
    net, right = network(module, 1, streams=3), expected(module, ROWS)
    with ThreadPoolExecutor(6) as pool:
        for [answer] in pool.map(lambda _: net.run(ROWS), range(60)):
            np.testing.assert_allclose(answer, right, atol=1e-5)


def test_a_missing_weight_is_named() -> None:
    with pytest.raises(KeyError, match=r"conv\.weight"):
        Layers({}).conv(pixels((1, 4, 4, 3))[1], "conv")
