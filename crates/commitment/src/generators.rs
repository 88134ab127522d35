//! The generators (docs/spec/commitment.md, steps 1 and 2): one list, the same for everyone.
//!
//! Nobody knows a discrete logarithm between any two of them, because each is a hash mapped to the group.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::RistrettoBasepointTable;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::error::CommitmentError;

/// The label of the generators that carry entries.
pub const GENERATOR_LABEL: &[u8] = b"cotrain/commitment/v1/generator";
/// The label of the generator that carries the blinding.
pub const BLINDING_LABEL: &[u8] = b"cotrain/commitment/v1/blinding-generator";
/// The largest number of entries in one row; it bounds the memory of the shared list (10 MiB).
pub const MAX_WIDTH: usize = 1 << 16;

static ENTRY_GENERATORS: RwLock<Option<Arc<[RistrettoPoint]>>> = RwLock::new(None);
static BLINDING_TABLE: OnceLock<RistrettoBasepointTable> = OnceLock::new();

/// Return at least `count` generators `G_0, G_1, ...`, from the list that this process keeps.
///
/// # Errors
/// [`CommitmentError::Width`] when `count` exceeds [`MAX_WIDTH`].
pub fn generators(count: usize) -> Result<Arc<[RistrettoPoint]>, CommitmentError> {
    if count > MAX_WIDTH {
        return Err(CommitmentError::Width { width: count });
    }
    let known = kept();
    if known.len() >= count {
        return Ok(known);
    }
    // Derived outside the lock: a thread of rayon that waits here may run another task that asks for generators.
    let fresh: Vec<RistrettoPoint> = (known.len() as u64..count.next_power_of_two() as u64)
        .into_par_iter()
        .map(|index| derive(GENERATOR_LABEL, index))
        .collect();
    let longer: Arc<[RistrettoPoint]> = known.iter().copied().chain(fresh).collect();
    keep(&longer);
    Ok(longer)
}

/// Return the list kept so far.
fn kept() -> Arc<[RistrettoPoint]> {
    let slot = ENTRY_GENERATORS
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    slot.clone().unwrap_or_default()
}

/// Keep `list`, unless another thread has kept a longer one meanwhile.
fn keep(list: &Arc<[RistrettoPoint]>) {
    let mut slot = ENTRY_GENERATORS
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_none_or(|other| other.len() < list.len()) {
        *slot = Some(Arc::clone(list));
    }
}

/// Return `G_index`.
///
/// # Errors
/// [`CommitmentError::Width`] when `index` is not below [`MAX_WIDTH`].
pub fn generator(index: usize) -> Result<RistrettoPoint, CommitmentError> {
    if index >= MAX_WIDTH {
        return Err(CommitmentError::Width { width: index });
    }
    Ok(derive(GENERATOR_LABEL, index as u64))
}

/// Return `H`, the generator that carries the blinding.
#[must_use]
pub fn blinding_generator() -> RistrettoPoint {
    blinding_table().basepoint()
}

/// Return the table of multiples of `H` that makes `rho * H` fast (and constant in time).
pub(crate) fn blinding_table() -> &'static RistrettoBasepointTable {
    BLINDING_TABLE.get_or_init(|| RistrettoBasepointTable::create(&derive(BLINDING_LABEL, 0)))
}

/// Steps 1 and 2: SHA-512 of the full label and the index, mapped to the group (RFC 9496, section 4.3.4).
fn derive(label: &[u8], index: u64) -> RistrettoPoint {
    let hash = Sha512::new()
        .chain_update(label)
        .chain_update(index.to_le_bytes());
    RistrettoPoint::from_uniform_bytes(&hash.finalize().into())
}
