//! Provers that follow the protocol and cheat in one place, for each place of each statement.
//!
//! A lie is an honest witness with some numbers changed so that it violates exactly one part of the system: a constraint, a
//! lookup, a matrix product. [`Case::violated`] computes in the clear which; the system without that part then accepts
//! the proof, which shows that nothing else refuses the lie, and the whole system refuses it. [`Lies::finish`] fails
//! when a part of the system has no lie of its own.

mod contribution;
mod dataset;
mod fields;
mod linear;
mod logistic;
mod removal;
mod softmax;
mod update;

use std::collections::BTreeSet;

use cotrain_argument::field::{from_scalar, power_of_two, to_scalar};
use cotrain_argument::{
    Column, Domain, Expression, Field, Functional, Matrix, MatrixProduct, ProofError, System,
    Values, Weight, Witness, prove, verify,
};
use cotrain_commitment::{commit_scalars, encode_points};
use cotrain_transcript::Transcript;
use curve25519_dalek::Scalar;

/// A part of a system: domain, number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Constraint(usize, usize),
    Lookup(usize, usize),
    Product(usize, usize),
}

/// A system and a witness, true or not. Inputs are committed when the proof is made.
#[derive(Clone)]
struct Case {
    system: System,
    witness: Witness,
    transcript: Transcript,
}

fn number(value: i64) -> Field {
    Field::from(value)
}

fn inverse(value: Field) -> Field {
    from_scalar(&to_scalar(&value).invert())
}

fn to_field(values: &Values) -> Vec<Field> {
    match values {
        Values::Small(values) => values.iter().map(|&value| number(value)).collect(),
        Values::Field(values) => values.clone(),
        Values::Rows(rows) => {
            let padding = vec![number(0); rows.padded - rows.columns];
            let lines = rows.values.chunks(rows.columns);
            lines
                .flat_map(|line| {
                    let entries = line.iter().map(|&x| number(i64::from(x)));
                    entries.chain(padding.clone()).collect::<Vec<_>>()
                })
                .collect()
        }
    }
}

impl Case {
    /// Everything as full-size numbers, so that any of them can be changed.
    fn new(system: System, mut witness: Witness, transcript: Transcript) -> Self {
        for input in &mut witness.inputs {
            input.values = Values::Field(to_field(&input.values));
        }
        for values in &mut witness.witnesses {
            *values = Values::Field(to_field(values));
        }
        Self {
            system,
            witness,
            transcript,
        }
    }

    fn values(&self, matrix: Matrix) -> &Vec<Field> {
        let values = match matrix {
            Matrix::Input(index) => &self.witness.inputs[index].values,
            Matrix::Witness(index) => &self.witness.witnesses[index],
            _ => panic!("made by the proof"),
        };
        match values {
            Values::Field(list) => list,
            _ => panic!("full-size numbers"),
        }
    }

    fn get(&self, matrix: Matrix, place: usize) -> Field {
        self.values(matrix).get(place).copied().unwrap_or_default()
    }

    /// Change an entry; beyond the end of an input, in places that its last commitment has and the statement does not.
    fn set(&mut self, matrix: Matrix, place: usize, value: Field) {
        let values = match matrix {
            Matrix::Input(index) => &mut self.witness.inputs[index].values,
            Matrix::Witness(index) => &mut self.witness.witnesses[index],
            _ => panic!("made by the proof"),
        };
        if let Values::Field(list) = values {
            if list.len() <= place {
                list.resize(place + 1, number(0));
            }
            list[place] = value;
        }
    }

    fn add(&mut self, matrix: Matrix, place: usize, value: i64) {
        self.set(matrix, place, self.get(matrix, place) + number(value));
    }

    /// Cut a small number into chunks; the last one takes what is left, negative or too large.
    fn set_chunks(&mut self, first: usize, sizes: &[u32], place: usize, value: i64) {
        let mut rest = value;
        for (index, size) in sizes.iter().enumerate() {
            let chunk = if index + 1 < sizes.len() {
                rest.rem_euclid(1 << size)
            } else {
                rest
            };
            self.set(Matrix::Witness(first + index), place, number(chunk));
            rest = (rest - chunk) >> size;
        }
    }

    /// Let a chunk alone stand for a number that it cannot be, all others being 0.
    fn set_in_chunk(&mut self, chunks: (usize, &[u32]), chunk: usize, place: usize, value: Field) {
        let (first, sizes) = chunks;
        for index in 0..sizes.len() {
            self.set(Matrix::Witness(first + index), place, number(0));
        }
        let shift = sizes[..chunk].iter().sum();
        let alone = value * inverse(power_of_two(shift));
        self.set(Matrix::Witness(first + chunk), place, alone);
    }

