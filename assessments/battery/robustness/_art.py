"""ART's attacks, unmodified, on rows whose questions are served together.

What ART asks of a model is given by two small estimators: one that knows decisions and how near they are to turning,
and one that knows gradients as well. Both see one row's points in [0, 1]: scaled outside ART, whose own preprocessing
is applied twice to some gradients and whose clip values, one a column, crash three of the attacks.
"""

import functools
import importlib
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assessments.battery.robustness._lockstep import Floats
from assessments.battery.robustness._microbatch import Ask

STAYS, FLIPS = 0, 1


def art(module: str) -> Any:
    """A module of ART; importing it takes seconds, and warns of every framework that is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"art.{module}")


@functools.cache
def _estimators() -> tuple[type, type]:
    """The two classes; they derive from ART's, so they are made when ART is needed."""
    mixins: Any = art("estimators.classification.classifier")
    bases: Any = art("estimators.estimator")

    class Asked(mixins.ClassifierMixin, bases.BaseEstimator):  # type: ignore[misc]
        """One row's model: `kind` is what its predictions are asked as, in classes 0 … nb_classes - 1."""

        estimator_params = bases.BaseEstimator.estimator_params

        def __init__(self, ask: Ask, kind: str, width: int, classes: int) -> None:
            super().__init__(model=None, clip_values=(0.0, 1.0))
            self.ask, self.kind, self.width = ask, kind, width
            self.nb_classes = classes

        @property
        def input_shape(self) -> tuple[int, ...]:
            return (self.width,)

        def predict(self, x: NDArray[Any], **_: Any) -> NDArray[Any]:
            return np.asarray(self.ask(self.kind, np.asarray(x, dtype=float)), dtype=np.float32)

        def fit(self, *_: Any, **__: Any) -> None:
            raise NotImplementedError("A model that is assessed is never trained.")

    class Sloped(mixins.ClassGradientsMixin, bases.LossGradientsMixin, Asked):  # type: ignore[misc]
        """The same with gradients: of `kind` by the point, and of the cross-entropy of the logits."""

        def class_gradient(self, x: NDArray[Any], label: Any = None, **_: Any) -> NDArray[Any]:
            slopes = self._slopes(f"{self.kind} slopes", x)
            if label is None:
                return slopes
            wanted = np.broadcast_to(np.asarray(label, dtype=int), len(x))
            return np.asarray(slopes[np.arange(len(x)), wanted][:, None])

        def loss_gradient(self, x: NDArray[Any], y: NDArray[Any], **_: Any) -> NDArray[Any]:
            shares = self.ask("probabilities", np.asarray(x, dtype=float))
            truth = y if np.ndim(y) == 2 else np.eye(self.nb_classes)[np.asarray(y, dtype=int)]
            found: NDArray[Any] = np.einsum("mk,mkd->md", shares - truth, self._slopes("logits slopes", x))
            return found.astype(np.float32)

        def compute_loss(self, x: NDArray[Any], y: NDArray[Any], **_: Any) -> NDArray[Any]:
            shares = self.ask("probabilities", np.asarray(x, dtype=float))
            return np.asarray(-(np.log(np.maximum(shares, 1e-300)) * y).sum(axis=1))

        def _slopes(self, kind: str, x: NDArray[Any]) -> NDArray[Any]:
            flat = self.ask(kind, np.asarray(x, dtype=float))
            return flat.reshape(len(x), self.nb_classes, self.width).astype(np.float32)

    return Asked, Sloped


def decisions(ask: Ask, width: int, *, classes: int = 2) -> Any:
    """Label only: class FLIPS where the goal is achieved. More classes than two are never predicted; SignOPT refuses
    models with two."""
    return _estimators()[0](ask, f"decisions {classes}", width, classes)


def scores(ask: Ask, width: int) -> Any:
    """Two classes with a probability: how near the goal is."""
    return _estimators()[0](ask, "scores", width, 2)


def sloped(ask: Ask, width: int, classes: int, kind: str) -> Any:
    """All classes of the model, with gradients. kind: logits or probabilities."""
    return _estimators()[1](ask, kind, width, classes)


def softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def softmax_slopes(logits: Floats, slopes: Floats) -> Floats:
    """(m, k, d) the derivative of the softmax from that of its logits."""
    shares = softmax(logits)
    return np.asarray(shares[:, :, None] * (slopes - np.einsum("mk,mkd->md", shares, slopes)[:, None, :]))
