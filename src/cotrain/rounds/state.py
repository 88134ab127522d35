"""What everybody who reads the ledger knows: the state of a run.

`RunState` is a fold over the entries of the ledger in their order. Parties, coordinator and auditor run the
same fold, so a rule is written once (`cotrain.rounds.rules`) and enforced by each of them for itself.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from cotrain.agreement.document import Agreement
from cotrain.contribution.payouts import PoolPart
from cotrain.errors import ForgeryError
from cotrain.ledger.tree import Frontier
from cotrain.records.kinds import BlobRef
from cotrain.rounds.base import Base
from cotrain.rounds.claims import ProofCheck, ProofVerifier
from cotrain.rounds.money_state import MoneyState
from cotrain.rounds.plan import RunPlan
from cotrain.training.gradient import Weights

BlobSource = Callable[[BlobRef], bytes]
Change = Callable[[], None]


class Phase(Enum):
    """What the run waits for."""

    OFFER = "an agreement"
    SIGNING = "signatures"
    REGISTERING = "datasets"
    FUNDING = "the contracts, and everybody's joining"
    BETWEEN = "the next round"
    SUBMITTING = "submissions"
    CHECKING = "checks of key shares"
    RELEASING = "released key shares"
    ANCHORING = "the anchor of the round"
    SCORING = "scores of the owners' contributions"
    APPROVING = "approvals of the payment"
    PAYING = "payments"
    FINISHED = "nothing: the run is finished"
    ABORTED = "nothing: the run was aborted"


@dataclass(frozen=True)
class Registration:
    """A registered dataset.

    Attributes:
        root: Commitment root (hex).
        rows: Number of rows.
        coin: The owner's part of the first beacon (hex).
        commitments: The commitments under the root: updates are proven against them.
    """

    root: str
    rows: int
    coin: str
    commitments: bytes = field(repr=False)


@dataclass(frozen=True)
class NoiseWords:
    """The noise words that an owner committed to last: those of its next submission.

    Attributes:
        first_round: The first round in which they can be used: all coins of it came later.
        commitments: 32 bytes a commitment.
    """

    first_round: int
    commitments: bytes = field(repr=False)


@dataclass(frozen=True)
class Submission:
    """One owner's submission of a round, with the blobs that everybody needs.

    The sealed shares stay where they are: only the key holders fetch them.
    """

    owner: str
    digest: str
    commitments: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    key_commitments: bytes = field(repr=False)
    sealed_shares: BlobRef


@dataclass
class RoundState:
    """One round, as far as the ledger tells it.

    Attributes:
        number: Round number from 0.
        opening: Digest of the record that opened it.
        beacon: The unpredictable value (hex) that draws the key holders.
        owners: Owners that may submit, in the order of the agreement.
        holders: Key holders; the index of a holder's share is its place plus one.
        threshold: Releases needed to open the sum.
        submissions: Owner to submission, in the order of the log.
        close: Digest of the record that closed the round.
        checks: Holder to the owners it complains about.
        answers: (owner, holder) to the disputed share, published and valid.
        survivors_record: Digest of the record that fixed the survivors.
        survivors: The owners whose sum is opened.
        key_commitments: The product of the survivors' key commitments.
        releases: Holder to its released share sum.
        result: Digest of the record with the opened sum.
    """

    number: int
    opening: str
    beacon: str
    owners: tuple[str, ...]
    holders: tuple[str, ...]
    threshold: int
    submissions: dict[str, Submission] = field(default_factory=dict)
    close: str | None = None
    checks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[tuple[str, str], bytes] = field(default_factory=dict)
    survivors_record: str | None = None
    survivors: tuple[str, ...] = ()
    key_commitments: bytes = field(default=b"", repr=False)
    releases: dict[str, bytes] = field(default_factory=dict)
    result: str | None = None

    def open_complaints(self) -> list[tuple[str, str]]:
        """Return (owner, holder) of each complaint without a valid answer, owners in log order."""
        return [
            (owner, holder)
            for owner in self.submissions
            for holder, accused in self.checks.items()
            if owner in accused and (owner, holder) not in self.answers
        ]

    def excluded(self) -> list[str]:
        """Return the owners with an unanswered complaint, in log order."""
        return list(dict.fromkeys(owner for owner, _ in self.open_complaints()))

    def key_index(self, holder: str) -> int:
        """Return the index (from 1) of a holder's shares."""
        return self.holders.index(holder) + 1


