//! The kernel against the same sums written out in `i128`, and the inputs that it must refuse.

// Helpers of tests may panic as tests do.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use cotrain_training::{
    Kernel, Kind, Layout, ModelError, ModelParameters, RowError, RowFault, TrainingError,
};

const ROW_BITS: u32 = 8;
const RESIDUAL_BITS: u32 = 10;
const SHIFT: u32 = 10;
const BOUND: i64 = 1 << 12;
const LIMIT: usize = 1 << (ROW_BITS + 12 - SHIFT);

/// A deterministic stream of numbers; only their variety matters.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % limit).unwrap()
    }
}

fn layout(kind: Kind, features: usize, classes: usize) -> Layout {
    Layout::new(kind, (features, classes), (ROW_BITS, RESIDUAL_BITS)).unwrap()
}

fn table(kind: Kind) -> Vec<i32> {
    // Any table within its range will do: the kernel does not know the functions.
    let positions = 0..i32::try_from(2 * LIMIT + 1).unwrap();
    match kind {
        Kind::Linear => Vec::new(),
        Kind::Logistic => positions.map(|i| i / 2).collect(),
        Kind::Softmax => positions.map(|i| (1 << 14) >> (i / 64).min(20)).collect(),
    }
}

fn kernel(
    kind: Kind,
    features: usize,
    classes: usize,
    weights: Vec<i32>,
) -> Result<Kernel, ModelError> {
    let parameters = ModelParameters {
        margin_shift: SHIFT,
        weight_bound: BOUND,
        table: table(kind),
        weights,
    };
    Kernel::new(layout(kind, features, classes), parameters)
}

fn random_rows(
    kind: Kind,
    features: usize,
    classes: usize,
    count: usize,
    numbers: &mut Numbers,
) -> Vec<i16> {
    let reach = (1i64 << ROW_BITS) / i64::try_from(features).unwrap().isqrt().max(1) / 2;
    let mut rows = Vec::new();
    for _ in 0..count {
        for _ in 0..features {
            let entry = numbers.below(u64::try_from(2 * reach + 1).unwrap()) - reach;
            rows.push(i16::try_from(entry).unwrap());
        }
        let label = match kind {
            Kind::Linear => numbers.below(2049) - 1024,
            Kind::Logistic => numbers.below(2),
            Kind::Softmax => numbers.below(classes as u64),
        };
        rows.push(i16::try_from(label).unwrap());
    }
    rows
}

fn slow_residuals(kind: Kind, quotients: &[i128], label: i16) -> Vec<i128> {
    let (table, scale) = (table(kind), 1i128 << RESIDUAL_BITS);
    let at = |q: i128| i128::from(table[usize::try_from(q).unwrap()]);
    match kind {
        Kind::Linear => vec![(quotients[0] - i128::from(label)).max(-scale).min(scale)],
        Kind::Logistic => {
            vec![at(quotients[0] + i128::try_from(LIMIT).unwrap()) - i128::from(label) * scale]
        }
        Kind::Softmax => {
            let largest = *quotients.iter().max().unwrap();
            let powers: Vec<_> = quotients.iter().map(|q| at(largest - q)).collect();
            let sum: i128 = powers.iter().sum();
            let hit = |k: usize| i128::from(k == usize::try_from(label).unwrap());
            powers
                .iter()
                .enumerate()
                .map(|(k, e)| scale * e / sum - scale * hit(k))
                .collect()
        }
    }
}

fn slow_gradient(kind: Kind, features: usize, rows: &[i16], weights: &[i32]) -> Vec<i64> {
    let mut sum = vec![0i128; weights.len()];
    for row in rows.chunks(features + 1) {
        let (x, label) = (&row[..features], row[features]);
        let margin = |w: &[i32]| -> i128 {
            x.iter()
                .zip(w)
                .map(|(&x, &w)| i128::from(x) * i128::from(w))
                .sum()
        };
        let quotients: Vec<_> = weights
            .chunks(features)
            .map(|w| margin(w).div_euclid(1 << SHIFT))
            .collect();
        for (k, e) in slow_residuals(kind, &quotients, label)
            .into_iter()
            .enumerate()
        {
            for (j, &x) in x.iter().enumerate() {
                sum[k * features + j] += e * i128::from(x);
            }
        }
    }
    sum.into_iter()
        .map(|entry| i64::try_from(entry).unwrap())
        .collect()
}

