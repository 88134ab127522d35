"""The term that divides a part of the money by what owners' updates contributed (docs/spec/contribution.md)."""

import base64
import binascii
from fractions import Fraction
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cotrain.agreement.numerals import DecimalText

MAX_ROWS_TEXT: Final = 1 << 17
"""Longest text of the validation rows: they stand in the agreement, so that everybody signs them."""

_ENTRY = np.dtype("<i2")


class ContributionTerm(BaseModel):
    """A pool that is divided among the data owners by scores of their updates.

    Attributes:
        pool: Basis points of everything that is paid; the agreed shares are the rest.
        floor: Percent of the pool that is divided by rounds taken part in, not by scores.
        epsilon: How much of the agreement's epsilon the rounds leave to the scores; "0" without noise.
        rows: The public rows by which contributions are judged, encoded by the agreement's schema: little-endian
            int16, row after row, in Base64.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    pool: Annotated[int, Field(ge=1, lt=10_000)]
    floor: Annotated[int, Field(ge=0, le=100)]
    epsilon: DecimalText
    rows: Annotated[
        str, Field(min_length=4, max_length=MAX_ROWS_TEXT, pattern=r"^[A-Za-z0-9+/]+={0,2}$")
    ]

    def validation_rows(self, columns: int) -> NDArray[np.int16]:
        """Return the validation rows: int16, shape (n, columns).

        Raises:
            ValueError: they are not whole rows of so many columns, or not in the one spelling of Base64.
        """
        try:
            data = base64.b64decode(self.rows, validate=True)
        except binascii.Error as error:
            raise ValueError(f"the validation rows are not Base64: {error}") from error
        if base64.b64encode(data).decode() != self.rows:
            raise ValueError("the validation rows are not in the one spelling of Base64")
        if len(data) % (_ENTRY.itemsize * columns):
            raise ValueError(f"the validation rows are not whole rows of {columns} columns")
        return np.frombuffer(data, dtype=_ENTRY).astype(np.int16).reshape(-1, columns)


def write_rows(rows: NDArray[np.int16]) -> str:
    """Return rows as they stand in the term."""
    return base64.b64encode(rows.astype(_ENTRY).tobytes()).decode()


def check_contribution(agreement: Any, term: ContributionTerm) -> None:
    """Check that the term fits the agreement; called by the agreement that holds it.

    Raises:
        ValueError: it does not; the message is for people.
    """
    if not agreement.is_proven:
        raise ValueError('scores decide about money, so the assurance must be "proven"')
    term.validation_rows(agreement.data_schema.feature_count + 1)
    whole, scores = agreement.epsilon, Fraction(term.epsilon)
    if agreement.privacy.noise == "none":
        if scores:
            raise ValueError('without noise nothing is promised, so epsilon of the scores is "0"')
    elif not 0 < scores < whole:
        raise ValueError(
            f"the scores are left an epsilon of {term.epsilon}: it must be above 0 and below the whole, "
            f"{agreement.privacy.epsilon}"
        )
