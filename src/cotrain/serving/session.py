"""A paid use of a model between a buyer and the coordinator's server, in one process: from deposit to royalties.

Each transaction is logged on the run's ledger before it is sent, and a step that is there already is not made again:
so a session that was interrupted goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cotrain.errors import RefusedError
from cotrain.identity.keys import Identity
from cotrain.ports import Clock, Store
from cotrain.records.canonical import sha256
from cotrain.rounds.coordinator import Coordinator
from cotrain.rounds.money import lineage_of, money_of
from cotrain.rounds.node import check_stands
from cotrain.serving.buyer import ModelBuyer
from cotrain.serving.server import Deposit, ModelServer
from cotrain.serving.terms import UseTerms
from cotrain.settlement.acts import Act, later_act
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.signing import Account, account_of
from cotrain.settlement.contracts import AGREEMENTS, CREDITS, MODEL_SHARES, load_contract
from cotrain.settlement.fees import check_fee
from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.transactions import sign_act
from cotrain.training.model import Model


@dataclass(frozen=True)
class Shop:
    """Where a finished run's model is sold.

    Attributes:
        identity: The coordinator, which serves the model and issues credits.
        coordinator: Its run, finished.
        chain: The run's chain.
        clock: Its clock.
        store: The server's memory.
    """

    identity: Identity
    coordinator: Coordinator
    chain: Chain
    clock: Clock
    store: Store

    @property
    def terms(self) -> ContractTerms:
        """The agreement, as the contracts see it."""
        return money_of(self.coordinator.state).terms

    @property
    def lineage(self) -> list[ContractTerms]:
        """These terms, and those of the runs that the model came from on this chain, newest first."""
        return lineage_of(self.coordinator.state)

    @property
    def model(self) -> bytes:
        """The released model.

        Raises:
            RefusedError: none came out.
        """
        released = self.coordinator.state.released_model
        if released is None:
            raise RefusedError(
                "use-no-model", "the run released no model", hint="Run it to its end."
            )
        return released

    @property
    def use_terms(self) -> UseTerms:
        """Price and shares."""
        return UseTerms.of(self.terms, sha256(self.model))

    def server(self) -> ModelServer:
        """Return the server, as far as its memory goes."""
        model = Model.decode(self.model)
        return ModelServer(
            self.identity, model, self.use_terms, self.store, self.clock, self.deposit_of
        )

    def buyers(self) -> list[str]:
        """Return the accounts that asked paid queries; nobody where no model is sold."""
        return [] if self.coordinator.state.released_model is None else self.server().buyers()

    def is_sold(self, of: ContractTerms) -> bool:
        """Tell whether shares of a model exist: a quorum released it."""
        contract = load_contract(AGREEMENTS)
        asked = contract.call("accountOf", of.name)
        found = contract.record("accountOf", self.chain.call(self.terms.settlement.contract, asked))
        return int(str(found.get("shares", "0x0")), 16) != 0

    def deposit_of(self, buyer: str) -> Deposit:
        """Read a buyer's deposit from the chain."""
        return Deposit(
            *(
                int(self.ask(self.terms, name, buyer))
                for name in ("deposits", "redeemed", "withdrawableAt")
            )
        )

    def credits_of(self, account: str) -> int:
        """Return how many credits an account has."""
        token = load_contract(CREDITS)
        asked = token.call("balanceOf", account)
        return int(token.result("balanceOf", self.chain.call(self.terms.settlement.token, asked)))

    def owed(self, of: ContractTerms, holder: str) -> int:
        """Return what a holder of shares can claim, of this model or of one that it came from."""
        return int(self.ask(of, "owed", holder))

    def ask(self, of: ContractTerms, function: str, *arguments: Any) -> Any:
        """Return what the shares of this model, or of one that it came from, answer."""
        shares = load_contract(MODEL_SHARES)
        answer = self.chain.call(of.model_shares, shares.call(function, *arguments))
        return shares.result(function, answer)

    def make(self, account: Account, act: Act) -> bool:
        """Sign, log and carry out a transaction; tell whether the contract took it.

        Raises:
            OutsideError: the account cannot pay the fee, or the chain dropped what the ledger has.
        """
        self.coordinator.settle_pending()
        money, fees = money_of(self.coordinator.state), self.chain.fees()
        number = money.sent_by(account.address)
        if not self.terms.own_chain:
            check_stands(self.chain, money.history[-1:])
            check_fee(self.chain, account.address, act, fees)
            number = self.chain.nonce(account.address)  # the account may have sent others elsewhere
        raw = sign_act(account, act, self.chain.chain_id, number, fees)
        return self.coordinator.carry(act.kind, act.subject, raw)