fn random_weights(features: usize, classes: usize, numbers: &mut Numbers) -> Vec<i32> {
    let reach = BOUND / (i64::try_from(features).unwrap().isqrt() + 1);
    let entry =
        |_| i32::try_from(numbers.below(u64::try_from(2 * reach + 1).unwrap()) - reach).unwrap();
    (0..features * classes).map(entry).collect()
}

#[test]
fn kernel_equals_the_sums_written_out() {
    let mut numbers = Numbers(1);
    for (kind, classes) in [
        (Kind::Linear, 1),
        (Kind::Logistic, 1),
        (Kind::Softmax, 2),
        (Kind::Softmax, 7),
    ] {
        for features in [1, 2, 15, 128, 129, 300] {
            for count in [0, 1, 37, 9000 / features] {
                let rows = random_rows(kind, features, classes, count, &mut numbers);
                let weights = random_weights(features, classes, &mut numbers);
                let mut sum = vec![0; features * classes];
                kernel(kind, features, classes, weights.clone())
                    .unwrap()
                    .add_rows(&rows, &mut sum)
                    .unwrap();
                assert_eq!(
                    sum,
                    slow_gradient(kind, features, &rows, &weights),
                    "{kind:?} {features} {count}"
                );
            }
        }
    }
}

#[test]
fn many_tasks_give_the_sum_of_their_blocks() {
    let mut numbers = Numbers(2);
    let (features, count) = (3, 600_000);
    let rows = random_rows(Kind::Logistic, features, 1, count, &mut numbers);
    let model = kernel(Kind::Logistic, features, 1, vec![900, -2000, 41]).unwrap();
    let (mut whole, mut parts) = (vec![0; 3], vec![0; 3]);
    model.add_rows(&rows, &mut whole).unwrap();
    for block in rows.chunks(999 * 4) {
        model.add_rows(block, &mut parts).unwrap();
    }
    assert_eq!(whole, parts);
}

#[test]
fn narrow_sums_never_wrap() {
    // The largest products there are: 2^14 x 2^14, far more rows than fit in 32 bits.
    let layout = Layout::new(Kind::Linear, (1, 1), (14, 14)).unwrap();
    let parameters = ModelParameters {
        margin_shift: 0,
        weight_bound: 1 << 28,
        table: Vec::new(),
        weights: vec![1 << 28],
    };
    let model = Kernel::new(layout, parameters).unwrap();
    let rows: Vec<i16> = (0..5000).flat_map(|_| [1 << 14, 0]).collect();
    let mut sum = vec![7];
    model.add_rows(&rows, &mut sum).unwrap();
    assert_eq!(sum, vec![7 + 5000 * (1 << 28)]);
}

#[test]
fn the_first_bad_row_is_named() {
    let model = kernel(Kind::Softmax, 2, 3, vec![0; 6]).unwrap();
    let mut rows: Vec<i16> = (0..400_000).flat_map(|_| [1, 2, 2]).collect();
    rows[3 * 390_000] = 257;
    rows[3 * 123_456 + 2] = 3;
    let mut sum = vec![5; 6];
    let expected = TrainingError::Row(RowError {
        row: 123_456,
        fault: RowFault::Label(3),
    });
    assert_eq!(model.add_rows(&rows, &mut sum), Err(expected));
    assert_eq!(layout(Kind::Softmax, 2, 3).check_rows(&rows), Err(expected));
    assert_eq!(sum, vec![5; 6], "a refused block leaves no trace");
    rows[3 * 123_456 + 2] = 2;
    let expected = TrainingError::Row(RowError {
        row: 390_000,
        fault: RowFault::Norm,
    });
    assert_eq!(model.add_rows(&rows, &mut sum), Err(expected));
    rows[3 * 390_000] = 255;
    assert_eq!(model.add_rows(&rows, &mut sum), Ok(()));
    assert_eq!(layout(Kind::Softmax, 2, 3).check_rows(&rows), Ok(()));
}

