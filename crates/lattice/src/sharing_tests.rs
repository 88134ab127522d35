//! The whole life of shares: deal, check, add, rebuild.

use cotrain_commitment::commit_scalars;
use curve25519_dalek::Scalar;

use crate::limbs::pack;
use crate::share_format::read_share;
use crate::{
    DEGREE, Dealing, Error, MAX_HOLDERS, Parameters, SecretKey, deal, find_bad_shares, recover,
    sum_commitments, sum_shares, verify_share,
};

fn four_parties() -> Parameters {
    Parameters::derive(4, 65_535).unwrap()
}

fn keys(count: u8) -> Vec<SecretKey> {
    (0..count).map(|i| SecretKey::generate(&[i; 32])).collect()
}

fn deal_all(threshold: u32, holders: u32, keys: &[SecretKey]) -> Vec<Dealing> {
    let deal_one =
        |(seed, key)| deal(&four_parties(), threshold, holders, key, &[seed; 32]).unwrap();
    (100_u8..).zip(keys).map(deal_one).collect()
}

/// The summed commitments, and each holder's summed shares.
fn add_up(dealings: &[Dealing]) -> (Vec<u8>, Vec<(u32, Vec<u8>)>) {
    let commitments: Vec<&[u8]> = dealings.iter().map(|d| d.commitments.as_slice()).collect();
    let of_holder = |index: usize| -> Vec<u8> {
        let shares: Vec<&[u8]> = dealings
            .iter()
            .map(|d| d.shares[index].as_slice())
            .collect();
        sum_shares(&four_parties(), &shares).unwrap().to_vec()
    };
    let sums = (1..)
        .zip(0..dealings[0].shares.len())
        .map(|(holder, index)| (holder, of_holder(index)));
    (sum_commitments(&commitments).unwrap(), sums.collect())
}

fn recover_from(
    summands: u32,
    threshold: u32,
    shares: &[(u32, Vec<u8>)],
) -> Result<Vec<i32>, Error> {
    let shares: Vec<(u32, &[u8])> = shares
        .iter()
        .map(|(holder, share)| (*holder, share.as_slice()))
        .collect();
    recover(&four_parties(), summands, threshold, &shares)
}

fn key_sum(keys: &[SecretKey]) -> Vec<i32> {
    (0..DEGREE)
        .map(|i| keys.iter().map(|key| i32::from(key.limbs()[i]) - 42).sum())
        .collect()
}

/// The share with one component increased.
fn shifted(share: &[u8], component: usize, by: Scalar) -> Vec<u8> {
    let mut bytes = share.to_vec();
    let encoding = &mut bytes[component * 32..component * 32 + 32];
    let value = Scalar::from_canonical_bytes(encoding.try_into().unwrap()).unwrap();
    encoding.copy_from_slice((value + by).as_bytes());
    bytes
}

#[test]
fn any_threshold_of_holders_rebuild_the_sum_and_fewer_do_not() {
    let keys = keys(4);
    let (commitments, shares) = add_up(&deal_all(3, 5, &keys));
    for (holder, share) in &shares {
        assert_eq!(
            verify_share(&four_parties(), &commitments, *holder, share),
            Ok(())
        );
    }
    for chosen in [
        vec![0, 1, 2],
        vec![4, 2, 0],
        vec![1, 3, 4],
        vec![4, 3, 2, 1, 0],
    ] {
        let picked: Vec<_> = chosen
            .into_iter()
            .map(|i: usize| shares[i].clone())
            .collect();
        assert_eq!(recover_from(4, 3, &picked).unwrap(), key_sum(&keys));
    }
    assert_eq!(
        recover_from(4, 3, &shares[..2]),
        Err(Error::TooFewShares { got: 2, needed: 3 })
    );
    // Two shares taken for enough give a line that misses the key.
    assert!(recover_from(4, 2, &shares[..2]).is_err());
}

#[test]
fn a_bad_sum_of_shares_is_named_by_its_check_and_stops_the_recovery() {
    let (commitments, mut shares) = add_up(&deal_all(3, 5, &keys(2)));
    for component in [0, 5, four_parties().key_scalars()] {
        let good = shares[3].1.clone();
        shares[3].1 = shifted(&good, component, Scalar::ONE);
        let verdicts: Vec<bool> = shares
            .iter()
            .map(|(holder, share)| {
                verify_share(&four_parties(), &commitments, *holder, share).is_ok()
            })
            .collect();
        assert_eq!(verdicts, [true, true, true, false, true]);
        assert_eq!(recover_from(2, 3, &shares), Err(Error::SharesDisagree));
        shares[3].1 = good;
    }
}

