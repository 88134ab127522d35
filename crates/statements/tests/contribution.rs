//! S8 from outside: honest scores of every size are accepted, and a proof is about one statement and these commitments.

// Helpers of tests may panic as tests do.
#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use cotrain_argument::ProofError;
use cotrain_commitment::{Blindings, commit_rows, derive_blindings, encode_points};
use cotrain_noise::{Seed, Table};
use cotrain_statements::{
    ContributionPoints, ContributionStatement, ContributionWitness, NoiseTerms, StatementError,
    UPDATE_WIDTH, inner_product,
};

/// Thresholds of -1, 0, 1.
const THRESHOLDS: [u64; 3] = [0, 1 << 62, 3 << 62];
const WORD: u64 = 12_345_678_901;

struct Run {
    statement: ContributionStatement,
    updates: Vec<Vec<i64>>,
    secrets: Vec<Blindings>,
    points: Vec<Vec<u8>>,
    words: Vec<u64>,
    word_secrets: Blindings,
    word_point: Vec<u8>,
}

impl Run {
    fn new((rounds, entries): (usize, usize), shift: u32, noise: bool) -> Self {
        let small = |place: usize| i64::try_from((place * 7919 + 13) % 2001).unwrap() - 1000;
        let updates: Vec<Vec<i64>> = (0..rounds)
            .map(|t| (0..entries).map(|j| small(t * 31 + j) << 10).collect())
            .collect();
        let gradients: Vec<i32> = (0..rounds * entries)
            .map(|place| (small(place * 3 + 1) * 16) as i32)
            .collect();
        let count = if noise { entries.min(UPDATE_WIDTH) } else { 0 };
        let words: Vec<u64> = (0..count as u64).map(|place| WORD * (place + 1)).collect();
        let terms = noise.then(|| NoiseTerms {
            thresholds: THRESHOLDS.to_vec(),
            table_name: [5; 32],
            coins: [6; 32],
        });
        let rows = entries.div_ceil(UPDATE_WIDTH);
        let secrets: Vec<Blindings> = (0..rounds)
            .map(|t| derive_blindings(&[7; 32], &t.to_le_bytes(), rows))
            .collect();
        let commit = |values: &[i64], secret: &Blindings| {
            encode_points(&commit_rows(values, UPDATE_WIDTH, secret).unwrap())
        };
        let points = updates.iter().zip(&secrets);
        let points = points.map(|(update, secret)| commit(update, secret));
        let points = points.collect();
        let word_secrets = derive_blindings(&[7; 32], b"words", usize::from(noise));
        let committed: Vec<i64> = words
            .iter()
            .map(|word| (word ^ (1 << 63)).cast_signed())
            .collect();
        let word_point = commit(&committed, &word_secrets);
        let mut run = Self {
            statement: ContributionStatement {
                context: b"run owner".to_vec(),
                rounds,
                entries,
                gradients,
                shift,
                noise: terms,
                score: 0,
            },
            updates,
            secrets,
            points,
            words,
            word_secrets,
            word_point,
        };
        run.statement.score = run.score();
        run
    }

    fn score(&self) -> i64 {
        let half = (1_i128 << self.statement.shift) >> 1;
        let sum = inner_product(&self.statement.gradients, &self.updates);
        let rounded = i64::try_from((sum + half) >> self.statement.shift).unwrap();
        let drawn = self.words.first().map_or(0, |word| {
            let coins = cotrain_noise::words(&Seed::from_bytes(&[6; 32]).unwrap(), 1).unwrap();
            Table::new(&THRESHOLDS)
                .unwrap()
                .value(word.wrapping_add(coins[0]))
        });
        rounded + drawn
    }

    fn public(&self) -> ContributionPoints<'_> {
        ContributionPoints {
            updates: &self.points,
            words: &self.word_point,
        }
    }

    fn prove(&self) -> Result<Vec<u8>, StatementError> {
        let witness = ContributionWitness {
            updates: &self.updates,
            update_blindings: &self.secrets,
            words: &self.words,
            word_blindings: &self.word_secrets,
        };
        self.statement.prove(self.public(), &witness, &[9; 32])
    }

    fn check(&self, proof: &[u8]) -> Result<(), StatementError> {
        Ok(self.statement.reduce(self.public(), proof)?.check()?)
    }
}

#[test]
fn scores_of_every_size_are_accepted() {
    for shape in [(1, 1), (1, 3), (3, 2), (5, 1024), (2, 2050)] {
        for (shift, noise) in [(0, false), (0, true), (13, false), (48, true)] {
            let run = Run::new(shape, shift, noise);
            let proof = run.prove().unwrap();
            assert_eq!(proof.len(), run.statement.proof_bytes().unwrap());
            assert_eq!(run.check(&proof), Ok(()), "{shape:?} {shift} {noise}");
        }
    }
}

#[test]
fn extremes_are_accepted() {
    let mut run = Run::new((2, 3), 48, true);
    run.statement.gradients = vec![i32::MIN, i32::MAX, i32::MIN, i32::MIN, 0, i32::MAX];
    run.updates = vec![
        vec![i64::MAX >> 18, i64::MIN >> 18, 1],
        vec![-1, i64::MIN, 1],
    ];
    for (update, (secret, points)) in run
        .updates
        .iter()
        .zip(run.secrets.iter().zip(&mut run.points))
    {
        *points = encode_points(&commit_rows(update, UPDATE_WIDTH, secret).unwrap());
    }
    run.statement.score = run.score();
    run.check(&run.prove().unwrap()).unwrap();
}