@dataclass(frozen=True)
class Erasure:
    """What an owner certified when it destroyed what it kept.

    Attributes:
        entry: Index of the certificate on the ledger.
        reason: `settled`, `aborted` or `withdrawn`.
        rows: Whether the kept copy of its rows was destroyed too.
        time: By its own clock, in seconds since 1970.
    """

    entry: int
    reason: str
    rows: bool
    time: int


@dataclass
class ScoreState:
    """The scores of a run.

    Attributes:
        gradients: int32, shape (opened rounds, dimension): the public validation gradients.
        released: Owner to its released score, in the order of the log.
        digests: Digests of these records.
        payouts: Owner to what the pool gives it; None before the scores were closed.
    """

    gradients: NDArray[np.int32] = field(repr=False)
    released: dict[str, int] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)
    payouts: dict[str, PoolPart] | None = None


@dataclass(frozen=True)
class CountedUpdate:
    """An update that was in an opened sum: what a score is proven from.

    Attributes:
        round: Its round.
        beacon: The beacon (hex) of that round, from which its coins were drawn.
        commitments: 32 bytes a commitment.
    """

    round: int
    beacon: str
    commitments: bytes = field(repr=False)


@dataclass
class RunState:
    """The state of a run after some entries of the ledger.

    Attributes:
        phase: What comes next.
        agreement: The agreement, once offered.
        plan: What follows from it.
        sealing_keys: Signer to X25519 public key (hex).
        coin_commitments: Signer to commitment to its coin (hex).
        noise_words: Owner to the noise words of its next submission; empty without noise.
        score_words: Owner to the commitment to the word of its score's noise; empty where none is released with noise.
        datasets: Owner to registration.
        revoked: Owners who withdrew, in order.
        removed: Owner to the rows that it took out of its dataset, in order, as far as that is in effect.
        removing: The same of rows that will be out when the next round opens.
        next_datasets: Owner to its registration from then on; only of owners who remove rows.
        erased: Owner to its certificate of erasure.
        weights: The initial weights, then those after each opened round: int32, shape (dimension,).
        beacon: The latest beacon (hex).
        round: The current or latest round.
        submitted: Owner to the number of its submissions on the ledger: each one is charged.
        seen_commitments: Update commitments of all rounds: none may come twice.
        seen_words: Commitments to noise words of the whole run: none may come twice.
        counted: Owner to its updates that were in an opened sum; kept only where a pool is divided by scores.
        scoring: What is said about scores; None before the last round, and where no pool is divided by them.
        opened: Rounds whose sum was opened, with their survivors.
        released_model: Canonical bytes of the released model.
        abort: Code and reason when the run was aborted.
        refusals: Refused records: (author, kind, code).
        money: What is said about money; None if the agreement moves none.
        base: The model that training began with; None for weights of zero.
        successor: The run that goes on with this one's chain; None as long as none does.
        tree: Right edge of the ledger's tree over the entries so far.
        verify_proof: Checks each proof that a record carries.
    """

    phase: Phase = Phase.OFFER
    agreement: Agreement | None = None
    plan: RunPlan | None = None
    sealing_keys: dict[str, str] = field(default_factory=dict)
    coin_commitments: dict[str, str] = field(default_factory=dict)
    noise_words: dict[str, NoiseWords] = field(default_factory=dict)
    score_words: dict[str, bytes] = field(default_factory=dict)
    datasets: dict[str, Registration] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    removed: dict[str, list[int]] = field(default_factory=dict)
    removing: dict[str, list[int]] = field(default_factory=dict)
    next_datasets: dict[str, Registration] = field(default_factory=dict)
    erased: dict[str, Erasure] = field(default_factory=dict)
    weights: list[Weights] = field(default_factory=list)
    beacon: str = ""
    round: RoundState | None = None
    last_time: int = 0
    submitted: dict[str, int] = field(default_factory=dict)
    seen_commitments: set[bytes] = field(default_factory=set, repr=False)
    seen_words: set[bytes] = field(default_factory=set, repr=False)
    counted: dict[str, list[CountedUpdate]] = field(default_factory=dict, repr=False)
    scoring: ScoreState | None = None
    opened: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    released_model: bytes | None = None
    abort: tuple[str, str] | None = None
    refusals: list[tuple[str, str, str]] = field(default_factory=list)
    money: MoneyState | None = None
    base: Base | None = field(default=None, repr=False)
    successor: str | None = None
    tree: Frontier = field(default_factory=Frontier)
    verify_proof: ProofCheck = field(default_factory=ProofVerifier, repr=False, compare=False)

    @property
    def terms(self) -> Agreement:
        """The agreement.

        Raises:
            ForgeryError: the ledger does not begin with one.
        """
        if self.agreement is None:
            raise _no_agreement()
        return self.agreement

    @property
    def derived(self) -> RunPlan:
        """The plan that follows from the agreement."""
        if self.plan is None:
            raise _no_agreement()
        return self.plan

    @property
    def current(self) -> RoundState:
        """The current round.

        Raises:
            ForgeryError: no round was opened.
        """
        if self.round is None:
            raise ForgeryError(
                "round-not-open",
                "no round is open",
                meaning="A record speaks of a round that nobody opened.",
                hint="Compare with another copy of the ledger.",
            )
        return self.round

    @property
    def next_round(self) -> int:
        """Number of the next round to open."""
        return len(self.weights) - 1

    def active_owners(self) -> tuple[str, ...]:
        """Return the owners who signed, registered and did not revoke, in the agreement's order."""
        return tuple(
            party.did
            for party in self.terms.owners
            if party.did in self.datasets and party.did not in self.revoked
        )

    def next_dataset(self, owner: str) -> Registration:
        """Return an owner's registration as it will be in the next round."""
        return self.next_datasets.get(owner, self.datasets[owner])

    def take_out_rows(self) -> None:
        """Let removals take effect: a round begins."""
        self.datasets |= self.next_datasets
        for owner, rows in self.removing.items():
            self.removed.setdefault(owner, []).extend(rows)
        self.next_datasets, self.removing = {}, {}

    def can_open(self) -> bool:
        """Return whether enough owners are active: for the quorum, and for the threshold of key holders."""
        owners, quorum = len(self.active_owners()), self.terms.quorum
        holders = min(owners, quorum.holders)
        return owners >= quorum.survivors and quorum.threshold_among(holders) <= holders


