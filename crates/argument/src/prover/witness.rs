//! What the prover knows, and whether it has the shape of the system.

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::WitnessError;
use crate::field::{Field, to_bytes};
use crate::system::System;
use crate::values::Values;

/// Values and blindings of a committed matrix.
#[derive(Debug, Clone, Zeroize, ZeroizeOnDrop)]
pub struct Opening {
    /// Its entries.
    pub values: Values,
    /// One blinding for each of its commitments.
    pub blindings: Vec<Field>,
}

/// What the prover knows.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The input matrices.
    pub inputs: Vec<Opening>,
    /// The values of the witness matrices.
    pub witnesses: Vec<Values>,
    /// For each domain, for each lookup: the row of the table in each place.
    pub lookups: Vec<Vec<Vec<u32>>>,
}

/// Check that a witness has the shape of a system.
pub(super) fn check_witness(system: &System, witness: &Witness) -> Result<(), WitnessError> {
    let check = |fits: bool, what| {
        if fits {
            Ok(())
        } else {
            Err(WitnessError::Shape(what))
        }
    };
    check(
        witness.inputs.len() == system.inputs.len(),
        "the number of inputs",
    )?;
    for (opening, shape) in witness.inputs.iter().zip(&system.inputs) {
        check(
            opening.values.entries() == shape.entries,
            "the entries of an input",
        )?;
        check(
            opening.blindings.len() == shape.rows(),
            "the blindings of an input",
        )?;
    }
    let entries = witness.witnesses.iter().map(Values::entries);
    check(
        entries.eq(system.witnesses.iter().copied()),
        "the entries of a witness matrix",
    )?;
    check(witness.lookups.len() == system.domains.len(), "the lookups")?;
    for (lists, domain) in witness.lookups.iter().zip(&system.domains) {
        check(
            lists.len() == domain.lookups.len(),
            "the lookups of a domain",
        )?;
        for list in lists {
            check(
                list.len() == 1 << domain.variables(),
                "the places of a lookup",
            )?;
            let rows = system.table.rows();
            check(
                list.iter().all(|&row| (row as usize) < rows),
                "a row of the table",
            )?;
        }
    }
    Ok(())
}

/// A digest of all that is secret, so that nonces depend on it.
pub(crate) fn digest(witness: &Witness) -> Zeroizing<[u8; 64]> {
    let mut hash = Sha512::new();
    for opening in &witness.inputs {
        for blinding in &opening.blindings {
            hash.update(to_bytes(blinding));
        }
    }
    for values in witness
        .witnesses
        .iter()
        .chain(witness.inputs.iter().map(|input| &input.values))
    {
        match values {
            Values::Small(values) => values
                .iter()
                .for_each(|value| hash.update(value.to_le_bytes())),
            Values::Field(values) => values.iter().for_each(|value| hash.update(to_bytes(value))),
            Values::Rows(_) => {} // its blindings stand for it
        }
    }
    Zeroizing::new(hash.finalize().into())
}
