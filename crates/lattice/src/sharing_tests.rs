//! The whole life of shares: deal, check, add, rebuild.

use cotrain_commitment::commit_scalars;
use curve25519_dalek::Scalar;

use crate::committee::read_share;
use crate::{
    Committee, Dealing, Error, Parameters, SecretKey, check_commitments, deal, recover,
    sum_commitments, sum_shares, verify_share, verify_shares,
};

fn setup(threshold: u32, holders: u32) -> (Parameters, Committee) {
    (
        Parameters::derive(4, 65_535).unwrap(),
        Committee::new(threshold, holders).unwrap(),
    )
}

fn keys(count: u8) -> Vec<SecretKey> {
    (0..count).map(|i| SecretKey::generate(&[i; 32])).collect()
}

fn deal_all(parameters: &Parameters, committee: Committee, keys: &[SecretKey]) -> Vec<Dealing> {
    (0..)
        .zip(keys)
        .map(|(i, key)| deal(parameters, committee, key, &[100 + i; 32]).unwrap())
        .collect()
}

/// The summed commitments, and each holder's summed shares.
fn add_up(
    parameters: &Parameters,
    committee: Committee,
    dealings: &[Dealing],
) -> (Vec<u8>, Vec<(u32, Vec<u8>)>) {
    let commitments: Vec<&[u8]> = dealings.iter().map(|d| d.commitments.as_slice()).collect();
    let of_holder = |holder: u32| -> Vec<u8> {
        let shares: Vec<&[u8]> = dealings
            .iter()
            .map(|d| d.shares[holder as usize - 1].as_slice())
            .collect();
        sum_shares(parameters, &shares).unwrap().to_vec()
    };
    let sums = (1..=committee.holders())
        .map(|holder| (holder, of_holder(holder)))
        .collect();
    (sum_commitments(committee, &commitments).unwrap(), sums)
}

fn as_slices(shares: &[(u32, Vec<u8>)]) -> Vec<(u32, &[u8])> {
    shares
        .iter()
        .map(|(holder, share)| (*holder, share.as_slice()))
        .collect()
}

fn key_sum(keys: &[SecretKey]) -> Vec<i32> {
    (0..crate::DEGREE)
        .map(|i| keys.iter().map(|key| i32::from(key.limbs()[i]) - 42).sum())
        .collect()
}

#[test]
fn any_threshold_of_holders_rebuild_the_sum_and_fewer_do_not() {
    let (parameters, committee) = setup(3, 5);
    let keys = keys(4);
    let (commitments, shares) = add_up(
        &parameters,
        committee,
        &deal_all(&parameters, committee, &keys),
    );
    for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        let picked: Vec<_> = chosen.iter().map(|&i| shares[i].clone()).collect();
        let recovery =
            recover(&parameters, committee, &commitments, 4, &as_slices(&picked)).unwrap();
        assert_eq!(recovery.key_sum, key_sum(&keys));
        assert!(recovery.bad_holders.is_empty());
    }
    let two = recover(
        &parameters,
        committee,
        &commitments,
        4,
        &as_slices(&shares[..2]),
    );
    assert_eq!(
        two,
        Err(Error::TooFewShares {
            good: 2,
            needed: 3,
            bad: vec![]
        })
    );
}

#[test]
fn a_bad_sum_of_shares_is_named_and_does_not_stop_the_rest() {
    let (parameters, committee) = setup(3, 5);
    let keys = keys(2);
    let (commitments, mut shares) = add_up(
        &parameters,
        committee,
        &deal_all(&parameters, committee, &keys),
    );
    shares[1].1[40] ^= 1;
    shares[3].1.truncate(31);
    let recovery = recover(&parameters, committee, &commitments, 2, &as_slices(&shares)).unwrap();
    assert_eq!(
        (recovery.key_sum, recovery.bad_holders),
        (key_sum(&keys), vec![2, 4])
    );
    let few = recover(
        &parameters,
        committee,
        &commitments,
        2,
        &as_slices(&shares[..4]),
    );
    assert_eq!(
        few,
        Err(Error::TooFewShares {
            good: 2,
            needed: 3,
            bad: vec![2, 4]
        })
    );
}

