//! What is to be proven: matrices, a table, and domains with columns, constraints and lookups (spec, "System").

use crate::error::ProofError;
use crate::expression::Expression;
use crate::field::Field;

/// The widest row of the matrices that a proof makes.
pub const WITNESS_WIDTH: usize = 1024;
/// The most variables of a domain or table: 2^28 places.
const MAX_VARIABLES: usize = 28;

/// Shape of a committed matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixShape {
    /// Entries.
    pub entries: usize,
    /// Entries under one commitment; a power of two.
    pub width: usize,
}

impl MatrixShape {
    /// The shape of a matrix that a proof makes.
    #[must_use]
    pub fn witness(entries: usize) -> Self {
        Self {
            entries,
            width: entries.next_power_of_two().min(WITNESS_WIDTH),
        }
    }

    /// The number of its commitments.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.entries.div_ceil(self.width)
    }
}

/// A matrix of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matrix {
    /// Committed in the statement.
    Input(usize),
    /// Committed by the proof before any challenge.
    Witness(usize),
    /// Helper of a group of lookups: domain, group.
    Helper(usize, usize),
    /// How often each row of the table is used.
    Multiplicities,
}

/// Public factor of a product column: `value(i, k) = sum_j entry(i p + j) B_kj`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Functional {
    /// `B_kj = v_j` for all k; at most p numbers, zeros beyond.
    Same(Vec<Field>),
    /// `B_kj = v_kj`: 2^kappa lists of at most p small numbers.
    Each(Vec<Vec<i64>>),
    /// `B_k,(step k + offset) = 1`.
    Stride {
        /// Columns from one place to the next.
        step: usize,
        /// The first column.
        offset: usize,
    },
}

/// A column of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Entry `i 2^kappa + k`.
    Full(Matrix),
    /// Entry `i`.
    Row(Matrix),
    /// A public linear combination within each row of p entries.
    Product {
        /// The matrix.
        matrix: Matrix,
        /// Entries of a row, p; a power of two.
        row: usize,
        /// The combination.
        functional: Functional,
    },
    /// Public, by i; zeros beyond the list.
    ByRow(Vec<Field>),
    /// Public, by k; zeros beyond the list.
    ByColumn(Vec<Field>),
    /// Public: `by_column[k]` for i < `rows`, else `beyond`.
    Inside {
        /// Rows inside.
        rows: usize,
        /// Values inside, by k.
        by_column: Vec<Field>,
        /// The value in all other rows.
        beyond: Field,
    },
}

impl Column {
    /// Whether everybody can compute its values.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(
            self,
            Self::ByRow(_) | Self::ByColumn(_) | Self::Inside { .. }
        )
    }
}

/// Where a constraint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// In every place.
    Point,
    /// In the sum over k, for every i.
    Row,
    /// In the sum over all places, which is a committed value.
    Total,
}

/// `expression = 0`, where the weight says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// Where.
    pub weight: Weight,
    /// What is zero.
    pub expression: Expression,
}

/// `result = E^T D`: E the K columns of values of an expression, D the first `columns` columns of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixProduct {
    /// E.
    pub left: Expression,
    /// D.
    pub right: Matrix,
    /// Entries of a row of D, p.
    pub row: usize,
    /// d.
    pub columns: usize,
    /// K.
    pub classes: usize,
    /// K d entries, row-major.
    pub result: Matrix,
}

/// A domain of 2^(row variables + column variables) places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domain {
    /// rho.
    pub row_variables: usize,
    /// kappa.
    pub column_variables: usize,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its constraints, of weight point or row.
    pub constraints: Vec<Constraint>,
    /// Tuples of affine forms that are rows of the table.
    pub lookups: Vec<Vec<Expression>>,
    /// Its matrix products.
    pub products: Vec<MatrixProduct>,
}

impl Domain {
    /// rho + kappa.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.row_variables + self.column_variables
    }

    /// Append a column and return its number.
    pub fn push(&mut self, column: Column) -> usize {
        self.columns.push(column);
        self.columns.len() - 1
    }
}

/// A public table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Numbers in a row.
    pub arity: usize,
    /// Row after row.
    pub values: Vec<Field>,
}

impl Table {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.arity).unwrap_or(0)
    }
}

/// What is to be proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// Matrices committed in the statement.
    pub inputs: Vec<MatrixShape>,
    /// Entries of the matrices that the proof commits to.
    pub witnesses: Vec<usize>,
    /// The table; no rows if there are no lookups.
    pub table: Table,
    /// The domains.
    pub domains: Vec<Domain>,
}

impl System {
    /// Whether anything is looked up.
    #[must_use]
    pub fn has_lookups(&self) -> bool {
        self.domains.iter().any(|domain| !domain.lookups.is_empty())
    }

