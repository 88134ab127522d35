//! Encryption of sums: one-round RLWE keys and their verifiable shares.
