"""A party's record that the others reject: what each of them signs, and their signatures as one transaction.

The contract cannot verify a proof. It believes a quorum of the other parties, each of which looked at the record for
itself (`cotrain.audit.judgement`) and signed that it does not hold (docs/spec/settlement.md, "Evidence").
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cotrain.errors import ForgeryError, MalformedError, RefusedError
from cotrain.records.canonical import decode, encode
from cotrain.records.kinds import AccountSignature, Did, Digest, RoundNumber, Text, Value
from cotrain.settlement.acts import REJECT, Act, evidence_gas
from cotrain.settlement.chain.signing import Account, recover
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.terms import ContractTerms

FORMAT: Final = "cotrain/rejection/1"
REJECTED: Final = "rejected"


@dataclass(frozen=True)
class Rejection:
    """What the quorum signs: a party's record does not hold.

    Attributes:
        subject: did of its author.
        round: Its round, counted from 1; 0 if it is of none.
        record: SHA-256 of the record (hex).
    """

    subject: str
    round: int
    record: str

    def digest(self, terms: ContractTerms) -> bytes:
        """Return the 32 bytes that a party's account signs."""
        account = terms.account(self.subject)
        return terms.domain.rejection(account, self.round, bytes.fromhex(self.record))


class SignedRejection(Value):
    """One party's signature under a rejection: a file that it hands to the others.

    `why` is for people; the contract does not see it.
    """

    format: str
    run: Digest
    subject: Did
    round: RoundNumber
    record: Digest
    party: Did
    why: Text
    signature: AccountSignature

    @property
    def said(self) -> Rejection:
        """What is signed."""
        return Rejection(self.subject, self.round, self.record)

    @property
    def data(self) -> bytes:
        """The file: canonical JSON."""
        return encode(self.model_dump(mode="json"))


def sign_rejection(
    terms: ContractTerms, said: Rejection, party: str, account: Account, why: str
) -> SignedRejection:
    """Sign a rejection. The caller has looked at the record: nobody signs what it did not check.

    Args:
        terms: The agreement, as the contract sees it.
        said: What is signed.
        party: did of who signs.
        account: Its account.
        why: For people; at most 2,000 characters are kept.

    Raises:
        RefusedError: it is whom the rejection is about, has another account in the agreement, or there is no stake.
    """
    if stake_of(terms, said.subject) == 0:
        raise _no_stake(terms, said.subject)
    if party == said.subject:
        raise RefusedError(
            "rejection-own-record",
            f"{terms.agreement.party(party).name} is whom this rejection is about",
            meaning="Nobody judges itself: the contract counts the signatures of the others only.",
            hint="Let the other parties look at the record.",
        )
    if terms.account(party) != account.address:
        raise RefusedError(
            "rejection-other-account",
            f"the agreement names {terms.account(party)} for this party, its home has {account.address}",
            meaning="The contract would not count this signature.",
            hint="Give the home with which the party took part in the run.",
        )
    return SignedRejection(
        format=FORMAT,
        run=terms.agreement.digest,
        subject=said.subject,
        round=said.round,
        record=said.record,
        party=party,
        why=why[:2000],
        signature=account.sign(said.digest(terms)).hex(),
    )


def decode_rejection(data: bytes) -> SignedRejection:
    """Read one party's signature under a rejection.

    Raises:
        MalformedError: it is none.
    """
    try:
        value = decode(data)
        read = SignedRejection.model_validate(value)
    except (ValidationError, MalformedError) as error:
        raise _malformed(str(error).splitlines()[0]) from error
    if read.format != FORMAT:
        raise _malformed(f"the format is {read.format[:40]!r}, this version reads {FORMAT!r}")
    return read


def stake_of(terms: ContractTerms, did: str) -> int:
    """Return what a party deposited against lies when it joined."""
    demands = did == terms.demander.did
    return terms.due(did) - (int(terms.settlement.price) if demands else 0)


def needed(terms: ContractTerms) -> int:
    """Return how many of the other parties must sign; all others, if the quorum is everybody."""
    quorum, parties = terms.settlement.quorum, len(terms.agreement.parties)
    return quorum - 1 if quorum == parties and quorum > 1 else quorum


def rejection_act(terms: ContractTerms, signed: Sequence[SignedRejection]) -> Act:
    """Return the transaction that brings a quorum's rejection to the contract; its sender gets the bounty.

    Raises:
        ForgeryError: a signature is not of the party that it names.
        RefusedError: they are about different records or another run, or too few.
    """
    said = _one_thing(terms, signed)
    by_account = {}
    for one in signed:
        account = terms.account(one.party)
        _check_signer(terms, one, account)
        by_account[int(account, 16)] = (account, bytes.fromhex(one.signature))
    if len(by_account) < needed(terms):
        raise RefusedError(
            "rejection-too-few",
            f"{len(by_account)} parties signed, {needed(terms)} are needed",
            meaning="The contract takes no stake on the word of fewer.",
            hint="Ask more of the other parties to look at the record: cotrain evidence reject.",
        )
    approvals = [by_account[place] for place in sorted(by_account)]
    what = (terms.account(said.subject), said.round, bytes.fromhex(said.record))
    data = load_contract(AGREEMENTS).call("slashRejected", terms.name, what, approvals)
    return Act(REJECT, said.subject, terms.settlement.contract, data, evidence_gas(data))


def _one_thing(terms: ContractTerms, signed: Iterable[SignedRejection]) -> Rejection:
    run = terms.agreement.digest
    said = {(one.run, one.said) for one in signed}
    if len(said) == 1 and (found := said.pop())[0] == run:
        return found[1]
    raise RefusedError(
        "rejection-different-things",
        "the signatures are not under one rejection of one record of this run",
        meaning="The contract counts only signatures under the very same words.",
        hint="Give the files that the parties wrote for the same record with `cotrain evidence reject`.",
    )


def _check_signer(terms: ContractTerms, one: SignedRejection, account: str) -> None:
    name = terms.agreement.party(one.party).name
    if one.party == one.subject:
        raise RefusedError(
            "rejection-own-record",
            f"{name} is whom this rejection is about, and signed it",
            meaning="The contract refuses the whole call if such a signature is in it.",
            hint="Leave that file out.",
        )
    if recover(one.said.digest(terms), bytes.fromhex(one.signature)) != account:
        raise ForgeryError(
            "rejection-bad-signature",
            f"the signature in the name of {name} is not by its account {account}",
            meaning="The contract would refuse the whole call.",
            hint="Ask that party for its file again.",
        )


def _no_stake(terms: ContractTerms, did: str) -> RefusedError:
    return RefusedError(
        "rejection-no-stake",
        f"{terms.agreement.party(did).name} deposited no stake",
        meaning="There is nothing that the contract could take, so nothing was signed.",
        hint="The record is wrong all the same: show it to the other parties.",
    )


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "rejection-malformed",
        f"not a signed rejection: {why}",
        meaning="It is another file, or was changed on the way.",
        hint="Ask for the file that `cotrain evidence reject --out` wrote.",
    )
