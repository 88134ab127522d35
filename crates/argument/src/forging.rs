//! What each absorbed message is good for. With a transcript that leaves it out, a forger who knows the challenges
//! beforehand proves what is false; with the real transcript the same forgery is refused.
//!
//! The forger follows the protocol with a false witness, so that the last equation misses the identity by a point R. Then it
//! adds R, divided by the weight of one message in that equation, to that one message: nothing else has to change.

use std::collections::BTreeSet;

use cotrain_commitment::{blinding_generator, generators};
use cotrain_transcript::testing::{Rules, Said, under};
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use curve25519_dalek::{RistrettoPoint, Scalar};

use crate::field::{from_canonical, from_wide, to_bytes, to_scalar};
use crate::{Equation, FORMAT, Field, ProofError, Values, reduce, value_generator, verify};
use support::{Case, everything, four_small_entries, labels, transcript};

#[path = "../tests/support/mod.rs"]
mod support;

/// The labels of the elements of a proof, and the test that tampers with one of each.
///
/// A label that a verifier reads and that is not here, or the other way round, fails [`the_manifest_is_complete`].
const MANIFEST: [(&str, Tamper); 12] = [
    ("matrix", Tamper::Point),
    ("multiplicity", Tamper::Point),
    ("helper", Tamper::Point),
    ("sum", Tamper::Point),
    ("round", Tamper::Point),
    ("evaluation", Tamper::Point),
    ("product", Tamper::Point),
    ("product-mask", Tamper::Point),
    ("product-response", Tamper::ProductResponse),
    ("fold", Tamper::Point),
    ("mask", Tamper::Point),
    ("response", Tamper::Response),
];

/// How a label is tampered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tamper {
    /// [`a_false_statement_is_proven_if_a_label_is_left_out`].
    Point,
    /// [`product_responses_can_be_altered_if_they_are_left_out`].
    ProductResponse,
    /// [`a_false_product_response_is_made_good_if_the_responses_are_left_out`].
    Response,
}

impl Case {
    fn reduce(&self, proof: &[u8]) -> Result<Equation, ProofError> {
        reduce(&self.system, transcript(), &self.inputs(), proof)
    }
}

/// A system with every label, folding included, whose witness is true.
fn honest() -> Case {
    everything(65, 1024)
}

/// The same, with one square that is none.
fn lying() -> Case {
    let mut case = honest();
    if let Values::Small(squares) = &mut case.witness.witnesses[0] {
        squares[3] += 1;
    }
    case
}

/// The places of the elements under a label.
fn places(log: &[Said], label: &[u8]) -> Vec<usize> {
    let labels = labels(log).into_iter().enumerate();
    labels
        .filter(|(_, other)| *other == label)
        .map(|(place, _)| place)
        .collect()
}

fn all_drawn(log: &[Said], label: &[u8]) -> Vec<Field> {
    log.iter()
        .filter_map(|said| match said {
            Said::Drawn(other, bytes) if *other == label => Some(from_wide(bytes)),
            _ => None,
        })
        .collect()
}

/// The proof with the elements that were absorbed in the place of the prover's.
fn as_absorbed(proof: &[u8], log: &[Said]) -> Vec<u8> {
    let said = log.iter().filter_map(|said| match said {
        Said::Absorbed(_, message) if message.len() == 32 => Some(message.as_slice()),
        _ => None,
    });
    let elements: Vec<&[u8]> = said.collect();
    let forged = [&proof[..FORMAT.len()], &elements.concat()].concat();
    assert_eq!(forged.len(), proof.len());
    forged
}

fn element(proof: &[u8], place: usize) -> [u8; 32] {
    proof[FORMAT.len() + 32 * place..][..32].try_into().unwrap()
}

fn with_element(proof: &[u8], place: usize, bytes: &[u8; 32]) -> Vec<u8> {
    let mut other = proof.to_vec();
    other[FORMAT.len() + 32 * place..][..32].copy_from_slice(bytes);
    other
}

fn decode(bytes: &[u8]) -> RistrettoPoint {
    CompressedRistretto::from_slice(bytes)
        .unwrap()
        .decompress()
        .unwrap()
}

fn moved(bytes: &[u8], by: RistrettoPoint) -> [u8; 32] {
    (decode(bytes) + by).compress().to_bytes()
}

fn shifted(bytes: &[u8], by: Field) -> [u8; 32] {
    to_bytes(&(from_canonical(bytes.try_into().unwrap()).unwrap() + by))
}

