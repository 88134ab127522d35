"""Rules of the set-up: agreement, signatures, datasets, revocation (docs/spec/protocol.md, steps 1 to 3)."""

import hashlib
from functools import partial

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.commitment.pedersen import check_commitments
from cotrain.dataset.registration import DatasetLayout, dataset_root
from cotrain.encryption.sealing import check_public_key
from cotrain.records.kinds import (
    AgreementBody,
    BlobRef,
    Consent,
    DatasetBody,
    RevocationBody,
    SignatureBody,
)
from cotrain.records.record import Record
from cotrain.rounds.base import Base, check_base, decode_base, earlier_chain, terms_before
from cotrain.rounds.claims import RegistrationClaim
from cotrain.rounds.money import begin_funding
from cotrain.rounds.money_rules import check_consent, check_revocation
from cotrain.rounds.money_state import MoneyState
from cotrain.rounds.parts import check_proof, keep_words, read_words
from cotrain.rounds.plan import RunPlan
from cotrain.rounds.refusals import counted_already, expect, mismatch, not_allowed, out_of_turn
from cotrain.rounds.score_rules import keep_score_word, read_score_word
from cotrain.rounds.state import BlobSource, Change, Phase, Registration, RunState, first_beacon
from cotrain.settlement.terms import ContractTerms
from cotrain.training.step import initial_weights

TOO_LATE_TO_REVOKE = frozenset(
    {Phase.OFFER, Phase.SCORING, Phase.APPROVING, Phase.PAYING, Phase.FINISHED, Phase.ABORTED}
)


def coin_commitment(run: str, did: str, coin: str) -> str:
    """Return the commitment by which a signer binds itself to its coin (hex)."""
    preimage = b"cotrain/coin/1/" + bytes.fromhex(run) + did.encode() + b"/" + bytes.fromhex(coin)
    return hashlib.sha256(preimage).hexdigest()


def draws_noise(state: RunState, did: str) -> bool:
    """Return whether a party commits to noise words: a data owner, where the agreement asks for noise."""
    return state.derived.noise is not None and "data_owner" in state.terms.party(did).roles


def registration_claim(
    state: RunState, owner: str, rows: int, commitments: bytes
) -> RegistrationClaim:
    """Return what the proof of an owner's registration says."""
    context = b"cotrain/registration/1/" + bytes.fromhex(state.terms.digest) + owner.encode()
    return RegistrationClaim(state.terms.data_schema, rows, commitments, context)


def agreement_rule(
    state: RunState, record: Record, body: AgreementBody, blobs: BlobSource
) -> Change:
    """Step 1: the first entry; offered by the coordinator that it names, under its own hash."""
    if state.phase is not Phase.OFFER:
        raise out_of_turn(record, state.phase.value)
    agreement = decode_agreement(blobs(body.document))
    if record.run != agreement.digest:
        raise mismatch(record, "the run", record.run, agreement.digest)
    if record.author != agreement.coordinator.did:
        raise not_allowed(record, "the coordinator")
    plan = RunPlan.derive(agreement)
    base = _read_base(record, agreement, body.base, blobs)
    money = _begin_money(agreement, base)

    def change() -> None:
        state.agreement, state.plan, state.base = agreement, plan, base
        state.money = money
        state.weights = [initial_weights(plan.algorithm) if base is None else base.weights]
        state.phase = Phase.SIGNING

    return change


def _begin_money(agreement: Agreement, base: Base | None) -> MoneyState | None:
    if agreement.settlement is None:
        return None
    terms, earlier = ContractTerms.of(agreement), earlier_chain(agreement, base)
    return MoneyState(terms, earlier, terms_before(agreement, base))


def _read_base(
    record: Record, agreement: Agreement, ref: BlobRef | None, blobs: BlobSource
) -> Base | None:
    """Return the base model, if the agreement names one; the record brings exactly that one."""
    term = agreement.base_model
    expected = None if term is None else term.file
    expect(record, "base file", None if ref is None else ref.sha256, expected)
    if ref is None:
        return None
    base = decode_base(blobs(ref))
    check_base(agreement, base)
    return base