    fn column(&self, domain: &Domain, column: usize, (i, k): (usize, usize)) -> Field {
        let listed = |list: &[Field], index: usize| list.get(index).copied().unwrap_or_default();
        match &domain.columns[column] {
            Column::Full(matrix) => self.get(*matrix, (i << domain.column_variables) + k),
            Column::Row(matrix) => self.get(*matrix, i),
            Column::Product {
                matrix,
                row,
                functional,
            } => {
                let factor = |j: usize| match functional {
                    Functional::Same(list) => listed(list, j),
                    Functional::Each(lists) => number(lists[k].get(j).copied().unwrap_or(0)),
                    Functional::Stride { step, offset } => {
                        number(i64::from(step * k + offset == j))
                    }
                };
                (0..*row)
                    .map(|j| self.get(*matrix, i * row + j) * factor(j))
                    .sum()
            }
            Column::ByRow(list) => listed(list, i),
            Column::ByColumn(list) => listed(list, k),
            Column::Inside {
                rows,
                by_column,
                beyond,
            } => {
                if i < *rows {
                    listed(by_column, k)
                } else {
                    *beyond
                }
            }
        }
    }

    fn value(&self, domain: &Domain, expression: &Expression, place: (usize, usize)) -> Field {
        match expression {
            Expression::Constant(value) => *value,
            Expression::Column(column) => self.column(domain, *column, place),
            Expression::Sum(parts) => parts
                .iter()
                .map(|(factor, part)| *factor * self.value(domain, part, place))
                .sum(),
            Expression::Product(left, right) => {
                self.value(domain, left, place) * self.value(domain, right, place)
            }
        }
    }

    fn row_sum(&self, domain: &Domain, expression: &Expression, i: usize) -> Field {
        let places = 0..1 << domain.column_variables;
        places.map(|k| self.value(domain, expression, (i, k))).sum()
    }

    /// E^T D.
    fn product(&self, domain: &Domain, product: &MatrixProduct) -> Vec<Field> {
        let cell = |k: usize, j: usize| {
            let rows = 0..1 << domain.row_variables;
            rows.map(|i| {
                self.value(domain, &product.left, (i, k))
                    * self.get(product.right, i * product.row + j)
            })
            .sum()
        };
        (0..product.classes)
            .flat_map(|k| (0..product.columns).map(move |j| (k, j)))
            .map(|(k, j)| cell(k, j))
            .collect()
    }

    /// Let the gradient follow what was changed.
    fn multiply(&mut self) {
        for domain in self.system.domains.clone() {
            for product in &domain.products {
                for (place, value) in self.product(&domain, product).into_iter().enumerate() {
                    self.set(product.result, place, value);
                }
            }
        }
    }

    /// The row of the table that a lookup is in each place; None where it is none.
    fn rows(&self, domain: &Domain, lookup: &[Expression]) -> Vec<Option<u32>> {
        let table = &self.system.table;
        let width = domain.column_variables;
        let places = 0..1 << domain.variables();
        let find = |place: usize| {
            let at = (place >> width, place & ((1 << width) - 1));
            let tuple: Vec<Field> = lookup
                .iter()
                .map(|form| self.value(domain, form, at))
                .collect();
            let row = table
                .values
                .chunks(table.arity)
                .position(|row| row == tuple);
            row.map(|row| u32::try_from(row).unwrap())
        };
        places.map(find).collect()
    }

    fn all_rows(&self) -> Vec<Vec<Vec<Option<u32>>>> {
        let domains = self.system.domains.iter();
        domains
            .map(|domain| {
                let lookups = domain.lookups.iter();
                lookups.map(|lookup| self.rows(domain, lookup)).collect()
            })
            .collect()
    }

    /// The parts of the system that the witness violates.
    fn violated(&self) -> BTreeSet<Part> {
        let mut found = BTreeSet::new();
        let rows = self.all_rows();
        for (index, domain) in self.system.domains.iter().enumerate() {
            for (constraint, declared) in domain.constraints.iter().enumerate() {
                let lines = 0..1_usize << domain.row_variables;
                let zero = number(0);
                let holds = match declared.weight {
                    Weight::Row => lines
                        .clone()
                        .all(|i| self.row_sum(domain, &declared.expression, i) == zero),
                    _ => lines.clone().all(|i| {
                        (0..1 << domain.column_variables)
                            .all(|k| self.value(domain, &declared.expression, (i, k)) == zero)
                    }),
                };
                if !holds {
                    found.insert(Part::Constraint(index, constraint));
                }
            }
            for (lookup, rows) in rows[index].iter().enumerate() {
                if rows.contains(&None) {
                    found.insert(Part::Lookup(index, lookup));
                }
            }
            for (number, product) in domain.products.iter().enumerate() {
                if self.product(domain, product) != *self.values(product.result) {
                    found.insert(Part::Product(index, number));
                }
            }
        }
        found
    }