def open_deposit(shop: Shop, buyer: Identity, amount: int) -> None:
    """Give a buyer credits, and let it deposit them for uses of the model, up to `amount` in all.

    Raises:
        RefusedError: no model is sold, or the contract does not take the deposit.
    """
    account, issuer = account_of(buyer), account_of(shop.identity)
    terms, shares = shop.terms, shop.use_terms.shares
    shop.coordinator.settle_pending()
    deposit = shop.deposit_of(account.address)
    missing = amount - deposit.amount - deposit.redeemed
    if missing <= 0:
        return
    lacking = max(0, missing - shop.credits_of(account.address))
    issue = [(issuer, later_act(terms, "issue", buyer.did, account.address, lacking))]
    steps = (
        *(issue if lacking else []),
        (account, later_act(terms, "approve", buyer.did, shares, missing)),
        (account, later_act(terms, "deposit", buyer.did, missing)),
    )
    for signer, act in steps:
        if not shop.make(signer, act):
            raise _refused(act)


def ask_queries(
    shop: Shop,
    buyer: Identity,
    store: Store,
    rows: Sequence[Sequence[int]],
    progress: Callable[[], None] = lambda: None,
) -> list[list[float]]:
    """Let a buyer ask one paid query for each row; return the answers.

    Args:
        shop: Where the model is sold.
        buyer: Who asks; its deposit must be there.
        store: The buyer's memory.
        rows: Encoded rows, without label.
        progress: Called after each answer.
    """
    account, server = account_of(buyer), shop.server()
    deposit = shop.deposit_of(account.address)
    limit = deposit.amount + deposit.redeemed
    asking = ModelBuyer(account, shop.identity.did, shop.use_terms, store, limit)
    answers = []
    for row in rows:
        answers.append(asking.take(server.answer(asking.ask(row))))
        progress()
    return answers


def settle_use(shop: Shop, buyer: str) -> bool:
    """Turn a buyer's newest voucher into royalties, and pay every party what its shares earned.

    Returns:
        Whether there was anything new.

    Raises:
        RefusedError: the deposit does not cover the voucher, or the contract does not take it.
    """
    fresh = redeem_voucher(shop, buyer)
    pay_holders(shop)
    return fresh


def redeem_voucher(shop: Shop, buyer: str) -> bool:
    """Turn a buyer's newest voucher into royalties; tell whether there was anything new.

    Raises:
        RefusedError: the deposit does not cover the voucher, or the contract does not take it.
    """
    newest, deposit = shop.server().newest_query(buyer), shop.deposit_of(buyer)
    if newest is None or int(newest.voucher.total) <= deposit.redeemed:
        return False
    voucher, due = newest.voucher, int(newest.voucher.total) - deposit.redeemed
    if due > deposit.amount:
        raise _not_covered(buyer, due, deposit.amount)
    signature, receipts = bytes.fromhex(voucher.signature), bytes.fromhex(voucher.receipts)
    arguments = (buyer, int(voucher.total), voucher.queries, receipts, signature)
    act = later_act(shop.terms, "redeem", "", *arguments)
    if not shop.make(account_of(shop.identity), act):
        raise _refused(act)
    return True


def pay_holders(shop: Shop) -> None:
    """Pay the holders of this model, and of those that it came from, what their shares earned."""
    for of in shop.lineage:
        if shop.is_sold(of):
            _pay_holders(shop, of)


def has_unpaid_use(shop: Shop) -> bool:
    """Tell whether a buyer gave a voucher that was not redeemed, and could be."""
    return any(_is_redeemable(shop, buyer) for buyer in shop.buyers())


def _is_redeemable(shop: Shop, buyer: str) -> bool:
    newest, deposit = shop.server().newest_query(buyer), shop.deposit_of(buyer)
    due = 0 if newest is None else int(newest.voucher.total) - deposit.redeemed
    return 0 < due <= deposit.amount


def _pay_holders(shop: Shop, of: ContractTerms) -> None:
    """Pass on what belongs to the holders of the model that this one came from, and pay this one's holders."""
    server, parents = account_of(shop.identity), of.settlement.parents
    if parents and _due_to_parents(shop, of):
        shop.make(server, later_act(of, "parents", ""))
    for party in of.agreement.parties:
        account = of.account(party.did)
        if shop.owed(of, account) > 0:
            shop.make(server, later_act(of, "royalty", party.did, account))


def _due_to_parents(shop: Shop, of: ContractTerms) -> bool:
    count = len(of.settlement.parents)
    paid = sum(int(shop.ask(of, "parentPaid", place)) for place in range(count))
    return int(shop.ask(of, "parentAccrued")) > paid


def _not_covered(buyer: str, due: int, left: int) -> RefusedError:
    return RefusedError(
        "use-not-covered",
        f"the buyer {buyer} owes {due} by its voucher, and {left} is left of its deposit",
        meaning="It took its deposit back when its time was over; these answers are not paid.",
        hint="Redeem vouchers (cotrain model settle) before an announced withdrawal is due.",
    )


def _refused(act: Act) -> RefusedError:
    return RefusedError(
        "use-contract-refused",
        f"the contract refused to {act.kind}",
        meaning="No money moved by this step.",
        hint="Look at the deposit and the vouchers with `cotrain model show`.",
    )