#[test]
fn another_score_cannot_be_proven() {
    for (shift, noise) in [(0, false), (13, true)] {
        for by in [-1, 1, 1 << 40] {
            let mut run = Run::new((2, 3), shift, noise);
            run.statement.score += by;
            match run.prove() {
                Err(StatementError::Witness { place: 0, .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Refused by the argument, not for the shape of the statement.
fn refused(verdict: Result<(), StatementError>, what: &str) {
    match verdict {
        Err(StatementError::Proof(ProofError::False | ProofError::Length { .. })) => {}
        other => panic!("{what}: {other:?}"),
    }
}

type Change = (&'static str, fn(&mut Run));

const CHANGES: [Change; 12] = [
    ("context", |run| run.statement.context.push(0)),
    ("score", |run| run.statement.score += 1),
    ("score negated", |run| run.statement.score *= -1),
    ("shift", |run| run.statement.shift += 1),
    ("first gradient", |run| run.statement.gradients[0] += 1),
    ("last gradient", |run| run.statement.gradients[5] -= 1),
    ("gradients of two rounds", |run| {
        run.statement.gradients.rotate_left(3);
    }),
    ("updates of two rounds", |run| run.points.swap(0, 1)),
    ("one update twice", |run| {
        run.points[1] = run.points[0].clone();
    }),
    ("an update that is the identity", |run| {
        run.points[0] = vec![0; 32];
    }),
    ("a round less", |run| {
        run.statement.rounds = 1;
        run.statement.gradients.truncate(3);
        run.points.truncate(1);
    }),
    ("three rounds of two entries", |run| {
        (run.statement.rounds, run.statement.entries) = (3, 2);
        run.points.push(run.points[0].clone());
    }),
];

const NOISE_CHANGES: [Change; 6] = [
    ("coins", |run| {
        run.statement.noise.as_mut().unwrap().coins[0] ^= 1;
    }),
    ("the name of the table", |run| {
        run.statement.noise.as_mut().unwrap().table_name[0] ^= 1;
    }),
    ("the table", |run| {
        let table = &mut run.statement.noise.as_mut().unwrap().thresholds;
        (table[1], table[2]) = (table[1] + 1, table[2] - 1);
    }),
    ("no noise", |run| run.statement.noise = None),
    ("the words", |run| run.word_point = run.points[0].clone()),
    ("no words", |run| run.word_point = vec![0; 32]),
];

#[test]
fn every_number_and_point_is_bound() {
    for (shift, noise) in [(13, true), (0, true), (13, false), (0, false)] {
        let proof = Run::new((2, 3), shift, noise).prove().unwrap();
        for (what, change) in CHANGES.iter().chain(NOISE_CHANGES.iter().filter(|_| noise)) {
            let mut run = Run::new((2, 3), shift, noise);
            change(&mut run);
            refused(run.check(&proof), what);
        }
    }
}

#[test]
fn every_changed_element_is_refused() {
    let run = Run::new((2, 3), 13, true);
    let proof = run.prove().unwrap();
    for element in 0..(proof.len() - 16) / 32 {
        let mut other = proof.clone();
        other[16 + 32 * element] ^= 2;
        assert!(run.check(&other).is_err(), "element {element}");
    }
    assert!(run.check(&proof[..proof.len() - 1]).is_err());
    assert!(run.check(&[proof.as_slice(), &[0]].concat()).is_err());
}

fn shape(what: &str, edit: impl FnOnce(&mut Run)) {
    let mut run = Run::new((2, 3), 13, true);
    edit(&mut run);
    let verdict = run.prove();
    assert!(
        matches!(verdict, Err(StatementError::Shape(_))),
        "{what}: {verdict:?}"
    );
}

#[test]
fn contributions_that_cannot_be_are_refused() {
    shape("no rounds", |run| {
        run.statement.rounds = 0;
        run.statement.gradients.clear();
    });
    shape("no entries", |run| {
        run.statement.entries = 0;
        run.statement.gradients.clear();
    });
    for (what, rounds, entries) in [
        ("too many rounds", 4097, 1),
        ("too many entries", 1, (1 << 20) + 1),
        ("too many entries of all rounds", 65, 1 << 20),
    ] {
        shape(what, |run| {
            (run.statement.rounds, run.statement.entries) = (rounds, entries);
            run.statement.gradients = vec![0; rounds * entries];
        });
    }
    for (what, rounds, entries) in [
        ("the number of rounds", 4097, 1),
        ("the entries of all rounds", 65, 1 << 20),
    ] {
        let mut statement = Run::new((2, 3), 13, true).statement;
        (statement.rounds, statement.entries) = (rounds, entries);
        statement.gradients = vec![0; rounds * entries];
        let refused = statement.proof_bytes();
        assert_eq!(refused, Err(StatementError::Shape(what)));
    }
    shape("a gradient less", |run| {
        run.statement.gradients.pop();
    });
    shape("shift 49", |run| run.statement.shift = 49);
    shape("a table of two", |run| {
        run.statement.noise.as_mut().unwrap().thresholds.pop();
    });
    shape("an update less", |run| {
        run.updates.pop();
    });
    shape("a shorter update", |run| {
        run.updates[1].pop();
    });
    shape("a word less", |run| {
        run.words.pop();
    });
    shape("blindings of one update", |run| {
        run.secrets.pop();
    });
}