/// By what the equation misses the identity.
fn residual(equation: &Equation) -> RistrettoPoint {
    let list = generators(equation.generators.len()).unwrap();
    let fixed = [value_generator(), blinding_generator()];
    let used = list.iter().take(equation.generators.len());
    let points = used
        .chain(&fixed)
        .chain(equation.points.iter().map(|(point, _)| point));
    let numbers = equation
        .generators
        .iter()
        .chain([&equation.value, &equation.blinding]);
    let numbers = numbers.chain(equation.points.iter().map(|(_, number)| number));
    let scalars: Vec<Scalar> = numbers.map(to_scalar).collect();
    RistrettoPoint::vartime_multiscalar_mul(&scalars, points)
}

/// The weight of a point of the proof or of an input in the equation.
fn weight(equation: &Equation, bytes: &[u8]) -> Field {
    let wanted = decode(bytes);
    let terms = equation.points.iter();
    terms
        .filter(|(point, _)| *point == wanted)
        .map(|(_, number)| *number)
        .sum()
}

/// What to add to a message of this weight so that the equation holds.
fn correction(equation: &Equation, bytes: &[u8]) -> RistrettoPoint {
    let inverse = to_scalar(&weight(equation, bytes)).invert();
    -(residual(equation) * inverse)
}

/// Prove with a false witness, then correct the element at `pick` among those under `label`.
fn forge(
    case: &Case,
    label: &[u8],
    pick: usize,
    rules: &dyn Fn() -> Rules,
) -> Result<(), ProofError> {
    let (proof, log) = under(rules(), || case.prove());
    let places = places(&log, label);
    let place = places[pick % places.len()];
    let equation = under(rules(), || case.reduce(&proof)).0.unwrap();
    assert!(!residual(&equation).is_identity(), "the statement is false");
    let old = element(&proof, place);
    let forged = with_element(&proof, place, &moved(&old, correction(&equation, &old)));
    under(rules(), || case.verify(&forged)).0
}

fn points() -> impl Iterator<Item = &'static str> {
    MANIFEST
        .iter()
        .filter(|(_, tamper)| *tamper == Tamper::Point)
        .map(|(label, _)| *label)
}

#[test]
fn the_manifest_is_complete() {
    let case = honest();
    let (proof, said) = under(Rules::default(), || case.prove());
    let (verdict, read) = under(Rules::default(), || case.verify(&proof));
    assert_eq!(verdict, Ok(()));
    let found: BTreeSet<&[u8]> = labels(&read).into_iter().collect();
    let listed: BTreeSet<&[u8]> = MANIFEST.iter().map(|(label, _)| label.as_bytes()).collect();
    assert_eq!(found, listed);
    // Both sides say the same, and all of it is in the proof.
    assert_eq!(said.len() + 1, read.len(), "the verifier draws omega");
    assert_eq!(said, read[..said.len()]);
    assert_eq!(labels(&read).len() * 32 + FORMAT.len(), proof.len());
}

#[test]
fn a_false_statement_is_proven_if_a_label_is_left_out() {
    let case = lying();
    for name in points() {
        let label = name.as_bytes();
        for pick in [0, 5] {
            let forgetful = forge(&case, label, pick, &|| Rules::default().ignoring(label));
            assert_eq!(forgetful, Ok(()), "{name} {pick}");
            let real = forge(&case, label, pick, &Rules::default);
            assert_eq!(real, Err(ProofError::False), "{name} {pick}");
        }
    }
}

#[test]
fn a_false_statement_is_proven_with_frozen_challenges() {
    let case = lying();
    for name in points() {
        let frozen = forge(&case, name.as_bytes(), 1, &|| Rules::default().frozen());
        assert_eq!(frozen, Ok(()), "{name}");
    }
    let proof = under(Rules::default().frozen(), || honest().prove()).0;
    let other = |rules: Rules, proof: &[u8]| {
        let mut transcript = cotrain_transcript::Transcript::new(b"cotrain/argument/1");
        transcript.absorb(b"statement", b"other");
        let case = honest();
        under(rules, || {
            verify(&case.system, transcript, &case.inputs(), proof)
        })
        .0
    };
    assert_eq!(other(Rules::default().frozen(), &proof), Ok(()));
    assert_eq!(
        other(Rules::default(), &honest().prove()),
        Err(ProofError::False)
    );
}

