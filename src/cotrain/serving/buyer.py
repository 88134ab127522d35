"""The buyer's side: sign a voucher for the next query, check the receipt.

What was promised is in the buyer's store before it leaves. A buyer that dies sends the same query again.
"""

from collections.abc import Sequence

from cotrain.errors import RefusedError
from cotrain.ports import Store
from cotrain.serving.messages import (
    Query,
    SignedReceipt,
    Voucher,
    decode_query,
    decode_receipt,
    query_digest,
    wrong_receipt,
)
from cotrain.serving.terms import GENESIS, UseTerms
from cotrain.settlement.chain.signing import Account

_LAST, _OPEN = "use/receipt", "use/query"


class ModelBuyer:
    """Asks paid queries of one model.

    Args:
        account: Holds the deposit and signs vouchers.
        server: did of who answers.
        terms: Price and shares.
        store: The buyer's memory.
        limit: The most that it will promise in all.
    """

    def __init__(
        self, account: Account, server: str, terms: UseTerms, store: Store, limit: int
    ) -> None:
        self._account = account
        self._server = server
        self._terms = terms
        self._store = store
        self._limit = limit

    def ask(self, row: Sequence[int]) -> bytes:
        """Return a paid query for one encoded row, without its label.

        An earlier query that is not answered yet is returned again, whatever the row: it is paid for.

        Raises:
            RefusedError: it would cost more than the limit.
        """
        waiting = self._store.get(_OPEN)
        if waiting is not None:
            return waiting
        last = self._last()
        number = 1 if last is None else last.receipt.number + 1
        before = GENESIS if last is None else last.receipt.chained
        total = number * self._terms.price
        if total > self._limit:
            raise RefusedError(
                "use-over-limit",
                f"query {number} would bring the bill to {total}, the limit is {self._limit}",
                meaning="Nothing was promised for it.",
                hint="Add to the deposit, or set a higher limit.",
            )
        said = self._terms.voucher(self._account.address, total, number, before)
        voucher = Voucher(
            buyer=self._account.address,
            total=str(total),
            queries=number,
            receipts=before,
            signature=self._account.sign(said).hex(),
        )
        query = Query(model=self._terms.model, row=list(row), voucher=voucher)
        self._store.put(_OPEN, query.data)
        return query.data

    def take(self, data: bytes) -> list[float]:
        """Take the answer to the open query; return its numbers.

        Raises:
            MalformedError: it is no receipt.
            ForgeryError: it is not signed by the server, or is for something else.
        """
        signed, receipt = decode_receipt(data), decode_receipt(data).receipt
        waiting = self._store.get(_OPEN)
        if waiting is None:
            raise wrong_receipt("a query", receipt.query, "none: nothing was asked")
        query = decode_query(waiting)
        expected = {
            "model": query.model,
            "server": self._server,
            "buyer": self._account.address,
            "query": query_digest(query),
            "number": query.voucher.queries,
            "total": query.voucher.total,
            "before": query.voucher.receipts,
        }
        for name, value in expected.items():
            if getattr(receipt, name) != value:
                raise wrong_receipt(name, getattr(receipt, name), value)
        self._store.put(_LAST, signed.data)
        self._store.delete(_OPEN)
        return [float(text) for text in receipt.answer]

    def _last(self) -> SignedReceipt | None:
        stored = self._store.get(_LAST)
        return None if stored is None else decode_receipt(stored)
