"""Paid use of a model: what a buyer may try, what a server may try, and what a crash leaves."""

from dataclasses import replace
from typing import Any

import pytest

from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.records.canonical import decode, encode
from cotrain.rounds.journal import MemoryJournal
from cotrain.serving.buyer import ModelBuyer
from cotrain.serving.messages import Receipt, decode_query, decode_receipt, sign_receipt
from cotrain.serving.server import Deposit, ModelServer
from cotrain.serving.terms import UseTerms
from cotrain.settlement.chain.signing import account_of
from cotrain.testing.determinism import ManualClock
from cotrain.training.algorithm import Algorithm
from cotrain.training.model import Model

SERVER, BUYER, OTHER = Identity(b"s" * 32), Identity(b"b" * 32), Identity(b"o" * 32)
TERMS = UseTerms(model="ab" * 32, price=10, shares="0x" + "11" * 20, chain_id=7)
MODEL = Model(
    Algorithm(kind="logistic", features=2, row_bound=1024).with_default_rate().with_default_shift(),
    (4096, -4096),
    "cd" * 32,
    "ef" * 32,
)


class Shop:
    """A server whose chain is a number."""

    def __init__(self, amount: int = 1000) -> None:
        self.deposit, self.store, self.clock = Deposit(amount, 0, 0), MemoryJournal(), ManualClock()

    def server(self) -> ModelServer:
        return ModelServer(SERVER, MODEL, TERMS, self.store, self.clock, lambda _: self.deposit)


def buyer(store: MemoryJournal, limit: int = 1000, who: Identity = BUYER) -> ModelBuyer:
    return ModelBuyer(account_of(who), SERVER.did, TERMS, store, limit)


def test_queries_are_answered_and_counted() -> None:
    shop, asking = Shop(), buyer(MemoryJournal())
    for number in range(1, 4):
        receipt = shop.server().answer(asking.ask([100 * number, 0]))
        chances = asking.take(receipt)
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        assert decode_receipt(receipt).receipt.number == number
    newest = shop.server().newest_query(account_of(BUYER).address)
    assert newest is not None
    assert (newest.voucher.queries, newest.voucher.total) == (3, "30")


def test_a_query_sent_again_is_answered_the_same_for_the_same_price() -> None:
    shop, store = Shop(), MemoryJournal()
    query = buyer(store).ask([1, 2])
    first = shop.server().answer(query)
    assert buyer(store).ask([3, 4]) == query  # the buyer died before it had the answer
    assert shop.server().answer(query) == first  # the server died after it had written it
    buyer(store).take(first)
    assert decode_query(buyer(store).ask([3, 4])).voucher.total == "20"


def altered(query: bytes, **changes: Any) -> bytes:
    value = decode(query)
    assert isinstance(value, dict)
    value["voucher"] |= changes
    return encode(value)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total": "9"}, "use-bad-voucher"),
        ({"total": "99999"}, "use-bad-voucher"),
        ({"queries": 2}, "use-other-receipts"),
        ({"receipts": "11" * 32}, "use-other-receipts"),
        ({"buyer": account_of(OTHER).address}, "use-bad-voucher"),
        ({"signature": "11" * 64 + "1b"}, "account-bad-signature"),
        ({"signature": "11" * 65}, "account-bad-signature"),
    ],
)
def test_a_voucher_that_is_not_what_was_signed_buys_nothing(
    changes: dict[str, Any], code: str
) -> None:
    shop = Shop()
    query = altered(buyer(MemoryJournal()).ask([1, 2]), **changes)
    with pytest.raises(CotrainError) as caught:
        shop.server().answer(query)
    assert caught.value.code == code
    assert shop.server().newest_query(account_of(BUYER).address) is None


def test_a_buyer_that_promises_less_than_the_price_gets_no_answer() -> None:
    cheap = replace(TERMS, price=9)
    asking = ModelBuyer(account_of(BUYER), SERVER.did, cheap, MemoryJournal(), 1000)
    with pytest.raises(RefusedError) as caught:
        Shop().server().answer(asking.ask([1, 2]))
    assert caught.value.code == "use-too-little"


