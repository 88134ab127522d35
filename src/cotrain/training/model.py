"""The released model: a frozen value with its provenance, and predictions for its users.

Predictions are ordinary floating point for convenience; they are no part of the protocol, and
nothing that is proven or hashed depends on them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cotrain.errors import DataError, MalformedError, UsageError
from cotrain.records import canonical
from cotrain.training.algorithm import Algorithm
from cotrain.training.gradient import Weights, checked_weights

FORMAT = "cotrain/model/1"
_FIELDS = {"agreement", "algorithm", "format", "schema", "weights"}
_DIGEST = re.compile(r"[0-9a-f]{64}")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """What a finished run releases.

    Attributes:
        algorithm: What was trained, with all scales.
        weights: K d integers, row-major, in units of 2^-weight_bits.
        schema: SHA-256 (hex) of the schema that encodes rows for this model.
        agreement: SHA-256 (hex) of the agreement under which it was trained.

    Raises:
        UsageError: weights that do not fit the algorithm, or a hash that is none.
    """

    algorithm: Algorithm
    weights: tuple[int, ...]
    schema: str
    agreement: str

    def __post_init__(self) -> None:
        if any(type(weight) is not int or abs(weight) >= 1 << 31 for weight in self.weights):
            raise _usage("weights are not all 32-bit integers")
        checked_weights(self.algorithm, np.array(self.weights, dtype=np.int64))
        for name in ("schema", "agreement"):
            if not _DIGEST.fullmatch(getattr(self, name)):
                raise _usage(f"{name} is not 64 lower-case hexadecimal digits")

    @classmethod
    def of(
        cls, algorithm: Algorithm, weights: NDArray[np.integer], *, schema: str, agreement: str
    ) -> Self:
        """Return the model with `weights`, int32 or int64 of shape (K d,)."""
        values = checked_weights(algorithm, weights).tolist()
        return cls(algorithm, tuple(values), schema, agreement)

    def as_array(self) -> Weights:
        """Return the weights as int32, shape (K d,)."""
        return np.array(self.weights, dtype=np.int32)

    def margins(self, features: NDArray[Any] | Sequence[Sequence[float]]) -> Floats:
        """Return the real margins of encoded rows, in floating point.

        Args:
            features: Shape (n, d): encoded and scaled as in training, bias column included, no
                label.

        Returns:
            float64, shape (n, K). For linear they are the predictions, in units of the scaled
            target (1.0 is 2^f).

        Raises:
            DataError: the shape does not fit.
        """
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.algorithm.features:
            raise _shape(f"features have shape {rows.shape}, not (n, {self.algorithm.features})")
        vectors = self.as_array().reshape(self.algorithm.classes, self.algorithm.features)
        scale = self.algorithm.row_bound << self.algorithm.weight_bits
        return np.asarray(rows @ vectors.T.astype(np.float64) / scale)

    def probabilities(self, features: NDArray[Any] | Sequence[Sequence[float]]) -> Floats:
        """Return the probability of each class, in floating point.

        Args:
            features: As in `margins`.

        Returns:
            float64, shape (n, 2) for logistic and (n, K) for softmax; rows add up to 1.

        Raises:
            DataError: the shape does not fit.
            UsageError: a linear model has no classes.
        """
        if self.algorithm.kind == "linear":
            raise _usage("a linear model has no class probabilities")
        margins = self.margins(features)
        if self.algorithm.kind == "logistic":
            margins = np.hstack([np.zeros_like(margins), margins])
        powers = np.exp(margins - margins.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def encode(self) -> bytes:
        """Return the canonical JSON (RFC 8785) of the model.

        Raises:
            UsageError: longer than `decode` would read; about 100,000 weights fit.
        """
        value = {
            "agreement": self.agreement,
            "algorithm": self.algorithm.to_document(),
            "format": FORMAT,
            "schema": self.schema,
            "weights": list(self.weights),
        }
        data = canonical.encode(value)
        if len(data) > canonical.MAX_BYTES:
            raise _usage(f"{len(data)} bytes exceed the limit of {canonical.MAX_BYTES}")
        return data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the model whose canonical bytes are `data`.

        Raises:
            MalformedError: not canonical JSON, another version, or fields that are no model.
        """
        value = canonical.decode(data)
        if not isinstance(value, dict) or set(value) != _FIELDS:
            raise _malformed(f"a model has exactly the fields {', '.join(sorted(_FIELDS))}")
        if value["format"] != FORMAT:
            raise _malformed(f"the format is {str(value['format'])[:40]!r}, not {FORMAT!r}")
        if not isinstance(value["weights"], list) or not isinstance(value["algorithm"], dict):
            raise _malformed("weights are a list, the algorithm an object")
        if not isinstance(value["schema"], str) or not isinstance(value["agreement"], str):
            raise _malformed("schema and agreement are strings")
        try:
            algorithm = Algorithm.from_document(value["algorithm"])
            return cls(algorithm, tuple(value["weights"]), value["schema"], value["agreement"])
        except UsageError as error:
            raise _malformed(str(error)) from error


def _usage(what: str) -> UsageError:
    return UsageError(
        "model-invalid",
        what,
        meaning="These values are not a model, or not one that can do this.",
        hint="Take weights, algorithm and hashes from the records of one finished run.",
    )


def _shape(what: str) -> DataError:
    return DataError(
        "training-bad-shape",
        what,
        meaning="The rows were not encoded for this model.",
        hint="Encode them with the schema that the model names, and leave the label out.",
    )


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "model-malformed",
        f"not a model: {what}",
        meaning="The file is damaged, or was written by another version.",
        hint="Export the model again from the run.",
    )
