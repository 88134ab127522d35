"""What the ledger says about a run's money: consents, transactions and what the contracts answered."""

from dataclasses import dataclass, field, replace

from cotrain.records.kinds import Consent, ReceiptBody
from cotrain.settlement.acts import Act
from cotrain.settlement.earlier import EarlierChain
from cotrain.settlement.evidence import ShownCheckpoint
from cotrain.settlement.terms import ContractTerms


@dataclass(frozen=True)
class Sent:
    """A transaction on the ledger.

    Attributes:
        digest: Of its record.
        act: What it does.
        raw: The signed transaction.
        sender: The account that signed it.
        replaced: The same with lower fees, logged before it, the newest first. At most one of all is carried out.
    """

    digest: str
    act: Act
    raw: bytes = field(repr=False)
    sender: str
    replaced: tuple["Sent", ...] = field(default=(), repr=False)

    @property
    def offers(self) -> tuple["Sent", ...]:
        """This one and those that it replaced."""
        return (replace(self, replaced=()), *self.replaced)


@dataclass(frozen=True)
class Answered:
    """A transaction and what the contracts answered, as the coordinator says."""

    sent: Sent
    receipt: ReceiptBody


@dataclass
class MoneyState:
    """The money side of a run.

    Attributes:
        terms: The agreement, as the contract sees it.
        earlier: The chain before the run's first transaction.
        before: Terms of the runs that this chain holds from before, newest first.
        consents: Party to its signature for joining.
        revocations: Owner to its signature for revoking, in the order of the ledger.
        revoked: Owners whose revocation the contract knows.
        script: Transactions of the present phase, where there are several; `step` of them are done.
        step: See `script`.
        sent: The transaction that waits for an answer.
        leaving: An owner's own revocation, found on the node, that waits for its answer; it comes before `sent`.
        overtaken: Whether such a revocation came before `sent`, so that the contract may refuse that one.
        history: All that were answered.
        anchored: Rounds that are anchored.
        shown: Ledgers that the coordinator's account signed for, one with each anchor.
        approvals: Party to its signature under the release.
        refused: Why the contract refused what it must not refuse; the run cannot go on.
        unpaid: Whether the run ended without the approvals that would release the money.
    """

    terms: ContractTerms
    earlier: EarlierChain
    before: tuple[ContractTerms, ...] = ()
    consents: dict[str, Consent] = field(default_factory=dict)
    revocations: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    script: tuple[Act, ...] = field(default=(), repr=False)
    step: int = 0
    sent: Sent | None = None
    leaving: Sent | None = None
    overtaken: bool = False
    history: list[Answered] = field(default_factory=list, repr=False)
    anchored: int = 0
    shown: list[ShownCheckpoint] = field(default_factory=list, repr=False)
    approvals: dict[str, str] = field(default_factory=dict)
    refused: str | None = None
    unpaid: bool = False

    @property
    def joined(self) -> bool:
        """Whether everybody joined on the contract, so that it holds the money."""
        joins = sum(
            answered.sent.act.kind == "join" and answered.receipt.succeeded
            for answered in self.history
        )
        return joins == len(self.terms.agreement.parties)

    @property
    def waiting(self) -> Sent | None:
        """The transaction whose answer comes next."""
        return self.leaving or self.sent

    def sent_by(self, account: str) -> int:
        """Return how many transactions of an account were answered, those of earlier runs included."""
        own = sum(answered.sent.sender == account for answered in self.history)
        return self.earlier.sent_by(account) + own

    def permits_of(self, did: str) -> int:
        """Return how many permits a party's account gave before this run."""
        return self.earlier.permits_of(self.terms.account(did), self.terms.settlement.token)

    def due_revocation(self) -> str | None:
        """Return the first owner whose revocation the contract does not know yet."""
        return next((did for did in self.revocations if did not in self.revoked), None)