#[test]
fn an_input_can_be_replaced_if_it_is_left_out() {
    let forge = |input: usize, rules: &dyn Fn() -> Rules| {
        let mut case = lying();
        let (proof, _) = under(rules(), || case.prove());
        let equation = under(rules(), || case.reduce(&proof)).0.unwrap();
        let old: [u8; 32] = case.points[input][..32].try_into().unwrap();
        let new = moved(&old, correction(&equation, &old));
        case.points[input][..32].copy_from_slice(&new);
        under(rules(), || case.verify(&proof)).0
    };
    for input in [0, 1] {
        assert_eq!(
            forge(input, &|| Rules::default().ignoring(b"input")),
            Ok(())
        );
        assert_eq!(forge(input, &Rules::default), Err(ProofError::False));
    }
}

/// Other entries under the commitment, found when all challenges are known: 0..3 was proven, far larger numbers are there.
#[test]
fn an_input_that_is_left_out_can_be_exchanged_for_other_entries() {
    let forge = |rules: &dyn Fn() -> Rules| {
        let mut case = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
        let (proof, log) = under(rules(), || case.prove());
        let equation = under(rules(), || case.reduce(&proof)).0.unwrap();
        let omega = from_canonical(&equation.digest).unwrap();
        let products = places(&log, b"product").len();
        let last = crate::field::powers(omega, 2 * products + 1)[2 * products];
        let inverse = |number: Field| ark_ff::Field::inverse(&number).unwrap();
        // The point of step 10 is that of the last two rounds; entries d_0, d_1 with d_0 eq_0 + d_1 eq_1 = 0.
        let challenges = all_drawn(&log, b"r");
        let eq = crate::eq_table(&challenges[challenges.len() - 2..]);
        let other = [eq[1], -eq[0]];
        let factor = weight(&equation, &case.points[0]) * inverse(last); // e times the weight in P
        let mut forged = proof.clone();
        for (place, entry) in places(&log, b"response").into_iter().zip(other) {
            let bytes = shifted(&element(&forged, place), factor * entry);
            forged = with_element(&forged, place, &bytes);
        }
        let bases = generators(2).unwrap();
        let by = bases[0] * to_scalar(&other[0]) + bases[1] * to_scalar(&other[1]);
        case.points[0] = moved(&case.points[0], by).to_vec();
        under(rules(), || case.verify(&forged)).0
    };
    assert_eq!(forge(&|| Rules::default().ignoring(b"input")), Ok(()));
    assert_eq!(forge(&Rules::default), Err(ProofError::False));
}

#[test]
fn product_responses_can_be_altered_if_they_are_left_out() {
    let case = honest();
    let forge = |rules: &dyn Fn() -> Rules| {
        let (proof, log) = under(rules(), || case.prove());
        let equation = under(rules(), || case.reduce(&proof)).0.unwrap();
        let omega = from_canonical(&equation.digest).unwrap();
        let places = places(&log, b"product-response");
        // Equation 0 misses by -omega H, equation 1 by H: their sum with weights 1 and omega holds.
        let second = shifted(&element(&proof, places[1]), omega);
        let third = shifted(&element(&proof, places[2]), -Field::from(1_u64));
        let forged = with_element(&with_element(&proof, places[1], &second), places[2], &third);
        under(rules(), || case.verify(&forged)).0
    };
    assert_eq!(
        forge(&|| Rules::default().ignoring(b"product-response")),
        Ok(())
    );
    assert_eq!(forge(&Rules::default), Err(ProofError::False));
}

#[test]
fn a_false_product_response_is_made_good_if_the_responses_are_left_out() {
    let case = honest();
    let one = Field::from(1_u64);
    let forge = |label: Option<&'static [u8]>| {
        let rules = || label.map_or_else(Rules::default, |label| Rules::default().ignoring(label));
        // The prover says z2 + 1 for the first product and goes on honestly.
        let lie = rules().replacing(b"product-response", 1, move |message, _| {
            shifted(message, one).to_vec()
        });
        let (proof, log) = under(lie, || case.prove());
        let second = places(&log, b"product-response")[1];
        let proof = with_element(&proof, second, &shifted(&element(&proof, second), one));
        let equation = under(rules(), || case.reduce(&proof)).0.unwrap();
        assert_eq!(residual(&equation), -blinding_generator());
        let omega = from_canonical(&equation.digest).unwrap();
        let products = places(&log, b"product").len();
        let last = crate::field::powers(omega, 2 * products + 1)[2 * products];
        let place = *places(&log, b"response").last().unwrap();
        let by = -ark_ff::Field::inverse(&last).unwrap();
        let forged = with_element(&proof, place, &shifted(&element(&proof, place), by));
        under(rules(), || case.verify(&forged)).0
    };
    assert_eq!(forge(Some(b"response")), Ok(()));
    assert_eq!(forge(None), Err(ProofError::False));
}