def weights_bytes(weights: Weights) -> bytes:
    """Return weights as little-endian int32."""
    return weights.astype("<i4").tobytes()


def weights_digest(weights: Weights) -> str:
    """Return the SHA-256 (hex) by which records name a model."""
    return hashlib.sha256(b"cotrain/weights/1/" + weights_bytes(weights)).hexdigest()


def first_beacon(state: RunState) -> str:
    """Return the beacon of round 0: the hash of all coins that were committed to before any was shown."""
    digest = hashlib.sha256(b"cotrain/beacon/0/" + bytes.fromhex(state.terms.digest))
    for party in state.terms.owners:
        if party.did in state.datasets:
            digest.update(bytes.fromhex(state.datasets[party.did].coin))
    return digest.hexdigest()


def next_beacon(run: str, number: int, key_sum: bytes) -> str:
    """Return the beacon after round `number`: the hash of the key sum that nobody knew before it was opened."""
    return hashlib.sha256(
        b"cotrain/beacon/1/" + bytes.fromhex(run) + number.to_bytes(8, "little") + key_sum
    ).hexdigest()


def noise_coins(run: str, number: int, beacon: str, owner: str) -> bytes:
    """Return the 32 public bytes from which the coins of an owner's noise words are drawn in a round."""
    return hashlib.sha256(
        b"cotrain/noise-coins/1/"
        + bytes.fromhex(run)
        + number.to_bytes(8, "little")
        + bytes.fromhex(beacon)
        + owner.encode()
    ).digest()


def score_coins(run: str, beacon: str, owner: str) -> bytes:
    """Return the 32 public bytes from which the coin of an owner's score is drawn, after the last round."""
    return hashlib.sha256(
        b"cotrain/score-coins/1/" + bytes.fromhex(run) + bytes.fromhex(beacon) + owner.encode()
    ).digest()


def draw_holders(owners: tuple[str, ...], count: int, beacon: str) -> tuple[str, ...]:
    """Return `count` of `owners` drawn by the beacon, in their order; all when they are no more than that."""
    if len(owners) <= count:
        return owners

    def ticket(owner: str) -> bytes:
        return hashlib.sha256(
            b"cotrain/holder/1/" + bytes.fromhex(beacon) + owner.encode()
        ).digest()

    drawn = set(sorted(owners, key=ticket)[:count])
    return tuple(owner for owner in owners if owner in drawn)


def digest_of(digests: list[str]) -> str:
    """Return the SHA-256 (hex) over a list of digests, their number first."""
    joined = b"".join(bytes.fromhex(digest) for digest in digests)
    return hashlib.sha256(
        b"cotrain/list/1" + len(digests).to_bytes(8, "little") + joined
    ).hexdigest()


def _no_agreement() -> ForgeryError:
    return ForgeryError(
        "run-without-agreement",
        "the ledger does not begin with an agreement",
        meaning="Nothing that follows was agreed on.",
        hint="Compare with another copy of the ledger.",
    )
