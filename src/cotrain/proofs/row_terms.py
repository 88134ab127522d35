"""What S1 says of every row of a table: of a schema's, or of any table that a model can take."""

from dataclasses import dataclass
from typing import Self

from cotrain.agreement.schema import CategoryColumn, FlagColumn, NumericColumn, Schema
from cotrain.errors import UsageError
from cotrain.training.algorithm import Algorithm

NUMERIC, FLAG, ONE_OF = 0, 1, 2


@dataclass(frozen=True)
class RowTerms:
    """The public numbers of S1 (docs/spec/statements.md).

    Attributes:
        row_bits: log2 of the row bound C.
        feature_scale: S, the largest bias.
        labels: The least and the largest label.
        kinds: For each feature but the bias: 0 numeric, 1 flag, 2 indicator or category.
        groups: For each feature but the bias the number of its category column, from 1; 0 is none.
    """

    row_bits: int
    feature_scale: int
    labels: tuple[int, int]
    kinds: bytes
    groups: tuple[int, ...]

    @property
    def columns(self) -> int:
        """Columns of a row: the features, the bias, the label."""
        return len(self.kinds) + 2

    @classmethod
    def of_schema(cls, schema: Schema) -> Self:
        """Return what a schema says."""
        kinds, groups, categories = bytearray(), list[int](), 0
        for column in schema.columns:
            count = len(column.encoded_names())
            if isinstance(column, CategoryColumn):
                categories += 1
                groups += [categories] * count
            else:
                groups += [0] * count
            numeric, flag = isinstance(column, NumericColumn), isinstance(column, FlagColumn)
            kinds += bytes([NUMERIC if numeric else FLAG if flag else ONE_OF]) * count
        return cls(
            schema.row_bound.bit_length() - 1,
            schema.feature_scale,
            schema.label_range,
            bytes(kinds),
            tuple(groups),
        )

    @classmethod
    def of_model(cls, algorithm: Algorithm) -> Self:
        """Return what S2 takes for granted: numbers in range, rows within the row bound, the model's labels.

        The last feature is the constant one and so at least 0.

        Raises:
            UsageError: A row bound of 1.
        """
        if algorithm.row_bits < 1:
            raise UsageError("statement-shape", "rows of a row bound of 1 cannot be proven")
        scale = algorithm.residual_scale
        labels = {
            "logistic": (0, 1),
            "softmax": (0, algorithm.classes - 1),
            "linear": (-scale, scale),
        }
        others = algorithm.features - 1
        return cls(
            algorithm.row_bits,
            algorithm.row_bound,
            labels[algorithm.kind],
            bytes(others),
            (0,) * others,
        )
