"""Handwritten digits: the data, and a classifier to train on them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lrbook.hyperparameters import Count, Hyperparameters, hyperparameters


@cache
def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """The handwritten digits: images of shape (1797, 64) with values in [0, 1], and labels (1797,).

    They are the test set of *Optical Recognition of Handwritten Digits* by E. Alpaydin and C. Kaynak,
    UCI Machine Learning Repository, licensed under CC BY 4.0. The arrays are shared: they are
    read-only.
    """
    with np.load(Path(__file__).with_name("data") / "digits.npz") as data:
        images, labels = data["images"] / 16, data["labels"].astype(np.intp)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


@hyperparameters
class Digits(Hyperparameters):
    r"""A classifier of handwritten digits: softmax regression, or a network with one tanh layer.

    .. math:: L = -\frac1n \sum_{j=1}^n \ln p_{j,y_j}, \qquad p_j = \operatorname{softmax}(h_j W + b),

    where :math:`h_j` is the image, or :math:`\tanh(x_j V + c)` with `hidden` units. The parameters are a
    mapping: ``W`` and ``b``, and ``V`` and ``c`` if there is a hidden layer.

    Parameters
    ----------
    hidden : int
        The units of the hidden layer; 0 for none.
    batch_size : int
        The images, drawn with replacement, in a stochastic gradient; 0 for all of them.
    held_out : int
        The images, the last of the 1,797, that are kept from training to measure the accuracy.

    Examples
    --------
    >>> problem = Digits()
    >>> theta = problem.start(seed=0)
    >>> {name: array.shape for name, array in theta.items()}
    {'W': (64, 10), 'b': (10,)}
    >>> round(float(problem.loss(theta)), 6)  # ten classes, all equally likely: ln 10
    2.302585
    """

    hidden: Count = 0
    batch_size: Count = 0
    held_out: Count = 450

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.held_out >= 1797:
            raise ValueError(f"held_out must be < 1797, the number of images, got {self.held_out}")

    def start(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Where a run begins: at zero, or with weights of variance 1 / inputs if there is a hidden layer."""
        theta = {"W": np.zeros((self.hidden or 64, 10)), "b": np.zeros(10)}
        if self.hidden:
            rng = np.random.default_rng(seed)
            theta = {
                "V": rng.standard_normal((64, self.hidden)) / 8,
                "c": np.zeros(self.hidden),
                "W": rng.standard_normal((self.hidden, 10)) / np.sqrt(self.hidden),
                "b": np.zeros(10),
            }
        return theta

    def loss(self, theta: Any) -> Any:
        """The mean cross-entropy, in nats, over the training images: one number for each run."""
        self._check(theta)
        images, labels = self._training()
        return _cross_entropy(_forward(theta, images)[1], labels)

    def gradient(self, theta: Any, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """The gradient of the mean cross-entropy, over a batch drawn with `rng` if there is one."""
        self._check(theta)
        images, labels = self._training()
        if rng is not None and self.batch_size:
            runs = theta["b"].shape[:-1]
            chosen = rng.integers(len(labels), size=(*runs, self.batch_size))
            images, labels = images[chosen], labels[chosen]
        h, scores = _forward(theta, images)
        # d loss / d scores = (p - 1[label]) / n
        error = (_softmax(scores) - np.eye(10)[labels]) / images.shape[-2]
        gradient = {"W": np.swapaxes(h, -1, -2) @ error, "b": error.sum(axis=-2)}
        if "V" in theta:
            # back through tanh, whose slope is 1 - tanh^2
            inner = (error @ np.swapaxes(theta["W"], -1, -2)) * (1 - h**2)
            gradient |= {"V": np.swapaxes(images, -1, -2) @ inner, "c": inner.sum(axis=-2)}
        return {name: gradient[name] for name in theta}

    def accuracy(self, theta: Any) -> Any:
        """The fraction of the held-out images whose digit gets the largest score."""
        self._check(theta)
        if not self.held_out:
            raise ValueError("held_out must be > 0 to measure the accuracy, got 0")
        images, labels = load_digits()
        held_out = slice(len(labels) - self.held_out, None)
        scores = _forward(theta, images[held_out])[1]
        return (scores.argmax(axis=-1) == labels[held_out]).mean(axis=-1)

    def _check(self, theta: Any) -> None:
        """Refuse parameters that are not a mapping of this network's names to arrays of its shapes."""
        shapes: dict[str, tuple[int, ...]] = {"W": (self.hidden or 64, 10), "b": (10,)}
        if self.hidden:
            shapes = {"V": (64, self.hidden), "c": (self.hidden,)} | shapes
        if not isinstance(theta, Mapping) or theta.keys() != shapes.keys():
            got = list(theta) if isinstance(theta, Mapping) else type(theta).__name__
            raise ValueError(f"theta must be a mapping with the names {list(shapes)}, got {got}")
        for name, shape in shapes.items():
            if np.shape(theta[name])[-len(shape) :] != shape:
                last = ", ".join(map(str, shape))
                raise ValueError(
                    f"theta[{name!r}] must have shape (..., {last}), got {np.shape(theta[name])}"
                )
        runs = {name: np.shape(theta[name])[: -len(shape)] for name, shape in shapes.items()}
        if len(set(runs.values())) > 1:
            raise ValueError(f"theta must have the same first axes, its runs, in all parameters, got {runs}")

    def _training(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = load_digits()
        n = len(labels) - self.held_out
        return images[:n], labels[:n]


def _forward(theta: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the last layer sees, and the scores it gives."""
    h = np.tanh(images @ theta["V"] + theta["c"][..., np.newaxis, :]) if "V" in theta else images
    return h, h @ theta["W"] + theta["b"][..., np.newaxis, :]


def _softmax(scores: np.ndarray) -> Any:
    """Probabilities from scores; the largest is subtracted so that no exponential overflows."""
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _cross_entropy(scores: np.ndarray, labels: np.ndarray) -> Any:
    """The mean of -ln p of the right label, computed from the scores so that it stays finite."""
    top = scores.max(axis=-1)
    log_total = top + np.log(np.exp(scores - top[..., np.newaxis]).sum(axis=-1))
    right = np.take_along_axis(scores, np.broadcast_to(labels, scores.shape[:-1])[..., np.newaxis], axis=-1)[
        ..., 0
    ]
    return (log_total - right).mean(axis=-1)