    /// The shape of a matrix.
    ///
    /// # Errors
    /// There is no such matrix.
    pub fn shape(&self, matrix: Matrix) -> Result<MatrixShape, ProofError> {
        let missing = ProofError::System("a column names a matrix that is not there");
        match matrix {
            Matrix::Input(index) => self.inputs.get(index).copied().ok_or(missing),
            Matrix::Witness(index) => self
                .witnesses
                .get(index)
                .map(|&entries| MatrixShape::witness(entries))
                .ok_or(missing),
            Matrix::Helper(domain, _) => {
                let domain = self.domains.get(domain).ok_or(missing)?;
                Ok(MatrixShape::witness(1 << domain.variables()))
            }
            Matrix::Multiplicities => Ok(MatrixShape::witness(self.table.rows().max(1))),
        }
    }

    /// Check that every column, product and lookup fits its matrix and domain.
    ///
    /// # Errors
    /// [`ProofError::System`] names what does not.
    pub fn check(&self) -> Result<(), ProofError> {
        let fits = |condition: bool, what| {
            if condition {
                Ok(())
            } else {
                Err(ProofError::System(what))
            }
        };
        let shapes = self.inputs.iter().copied();
        for shape in shapes.chain(
            self.witnesses
                .iter()
                .map(|&entries| MatrixShape::witness(entries)),
        ) {
            let wide =
                shape.width.is_power_of_two() && shape.width <= cotrain_commitment::MAX_WIDTH;
            fits(wide && shape.entries > 0, "the shape of a matrix")?;
        }
        if self.has_lookups() {
            fits(self.table.rows() > 0, "lookups without a table")?;
            fits(
                self.table.values.len().is_multiple_of(self.table.arity),
                "the last row of the table",
            )?;
            fits(
                self.table.rows() >> MAX_VARIABLES == 0,
                "the size of the table",
            )?;
        }
        for domain in &self.domains {
            fits(domain.variables() <= MAX_VARIABLES, "the size of a domain")?;
            for column in &domain.columns {
                self.check_column(domain, column)?;
            }
            let arity = domain
                .lookups
                .iter()
                .all(|lookup| lookup.len() == self.table.arity);
            fits(arity, "the length of a lookup")?;
            for product in &domain.products {
                self.check_product(domain, product)?;
            }
            // Product columns of one matrix are opened together, by the same rows.
            fits(rows_agree(domain), "two lengths of a row of one matrix")?;
        }
        Ok(())
    }

    fn check_column(&self, domain: &Domain, column: &Column) -> Result<(), ProofError> {
        let (rows, places) = (1 << domain.row_variables, 1 << domain.column_variables);
        let fits = match column {
            Column::Full(matrix) => self.shape(*matrix)?.entries <= rows * places,
            Column::Row(matrix) => self.shape(*matrix)?.entries <= rows,
            Column::Product {
                matrix,
                row,
                functional,
            } => {
                let inside = match functional {
                    Functional::Same(values) => values.len() <= *row,
                    Functional::Each(lists) => {
                        lists.len() == places && lists.iter().all(|list| list.len() <= *row)
                    }
                    Functional::Stride { step, offset } => step * (places - 1) + offset < *row,
                };
                inside && self.fits_rows(*matrix, *row, rows)?
            }
            Column::ByRow(values) => values.len() <= rows,
            Column::ByColumn(values) => values.len() <= places,
            Column::Inside {
                rows: inside,
                by_column,
                ..
            } => *inside <= rows && by_column.len() <= places,
        };
        if fits {
            Ok(())
        } else {
            Err(ProofError::System("a column does not fit its domain"))
        }
    }

    fn check_product(&self, domain: &Domain, product: &MatrixProduct) -> Result<(), ProofError> {
        let fits = product.classes <= 1 << domain.column_variables
            && product.columns <= product.row
            && self.fits_rows(product.right, product.row, 1 << domain.row_variables)?
            && self.shape(product.result)?.entries == product.classes * product.columns;
        if fits {
            Ok(())
        } else {
            Err(ProofError::System("a matrix product does not fit"))
        }
    }

    /// Whether a matrix consists of at most `rows` rows of `row` entries, whole rows under each commitment.
    fn fits_rows(&self, matrix: Matrix, row: usize, rows: usize) -> Result<bool, ProofError> {
        let shape = self.shape(matrix)?;
        let whole = row.is_power_of_two() && row <= shape.width;
        Ok(whole && shape.entries.is_multiple_of(row) && shape.entries / row <= rows)
    }
}

/// Whether all product columns of a matrix have rows of the same length.
fn rows_agree(domain: &Domain) -> bool {
    let mut known: Vec<(Matrix, usize)> = Vec::new();
    let columns = domain.columns.iter().filter_map(|column| match column {
        Column::Product { matrix, row, .. } => Some((*matrix, *row)),
        _ => None,
    });
    let products = domain.products.iter();
    for (matrix, row) in columns.chain(products.map(|product| (product.right, product.row))) {
        match known.iter().find(|(other, _)| *other == matrix) {
            Some((_, length)) if *length != row => return false,
            Some(_) => {}
            None => known.push((matrix, row)),
        }
    }
    true
}