/// With masks chosen after the challenge, a product's responses can be anything.
#[test]
fn product_masks_can_follow_false_responses_if_they_are_left_out() {
    let case = honest();
    let by = Field::from(5_u64);
    let forge = |label: Option<&'static [u8]>| {
        let rules = || label.map_or_else(Rules::default, |label| Rules::default().ignoring(label));
        let shift = move |message: &[u8], _: &[Said]| shifted(message, by).to_vec();
        let lie = rules().replacing(b"product-response", 1, shift).replacing(
            b"product-response",
            2,
            shift,
        );
        let (mut proof, log) = under(lie, || case.prove());
        for number in [1, 2] {
            let place = places(&log, b"product-response")[number];
            proof = with_element(&proof, place, &shifted(&element(&proof, place), by));
            let mask = places(&log, b"product-mask")[number - 1];
            let h = blinding_generator() * to_scalar(&by);
            proof = with_element(&proof, mask, &moved(&element(&proof, mask), h));
        }
        under(rules(), || case.verify(&proof)).0
    };
    assert_eq!(forge(Some(b"product-mask")), Ok(()));
    assert_eq!(forge(None), Err(ProofError::False));
}

/// Four small entries in rows of 16, and a table of 16 rows: places 4 to 15 of the input belong to nothing.
fn four_entries_of_sixteen() -> Case {
    let mut case = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    case.system.inputs[0].width = 16;
    case.system.table.values = (0..16).map(support::number).collect();
    case
}

/// The round polynomial of a vector that is 1 in one place alone, times `public`: its `c_0` and `c_2`.
fn lonely_round(public: &[Field], place: usize, earlier: &[Field]) -> [Field; 2] {
    let (one, mut table) = (Field::from(1_u64), public.to_vec());
    let mut weight = one;
    for r in earlier {
        let high = place & (table.len() / 2) != 0;
        weight *= if high { *r } else { one - r };
        crate::multilinear::bind(&mut table, *r);
    }
    let half = table.len() / 2;
    let inside = place & (half - 1);
    let (low, high) = (table[inside], table[inside + half]);
    if place & half == 0 {
        [weight * low, weight * (low - high)]
    } else {
        [Field::default(), weight * (high - low)]
    }
}

/// The public vector of the input's source: eq of the first two rounds, then powers of `beyond`.
fn public_vector(log: &[Said]) -> Vec<Field> {
    let beyond = crate::field::powers(all_drawn(log, b"beyond")[0], 16);
    let mut public = crate::eq_table(&all_drawn(log, b"r")[..2]);
    public.extend(&beyond[4..]);
    public
}

/// The input commits to one more entry, in place 9; rounds, evaluation and response are adapted.
#[test]
fn an_entry_beyond_the_places_of_an_input_is_refused_by_the_powers_of_beyond() {
    const PLACE: usize = 9;
    let forge = |rules: fn() -> Rules| {
        let mut case = four_entries_of_sixteen();
        let extra = generators(16).unwrap()[PLACE];
        case.points[0] = moved(&case.points[0], extra).to_vec();
        // Rounds of the domain: two of degree 3; of the table: four of degree 2; then four of step 10.
        let mut lie = rules();
        for number in 0..8 {
            let alter = move |message: &[u8], log: &[Said]| {
                let earlier = &all_drawn(log, b"r")[6..];
                let by = lonely_round(&public_vector(log), PLACE, earlier)[number % 2];
                moved(message, value_generator() * to_scalar(&by)).to_vec()
            };
            lie = lie.replacing(b"round", 14 + number, alter);
        }
        let alter = move |message: &[u8], log: &[Said]| {
            let by = crate::eq_table(&all_drawn(log, b"r")[6..])[PLACE];
            moved(message, value_generator() * to_scalar(&by)).to_vec()
        };
        let (proof, log) = under(lie.replacing(b"evaluation", 3, alter), || case.prove());
        let proof = as_absorbed(&proof, &log);
        let response = places(&log, b"response")[PLACE];
        let e = all_drawn(&log, b"opening")[0];
        let proof = with_element(&proof, response, &shifted(&element(&proof, response), e));
        under(rules(), || case.verify(&proof)).0
    };
    let zero = || Rules::default().fixing(b"beyond", [0; 64]);
    assert_eq!(forge(zero), Ok(()));
    assert_eq!(forge(Rules::default), Err(ProofError::False));
    // The system itself is proven honestly.
    let case = four_entries_of_sixteen();
    assert_eq!(case.verify(&case.prove()), Ok(()));
}

