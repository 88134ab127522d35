use super::*;
use crate::parameters::MODULUS;

const CONTEXT: &[u8] = b"agreement, round 7";

/// The sum of keys, by their coefficients.
fn add_keys(keys: &[SecretKey]) -> Vec<i32> {
    let coefficient = |i: usize| keys.iter().map(|key| i32::from(key.limbs()[i]) - 42).sum();
    (0..DEGREE).map(coefficient).collect()
}

fn seed(party: u32, purpose: u8) -> [u8; 32] {
    let mut seed = [purpose; 32];
    seed[..4].copy_from_slice(&party.to_le_bytes());
    seed
}

fn message(parameters: &Parameters, party: u32, fields: usize) -> Vec<u64> {
    let modulus = parameters.max_field() + 1;
    (0..fields as u64)
        .map(|i| (i * i * 31 + u64::from(party) * 977 + i) % modulus)
        .collect()
}

/// Encrypt, add and open; the opened sums and the sums in clear.
fn run(parameters: &Parameters, parties: u32, fields: usize) -> (Vec<u64>, Vec<u64>) {
    let mut keys: Vec<_> = (0..parties)
        .map(|i| SecretKey::generate(&seed(i, 1)))
        .collect();
    let messages: Vec<_> = (0..parties)
        .map(|i| message(parameters, i, fields))
        .collect();
    let mut total: Option<Vec<u8>> = None;
    for (party, (key, fields)) in (0..).zip(keys.iter_mut().zip(&messages)) {
        let next = encrypt(parameters, fields, key, CONTEXT, &seed(party, 2)).unwrap();
        total = Some(match total {
            None => next,
            Some(sum) => sum_ciphertexts(parameters, fields.len(), &[&sum, &next]).unwrap(),
        });
    }
    let opened = open_total(
        parameters,
        fields,
        &total.unwrap(),
        parties,
        &add_keys(&keys),
        CONTEXT,
    )
    .unwrap();
    (
        opened,
        (0..fields)
            .map(|i| messages.iter().map(|m| m[i]).sum())
            .collect(),
    )
}

#[test]
fn sums_are_exact() {
    for (parties, max_field, fields) in [
        (1, 1, 1),
        (2, 255, 100),
        (4, 1 << 18, 9000),
        (10, 65_535, 4097),
        (1000, 65_535, 65),
    ] {
        let (opened, exact) = run(
            &Parameters::derive(parties, max_field).unwrap(),
            parties,
            fields,
        );
        assert_eq!(opened, exact, "{parties} parties, fields up to {max_field}");
    }
}

#[test]
fn fewer_parties_than_agreed_open_too() {
    let (opened, exact) = run(&Parameters::derive(10, 65_535).unwrap(), 3, 500);
    assert_eq!(opened, exact);
}

/// The largest keys, errors and messages at once, each in both signs, still open exactly.
#[test]
fn the_worst_case_is_exact() {
    for (parties, max_field) in [
        (1, 1),
        (2, 65_535),
        (4, 1 << 18),
        (10, 70_000),
        (1000, 100_000),
    ] {
        let parameters = Parameters::derive(parties, max_field).unwrap();
        for (limb, error, field) in [
            (0, 0, 0),
            (84, 84, max_field),
            (0, 84, max_field),
            (84, 0, 0),
            (84, 0, max_field),
        ] {
            let multiplier = SecretKey::from_limbs(vec![limb; DEGREE]).multiplier();
            let product = mask_product(&mask_streams(CONTEXT), 0, &multiplier);
            let plain = vec![field; parameters.fields_per_coefficient()];
            let mut total = vec![0; parameters.ciphertext_bytes(plain.len() * DEGREE)];
            let sums = product.iter().map(|&product| {
                let one = mask(&parameters, product, error, join(&parameters, &plain));
                (0..parties).fold(0, |sum, _| add(sum, one))
            });
            write(sums, &mut total);
            let key_sum = vec![(i32::from(limb) - 42) * i32::try_from(parties).unwrap(); DEGREE];
            let opened = open_total(
                &parameters,
                plain.len() * DEGREE,
                &total,
                parties,
                &key_sum,
                CONTEXT,
            )
            .unwrap();
            assert!(opened.iter().all(|&sum| sum == field * u64::from(parties)));
        }
    }
}

/// One unit beyond the worst case is refused, on both sides.
#[test]
fn an_error_beyond_the_bound_is_refused() {
    let parameters = Parameters::derive(4, 1 << 18).unwrap();
    let modulus = parameters.plaintext_modulus();
    let top = 42 * 4 * modulus + modulus - 1;
    assert_eq!(remove_error(&parameters, 4, top), Some(modulus - 1));
    assert_eq!(remove_error(&parameters, 4, top + 1), None);
    assert_eq!(
        remove_error(&parameters, 4, MODULUS - 42 * 4 * modulus),
        Some(0)
    );
    assert_eq!(
        remove_error(&parameters, 4, MODULUS - 42 * 4 * modulus - 1),
        None
    );
    assert_eq!(remove_error(&parameters, 3, top), None);
}

