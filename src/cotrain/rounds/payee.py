"""What a party signs for the contracts, and what it checks before: joining, leaving, the release of the money."""

from cotrain.errors import RefusedError
from cotrain.identity.keys import Identity
from cotrain.records.kinds import ApprovalBody, Consent
from cotrain.rounds.money import money_of, release_of
from cotrain.rounds.money_rules import permit_of
from cotrain.rounds.state import RunState
from cotrain.settlement.acts import NO_HASH
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.history import check_history


def consent(identity: Identity, state: RunState, root: str | None) -> Consent | None:
    """Sign for joining on the contract, if money is moved.

    Args:
        identity: Who joins.
        state: The ledger's state.
        root: Root of the owner's dataset commitment (hex); None of others.

    Raises:
        RefusedError: the agreement names another account for this party.
    """
    if state.money is None:
        return None
    terms, account, deadline = state.money.terms, account_of(identity), state.terms.expires
    if account.address != terms.account(identity.did):
        raise RefusedError(
            "party-other-account",
            f"the agreement pays {terms.account(identity.did)}, this party's account is {account.address}",
            meaning="Money would go to an account that this party has no key for.",
            hint="Draft the agreement with the account that `cotrain init` prints.",
        )
    dataset = NO_HASH if root is None else bytes.fromhex(root)
    document = bytes.fromhex(state.terms.digest)
    said = terms.domain.consent(document, account.address, dataset, deadline)
    permit = None
    if terms.own_contracts and terms.due(identity.did) > 0:
        permit = account.sign(permit_of(state.money, identity.did, deadline)).hex()
    return Consent(signature=account.sign(said).hex(), permit=permit, deadline=deadline)


def leaving_signature(identity: Identity, state: RunState) -> str | None:
    """Sign for leaving on the contract, if money is moved."""
    if state.money is None:
        return None
    account = account_of(identity)
    return account.sign(state.money.terms.domain.revocation(account.address)).hex()


def check_paid_in(state: RunState, did: str) -> None:
    """Before an owner first gives anything: run all transactions again, so that the price really is paid in.

    Raises:
        ForgeryError: the contracts did not do what the coordinator logged.
    """
    if state.money is not None and state.submitted.get(did, 0) == 0:
        _run_again(state)


def approval(identity: Identity, state: RunState) -> ApprovalBody:
    """Run all transactions again, and sign the release if all is as the ledger says.

    Raises:
        ForgeryError: the contracts did not do what the coordinator logged.
    """
    _run_again(state)
    said = money_of(state).terms.domain.release(release_of(state))
    return ApprovalBody(signature=account_of(identity).sign(said).hex())


def _run_again(state: RunState) -> None:
    money = money_of(state)
    check_history(money.earlier, [(done.sent.raw, done.receipt) for done in money.history])
