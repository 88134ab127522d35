"""The exception tree of Cotrain, grouped by whose fault an error is.

- `MalformedError`: bytes that are not what their format says.
- `ForgeryError`: well-formed bytes that claim something false; a lie or an attack.
- `RefusedError`: honest bytes that the signed agreement does not allow.
- `DataError`: a user's data that does not fit the schema.
- `UsageError`: a user's command or parameter that cannot be carried out.
- `OutsideError`: the outside world failed us: files, disks, peers.

Every error has a stable `code` for programs, and says what happened (`str(error)`), what it means
(`meaning`) and what to do (`hint`).
"""


class CotrainError(Exception):
    """The root: every error that Cotrain raises on purpose.

    Attributes:
        code: Stable identifier, lower case with dashes, e.g. ``ledger-bad-checkpoint``.
        meaning: What the error means to the reader, one sentence; may be empty.
        hint: What to do about it, one sentence; may be empty.
    """

    exit_code = 1

    def __init__(self, code: str, what: str, *, meaning: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.meaning = meaning
        self.hint = hint

    def diagnostics(self) -> dict[str, str]:
        """Return code, what happened, what it means and what to do, for `--json`."""
        return {"code": self.code, "what": str(self), "meaning": self.meaning, "hint": self.hint}


class MalformedError(CotrainError):
    """Bytes that are not what their format says they are."""

    exit_code = 3


class ForgeryError(CotrainError):
    """A false claim: a signature, proof, opening or hash that does not hold."""

    exit_code = 4


class RefusedError(CotrainError):
    """Something that the agreement or a budget does not allow."""

    exit_code = 5


class DataError(CotrainError):
    """A user's data does not fit the schema."""

    exit_code = 6


class UsageError(CotrainError):
    """A command or parameter that cannot be carried out as given."""

    exit_code = 2


class OutsideError(CotrainError):
    """The outside world failed: a file, a disk, a peer."""

    exit_code = 7
