//! The public table of a statement, part by part.

use std::collections::BTreeSet;

use cotrain_argument::field::power_of_two;
use cotrain_argument::{Expression, Field, Table};

/// The first number of a table row says what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Range = 1,
    Feature = 2,
    Label = 3,
    Zero = 4,
    Bias = 5,
    Table = 6,
    Interval = 7,
    Noise = 8,
}

impl Tag {
    pub(crate) fn number(self) -> Field {
        Field::from(self as u64)
    }

    pub(crate) fn expression(self) -> Expression {
        Expression::Constant(self.number())
    }
}

/// A table being put together.
#[derive(Debug, Clone)]
pub(crate) struct TableBuilder {
    arity: usize,
    values: Vec<Field>,
    ranges: Vec<(u32, u32)>,
}

impl TableBuilder {
    pub(crate) fn new(arity: usize) -> Self {
        Self {
            arity,
            values: Vec::new(),
            ranges: Vec::new(),
        }
    }

    fn rows(&self) -> u32 {
        u32::try_from(self.values.len() / self.arity).unwrap_or(u32::MAX)
    }

    /// Append rows of numbers under a tag; return the number of the first.
    pub(crate) fn add<const N: usize>(
        &mut self,
        tag: Tag,
        rows: impl Iterator<Item = [Field; N]>,
    ) -> u32 {
        let start = self.rows();
        for row in rows {
            self.values.push(tag.number());
            self.values.extend(row);
            let length = self.values.len().next_multiple_of(self.arity);
            self.values.resize(length, Field::default());
        }
        start
    }

    /// Append `(tag, second, v)` for all v of an interval.
    pub(crate) fn add_interval(&mut self, tag: Tag, second: i64, low: i64, high: i64) -> u32 {
        self.add(
            tag,
            (low..=high).map(|value| [Field::from(second), Field::from(value)]),
        )
    }

    /// Append `(NOISE, k, t_k, t_(k+1))` for all values k of a noise table; return the number of the first row.
    pub(crate) fn add_noise(&mut self, thresholds: &[u64]) -> u32 {
        let radius = i64::try_from(thresholds.len() / 2).unwrap_or(0);
        let ends = thresholds
            .iter()
            .skip(1)
            .map(|&end| Field::from(end))
            .chain([power_of_two(64)]);
        let rows = (-radius..).zip(thresholds.iter().zip(ends));
        let rows = rows.map(|(k, (&start, end))| [Field::from(k), Field::from(start), end]);
        self.add(Tag::Noise, rows)
    }

    /// Append the rows of each distinct chunk size, ascending.
    pub(crate) fn add_ranges(&mut self, sizes: impl Iterator<Item = u32>) {
        for size in sizes.collect::<BTreeSet<u32>>() {
            let start = self.add_interval(Tag::Range, i64::from(size), 0, (1 << size) - 1);
            self.ranges.push((size, start));
        }
    }

    /// The row of the number 0 of a chunk size.
    pub(crate) fn range_start(&self, size: u32) -> u32 {
        self.ranges
            .iter()
            .find(|(known, _)| *known == size)
            .map_or(0, |(_, start)| *start)
    }

    pub(crate) fn finish(&self) -> Table {
        Table {
            arity: self.arity,
            values: self.values.clone(),
        }
    }
}