@pytest.mark.parametrize(
    ("deposit", "code"),
    [
        (Deposit(9, 0, 0), "use-deposit-too-small"),
        (Deposit(1000, 0, ManualClock().now() + 86_399), "use-deposit-leaves"),
    ],
)
def test_no_answer_without_a_deposit_that_stays(deposit: Deposit, code: str) -> None:
    shop = Shop()
    shop.deposit = deposit
    with pytest.raises(RefusedError) as caught:
        shop.server().answer(buyer(MemoryJournal()).ask([1, 2]))
    assert caught.value.code == code


def test_an_old_voucher_buys_no_second_answer() -> None:
    shop, store = Shop(), MemoryJournal()
    first = buyer(store).ask([1, 2])
    buyer(store).take(shop.server().answer(first))
    second = buyer(store).ask([3, 4])
    shop.server().answer(second)
    with pytest.raises(ForgeryError) as caught:
        shop.server().answer(first)
    assert caught.value.code == "use-other-receipts"


def test_a_voucher_for_another_model_or_chain_buys_nothing() -> None:
    for elsewhere in (
        replace(TERMS, shares="0x" + "22" * 20),
        replace(TERMS, chain_id=8),
    ):
        asking = ModelBuyer(account_of(BUYER), SERVER.did, elsewhere, MemoryJournal(), 1000)
        with pytest.raises(ForgeryError):
            Shop().server().answer(asking.ask([1, 2]))
    other = replace(TERMS, model="00" * 32)
    query = ModelBuyer(account_of(BUYER), SERVER.did, other, MemoryJournal(), 1000).ask([1, 2])
    with pytest.raises(RefusedError) as caught:
        Shop().server().answer(query)
    assert caught.value.code == "use-other-model"


def test_a_buyer_promises_no_more_than_its_limit() -> None:
    shop, store = Shop(), MemoryJournal()
    asking = buyer(store, limit=15)
    asking.take(shop.server().answer(asking.ask([1, 2])))
    with pytest.raises(RefusedError) as caught:
        asking.ask([1, 2])
    assert caught.value.code == "use-over-limit"


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"total": "11"},
        {"query": "00" * 32},
        {"before": "11" * 32},
        {"buyer": account_of(OTHER).address},
        {"model": "00" * 32},
    ],
)
def test_a_server_that_signs_something_else_is_noticed(change: dict[str, Any]) -> None:
    asking = buyer(MemoryJournal())
    receipt = decode_receipt(Shop().server().answer(asking.ask([1, 2]))).receipt
    lie = sign_receipt(SERVER, Receipt.model_validate(receipt.model_dump() | change)).data
    with pytest.raises(ForgeryError) as caught:
        asking.take(lie)
    assert caught.value.code == "use-wrong-receipt"


def test_a_receipt_by_somebody_else_is_none() -> None:
    asking = buyer(MemoryJournal())
    receipt = decode_receipt(Shop().server().answer(asking.ask([1, 2]))).receipt
    with pytest.raises(ForgeryError):
        asking.take(sign_receipt(OTHER, receipt).data)
    own = Receipt.model_validate(receipt.model_dump() | {"server": OTHER.did})
    with pytest.raises(ForgeryError) as caught:
        asking.take(sign_receipt(OTHER, own).data)
    assert caught.value.code == "use-wrong-receipt"


def test_every_flipped_byte_of_query_and_receipt_is_an_error_of_ours() -> None:
    asking = buyer(MemoryJournal())
    query = asking.ask([1, 2])
    receipt = Shop().server().answer(query)
    for place in range(0, len(query), 3):
        wrong = query[:place] + bytes([query[place] ^ 1]) + query[place + 1 :]
        with pytest.raises(CotrainError):
            Shop().server().answer(wrong)
    for place in range(0, len(receipt), 3):
        wrong = receipt[:place] + bytes([receipt[place] ^ 1]) + receipt[place + 1 :]
        with pytest.raises(CotrainError):
            asking.take(wrong)
    for broken in (b"", b"{}", b"[]", query + b" ", query[:-1], b"\xff" * 40):
        with pytest.raises(MalformedError):
            Shop().server().answer(broken)
