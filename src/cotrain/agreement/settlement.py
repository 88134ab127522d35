"""Money terms of an agreement: price, shares, stakes, who must approve, what a use of the model costs.

They are enforced by the contracts that they name (docs/spec/settlement.md). Amounts are decimal strings of whole
numbers, in the smallest unit of the token; shares are in basis points.
"""

from typing import Annotated, Any, Final, Literal

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cotrain.agreement.contribution import ContributionTerm, check_contribution
from cotrain.records.kinds import Did

WHOLE: Final = 10_000
"""Basis points of everything."""

MAX_PARENTS: Final = 4
MAX_PARENT_SHARE: Final = 5_000
_MAX_AMOUNT: Final = 1 << 127


def _check_amount(text: str) -> str:
    if int(text) >= _MAX_AMOUNT:
        raise ValueError(f"{text} is not below 2^127")
    return text


Amount = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,38})$"), AfterValidator(_check_amount)]


def _check_checksum(address: str) -> str:
    """EIP-55: a mistyped letter is noticed, and there is one spelling."""
    if to_checksum_address(address) != address:
        raise ValueError(f"{address} is not spelled as EIP-55 asks; did you mistype it?")
    return address


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(_check_checksum)]
BasisPoints = Annotated[int, Field(ge=1, le=WHOLE)]

SplitRule = Literal["agreed", "equal"]


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ShareTerm(_Term):
    """What one party gets of everything that is paid: of the price, and of each use of the model."""

    did: Did
    basis_points: BasisPoints


class ParentTerm(_Term):
    """A model from which the run's model is derived, and the part of each use that goes to its holders."""

    model: Address
    basis_points: BasisPoints


class SettlementTerm(_Term):
    """The money terms.

    Attributes:
        chain_id: EIP-155 number of the chain.
        contract: Address of the contract `Agreements`.
        token: Address of the ERC-20 in which all is paid.
        symbol: Its symbol, for people.
        decimals: Its decimals, for people.
        price: What the demander pays for all rounds.
        rule: How the shares were found: "agreed" one by one, or "equal" for all data owners.
        shares: Each party's part; together exactly the whole, less the pool.
        stake_owner: What each data owner deposits against lies.
        stake_coordinator: What the coordinator deposits.
        quorum: How many parties must sign before money is released, or a stake is taken on their word.
        challenge_seconds: How long after the end evidence counts and stakes stay.
        use_price: Of one query of the model.
        transfer: Who may hold shares of the model.
        parents: Models from which this one is derived.
        contribution: The pool that is divided by scores; None if there is none.
    """

    chain_id: int = Field(ge=1, lt=2**53)
    contract: Address
    token: Address
    symbol: str = Field(pattern=r"^[A-Za-z0-9.]{1,16}$")
    decimals: int = Field(ge=0, le=18)
    price: Amount
    rule: SplitRule
    shares: list[ShareTerm] = Field(min_length=1)
    stake_owner: Amount
    stake_coordinator: Amount
    quorum: int = Field(ge=1, lt=2**20)
    challenge_seconds: int = Field(ge=0, le=365 * 86_400)
    use_price: Amount
    transfer: Literal["members", "anyone"]
    parents: list[ParentTerm] = Field(max_length=MAX_PARENTS)
    contribution: ContributionTerm | None = None

    @property
    def pool(self) -> int:
        """Basis points that are divided by scores instead of by agreed shares."""
        return 0 if self.contribution is None else self.contribution.pool


def check_settlement(agreement: Any) -> None:
    """Check that money terms fit the parties; called by the agreement that holds them.

    Raises:
        ValueError: they do not; the message is for people.
    """
    money: SettlementTerm | None = agreement.settlement
    if money is None:
        if any(party.account is not None for party in agreement.parties):
            raise ValueError("a party has an account, and no money is moved")
        return
    _check_accounts(agreement)
    _check_shares(agreement, money)
    if money.contribution is not None:
        check_contribution(agreement, money.contribution)
    if not agreement.quorum.colluders < money.quorum <= len(agreement.parties):
        raise ValueError(
            f"{money.quorum} parties are to release money: it must be more than the {agreement.quorum.colluders} "
            f"that may collude, and no more than the {len(agreement.parties)} there are"
        )
    if sum(parent.basis_points for parent in money.parents) > MAX_PARENT_SHARE:
        raise ValueError(f"parents get more than {MAX_PARENT_SHARE} basis points together")


def _check_accounts(agreement: Any) -> None:
    accounts = [party.account for party in agreement.parties]
    if None in accounts:
        name = agreement.parties[accounts.index(None)].name
        raise ValueError(f"{name} has no account, and money is moved")
    if len({account.lower() for account in accounts}) != len(accounts):
        raise ValueError("an account stands in the agreement twice")
    if sum("model_demander" in party.roles for party in agreement.parties) != 1:
        raise ValueError("exactly one party is the model demander: it pays the price")


def _check_shares(agreement: Any, money: SettlementTerm) -> None:
    dids = [share.did for share in money.shares]
    if len(set(dids)) != len(dids):
        raise ValueError("a party has a share twice")
    unknown = set(dids) - {party.did for party in agreement.parties}
    if unknown:
        raise ValueError(f"{min(unknown)} has a share and is not a party")
    total = sum(share.basis_points for share in money.shares)
    if total != WHOLE - money.pool:
        raise ValueError(f"the shares add up to {total} basis points, not to {WHOLE - money.pool}")
    if money.rule == "equal":
        owners = {party.did for party in agreement.owners}
        points = {share.did: share.basis_points for share in money.shares}
        parts = [points.get(did, 0) for did in owners]
        if max(parts) - min(parts) > 1:
            raise ValueError("the rule is equal, and the data owners' shares are not")
