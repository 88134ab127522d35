//! Small systems with witnesses, for tests inside and outside of the crate.

#![allow(
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "each test uses a part"
)]
#![allow(
    clippy::cast_possible_wrap,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    reason = "small numbers, and one system with everything in it"
)]

use cotrain_argument::field::to_scalar;
use cotrain_argument::{
    Column, Constraint, Domain, Expression, Field, Functional, Matrix, MatrixProduct, MatrixShape,
    Opening, ProofError, Rows, System, Table, Values, Weight, Witness, prove, verify,
};
use cotrain_commitment::{commit_rows, encode_points};
use cotrain_transcript::Transcript;
use cotrain_transcript::testing::Said;
use curve25519_dalek::Scalar;

pub fn number(value: i64) -> Field {
    Field::from(value)
}

pub fn column(index: usize) -> Expression {
    Expression::Column(index)
}

pub fn opening(values: Vec<i64>, width: usize, seed: u64) -> (Opening, Vec<u8>) {
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

/// The labels of the elements of a proof, in order: what was absorbed after the inputs.
pub fn labels(log: &[Said]) -> Vec<&'static [u8]> {
    let last = log.iter().rposition(|said| said.label() == b"input");
    log[last.unwrap() + 1..]
        .iter()
        .filter(|said| matches!(said, Said::Absorbed(..)))
        .map(Said::label)
        .collect()
}

pub fn transcript() -> Transcript {
    let mut transcript = Transcript::new(b"cotrain/argument/1");
    transcript.absorb(b"statement", b"test");
    transcript
}

#[derive(Clone)]
pub struct Case {
    pub system: System,
    pub witness: Witness,
    pub points: Vec<Vec<u8>>,
}

impl Case {
    pub fn prove(&self) -> Vec<u8> {
        prove(
            &self.system,
            transcript(),
            &self.inputs(),
            &self.witness,
            &[7; 32],
        )
        .unwrap()
    }

    pub fn verify(&self, proof: &[u8]) -> Result<(), ProofError> {
        verify(&self.system, transcript(), &self.inputs(), proof)
    }

    pub fn inputs(&self) -> Vec<&[u8]> {
        self.points.iter().map(Vec::as_slice).collect()
    }
}

/// Four entries, each of them in {0, 1, 2, 3}.
pub fn four_small_entries(values: [i64; 4], rows: [u32; 4]) -> Case {
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
pub fn everything(rows: usize, width: usize) -> Case {
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
