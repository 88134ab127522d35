"""The server of a model: answers a query only against a voucher that the chain will honour.

The newest voucher and receipt of each buyer are in its store before an answer leaves it. So a server that dies
loses no money, and a query that is sent again gets the same answer for the same price.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cotrain.errors import ForgeryError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.ports import Clock, Store
from cotrain.serving.messages import (
    Query,
    Receipt,
    SignedReceipt,
    decode_query,
    decode_receipt,
    query_digest,
    sign_receipt,
)
from cotrain.serving.terms import GENESIS, UseTerms
from cotrain.settlement.chain.signing import recover
from cotrain.training.model import Model

_BUYERS = "buyers"

NOTICE_MARGIN = 86_400
"""A voucher must stay redeemable for a day at least."""


@dataclass(frozen=True)
class Deposit:
    """What the chain knows of a buyer.

    Attributes:
        amount: In its deposit.
        redeemed: What was redeemed of its vouchers.
        withdrawable_at: When it may take the deposit back; 0 if it announced nothing.
    """

    amount: int
    redeemed: int
    withdrawable_at: int


class ModelServer:
    """Answers paid queries for one model.

    Args:
        identity: Who signs the receipts.
        model: The model.
        terms: Price and shares.
        store: Its memory.
        clock: Its clock.
        deposit_of: Reads a buyer's deposit from the chain.
    """

    def __init__(
        self,
        identity: Identity,
        model: Model,
        terms: UseTerms,
        store: Store,
        clock: Clock,
        deposit_of: Callable[[str], Deposit],
    ) -> None:
        self._identity = identity
        self._model = model
        self._terms = terms
        self._store = store
        self._clock = clock
        self._deposit_of = deposit_of

    def answer(self, data: bytes) -> bytes:
        """Answer a query; return the signed receipt, which holds the answer.

        Raises:
            MalformedError: it is no query.
            ForgeryError: the voucher is not the buyer's, or is for other receipts.
            RefusedError: it does not pay for the query, or the chain would not honour it.
        """
        query = decode_query(data)
        voucher = query.voucher
        last = self._last(voucher.buyer)
        if last is not None and last.receipt.query == query_digest(query):
            return last.data
        before = GENESIS if last is None else last.receipt.chained
        number = 1 if last is None else last.receipt.number + 1
        self._check(query, number, before)
        receipt = Receipt(
            model=self._terms.model,
            server=self._identity.did,
            buyer=voucher.buyer,
            query=query_digest(query),
            number=number,
            answer=self._predict(query.row),
            total=voucher.total,
            before=before,
        )
        signed = sign_receipt(self._identity, receipt)
        # One value, so that there is never a receipt without the voucher that pays for it.
        self._remember(voucher.buyer)
        self._store.put(_key(voucher.buyer), len(data).to_bytes(8, "big") + data + signed.data)
        return signed.data

    def buyers(self) -> list[str]:
        """Return the accounts that asked, in the order of their first query."""
        stored = self._store.get(_BUYERS)
        return [] if stored is None else stored.decode().split()

    def newest_query(self, buyer: str) -> Query | None:
        """Return the last query that a buyer paid; its voucher is the one to redeem."""
        stored = self._store.get(_key(buyer))
        return None if stored is None else decode_query(stored[8 : 8 + _length(stored)])

    def _last(self, buyer: str) -> SignedReceipt | None:
        stored = self._store.get(_key(buyer))
        return None if stored is None else decode_receipt(stored[8 + _length(stored) :])

    def _remember(self, buyer: str) -> None:
        known = self.buyers()
        if buyer not in known:
            self._store.put(_BUYERS, " ".join([*known, buyer]).encode())

    def _check(self, query: Query, number: int, before: str) -> None:
        voucher, terms = query.voucher, self._terms
        if query.model != terms.model:
            raise _refused("use-other-model", "the query is for another model")
        if (voucher.queries, voucher.receipts) != (number, before):
            raise ForgeryError(
                "use-other-receipts",
                f"the voucher is for query {voucher.queries}, this would be query {number}, or receipts differ",
                meaning="Buyer and server do not agree on what was answered so far.",
                hint="Send the last query again to get its receipt, then go on from there.",
            )
        said = terms.voucher(voucher.buyer, int(voucher.total), number, before)
        if recover(said, bytes.fromhex(voucher.signature)) != voucher.buyer:
            raise ForgeryError(
                "use-bad-voucher",
                f"the voucher is not signed by {voucher.buyer}",
                meaning="The chain would not honour it.",
                hint="Sign it with the key of the account that holds the deposit.",
            )
        if int(voucher.total) < number * terms.price:
            raise _refused(
                "use-too-little",
                f"the voucher promises {voucher.total} in all, {number} queries cost {number * terms.price}",
            )
        self._check_deposit(voucher.buyer, int(voucher.total))

    def _check_deposit(self, buyer: str, total: int) -> None:
        deposit = self._deposit_of(buyer)
        if total - deposit.redeemed > deposit.amount:
            raise _refused(
                "use-deposit-too-small",
                f"the voucher needs a deposit of {total - deposit.redeemed}, there is {deposit.amount}",
            )
        if 0 < deposit.withdrawable_at < self._clock.now() + NOTICE_MARGIN:
            raise _refused("use-deposit-leaves", "the buyer is taking its deposit back")

    def _predict(self, row: list[int]) -> list[str]:
        features = np.array([row], dtype=np.int16)
        if self._model.algorithm.kind == "linear":
            return [f"{value:.6f}" for value in self._model.margins(features)[0]]
        return [f"{value:.6f}" for value in self._model.probabilities(features)[0]]


def _key(buyer: str) -> str:
    return f"use/{buyer}"


def _length(stored: bytes) -> int:
    return int.from_bytes(stored[:8], "big")


def _refused(code: str, what: str) -> RefusedError:
    return RefusedError(
        code,
        what,
        meaning="The query is not answered and costs nothing.",
        hint="Look at the model's price and your deposit with `cotrain model show`.",
    )