#[test]
fn every_component_of_a_share_is_checked() {
    let parameters = four_parties();
    let dealing = deal(&parameters, 2, 3, &keys(1)[0], &[9; 32]).unwrap();
    let check =
        |holder, share: &[u8]| verify_share(&parameters, &dealing.commitments, holder, share);
    assert_eq!(check(1, &dealing.shares[0]), Ok(()));
    assert_eq!(check(2, &dealing.shares[0]), Err(Error::ShareDoesNotFit));
    for component in 0..=parameters.key_scalars() {
        let mut bad = shifted(&dealing.shares[0], component, Scalar::ONE);
        assert_eq!(check(1, &bad), Err(Error::ShareDoesNotFit));
        bad[component * 32..component * 32 + 32].fill(0xff);
        assert_eq!(check(1, &bad), Err(Error::ShareNotCanonical { component }));
    }
}

#[test]
fn malformed_input_is_refused() {
    let parameters = four_parties();
    let dealing = deal(&parameters, 2, 3, &keys(1)[0], &[9; 32]).unwrap();
    let (good, share) = (&dealing.commitments[..], &dealing.shares[0][..]);
    let check = |commitments: &[u8], holder, share: &[u8]| {
        verify_share(&parameters, commitments, holder, share)
    };
    let mut off = good.to_vec();
    off[32..].fill(0xff);
    assert_eq!(check(good, 0, share), Err(Error::HolderOutOfRange));
    assert_eq!(
        check(good, MAX_HOLDERS + 1, share),
        Err(Error::HolderOutOfRange)
    );
    assert_eq!(
        check(&off, 1, share),
        Err(Error::CommitmentNotCanonical { index: 1 })
    );
    for bad in [&good[1..], &good[32..], &[]] {
        assert_eq!(check(bad, 1, share), Err(Error::CommitmentsLength));
    }
    let extended = [share, &[0]].concat();
    for bad in [&share[1..], &extended, &[]] {
        assert_eq!(
            check(good, 1, bad),
            Err(Error::ShareLength {
                expected: share.len(),
                got: bad.len()
            })
        );
    }
    assert_eq!(sum_shares(&parameters, &[]), Err(Error::NothingToSum));
    assert_eq!(sum_commitments(&[]), Err(Error::NothingToSum));
    assert_eq!(
        sum_commitments(&[good, &[good, good].concat()]),
        Err(Error::CommitmentsLength)
    );
}

#[test]
fn impossible_recoveries_are_refused() {
    let (_, shares) = add_up(&deal_all(2, 3, &keys(1)));
    let [first, second] = [shares[0].clone(), shares[1].clone()];
    assert!(recover_from(1, 2, &shares).is_ok());
    assert_eq!(
        recover_from(1, 2, &[first.clone(), first.clone()]),
        Err(Error::HolderTwice { holder: 1 })
    );
    assert_eq!(
        recover_from(1, 2, &[(0, first.1.clone()), second]),
        Err(Error::HolderOutOfRange)
    );
    assert_eq!(recover_from(0, 2, &shares), Err(Error::SummandsOutOfRange));
    assert_eq!(recover_from(5, 2, &shares), Err(Error::SummandsOutOfRange));
    assert_eq!(recover_from(1, 1, &shares), Err(Error::ThresholdInvalid));
    assert_eq!(
        recover_from(1, u32::MAX, &shares),
        Err(Error::TooFewShares {
            got: 3,
            needed: u32::MAX
        })
    );
    for (threshold, holders) in [(0, 3), (1, 3), (4, 3), (2, MAX_HOLDERS + 1)] {
        let dealing = deal(&four_parties(), threshold, holders, &keys(1)[0], &[0; 32]);
        assert_eq!(dealing.err(), Some(Error::ThresholdInvalid));
    }
}

