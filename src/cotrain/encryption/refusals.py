"""What the compiled module refuses, as the exceptions of Cotrain, grouped by whose fault it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError, UsageError

_NOT_CANONICAL: Final = (
    "The bytes are not what the agreement's parameters need; an honest party sends no such bytes."
)
_TOO_WIDE: Final = (
    "The sum over all parties would not fit the cipher, whose modulus is fixed for its security."
)

_MEANINGS: Final[dict[str, tuple[type[CotrainError], str, str]]] = {
    "parties-out-of-range": (RefusedError, "The cipher adds 1 to 65,536 ciphertexts.", ""),
    "field-too-wide": (
        RefusedError,
        _TOO_WIDE,
        "Lower the bound of the update, or invite fewer parties.",
    ),
    "key-already-used": (
        RefusedError,
        "A second message under one key would reveal the difference of the two.",
        "Derive a fresh key for each round; to send the same bytes again, keep them.",
    ),
    "error-too-large": (
        ForgeryError,
        "A ciphertext has another key, another context, or an error that the cipher does not make.",
        "Ask each survivor to show its ciphertext correct.",
    ),
    "sum-too-large": (
        ForgeryError,
        "A party encrypted a field above the agreed maximum.",
        "Ask each survivor to show its ciphertext correct.",
    ),
    "share-does-not-fit": (
        ForgeryError,
        "The share is not on the polynomial that its sender committed to.",
        "Complain about the sender.",
    ),
    "shares-disagree": (
        ForgeryError,
        "One of the holders lied.",
        "Check each share with verify_share_sum, which names the liar.",
    ),
    "key-sum-out-of-range": (
        ForgeryError,
        "A dealer shared something that is not a key.",
        "Ask each survivor to show its dealing correct.",
    ),
    "too-few-shares": (UsageError, "The key sum cannot be rebuilt yet.", "Wait for more holders."),
}
_USAGE: Final = frozenset(
    {
        "array-not-contiguous",
        "field-out-of-range",
        "holder-out-of-range",
        "holder-twice",
        "no-fields",
        "nothing-to-sum",
        "seed-length",
        "size-out-of-range",
        "summands-out-of-range",
        "threshold-invalid",
    }
)


@contextmanager
def native_refusals() -> Iterator[None]:
    """Raise the exception that belongs to the code of a refusal.

    Raises:
        RefusedError, ForgeryError, UsageError, MalformedError: See the spec's table of codes.
    """
    try:
        yield
    except OverflowError as error:
        raise UsageError("size-out-of-range", "a number is negative or too large") from error
    except ValueError as error:
        code, what = error.args
        raise _refusal(str(code), str(what)) from error


def _refusal(code: str, what: str) -> CotrainError:
    if code in _MEANINGS:
        kind, meaning, hint = _MEANINGS[code]
        return kind(code, what, meaning=meaning, hint=hint)
    if code in _USAGE:
        return UsageError(code, what, meaning="The function does not take this.")
    return MalformedError(code, what, meaning=_NOT_CANONICAL)
