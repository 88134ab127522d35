"""What an agreement fixes about training: the model, its scales and its step size, all exact.

The numbers are those of docs/spec/training.md, "Conventions". Everything else (dimension,
sensitivity, table range) is derived here, so that privacy, commitments and encryption take it from
one place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import isqrt
from typing import Any, Literal, Self, get_args

from cotrain.errors import MalformedError, UsageError

Kind = Literal["linear", "logistic", "softmax"]
Averaging = Literal["none", "tail"]

INDEX_BITS = 6
"""One step of a table index is 2^-6 = 1/64 of real margin."""

MAX_DIMENSION = 1 << 20
_RATIONAL = re.compile(r"(0|[1-9][0-9]{0,9})(/[1-9][0-9]{0,9})?")
_MAX_PART = 10**10 - 1
_WORD = 1 << 63


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One trainable model with every number that two runs must share.

    Attributes:
        kind: ``logistic`` (label 0 or 1), ``softmax`` (label 0..K-1) or ``linear`` (label in [-R,
            R], R = 2^f).
        features: Feature columns d of a row, the bias column included, the label column not.
        classes: Weight vectors K: the number of classes for softmax, 1 for the other kinds.
        row_bound: Largest L2 norm C of the features of a row; a power of two.
        residual_bits: f; residuals and probabilities are integers in units of 2^-f.
        weight_bits: Fractional bits of a weight.
        weight_bound: Largest L2 norm of each weight vector, in weight units.
        shift: Bits that rounding removes from each party's gradient before noise; 0 for none.
        learning_rate: Step along the mean gradient of rows normalised to norm 1; the default suits
            logistic, see `with_default_rate`.
        l2: Weight decay, as a multiple of the weights added to that gradient.
        averaging: ``tail`` releases the mean of the last half of the iterates, ``none`` the last
            one.

    Raises:
        UsageError: a field has the wrong type or lies outside its range; names field, value and
            limit.
    """

    kind: Kind
    features: int
    classes: int = 1
    row_bound: int = 4096
    residual_bits: int = 12
    weight_bits: int = 12
    weight_bound: int = 32 << 12
    shift: int = 0
    learning_rate: Fraction = Fraction(4)
    l2: Fraction = Fraction(0)
    averaging: Averaging = "tail"

    def __post_init__(self) -> None:
        _require_word("kind", self.kind, get_args(Kind))
        _require_word("averaging", self.averaging, get_args(Averaging))
        self._check_shape()
        self._check_scales()
        self._check_rates()

    def _check_shape(self) -> None:
        softmax = self.kind == "softmax"
        _require_integer("features", self.features, 1, MAX_DIMENSION)
        _require_integer("classes", self.classes, 2 if softmax else 1, 1 << 15 if softmax else 1)
        _require_integer("features x classes", self.dimension, 1, MAX_DIMENSION)

    def _check_scales(self) -> None:
        _require_integer("row_bound", self.row_bound, 1, 1 << 14)
        if self.row_bound & (self.row_bound - 1):
            raise _out_of_range("row_bound", self.row_bound, "a power of two")
        _require_integer("residual_bits", self.residual_bits, 1, 14)
        _require_integer("weight_bits", self.weight_bits, 0, 24)
        _require_integer(
            "weight_bound", self.weight_bound, 1, min(1 << 28, 1024 << self.weight_bits)
        )
        _require_integer("shift", self.shift, 0, 48)
        if self.margin_shift < 0:
            needed = self._margin_bits - self.row_bits
            raise _out_of_range(
                "weight_bits", self.weight_bits, f"at least {needed} at this row_bound"
            )

    def _check_rates(self) -> None:
        _require_rational("learning_rate", self.learning_rate, 1 << 16)
        _require_rational("l2", self.l2, 1 << 16)
        if self.learning_rate == 0:
            raise _out_of_range("learning_rate", self.learning_rate, "above 0")
        if self.learning_rate * self.l2 > 1:
            limit = f"at most 1/learning_rate = {1 / self.learning_rate}"
            raise _out_of_range("l2", self.l2, limit)

    @property
    def dimension(self) -> int:
        """Number of weights, K x d: the length of weights, gradients and updates, all row-major."""
        return self.classes * self.features

    @property
    def columns(self) -> int:
        """Columns of a dataset row: the features and one label."""
        return self.features + 1

    @property
    def residual_scale(self) -> int:
        """2^f: the number 1 in residual units, and the largest residual of one weight vector."""
        return 1 << self.residual_bits

    @property
    def row_bits(self) -> int:
        """log2 of the row bound."""
        return self.row_bound.bit_length() - 1

    @property
    def _margin_bits(self) -> int:
        return self.residual_bits if self.kind == "linear" else INDEX_BITS

    @property
    def margin_shift(self) -> int:
        """Bits from a margin to its quotient: a table index, or the linear prediction in 2^-f."""
        return self.row_bits + self.weight_bits - self._margin_bits

    @property
    def index_limit(self) -> int:
        """The smallest L such that every quotient floor(z / 2^margin_shift) lies in [-L, L]."""
        return -(-self.row_bound * self.weight_bound >> self.margin_shift)

    @property
    def residual_bound(self) -> int:
        """Largest L2 norm of the residuals of one row: 2^f, or ceil(sqrt(2) 2^f) for softmax."""
        scale = self.residual_scale
        return isqrt(2 * scale * scale) + 1 if self.kind == "softmax" else scale

    @property
    def record_sensitivity(self) -> int:
        """Largest L2 norm of one row's gradient, before rounding."""
        return self.residual_bound * self.row_bound

    @property
    def update_sensitivity(self) -> int:
        """Largest L2 distance between rounded updates of two datasets, one of which has a row more.

        Rounding can move each coordinate of the difference by less than 1 (spec, "Sensitivity").
        """
        if self.shift == 0:
            return self.record_sensitivity
        rounding = isqrt(self.dimension - 1) + 1
        return -(-self.record_sensitivity >> self.shift) + rounding

    @property
    def row_limit(self) -> int:
        """Largest number of rows whose gradient is certain to fit in 64 bits, even unchecked."""
        return (_WORD - 1) // (self.residual_scale * 32767)

    def max_abs_update(self, max_rows: int) -> int:
        """Return the bound on one coordinate of a rounded update over at most `max_rows` rows.

        Raises:
            UsageError: `max_rows` is negative or above `row_limit`.
        """
        _require_integer("max_rows", max_rows, 0, self.row_limit)
        largest = max_rows * self.residual_scale * self.row_bound
        return (largest + ((1 << self.shift) >> 1)) >> self.shift

    def with_default_shift(self) -> Self:
        """Return this algorithm with the largest shift that keeps rounding far below one record.

        A record may then still move the update by max(2^6, 16 sqrt(dimension)), sixteen times the
        norm that rounding can add.
        """
        wanted = max(1 << 12, 256 * self.dimension)
        shift = 0
        while self.record_sensitivity**2 >= wanted << (2 * shift + 2):
            shift += 1
        return replace(self, shift=shift)

    def with_default_rate(self) -> Self:
        """Return this algorithm with half the largest rate at which plain descent always converges.

        On rows of norm 1 the curvature of the mean loss is at most 1 (linear), 1/4 (logistic) and
        1/2 (softmax), and descent converges for rates below 2 / curvature.
        """
        rates = {"linear": 1, "logistic": 4, "softmax": 2}
        return replace(self, learning_rate=Fraction(rates[self.kind]))

    def to_document(self) -> dict[str, Any]:
        """Return the fields as canonical JSON values; rationals as ``"num"`` or ``"num/den"``."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(v) if isinstance(v, Fraction) else v for name, v in values.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the algorithm that `to_document` wrote.

        Raises:
            MalformedError: a field is missing, unknown or spelled in a second way.
            UsageError: a field lies outside its range.
        """
        names = {field.name for field in fields(cls)}
        if set(document) != names:
            raise _malformed(f"an algorithm has exactly the fields {', '.join(sorted(names))}")
        rates = {name: parse_rational(name, document[name]) for name in ("learning_rate", "l2")}
        return cls(**{**document, **rates})


