//! One system with every kind of column, constraint, lookup and product; what is proven, and that nothing else is.

use cotrain_argument::field::to_scalar;
use cotrain_argument::{
    Column, Constraint, Domain, Expression, Field, Functional, Matrix, MatrixProduct, MatrixShape,
    Opening, ProofError, Rows, System, Table, Values, Weight, Witness, proof_bytes, prove, verify,
};
use cotrain_commitment::{commit_rows, encode_points};
use cotrain_transcript::Transcript;
use curve25519_dalek::Scalar;

fn number(value: i64) -> Field {
    Field::from(value)
}

fn column(index: usize) -> Expression {
    Expression::Column(index)
}

fn opening(values: Vec<i64>, width: usize, seed: u64) -> (Opening, Vec<u8>) {
    let rows = values.len().div_ceil(width);
    let blindings: Vec<Field> = (0..rows as u64)
        .map(|row| Field::from(seed * 1000 + row + 1))
        .collect();
    let scalars: Vec<Scalar> = blindings.iter().map(to_scalar).collect();
    let points = encode_points(&commit_rows(&values, width, &scalars).unwrap());
    (
        Opening {
            values: Values::Small(values),
            blindings,
        },
        points,
    )
}

fn transcript() -> Transcript {
    let mut transcript = Transcript::new(b"cotrain/argument/1");
    transcript.absorb(b"statement", b"test");
    transcript
}

struct Case {
    system: System,
    witness: Witness,
    points: Vec<Vec<u8>>,
}

impl Case {
    fn prove(&self) -> Vec<u8> {
        prove(
            &self.system,
            transcript(),
            &self.inputs(),
            &self.witness,
            &[7; 32],
        )
        .unwrap()
    }

    fn verify(&self, proof: &[u8]) -> Result<(), ProofError> {
        verify(&self.system, transcript(), &self.inputs(), proof)
    }

    fn inputs(&self) -> Vec<&[u8]> {
        self.points.iter().map(Vec::as_slice).collect()
    }
}

/// Four entries, each of them in {0, 1, 2, 3}.
fn four_small_entries(values: [i64; 4], rows: [u32; 4]) -> Case {
    let (input, points) = opening(values.to_vec(), 4, 1);
    let domain = Domain {
        row_variables: 2,
        columns: vec![Column::Full(Matrix::Input(0))],
        lookups: vec![vec![column(0)]],
        ..Domain::default()
    };
    Case {
        system: System {
            inputs: vec![MatrixShape {
                entries: 4,
                width: 4,
            }],
            table: Table {
                arity: 1,
                values: (0..4).map(number).collect(),
            },
            domains: vec![domain],
            ..System::default()
        },
        witness: Witness {
            inputs: vec![input],
            witnesses: vec![],
            lookups: vec![vec![rows.to_vec()]],
        },
        points: vec![points],
    }
}

