"""What the owner of a proven gradient keeps: the seed of the table, the gradient, its blindings."""

from dataclasses import dataclass, field
from typing import Self

from cotrain.errors import MalformedError
from cotrain.proofs.frames import decode_header, encode_header
from cotrain.proofs.gradient import OPENING_FORMAT, GradientOpening
from cotrain.training.algorithm import Algorithm

FORMAT = "cotrain/gradient-secrets/1"
SEED_BYTES = 32


@dataclass(frozen=True)
class GradientSecrets:
    """Secrets of one proof; with the seed, whoever guesses a row can tell that it is there.

    Attributes:
        seed: Of the commitments to the table.
        opening: What reveals the gradient.
    """

    seed: bytes = field(repr=False)
    opening: GradientOpening

    def encode(self) -> bytes:
        """Return the bytes of a file of secrets; it contains the opening as it is handed out."""
        return encode_header(FORMAT, {"format": FORMAT}) + self.seed + self.opening.encode()

    @classmethod
    def decode(cls, algorithm: Algorithm, data: bytes) -> Self:
        """Return the secrets that `encode` wrote.

        Args:
            algorithm: Fixes the number of entries.
            data: The bytes.

        Raises:
            MalformedError: Another format or version, or another length.
        """
        _, body = decode_header(FORMAT, data, ("format",))
        seed, opening = body[:SEED_BYTES], body[SEED_BYTES:]
        if not opening.startswith(OPENING_FORMAT.encode()):
            raise MalformedError(
                "gradient-secrets-malformed",
                "the secrets do not go on with an opening",
                meaning="The file is damaged, or was written by another version.",
                hint="Take it from your backup.",
            )
        return cls(seed, GradientOpening.decode(algorithm, opening))
