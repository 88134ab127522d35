"""How a table is refused: which row, which column, which value, and what to do about it.

The message quotes the data. It is for the data owner alone and must never be sent to another party.
"""

from cotrain.errors import DataError

MAX_SHOWN_CHARS = 40


def shown(value: object) -> str:
    """Return `value` quoted, without control characters, cut to 40 characters."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "...")


def refused_cell(code: str, row: int, column: str, problem: str, hint: str) -> DataError:
    """Return the error for one cell.

    Args:
        code: Stable code of the error.
        row: Number of the data row in the file, counted from 1.
        column: Name of the column.
        problem: What is wrong with the value, the value included.
        hint: What to do.
    """
    return DataError(
        code,
        f"row {row}, column {column!r}: {problem}",
        meaning="The table does not fit the agreement's schema; nothing of it was used.",
        hint=hint,
    )


def refused_table(code: str, problem: str, hint: str) -> DataError:
    """Return the error for a whole table."""
    return DataError(
        code,
        problem,
        meaning="The file is not a table that this version can use; nothing of it was used.",
        hint=hint,
    )