#[test]
fn every_component_of_a_share_is_checked() {
    let (parameters, committee) = setup(2, 3);
    let dealing = deal(&parameters, committee, &keys(1)[0], &[9; 32]).unwrap();
    let check = |holder, share: &[u8]| {
        verify_share(&parameters, committee, &dealing.commitments, holder, share)
    };
    assert_eq!(check(1, &dealing.shares[0]), Ok(()));
    assert_eq!(check(2, &dealing.shares[0]), Err(Error::ShareDoesNotFit));
    for component in 0..=parameters.key_scalars() {
        let mut bad = dealing.shares[0].to_vec();
        let encoding = &mut bad[component * 32..component * 32 + 32];
        let value = Scalar::from_canonical_bytes(encoding.try_into().unwrap()).unwrap();
        encoding.copy_from_slice((value + Scalar::ONE).as_bytes());
        assert_eq!(check(1, &bad), Err(Error::ShareDoesNotFit));
        bad[component * 32..component * 32 + 32].fill(0xff);
        assert_eq!(check(1, &bad), Err(Error::ShareNotCanonical { component }));
    }
}

#[test]
fn malformed_input_is_refused() {
    let (parameters, committee) = setup(2, 3);
    let dealing = deal(&parameters, committee, &keys(1)[0], &[9; 32]).unwrap();
    let (good, share) = (&dealing.commitments[..], &dealing.shares[0][..]);
    let check = |commitments: &[u8], holder, share: &[u8]| {
        verify_share(&parameters, committee, commitments, holder, share)
    };
    let mut off = good.to_vec();
    off[32..].fill(0xff);
    assert_eq!(check(good, 0, share), Err(Error::HolderOutOfRange));
    assert_eq!(check(good, 4, share), Err(Error::HolderOutOfRange));
    assert_eq!(
        check(&off, 1, share),
        Err(Error::CommitmentNotCanonical { index: 1 })
    );
    assert_eq!(
        check_commitments(committee, &off),
        Err(Error::CommitmentNotCanonical { index: 1 })
    );
    assert_eq!(
        check_commitments(committee, &good[1..]),
        Err(Error::CommitmentsLength)
    );
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
    let recover = |summands, shares: &[(u32, &[u8])]| {
        recover(&parameters, committee, good, summands, shares).err()
    };
    assert_eq!(
        recover(1, &[(1, share), (1, share)]),
        Some(Error::HolderTwice { holder: 1 })
    );
    assert_eq!(recover(1, &[(7, share)]), Some(Error::HolderOutOfRange));
    assert_eq!(recover(0, &[(1, share)]), Some(Error::SummandsOutOfRange));
    assert_eq!(recover(5, &[(1, share)]), Some(Error::SummandsOutOfRange));
    assert_eq!(sum_shares(&parameters, &[]), Err(Error::NothingToSum));
    assert_eq!(sum_commitments(committee, &[]), Err(Error::NothingToSum));
}

