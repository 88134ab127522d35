"""Files as the commands meet them: read and written whole, agreements read with hints for people."""

from pathlib import Path

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.errors import MalformedError, OutsideError


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        OutsideError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutsideError(
            "file-not-read",
            f"{path} cannot be read: {error.strerror}",
            meaning="Nothing was done.",
            hint="Check the path and your right to read it.",
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutsideError: it cannot be written; an earlier file is untouched.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutsideError(
            "file-not-written",
            f"{path} cannot be written: {error.strerror}",
            meaning="Nothing was changed.",
            hint="Check that the folder exists, your right to write there, and the space on the disk.",
        ) from error


def read_agreement(path: Path) -> Agreement:
    """Return the agreement in a file.

    Raises:
        OutsideError: the file cannot be read.
        MalformedError: it is not an agreement, byte for byte as `cotrain agreement new` wrote it.
    """
    data = read_file(path)
    try:
        return decode_agreement(data)
    except MalformedError as error:
        raise MalformedError(
            error.code,
            f"{path} is not an agreement: {error}",
            meaning="Agreements are signed byte for byte; one that was edited or reformatted is another file.",
            hint="Ask for the file that `cotrain agreement new` wrote, or draft a new agreement.",
        ) from error