#[test]
fn a_field_beyond_the_bound_is_refused() {
    let parameters = Parameters::derive(4, 100).unwrap();
    let mut total = vec![0; parameters.ciphertext_bytes(1)];
    let open = |total: &[u8], summands| {
        open_total(&parameters, 1, total, summands, &add_keys(&[]), CONTEXT)
    };
    for (sum, summands, good) in [
        (400, 4, true),
        (300, 3, true),
        (301, 3, false),
        (401, 4, false),
    ] {
        write([sum].into_iter(), &mut total);
        assert_eq!(open(&total, summands).is_ok(), good);
    }
}

#[test]
fn wrong_key_context_or_order_is_detected() {
    let parameters = Parameters::derive(4, 1 << 18).unwrap();
    let count = 5 * DEGREE;
    let fields = message(&parameters, 0, count);
    let mut key = SecretKey::generate(&[1; 32]);
    let bytes = encrypt(&parameters, &fields, &mut key, CONTEXT, &[2; 32]).unwrap();
    let good = add_keys(&[key]);
    assert_eq!(
        open_total(&parameters, count, &bytes, 1, &good, CONTEXT).unwrap(),
        fields
    );
    let mut near = good.clone();
    near[17] += if near[17] == 42 { -1 } else { 1 };
    let other = add_keys(&[SecretKey::generate(&[3; 32])]);
    for wrong in [near, other] {
        assert!(matches!(
            open_total(&parameters, count, &bytes, 1, &wrong, CONTEXT),
            Err(Error::ErrorTooLarge { .. })
        ));
    }
    assert!(matches!(
        open_total(&parameters, count, &bytes, 1, &good, b"agreement, round 8"),
        Err(Error::ErrorTooLarge { .. })
    ));
    let mut swapped = bytes.clone();
    swapped[..2 * BLOCK_BYTES].rotate_left(BLOCK_BYTES);
    assert!(matches!(
        open_total(&parameters, count, &swapped, 1, &good, CONTEXT),
        Err(Error::ErrorTooLarge { .. })
    ));
}

#[test]
fn key_sums_out_of_range_are_refused() {
    let parameters = Parameters::derive(2, 10).unwrap();
    let total = vec![0; parameters.ciphertext_bytes(1)];
    let open =
        |summands, key_sum: &[i32]| open_total(&parameters, 1, &total, summands, key_sum, CONTEXT);
    let mut key_sum = vec![0; DEGREE];
    assert_eq!(open(2, &key_sum), Ok(vec![0]));
    assert_eq!(open(0, &key_sum), Err(Error::SummandsOutOfRange));
    assert_eq!(open(3, &key_sum), Err(Error::SummandsOutOfRange));
    assert_eq!(
        open(2, &key_sum[1..]),
        Err(Error::KeySumOutOfRange {
            coefficient: DEGREE
        })
    );
    for entry in [85, -85, i32::MIN, i32::MAX] {
        key_sum[9] = entry;
        assert_eq!(
            open(2, &key_sum),
            Err(Error::KeySumOutOfRange { coefficient: 9 })
        );
    }
}

#[test]
fn a_key_encrypts_once_and_bad_messages_do_not_use_it() {
    let parameters = Parameters::derive(4, 10).unwrap();
    let mut key = SecretKey::generate(&[1; 32]);
    let mut go = |fields: &[u64]| encrypt(&parameters, fields, &mut key, CONTEXT, &[2; 32]);
    assert_eq!(go(&[]), Err(Error::NoFields));
    assert_eq!(go(&[10, 11]), Err(Error::FieldOutOfRange { field: 1 }));
    let bytes = go(&[10]).unwrap();
    assert_eq!(go(&[10]), Err(Error::KeyAlreadyUsed));
    let again = encrypt(
        &parameters,
        &[10],
        &mut SecretKey::generate(&[1; 32]),
        CONTEXT,
        &[2; 32],
    );
    assert_eq!(again.unwrap(), bytes);
}

#[test]
fn every_flipped_bit_is_seen() {
    let parameters = Parameters::derive(4, 1 << 18).unwrap();
    let mut key = SecretKey::generate(&[5; 32]);
    let fields = message(&parameters, 1, 7);
    let bytes = encrypt(&parameters, &fields, &mut key, CONTEXT, &[6; 32]).unwrap();
    let key_sum = add_keys(&[key]);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(
            open_total(&parameters, 7, &bad, 1, &key_sum, CONTEXT).as_ref(),
            Ok(&fields),
            "bit {bit}"
        );
    }
}

#[test]
fn errors_count_coefficients_from_the_start() {
    let parameters = Parameters::derive(4, 1 << 18).unwrap();
    let fields = 2 * DEGREE + 10;
    let mut bytes = vec![0; parameters.ciphertext_bytes(fields)];
    assert_eq!(check_ciphertext(&parameters, fields, &bytes), Ok(()));
    let last = bytes.split_off(BLOCK_BYTES);
    let mut tail = vec![0; last.len()];
    write([0, 0, MODULUS, 0, 0].into_iter(), &mut tail);
    bytes.extend(tail);
    let expected = Error::CoefficientNotCanonical {
        coefficient: DEGREE + 2,
    };
    assert_eq!(
        check_ciphertext(&parameters, fields, &bytes),
        Err(expected.clone())
    );
    assert_eq!(
        sum_ciphertexts(&parameters, fields, &[&bytes]),
        Err(expected)
    );
}
