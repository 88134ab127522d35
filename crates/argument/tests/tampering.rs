//! Proofs and inputs that were altered: always an error, never a panic.

// Helpers of tests may panic as tests do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use cotrain_argument::{FORMAT, ProofError};
use cotrain_commitment::blinding_generator;
use cotrain_transcript::testing::{Rules, under};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::CompressedRistretto;
use support::{Case, everything, four_small_entries, labels};

/// l, little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A small deterministic generator (xorshift64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

fn small() -> Case {
    four_small_entries([3, 0, 1, 1], [3, 0, 1, 1])
}

fn refused(case: &Case, proof: &[u8], what: &str) -> ProofError {
    let verdict = catch_unwind(AssertUnwindSafe(|| case.verify(proof)));
    let verdict = verdict.unwrap_or_else(|_| panic!("panicked: {what}"));
    verdict.expect_err(what)
}

fn elements(proof: &[u8]) -> usize {
    (proof.len() - FORMAT.len()) / 32
}

fn at(place: usize) -> std::ops::Range<usize> {
    FORMAT.len() + 32 * place..FORMAT.len() + 32 * place + 32
}

/// For each element of the proof, whether it is a scalar.
fn scalars(case: &Case) -> Vec<bool> {
    let log = under(Rules::default(), || case.prove()).1;
    let labels = labels(&log).into_iter();
    labels.map(|label| label.ends_with(b"response")).collect()
}

/// The number plus l, if it fits 32 bytes.
fn plus_order(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0_u16;
    let sum = bytes.iter().zip(ORDER).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    let sum: Vec<u8> = sum.collect();
    (carry == 0).then_some(sum)
}

#[test]
fn every_altered_byte_is_refused() {
    let case = small();
    let proof = case.prove();
    for index in 0..proof.len() {
        for change in [1, 0x80, 0xff] {
            let mut bad = proof.clone();
            bad[index] ^= change;
            let error = refused(&case, &bad, &format!("byte {index} {change}"));
            assert_eq!(error == ProofError::Format, index < FORMAT.len());
        }
    }
    let case = everything(5, 16);
    let proof = case.prove();
    for index in (0..proof.len()).step_by(29) {
        let mut bad = proof.clone();
        bad[index] ^= 4;
        refused(&case, &bad, &format!("byte {index}"));
    }
}

#[test]
fn every_element_that_is_replaced_is_refused() {
    for (case, step) in [(small(), 1), (everything(5, 16), 5)] {
        let proof = case.prove();
        let count = elements(&proof);
        let scalars = scalars(&case);
        let foreign = (blinding_generator() * Scalar::from(77_u64))
            .compress()
            .to_bytes();
        for place in (0..count).step_by(step) {
            let put = |bytes: &[u8]| {
                let mut bad = proof.clone();
                bad[at(place)].copy_from_slice(bytes);
                bad
            };
            let wrong = ProofError::Encoding { element: place };
            let own: [u8; 32] = proof[at(place)].try_into().unwrap();
            let identity = refused(&case, &put(&[0; 32]), "identity, or 0");
            assert_eq!(identity, ProofError::False);
            assert_eq!(refused(&case, &put(&[0xff; 32]), "all ones"), wrong);
            if scalars[place] {
                assert_eq!(
                    refused(&case, &put(&Scalar::from(9_u64).to_bytes()), "nine"),
                    ProofError::False
                );
                let spelled = plus_order(&own).unwrap();
                assert_eq!(refused(&case, &put(&spelled), "s + l"), wrong);
                let negated = -Scalar::from_canonical_bytes(own).unwrap();
                assert_eq!(
                    refused(&case, &put(&negated.to_bytes()), "-s"),
                    ProofError::False
                );
            } else {
                assert_eq!(refused(&case, &put(&foreign), "foreign"), ProofError::False);
                let negated = -CompressedRistretto(own).decompress().unwrap();
                let negated = negated.compress().to_bytes();
                assert_eq!(refused(&case, &put(&negated), "-P"), ProofError::False);
                // The other spelling of the same field element: x + p, p = 2^255 - 19, is not below 2^255 or not canonical.
                let mut high = own;
                high[31] |= 0x80;
                assert_eq!(refused(&case, &put(&high), "high bit"), wrong);
                let mut negative = own;
                negative[0] ^= 1;
                assert_eq!(refused(&case, &put(&negative), "negative"), wrong);
            }
        }
    }
}

