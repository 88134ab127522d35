"""The numbers of the cipher for one run: a function of the parties and of the largest field.

The ring is fixed (`docs/adr/0004-ring-parameters.md`): Z_q[X]/(X^2048 + 1), q just below 2^53, keys
and errors centred binomial in [-42, 42]. What varies is how many fields share one coefficient,
chosen so that the largest sum of errors and the largest sum of messages fit together: always, not
just probably.
"""

from dataclasses import dataclass
from typing import Final

from cotrain._native import lattice as native
from cotrain.encryption.refusals import native_refusals

DEGREE: Final = native.DEGREE
"""Coefficients of a ring element, hence of a key: 2048."""
MODULUS: Final = native.MODULUS
"""The ciphertext modulus q."""
NOISE_BOUND: Final = native.NOISE_BOUND
"""Largest absolute value of a coefficient of a key or an error: 42."""


@dataclass(frozen=True)
class SumParameters:
    """What all parties of a run use; make it with `derive`.

    Attributes:
        parties: Most ciphertexts in one sum, n.
        max_field: Largest value of one field of one party; the smallest is 0.
        radix: ``n * max_field + 1``, the base in which fields are the digits of a coefficient.
        fields_per_coefficient: Digits in one coefficient.
        plaintext_modulus: T, ``radix ** fields_per_coefficient``; ``T * (84 n + 1) <= q``.
        limb_bits: Bits of one limb of a shared key, enough for the sum ``84 n``.
        limbs_per_scalar: Limbs in one scalar, ``252 // limb_bits``.
        key_scalars: Scalars that carry one key.
        share_bytes: Bytes of one share: ``32 * (key_scalars + 1)``.
    """

    parties: int
    max_field: int
    radix: int
    fields_per_coefficient: int
    plaintext_modulus: int
    limb_bits: int
    limbs_per_scalar: int
    key_scalars: int
    share_bytes: int

    @classmethod
    def derive(cls, parties: int, max_field: int) -> "SumParameters":
        """Choose the packing for `parties` parties whose fields are in ``[0, max_field]``.

        Raises:
            RefusedError: A sum of fields does not fit a coefficient (``field-too-wide``), or too
                many parties.
            UsageError: A negative number.
        """
        with native_refusals():
            return cls(**native.derive_parameters(parties, max_field))

    @property
    def bounds(self) -> tuple[int, int]:
        """What the compiled module takes: (parties, max_field)."""
        return self.parties, self.max_field

    def ciphertext_bytes(self, fields: int) -> int:
        """Return the bytes of a ciphertext: 53 bits for each coefficient, rounded up."""
        with native_refusals():
            return native.ciphertext_bytes(self.bounds, fields)