/// Secret number `number` that the prover of a case draws.
fn nth_secret(case: &Case, number: usize) -> Field {
    let mut transcript = transcript();
    for points in case.inputs() {
        transcript.absorb_long(b"input", points);
    }
    let witness = crate::prover::digest(&case.witness);
    let mut secrets = transcript.secrets(&witness[..], &[7; 32]);
    (0..=number)
        .map(|_| from_wide(&secrets.draw()))
        .last()
        .unwrap()
}

/// What the row of 3 adds to the sum over the table more than a row of 4 would.
fn excess(log: &[Said]) -> Field {
    let alpha = all_drawn(log, b"alpha")[0];
    let inverse = |row: u64| ark_ff::Field::inverse(&(alpha + Field::from(row))).unwrap();
    inverse(3) - inverse(4)
}

/// The helpers are true for a number 4 that the table does not have; their sum is said to be what the table gives. With lambda 0
/// nothing but the first constraint counts, so that the sum of the helpers is free.
#[test]
fn a_sum_that_is_not_the_sum_of_the_helpers_is_refused_by_the_total_constraint() {
    let forge = |rules: fn() -> Rules| {
        let mut case = four_small_entries([4, 0, 1, 1], [3, 0, 1, 1]);
        let table = case.system.table.clone();
        case.system.table.values[3] = support::number(4);
        let mut lie = rules().replacing(b"sum", 0, |message, log| {
            moved(message, value_generator() * to_scalar(&excess(log))).to_vec()
        });
        // After two rounds of the domain, of degree 3, the two of the table.
        for number in 0..4 {
            let alter = move |message: &[u8], log: &[Said]| {
                let counts = [1, 2, 0, 1].map(support::number);
                let earlier = &all_drawn(log, b"r")[2..];
                let by = excess(log) * lonely_round(&counts, 3, earlier)[number % 2];
                moved(message, value_generator() * to_scalar(&by)).to_vec()
            };
            lie = lie.replacing(b"round", 6 + number, alter);
        }
        let (proof, log) = under(lie, || case.prove());
        let proof = as_absorbed(&proof, &log);
        // The blinding of the multiplicities' value counts by the true table, in the second identity.
        let one = |label| all_drawn(&log, label)[0];
        let (c, r) = (one(b"scale"), all_drawn(&log, b"r"));
        let weight = one(b"opening") * c * c * c * one(b"theta") * r[2] * r[3] * excess(&log);
        let by = weight * nth_secret(&case, 16);
        let place = *places(&log, b"response").last().unwrap();
        let proof = with_element(&proof, place, &shifted(&element(&proof, place), by));
        case.system.table = table;
        under(rules(), || case.verify(&proof)).0
    };
    let zero = || Rules::default().fixing(b"lambda", [0; 64]);
    assert_eq!(forge(zero), Ok(()));
    assert_eq!(forge(Rules::default), Err(ProofError::False));
}

/// A prover that follows the protocol and cheats in one message: everything after it is honest.
#[test]
fn a_cheat_in_one_message_is_refused_though_the_challenges_follow_it() {
    let case = honest();
    for (name, _) in MANIFEST {
        let label = name.as_bytes();
        for (number, by) in [(0, value_generator()), (1, blinding_generator())] {
            let alter = move |message: &[u8]| match name {
                "response" | "product-response" => shifted(message, Field::from(1_u64)),
                _ => moved(message, by),
            };
            let lie = Rules::default()
                .replacing(label, number, move |message, _| alter(message).to_vec());
            let (proof, log) = under(lie, || case.prove());
            let Some(&place) = places(&log, label).get(number) else {
                continue;
            };
            let cheat = with_element(&proof, place, &alter(&element(&proof, place)));
            assert_eq!(
                case.verify(&cheat),
                Err(ProofError::False),
                "{name} {number}"
            );
        }
    }
}

