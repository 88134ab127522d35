"""What is agreed about the use of one model: its price, where vouchers are redeemed."""

from dataclasses import dataclass

from cotrain.settlement.terms import ContractTerms
from cotrain.settlement.typed_data import Domain, voucher_digest

GENESIS = "0" * 64
"""Receipts so far, before the first one."""


@dataclass(frozen=True)
class UseTerms:
    """The terms of use of a released model.

    Attributes:
        model: SHA-256 (hex) of the model.
        price: Of one query, in the smallest unit of the token.
        shares: Address of the model's shares, which take the money.
        chain_id: EIP-155.
    """

    model: str
    price: int
    shares: str
    chain_id: int

    @classmethod
    def of(cls, terms: ContractTerms, model: str) -> "UseTerms":
        """Read them off an agreement."""
        money = terms.settlement
        return cls(model, int(money.use_price), terms.model_shares, money.chain_id)

    def voucher(self, buyer: str, total: int, queries: int, receipts: str) -> bytes:
        """Return what a buyer signs: `total` in all for `queries` answers, with these receipts before the last."""
        domain = Domain("Cotrain model", self.chain_id, self.shares)
        return voucher_digest(domain, buyer, total, queries, bytes.fromhex(receipts))
