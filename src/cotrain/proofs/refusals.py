"""What the compiled module refuses, as exceptions of Cotrain."""

from collections.abc import Iterator
from contextlib import contextmanager

from cotrain.errors import CotrainError, DataError, ForgeryError, MalformedError, UsageError


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn `ValueError(code, sentence, ...)` into the exception of its code.

    Args:
        what: Which proof it is about, for the message.
    """
    try:
        yield
    except OverflowError as error:
        raise UsageError("statement-shape", f"{what}: a size is negative or too large") from error
    except ValueError as error:
        if len(error.args) < 2:
            raise
        code, sentence = error.args[:2]
        raise _refusal(str(code), f"{what}: {sentence}") from error


def _refusal(code: str, what: str) -> CotrainError:
    match code:
        case "proof-false" | "proof-challenge":
            return ForgeryError(
                code,
                what,
                meaning="What was sent is not what the proof is about, or nobody can prove it.",
                hint="Do not accept it. Its author can send an honest proof, or has none.",
            )
        case "proof-witness":
            return DataError(
                code,
                what,
                meaning="No proof exists of a false statement, so none was made.",
                hint="Encode the rows by the agreement's schema again.",
            )
        case "statement-shape":
            return UsageError(
                code,
                what,
                meaning="No honest agreement implies these numbers.",
                hint="Compare shapes and scales with docs/spec/statements.md.",
            )
        case _:
            return MalformedError(
                code,
                what,
                meaning="The bytes are not a proof of a statement of this shape.",
                hint="Fetch the proof again; its author may use another version.",
            )