#[test]
fn labels_are_decided_at_their_bounds() {
    let cases: [(Kind, usize, [i16; 2], [i16; 2]); 3] = [
        (Kind::Linear, 1, [-1024, 1024], [-1025, 1025]),
        (Kind::Logistic, 1, [0, 1], [-1, 2]),
        (Kind::Softmax, 3, [0, 2], [-1, 3]),
    ];
    for (kind, classes, good, bad) in cases {
        for label in good {
            assert_eq!(layout(kind, 1, classes).check_rows(&[0, label]), Ok(()));
        }
        for label in bad {
            let error = RowError {
                row: 0,
                fault: RowFault::Label(label),
            };
            assert_eq!(
                layout(kind, 1, classes).check_rows(&[0, label]),
                Err(error.into())
            );
        }
    }
}

#[test]
fn what_cannot_be_exact_is_refused() {
    assert_eq!(
        Layout::new(Kind::Linear, (0, 1), (8, 8)),
        Err(ModelError::Scale("features"))
    );
    assert_eq!(
        Layout::new(Kind::Linear, (1, 2), (8, 8)),
        Err(ModelError::Scale("classes"))
    );
    assert_eq!(
        Layout::new(Kind::Softmax, (1, 1), (8, 8)),
        Err(ModelError::Scale("classes"))
    );
    assert_eq!(
        Layout::new(Kind::Linear, (1, 1), (15, 8)),
        Err(ModelError::Scale("row_bits"))
    );
    assert_eq!(
        Layout::new(Kind::Linear, (1, 1), (8, 15)),
        Err(ModelError::Scale("residual_bits"))
    );
    assert_eq!(
        Layout::new(Kind::Linear, (1, 1), (8, 0)),
        Err(ModelError::Scale("residual_bits"))
    );
    let refusal = |weights| kernel(Kind::Logistic, 2, 1, weights).unwrap_err();
    assert_eq!(refusal(vec![0; 3]), ModelError::WeightCount);
    assert_eq!(
        refusal(vec![1 << 12, 1]),
        ModelError::WeightNorm { class: 0 }
    );
    assert!(kernel(Kind::Logistic, 2, 1, vec![0, -(1 << 12)]).is_ok());
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let build = |kind, table| {
        let parameters = ModelParameters {
            margin_shift: SHIFT,
            weight_bound: BOUND,
            table,
            weights: vec![0; 2],
        };
        Kernel::new(
            layout(kind, 1, 2 - usize::from(kind != Kind::Softmax)),
            parameters,
        )
        .map(|_| ())
    };
    let expected = 2 * LIMIT + 1;
    for length in [0, expected - 1, expected + 1] {
        let refusal = build(Kind::Softmax, vec![1 << 14; length]);
        assert_eq!(refusal, Err(ModelError::TableLength { expected }));
    }
    let mut values = vec![1 << 14; expected];
    assert_eq!(build(Kind::Softmax, values.clone()), Ok(()));
    values[9] = (1 << 14) + 1;
    assert_eq!(
        build(Kind::Softmax, values.clone()),
        Err(ModelError::TableValue { position: 9 })
    );
    values[9] = -1;
    assert_eq!(
        build(Kind::Softmax, values),
        Err(ModelError::TableValue { position: 9 })
    );
    assert_eq!(
        build(Kind::Softmax, vec![0; expected]),
        Err(ModelError::TableValue { position: 0 })
    );
}

#[test]
fn a_sum_that_could_overflow_is_refused() {
    let model = kernel(Kind::Logistic, 1, 1, vec![0]).unwrap();
    let each = 1i64 << (ROW_BITS + RESIDUAL_BITS);
    assert_eq!(model.add_rows(&[1, 0], &mut [i64::MAX - each]), Ok(()));
    for start in [i64::MAX - each + 1, -i64::MAX, i64::MIN] {
        assert_eq!(
            model.add_rows(&[1, 0], &mut [start]),
            Err(TrainingError::SumRange)
        );
    }
}

#[test]
fn shapes_must_fit() {
    let model = kernel(Kind::Logistic, 2, 1, vec![0; 2]).unwrap();
    assert_eq!(
        model.add_rows(&[1, 1, 0, 1], &mut [0; 2]),
        Err(TrainingError::BlockLength)
    );
    assert_eq!(
        model.add_rows(&[1, 1, 0], &mut [0; 3]),
        Err(TrainingError::SumLength)
    );
    assert_eq!(
        layout(Kind::Logistic, 2, 1).check_rows(&[1]),
        Err(TrainingError::BlockLength)
    );
}
