//! The final opening: one vector, folded by four, then shown under a mask (steps 12 and 13).

#![allow(
    clippy::indexing_slicing,
    reason = "vectors have W entries, and quarters of them have W / 4"
)]

use ark_ff::{Field as _, Zero};
use cotrain_commitment::multiply_generators;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::error::{ProofError, WitnessError};
use crate::field::{Field, to_scalar};
use crate::multilinear::dot;
use crate::points::{commit_row, commit_value, multiply_value};
use crate::writer::Writer;

/// Parts that a vector is folded into.
pub(crate) const PARTS: usize = 4;
/// Vectors up to this length are shown without folding.
pub(crate) const UNFOLDED: usize = 256;
/// The distances i - j of the cross terms, in order.
pub(crate) const DISTANCES: [i32; 6] = [-3, -2, -1, 1, 2, 3];

/// Powers of x and of its inverse, 0 to 3; None when x is 0.
pub(crate) fn fold_powers(x: Field) -> Option<([Field; PARTS], [Field; PARTS])> {
    let inverse = x.inverse()?;
    let powers = |base: Field| {
        let one = Field::from(1_u64);
        [one, base, base * base, base * base * base]
    };
    Some((powers(x), powers(inverse)))
}

/// Add up the quarters with factors.
pub(crate) fn fold(vector: &[Field], factors: &[Field; PARTS]) -> Vec<Field> {
    let quarter = vector.len() / PARTS;
    let entry = |t: usize| -> Field {
        let parts = factors.iter().enumerate();
        parts
            .map(|(part, factor)| *factor * vector[part * quarter + t])
            .sum()
    };
    (0..quarter).map(entry).collect()
}

/// Show that `vector` under `blinding`, plus `scale` times its product with `functional` on V, is what P commits to.
pub(crate) fn open_final(
    writer: &mut Writer,
    vector: &[Field],
    blinding: Field,
    functional: &[Field],
    scale: Field,
) -> Result<(), WitnessError> {
    if vector.len() <= UNFOLDED {
        return show(writer, vector, blinding, functional, scale, None);
    }
    let blindings = Zeroizing::new(writer.secrets(DISTANCES.len()));
    let terms: Vec<RistrettoPoint> = DISTANCES
        .par_iter()
        .zip(blindings.par_iter())
        .map(|(distance, secret)| cross_term(vector, functional, *distance, scale, secret))
        .collect::<Result<_, _>>()?;
    writer.points(b"fold", &terms);
    let x = writer.challenge(b"fold");
    let (powers, inverses) = fold_powers(x).ok_or(ProofError::Challenge)?;
    let folded = Zeroizing::new(fold(vector, &powers));
    let mut secret = blinding;
    for (distance, term) in DISTANCES.iter().zip(blindings.iter()) {
        secret += power(*distance, &powers, &inverses) * term;
    }
    let functional = fold(functional, &inverses);
    show(writer, &folded, secret, &functional, scale, Some(&inverses))
}

/// x to the power of a distance.
pub(crate) fn power(distance: i32, powers: &[Field; PARTS], inverses: &[Field; PARTS]) -> Field {
    let list = if distance < 0 { inverses } else { powers };
    list.get(distance.unsigned_abs() as usize)
        .copied()
        .unwrap_or_default()
}

/// `sum over i - j = distance of (<u_i, G_j> + scale <u_i, a_j> V) + blinding H`.
fn cross_term(
    vector: &[Field],
    functional: &[Field],
    distance: i32,
    scale: Field,
    blinding: &Field,
) -> Result<RistrettoPoint, WitnessError> {
    let quarter = vector.len() / PARTS;
    // Parts i of the vector meet parts j = i - distance of the generators.
    let mut scalars = vec![Scalar::ZERO; vector.len()];
    let mut product = Field::zero();
    for (i, part) in vector.chunks(quarter).enumerate() {
        let j = i32::try_from(i).unwrap_or(0) - distance;
        let Some(j) = usize::try_from(j).ok().filter(|j| *j < PARTS) else {
            continue;
        };
        let start = j * quarter;
        for (target, value) in scalars[start..start + quarter].iter_mut().zip(part) {
            *target = to_scalar(value);
        }
        product += dot(part, &functional[start..start + quarter]);
    }
    let used = scalars
        .iter()
        .rposition(|scalar| *scalar != Scalar::ZERO)
        .map_or(0, |last| last + 1);
    let sum = multiply_generators(&scalars[..used])
        .map_err(|_| WitnessError::Shape("a row is too wide"))?;
    Ok(sum + commit_value(&(scale * product), blinding))
}

/// Step 13.
fn show(
    writer: &mut Writer,
    vector: &[Field],
    blinding: Field,
    functional: &[Field],
    scale: Field,
    inverses: Option<&[Field; PARTS]>,
) -> Result<(), WitnessError> {
    let mask = Zeroizing::new(writer.secrets(vector.len()));
    let secret = writer.secret();
    // On the original generators the mask stands once for each part.
    let spread: Zeroizing<Vec<Field>> = Zeroizing::new(match inverses {
        None => mask.to_vec(),
        Some(inverses) => inverses
            .iter()
            .flat_map(|f| mask.iter().map(move |m| *f * m))
            .collect(),
    });
    let point = commit_row(&spread, &secret).ok_or(WitnessError::Shape("a row is too wide"))?;
    writer.points(
        b"mask",
        &[point + multiply_value(&(scale * dot(&mask, functional)))],
    );
    let e = writer.challenge(b"opening");
    let responses: Vec<Field> = mask.iter().zip(vector).map(|(m, v)| *m + e * v).collect();
    writer.scalars(b"response", &responses);
    writer.scalars(b"response", &[secret + e * blinding]);
    Ok(())
}