#[test]
fn a_batch_finds_exactly_the_bad_dealers() {
    let (parameters, committee) = setup(2, 3);
    let dealings = deal_all(&parameters, committee, &keys(6));
    let mut shares: Vec<Vec<u8>> = dealings.iter().map(|d| d.shares[2].to_vec()).collect();
    let check = |shares: &[Vec<u8>], holder| {
        let pairs: Vec<(&[u8], &[u8])> = dealings
            .iter()
            .zip(shares)
            .map(|(d, share)| (d.commitments.as_slice(), share.as_slice()))
            .collect();
        verify_shares(&parameters, committee, holder, &pairs)
    };
    assert_eq!(check(&shares, 3), Ok(vec![]));
    assert_eq!(check(&shares, 2), Ok(vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(check(&shares, 4), Err(Error::HolderOutOfRange));
    shares[5].pop();
    assert_eq!(check(&shares, 3), Ok(vec![5]));
    shares[1][0] ^= 1;
    shares.swap(2, 3);
    assert_eq!(check(&shares, 3), Ok(vec![1, 2, 3, 5]));
    assert_eq!(verify_shares(&parameters, committee, 3, &[]), Ok(vec![]));
}

/// Two errors that cancel in the plain sum do not cancel in the weighted one.
#[test]
fn opposite_errors_do_not_hide_each_other() {
    let (parameters, committee) = setup(2, 3);
    let dealings = deal_all(&parameters, committee, &keys(2));
    let shifted = |share: &[u8], by: Scalar| {
        let mut bytes = share.to_vec();
        let value = Scalar::from_canonical_bytes(bytes[..32].try_into().unwrap()).unwrap();
        bytes[..32].copy_from_slice((value + by).as_bytes());
        bytes
    };
    let first = shifted(&dealings[0].shares[0], Scalar::ONE);
    let second = shifted(&dealings[1].shares[0], -Scalar::ONE);
    let pairs = [
        (&dealings[0].commitments[..], &first[..]),
        (&dealings[1].commitments[..], &second[..]),
    ];
    assert_eq!(
        verify_shares(&parameters, committee, 1, &pairs),
        Ok(vec![0, 1])
    );
}

/// A dealer of something that is not a key is caught when the sum is read, whatever passes for its shares.
#[test]
fn a_dealt_non_key_is_refused() {
    let (parameters, committee) = setup(2, 2);
    let key = SecretKey::from_limbs(vec![255; crate::DEGREE]);
    let (commitments, shares) = add_up(
        &parameters,
        committee,
        &[deal(&parameters, committee, &key, &[1; 32]).unwrap()],
    );
    let recovery = recover(&parameters, committee, &commitments, 1, &as_slices(&shares));
    assert_eq!(recovery, Err(Error::KeySumOutOfRange { coefficient: 0 }));
}

/// The shares of t - 1 holders fit every key: through them and any other secret goes a polynomial of degree t - 1.
#[test]
fn fewer_shares_than_the_threshold_fit_every_key() {
    let (parameters, committee) = setup(3, 4);
    let [first, other] = [1, 2].map(|i| SecretKey::generate(&[i; 32]));
    let dealing = deal(&parameters, committee, &first, &[3; 32]).unwrap();
    let known: Vec<_> = [0, 1]
        .map(|i| read_share(&parameters, &dealing.shares[i]).unwrap())
        .into();
    let secret = crate::limbs::pack(&parameters, &other);
    for component in 0..parameters.key_scalars() {
        // f(x) = s + b x + c x^2 through (1, y1) and (2, y2): always solvable, since 2 is invertible.
        let (s, y1, y2) = (secret[component], known[0][component], known[1][component]);
        let c = (y2 - y1 - y1 + s) * Scalar::from(2_u64).invert();
        let b = y1 - s - c;
        assert_eq!(s + b + c, y1);
        assert_eq!(s + b * Scalar::from(2_u64) + c * Scalar::from(4_u64), y2);
    }
}

/// Shares of two fixed keys have the same distribution: chi-square over the low four bits of many dealings.
#[test]
fn single_shares_look_the_same_for_every_key() {
    let (parameters, committee) = setup(2, 2);
    for limb in [0, 84] {
        let key = SecretKey::from_limbs(vec![limb; crate::DEGREE]);
        let mut counts = [0_u32; 16];
        for seed in 0..4_u8 {
            for share in &deal(&parameters, committee, &key, &[seed; 32])
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
fn dealing_is_deterministic_and_bound_to_key_and_committee() {
    let (parameters, committee) = setup(2, 3);
    let [key, other] = [1, 2].map(|i| SecretKey::generate(&[i; 32]));
    let blinding = |committee: Committee, key: &SecretKey| {
        let dealing = deal(&parameters, committee, key, &[5; 32]).unwrap();
        let rows = [0, 1].map(|i| read_share(&parameters, &dealing.shares[i]).unwrap());
        rows[1][parameters.key_scalars()] - rows[0][parameters.key_scalars()]
    };
    assert_eq!(blinding(committee, &key), blinding(committee, &key));
    assert_ne!(blinding(committee, &key), blinding(committee, &other));
    assert_ne!(
        blinding(committee, &key),
        blinding(Committee::new(2, 4).unwrap(), &key)
    );
}

/// The commitments are those of the commitment crate, to the packed key, under the interpolated blinding.
#[test]
fn the_constant_commitment_opens_to_the_packed_key() {
    let (parameters, committee) = setup(2, 2);
    let key = SecretKey::generate(&[1; 32]);
    let dealing = deal(&parameters, committee, &key, &[2; 32]).unwrap();
    let rows = [0, 1].map(|i| read_share(&parameters, &dealing.shares[i]).unwrap());
    let last = parameters.key_scalars();
    let blinding = rows[0][last] + rows[0][last] - rows[1][last];
    let point = commit_scalars(&crate::limbs::pack(&parameters, &key), &blinding).unwrap();
    assert_eq!(point.compress().as_bytes()[..], dealing.commitments[..32]);
}

#[test]
fn secrets_do_not_print() {
    let (parameters, committee) = setup(2, 3);
    let dealing = deal(
        &parameters,
        committee,
        &SecretKey::generate(&[1; 32]),
        &[2; 32],
    )
    .unwrap();
    assert_eq!(format!("{dealing:?}"), "Dealing { holders: 3, .. }");
}