#[test]
fn every_element_that_is_left_out_doubled_or_swapped_is_refused() {
    for (case, step) in [(small(), 1), (everything(5, 16), 7)] {
        let proof = case.prove();
        let count = elements(&proof);
        let length = |got| ProofError::Length {
            expected: proof.len(),
            got,
        };
        for place in (0..count).step_by(step) {
            let mut bad = proof.clone();
            bad.drain(at(place));
            assert_eq!(refused(&case, &bad, "left out"), length(proof.len() - 32));
            let mut bad = proof.clone();
            let again = proof[at(place)].to_vec();
            bad.splice(at(place).start..at(place).start, again);
            assert_eq!(refused(&case, &bad, "doubled"), length(proof.len() + 32));
            // Doubled or left out, with the length kept.
            bad.truncate(proof.len());
            if place + 1 < count {
                refused(&case, &bad, "doubled, last one cut");
                let mut bad = proof.clone();
                bad.drain(at(place));
                bad.extend([0; 32]);
                refused(&case, &bad, "left out, identity at the end");
                let mut bad = proof.clone();
                let (first, second) = (at(place), at(place + 1));
                bad[first.clone()].copy_from_slice(&proof[second.clone()]);
                bad[second].copy_from_slice(&proof[first]);
                refused(&case, &bad, "swapped");
            }
        }
    }
}

#[test]
fn a_proof_of_another_length_is_refused_before_anything_else() {
    let case = small();
    let proof = case.prove();
    let expected = proof.len();
    for got in [
        0,
        1,
        15,
        16,
        17,
        47,
        48,
        expected - 33,
        expected - 32,
        expected - 1,
    ] {
        let error = refused(&case, &proof[..got], "truncated");
        assert_eq!(error, ProofError::Length { expected, got });
    }
    for more in [1, 31, 32, 33, 4096] {
        let mut bad = proof.clone();
        bad.resize(expected + more, 0);
        let got = bad.len();
        assert_eq!(
            refused(&case, &bad, "extended"),
            ProofError::Length { expected, got }
        );
        let mut bad = vec![b'c'; more];
        bad.extend(&proof);
        assert_eq!(
            refused(&case, &bad, "moved"),
            ProofError::Length { expected, got }
        );
    }
    // A length that overflows nothing: more than any system has.
    assert!(matches!(
        refused(&case, &vec![0; 1 << 20], "long"),
        ProofError::Length { .. }
    ));
}

#[test]
fn random_bytes_of_the_right_length_are_refused() {
    let mut draw = Draw(11);
    for case in [small(), everything(5, 16)] {
        let length = case.prove().len();
        let scalars = scalars(&case);
        for _ in 0..20 {
            let noise = draw.bytes(length);
            assert_eq!(refused(&case, &noise, "noise"), ProofError::Format);
            let mut tagged = noise.clone();
            tagged[..FORMAT.len()].copy_from_slice(FORMAT);
            assert!(matches!(
                refused(&case, &tagged, "noise"),
                ProofError::Encoding { element: 0..20 }
            ));
            // Points and scalars that are all well formed.
            let mut formed = FORMAT.to_vec();
            for is_scalar in &scalars {
                let scalar = Scalar::from(draw.next());
                let point = (blinding_generator() * scalar).compress().to_bytes();
                formed.extend(if *is_scalar { scalar.to_bytes() } else { point });
            }
            assert_eq!(
                refused(&case, &formed, "points and scalars"),
                ProofError::False
            );
        }
        let zeros: Vec<u8> = FORMAT
            .iter()
            .copied()
            .chain(vec![0; length - FORMAT.len()])
            .collect();
        // All points the identity, all scalars 0: holds only for a system that everything satisfies.
        assert_eq!(refused(&case, &zeros, "zeros"), ProofError::False);
    }
}