def parse_rational(name: str, text: Any) -> Fraction:
    """Return the rational, at least 0, that `text` spells in lowest terms: ``"4"``, ``"1/100"``.

    Raises:
        MalformedError: `text` is no string, or not the one spelling of its value; names the field
            `name`.
    """
    if not isinstance(text, str) or not _RATIONAL.fullmatch(text):
        raise _malformed(f"{name} is {str(text)[:40]!r}, not a rational such as '4' or '1/100'")
    value = Fraction(text)
    if str(value) != text:
        raise _malformed(f"{name} is {text!r}; its one spelling is {str(value)!r}")
    return value


def _require_integer(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise _out_of_range(name, value, f"an integer from {low} to {high}")


def _require_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        raise _out_of_range(name, value, f"one of {', '.join(words)}")


def _require_rational(name: str, value: Any, limit: int) -> None:
    if not isinstance(value, Fraction) or not 0 <= value <= limit:
        raise _out_of_range(name, value, f"a Fraction from 0 to {limit}")
    if max(value.numerator, value.denominator) > _MAX_PART:
        raise _out_of_range(name, value, "a Fraction of at most ten digits over ten digits")


def _out_of_range(name: str, value: Any, limit: str) -> UsageError:
    return UsageError(
        "algorithm-out-of-range",
        f"{name} is {str(value)[:40]}, it must be {limit}",
        meaning="The algorithm could not be trained exactly within its number formats.",
        hint=f"Change {name} in the agreement; docs/spec/training.md lists the ranges.",
    )


def _malformed(what: str) -> MalformedError:
    return MalformedError(
        "algorithm-malformed",
        f"not an algorithm: {what}",
        meaning="The agreement was written by another version, or damaged.",
        hint="Compare the agreement with the one that was signed.",
    )
