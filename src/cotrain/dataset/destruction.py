"""Destroying a file that holds rows.

The bytes are overwritten before the file is removed. A disk that writes elsewhere (flash storage, snapshots, backups)
may keep old blocks; what it keeps is beyond this program (docs/spec/erasure.md).
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cotrain.errors import OutsideError

_CHUNK = 1 << 20


def destroy_file(path: Path) -> None:
    """Overwrite a file with zeros and remove it; nothing happens if there is none.

    Raises:
        OutsideError: it cannot be written or removed.
    """
    try:
        if not path.exists():
            return
        with path.open("r+b", buffering=0) as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0:
                left -= file.write(bytes(min(left, _CHUNK)))
            os.fsync(file.fileno())
        path.unlink()
        _flush_folder(path.parent)
    except OSError as error:
        raise OutsideError(
            "rows-not-erased",
            f"{path} cannot be erased: {error.strerror}",
            meaning="The rows are still there, so nothing is certified.",
            hint="Give this program the right to write in the folder, and run it again.",
        ) from error


def zero_rows(path: Path, rows: Sequence[int]) -> None:
    """Overwrite rows of a file (NPY, shape (n, columns)) with zeros, in place.

    Raises:
        OutsideError: it cannot be written.
    """
    try:
        table = np.lib.format.open_memmap(path, mode="r+")
        table[list(rows)] = 0
        table.flush()
    except (OSError, ValueError) as error:
        raise OutsideError(
            "rows-not-erased",
            f"rows of {path} cannot be erased: {error}",
            meaning="They are still there, and the run goes on without them.",
            hint="Give this program the right to write in the folder, and run it again.",
        ) from error


def _flush_folder(folder: Path) -> None:
    """Make the removal durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
