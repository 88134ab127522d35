"""Recognise an encoded dataset again without being able to tell anyone what is in it.

An owner's budget book charges a dataset, not a file name. The fingerprint is keyed by a secret of
the owner, because a plain hash of few rows could be found by guessing them.

It recognises the same rows in the same order under the same schema, and nothing else: one changed
cell, another order or another schema gives another fingerprint.
"""

import hashlib
import hmac
import sys
from typing import Final

from cotrain.dataset.encoding import EncodedDataset
from cotrain.errors import UsageError

MIN_KEY_BYTES: Final = 32
_TAG: Final = b"cotrain/dataset-fingerprint/1\x00"


def dataset_fingerprint(dataset: EncodedDataset, key: bytes) -> str:
    """Return HMAC-SHA-256 (RFC 2104) of the dataset in lower-case hex, 64 characters.

    The message is the tag, the schema hash, n and d + 1 as 8-byte big-endian numbers, and the rows
    as little-endian int16, row by row.

    Args:
        dataset: The encoded rows.
        key: At least 32 secret bytes of the owner, the same each time.

    Raises:
        UsageError: ``data-short-fingerprint-key``.
    """
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(
            "data-short-fingerprint-key",
            f"the fingerprint key has {len(key)} bytes, it needs {MIN_KEY_BYTES}",
            meaning="With a short key anyone could test guesses of the rows.",
            hint="Derive the key from the owner's secret.",
        )
    mac = hmac.new(key, _TAG + dataset.schema_digest, hashlib.sha256)
    for size in dataset.rows.shape:
        mac.update(size.to_bytes(8, "big"))
    for start in range(0, dataset.row_count, 8192):
        block = dataset.rows[start : start + 8192]
        mac.update((block if sys.byteorder == "little" else block.byteswap()).tobytes())
    return mac.hexdigest()