def signature_rule(
    state: RunState, record: Record, body: SignatureBody, blobs: BlobSource
) -> Change:
    """Step 2: each party signs once; an owner commits to its first noise words, if there is to be noise."""
    if state.phase is not Phase.SIGNING:
        raise out_of_turn(record, state.phase.value)
    state.terms.party(record.author)
    if record.author in state.sealing_keys:
        raise counted_already(record)
    # A key of low order would let every owner fail when it seals a share to this party.
    check_public_key(bytes.fromhex(body.sealing_key))
    due = draws_noise(state, record.author)
    words = read_words(state, record, body.noise_words, blobs, due=due)
    score_word = read_score_word(state, record, body.score_word, blobs)
    joins = "data_owner" not in state.terms.party(record.author).roles
    check_consent(state, record, body.consent, None, due=joins)

    def change() -> None:
        keep_consent(state, record.author, body.consent)
        keep_words(state, record.author, 0, words)
        keep_score_word(state, record.author, score_word)
        state.sealing_keys[record.author] = body.sealing_key
        state.coin_commitments[record.author] = body.coin_commitment
        if len(state.sealing_keys) == len(state.terms.parties):
            state.phase = Phase.REGISTERING

    return change


def dataset_rule(state: RunState, record: Record, body: DatasetBody, blobs: BlobSource) -> Change:
    """Step 3: each owner registers one dataset, with its proof, and reveals the coin it committed to."""
    if state.phase is not Phase.REGISTERING:
        raise out_of_turn(record, state.phase.value)
    if "data_owner" not in state.terms.party(record.author).roles:
        raise not_allowed(record, "a data owner")
    if record.author in state.datasets:
        raise counted_already(record)
    commitments = blobs(body.commitments)
    _check_dataset(state, record, body, commitments)
    claim = partial(registration_claim, state, record.author, body.rows, commitments)
    check_proof(state, record, body.proof, blobs, claim)
    check_consent(state, record, body.consent, body.root, due=True)
    registration = Registration(body.root, body.rows, body.coin, commitments)

    def change() -> None:
        state.datasets[record.author] = registration
        keep_consent(state, record.author, body.consent)
        if len(state.datasets) == len(state.terms.owners):
            state.beacon = first_beacon(state)
            begin_funding(state)

    return change


def revocation_rule(
    state: RunState, record: Record, body: RevocationBody, blobs: BlobSource
) -> Change:
    """At any time: an owner withdraws; it takes part in no round that opens later."""
    del blobs
    if state.phase in TOO_LATE_TO_REVOKE:
        raise out_of_turn(record, state.phase.value)
    if "data_owner" not in state.terms.party(record.author).roles:
        raise not_allowed(record, "a data owner")
    if record.author in state.revoked:
        raise counted_already(record)
    check_revocation(state, record, body.signature)

    def change() -> None:
        state.revoked.append(record.author)
        if state.money is not None and body.signature is not None:
            state.money.revocations[record.author] = body.signature

    return change


def keep_consent(state: RunState, did: str, consent: Consent | None) -> None:
    """Keep a party's signature for joining, if it brings one."""
    if state.money is not None and consent is not None:
        state.money.consents[did] = consent


def _check_dataset(state: RunState, record: Record, body: DatasetBody, commitments: bytes) -> None:
    schema = state.terms.data_schema
    schema_hash = schema.digest().hex()
    if body.schema_hash != schema_hash:
        raise mismatch(record, "the schema", body.schema_hash, schema_hash)
    if not schema.min_rows <= body.rows <= schema.max_rows:
        raise mismatch(record, "the rows", body.rows, f"{schema.min_rows} to {schema.max_rows}")
    layout = DatasetLayout(body.rows, schema.feature_count + 1)
    check_commitments(commitments, layout.points, 1)
    root = dataset_root(layout, body.schema_hash, commitments)
    if root != body.root:
        raise mismatch(record, "the root", body.root, root)
    if any(other.root == root for other in state.datasets.values()):
        raise mismatch(record, "the root", root, "a commitment that nobody registered before")
    expected = state.coin_commitments[record.author]
    found = coin_commitment(record.run, record.author, body.coin)
    if found != expected:
        raise mismatch(record, "the coin commitment", found, expected)