#[test]
fn a_batch_finds_exactly_the_bad_dealers() {
    let dealings = deal_all(2, 3, &keys(6));
    let mut shares: Vec<Vec<u8>> = dealings.iter().map(|d| d.shares[2].to_vec()).collect();
    let check = |shares: &[Vec<u8>], holder| {
        let pair = |(d, share): (&'_ Dealing, &'_ Vec<u8>)| (d.commitments.clone(), share.clone());
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = dealings.iter().zip(shares).map(pair).collect();
        let pairs: Vec<(&[u8], &[u8])> = pairs
            .iter()
            .map(|(a, b)| (a.as_slice(), b.as_slice()))
            .collect();
        find_bad_shares(&four_parties(), holder, &pairs)
    };
    assert_eq!(check(&shares, 3), Ok(vec![]));
    assert_eq!(check(&shares, 2), Ok(vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(check(&shares, 0), Err(Error::HolderOutOfRange));
    shares[5].pop();
    assert_eq!(check(&shares, 3), Ok(vec![5]));
    shares[1][0] ^= 1;
    shares.swap(2, 3);
    assert_eq!(check(&shares, 3), Ok(vec![1, 2, 3, 5]));
    assert_eq!(find_bad_shares(&four_parties(), 3, &[]), Ok(vec![]));
}

/// Two errors that cancel in the plain sum do not cancel in the weighted one.
#[test]
fn opposite_errors_do_not_hide_each_other() {
    let dealings = deal_all(2, 3, &keys(2));
    let first = shifted(&dealings[0].shares[0], 0, Scalar::ONE);
    let second = shifted(&dealings[1].shares[0], 0, -Scalar::ONE);
    let pairs = [
        (&dealings[0].commitments[..], &first[..]),
        (&dealings[1].commitments[..], &second[..]),
    ];
    assert_eq!(find_bad_shares(&four_parties(), 1, &pairs), Ok(vec![0, 1]));
}

/// A dealer of something that is not a key passes as a dealer, and is caught when the sum is read.
#[test]
fn a_dealt_non_key_is_refused() {
    let key = SecretKey::from_limbs(vec![255; DEGREE]);
    let (commitments, shares) = add_up(&deal_all(2, 2, &[key]));
    assert_eq!(
        verify_share(&four_parties(), &commitments, 1, &shares[0].1),
        Ok(())
    );
    assert_eq!(
        recover_from(1, 2, &shares),
        Err(Error::KeySumOutOfRange { coefficient: 0 })
    );
}

/// The shares of t - 1 holders fit every key: through them and any other secret goes a polynomial of degree t - 1.
#[test]
fn fewer_shares_than_the_threshold_fit_every_key() {
    let parameters = four_parties();
    let dealing = deal(&parameters, 3, 4, &SecretKey::generate(&[1; 32]), &[3; 32]).unwrap();
    let other = pack(&parameters, &SecretKey::generate(&[2; 32]));
    let known = [0, 1].map(|i| read_share(&parameters, &dealing.shares[i]).unwrap());
    let third = |component: usize| {
        // f(x) = s + b x + c x^2 through (1, y1) and (2, y2) with f(0) = s.
        let (s, y1, y2): (Scalar, Scalar, Scalar) =
            (other[component], known[0][component], known[1][component]);
        let c = (y2 - y1 - y1 + s) * Scalar::from(2_u64).invert();
        s + (y1 - s - c) * Scalar::from(3_u64) + c * Scalar::from(9_u64)
    };
    let blinding = Scalar::ZERO;
    let row: Vec<u8> = (0..parameters.key_scalars())
        .map(third)
        .chain([blinding])
        .flat_map(|scalar| scalar.to_bytes())
        .collect();
    let shares = [
        (1, dealing.shares[0].to_vec()),
        (2, dealing.shares[1].to_vec()),
        (3, row),
    ];
    assert_eq!(
        recover_from(1, 3, &shares).unwrap(),
        key_sum(&[SecretKey::generate(&[2; 32])])
    );
}

/// Single shares of the two most different keys are uniform: chi-square over the low four bits, 15 degrees of freedom.
#[test]
fn single_shares_look_the_same_for_every_key() {
    for limb in [0, 84] {
        let key = SecretKey::from_limbs(vec![limb; DEGREE]);
        let mut counts = [0_u32; 16];
        for seed in 0..8 {
            for share in &deal(&four_parties(), 2, 2, &key, &[seed; 32])
                .unwrap()
                .shares
            {
                share
                    .chunks(32)
                    .for_each(|scalar| counts[usize::from(scalar[0] & 15)] += 1);
            }
        }
        let expected = f64::from(counts.iter().sum::<u32>()) / 16.0;
        let chi: f64 = counts
            .iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum();
        assert!(chi < 45.0, "{chi}");
    }
}

#[test]
fn dealing_is_deterministic_and_bound_to_key_and_shape() {
    let parameters = four_parties();
    let [key, other] = [1, 2].map(|i| SecretKey::generate(&[i; 32]));
    let slope = |holders, key: &SecretKey| {
        let dealing = deal(&parameters, 2, holders, key, &[5; 32]).unwrap();
        let rows = [0, 1].map(|i| read_share(&parameters, &dealing.shares[i]).unwrap());
        rows[1][0] - rows[0][0]
    };
    assert_eq!(slope(3, &key), slope(3, &key));
    assert_ne!(slope(3, &key), slope(3, &other));
    assert_ne!(slope(3, &key), slope(4, &key));
}

/// The first commitment is the commitment crate's, to the packed key, under the interpolated blinding.
#[test]
fn the_constant_commitment_opens_to_the_packed_key() {
    let parameters = four_parties();
    let key = SecretKey::generate(&[1; 32]);
    let dealing = deal(&parameters, 2, 2, &key, &[2; 32]).unwrap();
    let rows = [0, 1].map(|i| read_share(&parameters, &dealing.shares[i]).unwrap());
    let last = parameters.key_scalars();
    let blinding = rows[0][last] + rows[0][last] - rows[1][last];
    let point = commit_scalars(&pack(&parameters, &key), &blinding).unwrap();
    assert_eq!(point.compress().as_bytes()[..], dealing.commitments[..32]);
}

#[test]
fn secrets_do_not_print() {
    let dealing = deal(
        &four_parties(),
        2,
        3,
        &SecretKey::generate(&[1; 32]),
        &[2; 32],
    )
    .unwrap();
    assert_eq!(format!("{dealing:?}"), "Dealing { holders: 3, .. }");
}
