//! One system with every kind of column, constraint, lookup and product; what is proven, and that nothing else is.

mod support;

use cotrain_argument::{ProofError, Values, proof_bytes, verify};
use cotrain_transcript::Transcript;
use support::{everything, four_small_entries, transcript};

#[test]
fn honest_proofs_of_every_size_are_accepted_and_have_the_length_of_the_system() {
    let case = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    let proof = case.prove();
    assert_eq!(case.verify(&proof), Ok(()));
    for (rows, width) in [
        (1, 4),
        (2, 4),
        (3, 8),
        (5, 16),
        (300, 16),
        (300, 1024),
        (2048, 1024),
    ] {
        let case = everything(rows, width);
        let proof = case.prove();
        assert_eq!(
            proof.len(),
            proof_bytes(&case.system).unwrap(),
            "{rows} {width}"
        );
        assert_eq!(case.verify(&proof), Ok(()), "{rows} {width}");
    }
}

#[test]
fn a_value_outside_the_table_is_refused() {
    for (values, rows) in [
        ([4, 0, 1, 1], [3, 0, 1, 1]),
        ([3, 0, -1, 1], [3, 0, 0, 1]),
        ([3, 0, 1, 1], [3, 0, 1, 2]),
    ] {
        let case = four_small_entries(values, rows);
        assert_eq!(case.verify(&case.prove()), Err(ProofError::False));
    }
}

#[test]
fn one_wrong_witness_value_is_refused() {
    for place in [0, 3, 7] {
        for matrix in [0, 1] {
            let mut case = everything(5, 16);
            if let Values::Small(values) = &mut case.witness.witnesses[matrix] {
                values[place] += 1;
            }
            assert_eq!(
                case.verify(&case.prove()),
                Err(ProofError::False),
                "{matrix} {place}"
            );
        }
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let case = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    let proof = case.prove();
    for index in 0..proof.len() {
        let mut bad = proof.clone();
        bad[index] ^= 1;
        assert!(case.verify(&bad).is_err(), "byte {index}");
    }
}

#[test]
fn the_statement_and_the_inputs_are_bound() {
    let case = everything(5, 16);
    let proof = case.prove();
    let mut other = Transcript::new(b"cotrain/argument/1");
    other.absorb(b"statement", b"tesT");
    assert_eq!(
        verify(&case.system, other, &case.inputs(), &proof),
        Err(ProofError::False)
    );
    for input in 0..2 {
        let mut points = case.points.clone();
        points[input].fill(0);
        let inputs: Vec<&[u8]> = points.iter().map(Vec::as_slice).collect();
        assert_eq!(
            verify(&case.system, transcript(), &inputs, &proof),
            Err(ProofError::False)
        );
        points[input].pop();
        let inputs: Vec<&[u8]> = points.iter().map(Vec::as_slice).collect();
        assert_eq!(
            verify(&case.system, transcript(), &inputs, &proof),
            Err(ProofError::Input { matrix: input })
        );
    }
}
