//! Steps 2 and 3: from the margins of a row to its residuals.

use crate::error::ModelError;
use crate::layout::{Kind, Layout};

/// The exponential table is in units of 2^-14.
const EXP_BITS: u32 = 14;

/// How the margins of one row become residuals.
#[derive(Debug)]
pub(crate) struct Residual {
    layout: Layout,
    margin_shift: u32,
    index_limit: i64,
    table: Vec<i32>,
}

impl Residual {
    /// Check that `table` covers every index that rows and weights within their bounds can reach.
    pub(crate) fn new(
        layout: Layout,
        margin_shift: u32,
        weight_bound: i64,
        table: Vec<i32>,
    ) -> Result<Self, ModelError> {
        if margin_shift > 38 {
            return Err(ModelError::Scale("margin_shift"));
        }
        let reach = weight_bound << layout.row_bits();
        let index_limit = reach.div_euclid(1 << margin_shift)
            + i64::from(reach.rem_euclid(1 << margin_shift) != 0);
        let residual = Self {
            layout,
            margin_shift,
            index_limit,
            table,
        };
        residual.check_table()?;
        Ok(residual)
    }

    fn check_table(&self) -> Result<(), ModelError> {
        let expected = match self.layout.kind() {
            Kind::Linear => 0,
            Kind::Logistic | Kind::Softmax => {
                usize::try_from(2 * self.index_limit + 1).unwrap_or(usize::MAX)
            }
        };
        if self.table.len() != expected {
            return Err(ModelError::TableLength { expected });
        }
        let bits = if self.layout.kind() == Kind::Softmax {
            EXP_BITS
        } else {
            self.layout.residual_bits()
        };
        let outside = self
            .table
            .iter()
            .position(|value| !(0..=1 << bits).contains(value));
        // exp(0) is exactly 1; it keeps the sum of a softmax from being zero.
        let bad_one =
            self.layout.kind() == Kind::Softmax && self.table.first() != Some(&(1 << EXP_BITS));
        match outside.or(bad_one.then_some(0)) {
            Some(position) => Err(ModelError::TableValue { position }),
            None => Ok(()),
        }
    }

    /// Replace the margins of a row with `label` by its residuals, at most 2^f each in absolute value.
    ///
    /// None if a margin leaves the table, which bounded rows and weights exclude.
    pub(crate) fn apply(&self, margins: &mut [i64], label: i16) -> Option<()> {
        // Step 2: q = floor(z / 2^s).
        for margin in &mut *margins {
            *margin >>= self.margin_shift;
        }
        match self.layout.kind() {
            Kind::Linear => self.linear(margins, label),
            Kind::Logistic => self.logistic(margins, label)?,
            Kind::Softmax => self.softmax(margins, label)?,
        }
        Some(())
    }

    fn scale(&self) -> i64 {
        1 << self.layout.residual_bits()
    }

    /// Step 3, linear: e = clamp(q - y).
    fn linear(&self, quotients: &mut [i64], label: i16) {
        for quotient in quotients {
            *quotient = (*quotient - i64::from(label)).clamp(-self.scale(), self.scale());
        }
    }

    /// Step 3, logistic: e = table(q) - y 2^f.
    fn logistic(&self, quotients: &mut [i64], label: i16) -> Option<()> {
        for quotient in quotients {
            let probability = self.look_up(*quotient + self.index_limit)?;
            *quotient = probability - i64::from(label) * self.scale();
        }
        Some(())
    }

    /// Step 3, softmax: `e_k = floor(2^f t_k / S) - [y = k] 2^f`, where `t_k = table(max q - q_k)` and `S = sum t_k`.
    fn softmax(&self, quotients: &mut [i64], label: i16) -> Option<()> {
        let largest = quotients.iter().copied().max()?;
        let mut sum = 0;
        for quotient in &mut *quotients {
            *quotient = self.look_up(largest - *quotient)?;
            sum += *quotient;
        }
        for quotient in &mut *quotients {
            *quotient = (*quotient << self.layout.residual_bits()).checked_div(sum)?;
        }
        *quotients.get_mut(usize::try_from(label).ok()?)? -= self.scale();
        Some(())
    }

    fn look_up(&self, position: i64) -> Option<i64> {
        self.table
            .get(usize::try_from(position).ok()?)
            .map(|&value| i64::from(value))
    }
}
