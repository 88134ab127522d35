"""A data owner's own revocation, sent to the node by itself: nobody else is asked, the coordinator least of all."""

from cotrain.errors import OutsideError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.settlement.acts import Act, own_revoke_act
from cotrain.settlement.chain.chain import Chain, OutbidError, Receipt
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.contracts import AGREEMENTS, load_contract
from cotrain.settlement.fees import check_fee, raise_fees
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act


def revoke_directly(chain: Chain, terms: ContractTerms, owner: Identity) -> Receipt | None:
    """Take an owner out of its agreement on the contract; None if the contract knows already that it left.

    Raises:
        RefusedError: the owner is no member there, or coordinates the run.
        OutsideError: its account cannot pay the fee, or the node failed.
    """
    account = account_of(owner)
    if owner.did == terms.agreement.coordinator.did:
        raise _coordinates()
    if not _is_member(chain, terms, account):
        return None
    receipt = _send(chain, account, own_revoke_act(terms, owner.did))
    if not receipt.succeeded and _is_member(chain, terms, account):
        raise OutsideError(
            "revoke-not-taken",
            f"the contract refused the revocation: {load_contract(AGREEMENTS).reason(receipt.output)}",
            meaning="The owner is a member of the agreement still.",
            hint="Give the command again.",
        )
    return receipt if receipt.succeeded else None


def _send(chain: Chain, account: Account, act: Act) -> Receipt:
    """Send a transaction, and offer more for it whenever the chain asks for more; one of all enters a block."""
    number, fees, sent = chain.nonce(account.address), chain.fees(), list[bytes]()
    while True:
        check_fee(chain, account.address, act, fees, again=bool(sent))
        raw = sign_act(account, act, chain.chain_id, number, fees)
        try:
            return chain.send(raw, replaced=sent, offer=fees)
        except OutbidError as outbid:
            sent, fees = [raw, *sent], raise_fees(fees, outbid.asked)


def _is_member(chain: Chain, terms: ContractTerms, account: Account) -> bool:
    """Return whether the owner takes part still.

    Raises:
        RefusedError: it never joined.
    """
    contract = load_contract(AGREEMENTS)
    asked = contract.call("member", terms.name, account.address)
    member = contract.record("member", chain.call(terms.settlement.contract, asked))
    if not member.get("roles"):
        raise RefusedError(
            "revoke-no-member",
            f"the contract {terms.settlement.contract} knows no member {account.address} of this agreement",
            meaning="The run has not come so far, so there is nothing to revoke there. Nothing was sent.",
            hint="Your agent knows of the withdrawal and will not join; nothing else is needed.",
        )
    return int(member["revokedAt"]) == 0


def _coordinates() -> RefusedError:
    return RefusedError(
        "revoke-own-coordinator",
        "this owner coordinates the run: its account sends the transactions of the run, in their order",
        meaning="One of its own in between would stop the run. Nothing was sent.",
        hint="Leave --directly out: this owner's own coordinator relays the withdrawal.",
    )