    fn parts(&self) -> BTreeSet<Part> {
        let domains = self.system.domains.iter().enumerate();
        domains
            .flat_map(|(index, domain)| {
                let constraints = 0..domain.constraints.len();
                let lookups = 0..domain.lookups.len();
                let products = 0..domain.products.len();
                constraints
                    .map(move |part| Part::Constraint(index, part))
                    .chain(lookups.map(move |part| Part::Lookup(index, part)))
                    .chain(products.map(move |part| Part::Product(index, part)))
            })
            .collect()
    }

    /// The same without a part of the system.
    fn without(&self, part: Part) -> Self {
        let mut other = self.clone();
        let domains = &mut other.system.domains;
        match part {
            Part::Constraint(domain, index) => drop(domains[domain].constraints.remove(index)),
            Part::Lookup(domain, index) => drop(domains[domain].lookups.remove(index)),
            Part::Product(domain, index) => drop(domains[domain].products.remove(index)),
        }
        other
    }

    /// Commit to the inputs, prove, and verify: the prover's inputs may have more entries than the statement's.
    fn verdict(&self) -> Result<(), ProofError> {
        let (mut system, mut witness) = (self.system.clone(), self.witness.clone());
        witness.lookups = self
            .all_rows()
            .into_iter()
            .map(|lookups| {
                let known = |rows: Vec<Option<u32>>| {
                    rows.into_iter().map(Option::unwrap_or_default).collect()
                };
                lookups.into_iter().map(known).collect()
            })
            .collect();
        let mut points = Vec::new();
        for (index, input) in witness.inputs.iter().enumerate() {
            let values = self.values(Matrix::Input(index));
            system.inputs[index].entries = values.len();
            let scalars: Vec<Scalar> = values.iter().map(to_scalar).collect();
            let rows = scalars.chunks(system.inputs[index].width);
            let committed: Vec<_> = rows
                .zip(&input.blindings)
                .map(|(row, blinding)| commit_scalars(row, &to_scalar(blinding)).unwrap())
                .collect();
            points.push(encode_points(&committed));
        }
        let inputs: Vec<&[u8]> = points.iter().map(Vec::as_slice).collect();
        let proof = prove(
            &system,
            self.transcript.clone(),
            &inputs,
            &witness,
            &[5; 32],
        )
        .unwrap();
        verify(&self.system, self.transcript.clone(), &inputs, &proof)
    }
}

/// Lies about one statement, each tried when it is told.
struct Lies {
    honest: Case,
    told: BTreeSet<Part>,
}

impl Lies {
    fn about(honest: Case) -> Self {
        assert_eq!(honest.violated(), BTreeSet::new());
        assert_eq!(honest.verdict(), Ok(()), "the honest path");
        Self {
            honest,
            told: BTreeSet::new(),
        }
    }

    /// A lie that one part alone refuses.
    fn tell(&mut self, part: Part, name: &str, lie: impl FnOnce(&mut Case)) {
        let mut case = self.honest.clone();
        lie(&mut case);
        assert_eq!(case.violated(), BTreeSet::from([part]), "{name}");
        assert_eq!(
            case.without(part).verdict(),
            Ok(()),
            "{name}, without {part:?}"
        );
        assert_eq!(case.verdict(), Err(ProofError::False), "{name}");
        self.told.insert(part);
    }

    /// A lie that several parts refuse.
    fn tell_all(&self, name: &str, lie: impl FnOnce(&mut Case)) {
        let mut case = self.honest.clone();
        lie(&mut case);
        assert!(case.violated().len() > 1, "{name}");
        assert_eq!(case.verdict(), Err(ProofError::False), "{name}");
    }

    /// What is no lie, though it looks like one.
    fn allow(&self, name: &str, change: impl FnOnce(&mut Case)) {
        let mut case = self.honest.clone();
        change(&mut case);
        assert_eq!(case.violated(), BTreeSet::new(), "{name}");
        assert_eq!(case.verdict(), Ok(()), "{name}");
    }

    fn finish(self) {
        assert_eq!(self.told, self.honest.parts(), "a part without a lie");
    }
}