/// A table of `rows` rows of 3 columns, padded to 4; weights for two classes; squares, products, lookups, selectors.
fn everything(rows: usize, width: usize) -> Case {
    let variables = rows.next_power_of_two().trailing_zeros() as usize;
    let data: Vec<i16> = (0..rows * 3)
        .map(|i| i16::try_from((i * 37) % 11).unwrap() - 5)
        .collect();
    let padded: Vec<i64> = data
        .chunks(3)
        .flat_map(|r| [i64::from(r[0]), i64::from(r[1]), i64::from(r[2]), 0])
        .collect();
    let (mut table, table_points) = opening(padded, width, 1);
    table.values = Values::Rows(Rows {
        values: data.clone(),
        columns: 3,
        padded: 4,
    });
    let at = |i: usize, j: usize| {
        if i < rows {
            i64::from(data[i * 3 + j])
        } else {
            0
        }
    };
    let weights = [[2_i64, -1, 0], [1, 1, 3]];
    let z = |i: usize, k: usize| (0..3).map(|j| at(i, j) * weights[k][j]).sum::<i64>();
    let places = 2 << variables;
    // square(i, k) = z^2, a witness; sum(i) = the sum of squares over k, a witness by row.
    let square: Vec<i64> = (0..places)
        .map(|index| z(index / 2, index % 2).pow(2))
        .collect();
    let sums: Vec<i64> = square.chunks(2).map(|pair| pair.iter().sum()).collect();
    let result: Vec<i64> = (0..2)
        .flat_map(|k| (0..2).map(move |j| (k, j)))
        .map(|(k, j)| (0..rows).map(|i| square[i * 2 + k] * at(i, j)).sum())
        .collect();
    let (result, result_points) = opening(result, 1024, 2);
    let mut domain = Domain {
        row_variables: variables,
        column_variables: 1,
        ..Domain::default()
    };
    let lists = weights.iter().map(|w| w.to_vec()).collect();
    let margin = domain.push(Column::Product {
        matrix: Matrix::Input(0),
        row: 4,
        functional: Functional::Each(lists),
    });
    let cell = domain.push(Column::Product {
        matrix: Matrix::Input(0),
        row: 4,
        functional: Functional::Stride { step: 2, offset: 0 },
    });
    let square_column = domain.push(Column::Full(Matrix::Witness(0)));
    let sum = domain.push(Column::Row(Matrix::Witness(1)));
    let first = domain.push(Column::ByColumn(vec![number(1)]));
    let inside = domain.push(Column::Inside {
        rows,
        by_column: vec![number(0), number(0)],
        beyond: number(1),
    });
    let row_number = domain.push(Column::ByRow((0..rows as i64).map(number).collect()));
    domain.constraints = vec![
        Constraint {
            weight: Weight::Point,
            expression: column(margin) * column(margin) - column(square_column),
        },
        Constraint {
            weight: Weight::Row,
            expression: column(square_column) - column(first) * column(sum),
        },
        Constraint {
            weight: Weight::Point,
            expression: column(inside) * column(square_column),
        },
        Constraint {
            weight: Weight::Point,
            expression: column(row_number) * (column(margin) * (column(margin) * column(margin)))
                - column(row_number) * (column(square_column) * column(margin)),
        },
    ];
    domain.lookups = vec![
        vec![Expression::number(1), column(cell)],
        vec![Expression::number(2), column(margin)],
        vec![Expression::number(2), column(margin).scale(number(2))],
        vec![Expression::number(1), Expression::number(4) - column(cell)],
        vec![Expression::number(1), column(cell)],
        vec![Expression::number(1), column(cell)],
        vec![Expression::number(1), column(cell)],
    ];
    domain.products = vec![MatrixProduct {
        left: column(square_column),
        right: Matrix::Input(0),
        row: 4,
        columns: 2,
        classes: 2,
        result: Matrix::Input(1),
    }];
    // tag 1: -10..=10, tag 2: -100..=100
    let mut values = Vec::new();
    (-10..=10).for_each(|v| values.extend([number(1), number(v)]));
    (-100..=100).for_each(|v| values.extend([number(2), number(v)]));
    let small = |value: i64| u32::try_from(value + 10).unwrap();
    let large = |value: i64| u32::try_from(value + 100 + 21).unwrap();
    let cell_at = |index: usize| at(index / 2, 2 * (index % 2));
    let lookups = vec![
        (0..places).map(|i| small(cell_at(i))).collect::<Vec<u32>>(),
        (0..places).map(|i| large(z(i / 2, i % 2))).collect(),
        (0..places).map(|i| large(2 * z(i / 2, i % 2))).collect(),
        (0..places).map(|i| small(4 - cell_at(i))).collect(),
        (0..places).map(|i| small(cell_at(i))).collect(),
        (0..places).map(|i| small(cell_at(i))).collect(),
        (0..places).map(|i| small(cell_at(i))).collect(),
    ];
    Case {
        system: System {
            inputs: vec![
                MatrixShape {
                    entries: rows * 4,
                    width,
                },
                MatrixShape {
                    entries: 4,
                    width: 1024,
                },
            ],
            witnesses: vec![places, places / 2],
            table: Table { arity: 2, values },
            domains: vec![domain],
        },
        witness: Witness {
            inputs: vec![table, result],
            witnesses: vec![Values::Small(square), Values::Small(sums)],
            lookups: vec![lookups],
        },
        points: vec![table_points, result_points],
    }
}

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
