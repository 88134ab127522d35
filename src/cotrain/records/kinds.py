"""The kinds of records and their fields, in the order in which a run produces them.

Each body is a frozen value with a closed set of fields; the protocol step that produces it is named in its
docstring (docs/spec/protocol.md). Hashes are 64 lower-case hexadecimal digits.
"""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Did = Annotated[str, Field(pattern=r"^did:key:z[1-9A-HJ-NP-Za-km-z]{40,60}$")]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RoundNumber = Annotated[int, Field(ge=0, lt=2**31)]
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Text = Annotated[str, Field(max_length=2000)]
AccountSignature = Annotated[str, Field(pattern=r"^[0-9a-f]{130}$")]
Score = Annotated[str, Field(pattern=r"^(0|-?[1-9][0-9]{0,18})$")]
Time = Annotated[int, Field(ge=0, lt=2**53)]


class Value(BaseModel):
    """A frozen value with a closed set of fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class BlobRef(Value):
    """A blob beside the ledger: its SHA-256 and its size in bytes."""

    sha256: Digest
    size: Annotated[int, Field(ge=0, lt=2**53)]


class Consent(Value):
    """What a party signs with its account to join on the contract (EIP-712; docs/spec/settlement.md).

    `signature` is under the consent; `permit`, where something is drawn from credits that the run itself
    issues, under an ERC-2612 permit; both hold until `deadline`.
    """

    signature: AccountSignature
    permit: AccountSignature | None
    deadline: Time


class Body(Value):
    """What a record says; each subclass is one kind.

    `FOR_RECEIVERS` names the blobs that only their receivers fetch; everybody else knows their size and hash.
    """

    KIND: ClassVar[str]
    FOR_RECEIVERS: ClassVar[frozenset[str]] = frozenset()


class AgreementBody(Body):
    """Step 1: the agreement, offered by the coordinator; its hash names the run.

    `base` is the file of the model that training begins with, if the agreement names one (docs/spec/base-model.md).
    """

    KIND: ClassVar[str] = "agreement"
    document: BlobRef
    base: BlobRef | None


class SignatureBody(Body):
    """Step 2: a party accepts the agreement.

    `sealing_key` is the X25519 public key to which key shares are sealed; `coin_commitment` binds the party
    to its part of the first beacon before it sees the parts of others. An owner, where the agreement asks for
    noise, also commits to the `noise_words` of its first submission, before their coins can be known; None else.
    Where a pool is divided by scores, `score_word` commits to the one word of its score's noise.
    A party without data joins on the contract with this record, if money is moved, by its `consent`.
    """

    KIND: ClassVar[str] = "signature"
    sealing_key: Key
    coin_commitment: Digest
    noise_words: BlobRef | None
    score_word: BlobRef | None
    consent: Consent | None


class DatasetBody(Body):
    """Step 3: a data owner registers its committed rows and reveals its coin.

    `proof` shows that the rows satisfy the schema; None if the agreement asks for no proofs. If money is moved,
    the owner joins on the contract with this dataset, by its `consent`.
    """

    KIND: ClassVar[str] = "dataset"
    root: Digest
    rows: Annotated[int, Field(ge=1, lt=2**31)]
    schema_hash: Digest
    commitments: BlobRef
    coin: Digest
    proof: BlobRef | None
    consent: Consent | None


class OpenBody(Body):
    """Step 4: the coordinator opens a round on the model that everybody can compute.

    Who may submit and who holds key shares is not said but follows from the ledger, so that nobody chooses it.
    """

    KIND: ClassVar[str] = "open"
    round: RoundNumber
    model: Digest
    beacon: Digest
    time: Annotated[int, Field(ge=0, lt=2**53)]


class SubmissionBody(Body):
    """Step 5: an owner's committed and encrypted update, and the shares of its one-round key.

    `proof` shows that the update is the agreed step on the registered rows with the agreed noise; None if the
    agreement asks for no proofs. `next_words` commits to the noise words of the owner's next submission; None
    without noise.
    """

    KIND: ClassVar[str] = "submission"
    FOR_RECEIVERS: ClassVar[frozenset[str]] = frozenset({"sealed_shares"})
    round: RoundNumber
    opening: Digest
    commitments: BlobRef
    ciphertext: BlobRef
    key_commitments: BlobRef
    sealed_shares: BlobRef
    next_words: BlobRef | None
    proof: BlobRef | None


class CloseBody(Body):
    """Step 6: the coordinator closes the round; the submissions logged so far are those that count.

    `submissions` is the SHA-256 over their digests in the order of the log.
    """

    KIND: ClassVar[str] = "close"
    round: RoundNumber
    submissions: Digest


class CheckBody(Body):
    """Step 7: a key holder has checked its shares; names the owners whose share is bad."""

    KIND: ClassVar[str] = "check"
    round: RoundNumber
    close: Digest
    complaints: list[Did]


class AnswerBody(Body):
    """Step 8: an accused owner publishes the disputed share, for everybody to check."""

    KIND: ClassVar[str] = "answer"
    round: RoundNumber
    holder: Did
    share: BlobRef


class SurvivorsBody(Body):
    """Step 9: the one set of submissions whose sum will be opened in this round.

    `excluded` are the owners whose share was bad and stayed so; `survivors` is the SHA-256 over the digests
    of the remaining submissions in the order of the log.
    """

    KIND: ClassVar[str] = "survivors"
    round: RoundNumber
    close: Digest
    excluded: list[Did]
    survivors: Digest


class ReleaseBody(Body):
    """Step 10: a key holder releases the sum of its shares for that one set."""

    KIND: ClassVar[str] = "release"
    round: RoundNumber
    survivors: Digest
    share: BlobRef


class ResultBody(Body):
    """Step 11: the opened sum, its blinding, the next model; everybody recomputes them."""

    KIND: ClassVar[str] = "result"
    round: RoundNumber
    survivors: Digest
    update_sum: BlobRef
    blinding_sum: BlobRef
    key_sum: BlobRef
    model: Digest
    weights: BlobRef


class AbortBody(Body):
    """A round, or the run, that could not go on, and why."""

    KIND: ClassVar[str] = "abort"
    round: RoundNumber
    code: Code
    reason: Text


class FinishBody(Body):
    """Step 12: the released model."""

    KIND: ClassVar[str] = "finish"
    rounds: RoundNumber
    model: BlobRef


class ScoreBody(Body):
    """After the last round: an owner releases the score of its updates, once, where a pool is divided by scores.

    `score` is an integer of 64 bits; `proof` shows that the committed updates and the committed word make it.
    """

    KIND: ClassVar[str] = "score"
    score: Score
    proof: BlobRef


class TallyBody(Body):
    """The coordinator closes the scores; everybody computes what they make of the pool.

    `scores` is the SHA-256 over the digests of their records in the order of the log; `payouts` the Merkle root over
    what each owner gets out of the pool.
    """

    KIND: ClassVar[str] = "tally"
    scores: Digest
    payouts: Digest


class RevocationBody(Body):
    """An owner withdraws its data from the next round on; where money is moved, also from the contract."""

    KIND: ClassVar[str] = "revocation"
    reason: Text
    signature: AccountSignature | None


class RemovalBody(Body):
    """Between rounds: an owner takes one row out of its registered dataset; from now on the row counts as zeros.

    `row` counts from 0. `point` replaces the commitment that the row is under, `root` is that of the dataset then.
    `proof` shows that nothing else changed; None if the agreement asks for no proofs.
    """

    KIND: ClassVar[str] = "removal"
    row: Annotated[int, Field(ge=0, lt=2**31)]
    point: Digest
    root: Digest
    proof: BlobRef | None


class ErasureBody(Body):
    """An owner says that it destroyed what it kept for the run: its word, not a proof (docs/spec/erasure.md).

    `dataset` is the root of its registration, None if it registered none.
    """

    KIND: ClassVar[str] = "erasure"
    dataset: Digest | None
    reason: Code
    destroyed: Annotated[list[Code], Field(max_length=16)]
    time: Time


class TransactionBody(Body):
    """A transaction that the coordinator is about to send to the contracts; `raw` is it, signed.

    With an anchor comes `checkpoint`: the coordinator's account signs which ledger it shows for that round, so that
    whoever is shown another one can have its stake slashed.
    """

    KIND: ClassVar[str] = "transaction"
    act: Code
    subject: Annotated[
        str, Field(pattern=r"^([A-Za-z]{0,40}|did:key:z[1-9A-HJ-NP-Za-km-z]{40,60})$")
    ]
    raw: BlobRef
    checkpoint: AccountSignature | None


class ReceiptBody(Body):
    """What the contracts answered to the transaction before it.

    `events` is the SHA-256 over what they told (`cotrain.settlement.history`); `state_root` is that of the run's own
    chain after the transaction, None on a chain that others use too.
    """

    KIND: ClassVar[str] = "receipt"
    transaction: Digest
    block: Annotated[int, Field(ge=0, lt=2**53)]
    time: Time
    succeeded: bool
    gas: Annotated[int, Field(ge=0, lt=2**53)]
    events: Digest
    state_root: Digest | None


class ApprovalBody(Body):
    """A party checked ledger and contracts after the last round, and signs the release of the money."""

    KIND: ClassVar[str] = "approval"
    signature: AccountSignature


class SuccessorBody(Body):
    """After the run: its chain goes on with the run of another agreement, and its own ledger takes no transaction more.

    `transactions` counts those of the chain so far, earlier runs included.
    """

    KIND: ClassVar[str] = "successor"
    run: Digest
    transactions: Annotated[int, Field(ge=1, lt=2**31)]


class RefusalBody(Body):
    """The coordinator did not log a signed record, and why; the refused bytes are kept as evidence."""

    KIND: ClassVar[str] = "refusal"
    author: Did
    refused: Code
    code: Code
    reason: Text
    evidence: BlobRef


BODIES: dict[str, type[Body]] = {
    body.KIND: body
    for body in (
        AgreementBody,
        SignatureBody,
        DatasetBody,
        OpenBody,
        SubmissionBody,
        CloseBody,
        CheckBody,
        AnswerBody,
        SurvivorsBody,
        ReleaseBody,
        ResultBody,
        AbortBody,
        FinishBody,
        ScoreBody,
        TallyBody,
        RevocationBody,
        RemovalBody,
        ErasureBody,
        TransactionBody,
        ReceiptBody,
        ApprovalBody,
        SuccessorBody,
        RefusalBody,
    )
}