#[test]
fn inputs_of_another_shape_are_refused() {
    let case = everything(5, 16);
    let proof = case.prove();
    for input in 0..2 {
        let change = |edit: &dyn Fn(&mut Vec<u8>)| {
            let mut other = case.clone();
            edit(&mut other.points[input]);
            refused(&other, &proof, "input")
        };
        let wrong = ProofError::Input { matrix: input };
        assert_eq!(change(&|points| points.clear()), wrong);
        assert_eq!(change(&|points| points.truncate(31)), wrong);
        assert_eq!(change(&|points| points.extend([0; 32])), wrong);
        assert_eq!(change(&|points| points[31] |= 0x80), wrong);
        assert_eq!(change(&|points| points.fill(0xff)), wrong);
        assert_eq!(change(&|points| points[..32].fill(0)), ProofError::False);
        let negate = |points: &mut Vec<u8>| {
            let point = CompressedRistretto::from_slice(&points[..32]).unwrap();
            let negated = -point.decompress().unwrap();
            points[..32].copy_from_slice(negated.compress().as_bytes());
        };
        assert_eq!(change(&negate), ProofError::False);
    }
    // Rows of an input in another order; inputs in another order; one too few, one too many.
    let mut other = case.clone();
    let second = other.points[0].split_off(32);
    other.points[0] = [second, other.points[0].clone()].concat();
    assert_eq!(refused(&other, &proof, "rows swapped"), ProofError::False);
    let mut other = case.clone();
    other.points.swap(0, 1);
    assert_eq!(
        refused(&other, &proof, "inputs swapped"),
        ProofError::Input { matrix: 0 }
    );
    let mut other = case.clone();
    other.points.pop();
    assert!(matches!(
        refused(&other, &proof, "too few"),
        ProofError::System(_)
    ));
    let mut other = case.clone();
    other.points.push(vec![]);
    assert!(matches!(
        refused(&other, &proof, "too many"),
        ProofError::System(_)
    ));
}

#[test]
fn thousands_of_mutations_are_refused_quickly() {
    let mut draw = Draw(2026);
    let cases = [small(), four_small_entries([2, 2, 0, 3], [2, 2, 0, 3])];
    let proofs: Vec<Vec<u8>> = cases.iter().map(Case::prove).collect();
    let begun = Instant::now();
    for round in 0..3000 {
        let which = draw.below(2);
        let mut case = cases[which].clone();
        let mut proof = proofs[which].clone();
        for _ in 0..=draw.below(3) {
            let input_side = draw.below(8) == 0;
            let other = &proofs[1 - which];
            let target = if input_side {
                &mut case.points[0]
            } else {
                &mut proof
            };
            mutate(&mut draw, target, other);
        }
        if proof == proofs[which] && case.points == cases[which].points {
            continue;
        }
        refused(&case, &proof, &format!("round {round}"));
    }
    assert!(
        begun.elapsed().as_secs() < 60,
        "mutations take {:?}",
        begun.elapsed()
    );
}

fn mutate(draw: &mut Draw, data: &mut Vec<u8>, other: &[u8]) {
    let place = draw.below(data.len() + 1);
    match draw.below(8) {
        0..3 if !data.is_empty() => {
            let index = place % data.len();
            data[index] ^= 1 << draw.below(8);
        }
        3 if data.len() >= 64 => {
            let (first, second) = (
                draw.below(data.len() / 32) * 32,
                draw.below(data.len() / 32) * 32,
            );
            for offset in 0..32 {
                data.swap(first + offset, second + offset);
            }
        }
        4 => {
            let noise = draw.bytes(32);
            let end = data.len().min(place + 32);
            data.splice(place..end, noise);
        }
        5 => {
            // The rest of another proof.
            let rest = other.get(place..).unwrap_or_default().to_vec();
            data.truncate(place);
            data.extend(rest);
        }
        6 => data.truncate(place),
        _ => data.extend(draw.bytes(1)),
    }
}
