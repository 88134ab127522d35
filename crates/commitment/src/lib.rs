//! Pedersen vector commitments over ristretto255 for small signed integers.