#[test]
fn false_equations_that_cancel_are_refused_by_weights_that_depend_on_them() {
    let pair = |first: Field, second: Field| {
        let of = |blinding, seed| Equation {
            blinding,
            digest: [seed; 32],
            ..Equation::default()
        };
        [of(first, 1), of(second, 2)]
    };
    let one = Field::from(1_u64);
    let forge = |rules: fn() -> Rules| {
        let (verdict, log) = under(rules(), || Equation::check_all(&pair(one, one)));
        assert_eq!(verdict, Err(ProofError::False));
        let weights = all_drawn(&log, b"weight");
        let cancelling = pair(weights[1], -weights[0]);
        under(rules(), || Equation::check_all(&cancelling)).0
    };
    assert_eq!(forge(|| Rules::default().ignoring(b"proof")), Ok(()));
    // The digest is a challenge of the whole proof: another blinding, another digest.
    let (_, log) = under(Rules::default(), || Equation::check_all(&pair(one, one)));
    let weights = all_drawn(&log, b"weight");
    let mut cancelling = pair(weights[1], -weights[0]);
    cancelling[1].digest = [3; 32];
    assert_eq!(Equation::check_all(&cancelling), Err(ProofError::False));
    cancelling[1].digest = [2; 32];
    cancelling[0].digest = [3; 32];
    assert_eq!(Equation::check_all(&cancelling), Err(ProofError::False));
    assert_eq!(Equation::check_all(&[]), Ok(()));
}

#[test]
fn challenges_that_cannot_be_inverted_are_refused() {
    let case = honest();
    let small = four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]);
    let bytes = |number: Field| {
        let mut wide = [0; 64];
        wide[..32].copy_from_slice(&to_bytes(&number));
        wide
    };
    // alpha + 2 is 0 for the row 2 of the table.
    let alpha = || Rules::default().fixing(b"alpha", bytes(-Field::from(2_u64)));
    let proof = under(alpha(), || small.prove()).0;
    let verdict = under(alpha(), || small.verify(&proof)).0;
    assert_eq!(verdict, Err(ProofError::Challenge));
    let fold = || Rules::default().fixing(b"fold", [0; 64]);
    let proof = case.prove();
    let verdict = under(fold(), || case.verify(&proof)).0;
    assert_eq!(verdict, Err(ProofError::Challenge));
    let prove = || {
        let inputs = case.inputs();
        crate::prove(&case.system, transcript(), &inputs, &case.witness, &[7; 32])
    };
    let refusal = crate::WitnessError::System(ProofError::Challenge);
    assert_eq!(under(fold(), prove).0, Err(refusal));
}

#[test]
fn every_challenge_after_a_message_depends_on_it_and_none_before() {
    let case = honest();
    let (proof, _) = under(Rules::default(), || case.prove());
    let (_, log) = under(Rules::default(), || case.verify(&proof));
    let names = labels(&log);
    let mut seen = BTreeSet::new();
    for (place, label) in names.iter().enumerate() {
        // The first and the last of each label.
        let last = names.get(place + 1) != Some(label);
        if !seen.insert(*label) && !last {
            continue;
        }
        let old = element(&proof, place);
        let new = if label.ends_with(b"response") {
            shifted(&old, Field::from(1_u64))
        } else {
            moved(&old, blinding_generator())
        };
        let (_, other) = under(Rules::default(), || {
            case.reduce(&with_element(&proof, place, &new))
        });
        let start = log
            .iter()
            .position(|said| matches!(said, Said::Absorbed(_, message) if *message == old))
            .unwrap();
        for (index, (mine, theirs)) in log.iter().zip(&other).enumerate() {
            if let (Said::Drawn(..), true) = (mine, index > start) {
                assert_ne!(mine, theirs, "challenge {index} after element {place}");
            } else if index != start {
                assert_eq!(mine, theirs, "message {index}, element {place}");
            }
        }
    }
}

#[test]
fn every_point_of_a_proof_and_of_its_inputs_counts() {
    for case in [
        four_small_entries([3, 0, 1, 1], [3, 0, 1, 1]),
        everything(5, 16),
        honest(),
    ] {
        let (proof, log) = under(Rules::default(), || case.prove());
        let equation = case.reduce(&proof).unwrap();
        for (place, label) in labels(&log).into_iter().enumerate() {
            if !label.ends_with(b"response") {
                let counts = weight(&equation, &element(&proof, place)) != Field::default();
                assert!(counts, "element {place}");
            }
        }
        for encoding in case.points.iter().flat_map(|points| points.chunks(32)) {
            assert_ne!(weight(&equation, encoding), Field::default());
        }
    }
}
