"""A negotiation ends in one text that all accepted; who lies, speaks out of turn or changes history is refused."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotrain.agreement.changes import list_changes
from cotrain.agreement.document import Agreement, parse_agreement
from cotrain.agreement.negotiation import (
    Negotiation,
    NegotiationMessage,
    begin,
    decode_message,
    follow,
    read_negotiation,
    sign_acceptance,
    sign_counter,
    sign_offer,
    sign_termination,
    write_negotiation,
)
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.records.canonical import encode
from cotrain.testing.world import COORDINATOR, build_world

STRANGER = Identity(bytes(32), "Stranger")


@dataclass(frozen=True)
class Table:
    """Four owners and a coordinator around one draft."""

    draft: Agreement
    people: dict[str, Identity]

    @property
    def offered(self) -> Negotiation:
        return begin(sign_offer(self.people["Owner 1"], self.draft, 1))

    def changed(self, **terms: object) -> Agreement:
        return parse_agreement(self.draft.terms | terms)

    def accept(self, before: Negotiation, *names: str) -> Negotiation:
        for name in names:
            before = follow(before, sign_acceptance(self.people[name], before, 2))
        return before


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    world = build_world(tmp_path_factory.mktemp("negotiation"))
    return Table(world.agreement, {name: actor.identity for name, actor in world.actors.items()})


OTHERS = ("Owner 2", "Owner 3", "Owner 4", COORDINATOR)


def test_it_is_agreed_when_all_accept_the_same_text(table: Table) -> None:
    found = table.offered
    assert found.state == "OFFERED"
    for name in OTHERS[:-1]:
        found = table.accept(found, name)
        assert found.state == "ACCEPTED"
    assert found.missing == (table.people[COORDINATOR].did,)
    found = table.accept(found, COORDINATOR)
    assert (found.state, found.missing, found.standing) == ("AGREED", (), table.draft)
    assert read_negotiation(write_negotiation(found.messages)) == found


def test_an_offer_without_rows_is_a_request(table: Table) -> None:
    assert begin(sign_offer(table.people[COORDINATOR], table.draft, 1)).state == "REQUESTED"


def test_a_counter_offer_takes_back_all_acceptances(table: Table) -> None:
    found = table.accept(table.offered, "Owner 2", "Owner 3")
    longer = table.changed(rounds=7)
    found = follow(found, sign_counter(table.people["Owner 4"], found, longer, 3, "too few"))
    assert (found.state, found.standing) == ("OFFERED", longer)
    assert found.accepted == {table.people["Owner 4"].did}
    assert [(c.term, c.before, c.after) for c in list_changes(*found.proposals)] == [
        ("rounds", "2", "7")
    ]
    found = table.accept(found, "Owner 1", "Owner 2", "Owner 3", COORDINATOR)
    assert (found.state, found.standing.rounds) == ("AGREED", 7)


def test_any_party_may_end_it(table: Table) -> None:
    found = table.accept(table.offered, "Owner 2")
    found = follow(found, sign_termination(table.people["Owner 2"], found, 3, "no"))
    assert found.state == "TERMINATED"
    with pytest.raises(RefusedError, match="terminated"):
        table.accept(found, "Owner 3")


Speech = Callable[[Table, Negotiation], NegotiationMessage]


def counter_of(name: str, **terms: object) -> Speech:
    return lambda t, n: sign_counter(t.people[name], n, t.changed(**terms), 3)


REFUSED: dict[str, tuple[Speech, str]] = {
    "accepting one's own offer": (
        lambda t, n: sign_acceptance(t.people["Owner 1"], n, 3),
        "negotiation-out-of-turn",
    ),
    "accepting twice": (
        lambda t, n: sign_acceptance(t.people["Owner 2"], n, 3),
        "negotiation-out-of-turn",
    ),
    "a second offer": (
        lambda t, _: sign_offer(t.people["Owner 3"], t.draft, 3),
        "negotiation-wrong-previous",
    ),
    "changing one's own offer": (
        counter_of("Owner 1", rounds=9),
        "negotiation-changed-after-acceptance",
    ),
    "changing after accepting": (
        counter_of("Owner 2", rounds=9),
        "negotiation-changed-after-acceptance",
    ),
    "a counter-offer that changes nothing": (counter_of("Owner 3"), "negotiation-out-of-turn"),
    "a counter-offer about another run": (
        counter_of("Owner 3", nonce="0" * 64),
        "negotiation-another-agreement",
    ),
    "accepting another text than the one on the table": (
        lambda t, n: sign_acceptance(t.people["Owner 3"], n, 3, t.changed(rounds=9)),
        "negotiation-another-agreement",
    ),
    "a stranger": (lambda _, n: sign_acceptance(STRANGER, n, 3), "agreement-not-a-party"),
    "a stranger ends it": (
        lambda _, n: sign_termination(STRANGER, n, 3, "mine"),
        "agreement-not-a-party",
    ),
    "a stranger's counter-offer": (
        lambda t, n: sign_counter(STRANGER, n, t.changed(rounds=9), 3),
        "agreement-not-a-party",
    ),
    "an answer to an earlier message": (
        lambda t, _: sign_acceptance(t.people["Owner 3"], t.offered, 3),
        "negotiation-wrong-previous",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_may_not_follow(name: str, table: Table) -> None:
    speech, code = REFUSED[name]
    before = table.accept(table.offered, "Owner 2")
    with pytest.raises(RefusedError) as caught:
        follow(before, speech(table, before))
    assert caught.value.code == code


def test_a_party_cannot_offer_an_agreement_without_itself(table: Table) -> None:
    with pytest.raises(RefusedError, match="not a party"):
        begin(sign_offer(STRANGER, table.draft, 1))
    parties = table.draft.terms["parties"][1:]
    before = table.accept(table.offered, "Owner 2", "Owner 3", "Owner 4", COORDINATOR)
    without = table.changed(
        parties=parties,
        quorum={"survivors": 3, "colluders": 1, "holders": 3, "holder_colluders": 1},
    )
    with pytest.raises(RefusedError, match="may not change it now"):
        follow(before, sign_counter(table.people["Owner 2"], before, without, 3))
    with pytest.raises(RefusedError, match="not a party"):
        begin(sign_offer(table.people["Owner 1"], without, 3))


def test_only_an_offer_begins(table: Table) -> None:
    with pytest.raises(RefusedError, match="first message"):
        begin(sign_acceptance(table.people["Owner 2"], table.offered, 1))


def edited(message: NegotiationMessage, **fields: Any) -> bytes:
    return encode(json.loads(message.data) | fields)


def test_forged_messages(table: Table) -> None:
    offer = table.offered.messages[0]
    longer = table.changed(rounds=9)
    policy = json.loads(sign_offer(table.people["Owner 1"], longer, 1).data)["policy"]
    for forged in (
        edited(offer, author=STRANGER.did),
        edited(offer, time=2),
        edited(offer, reason="other"),
        edited(offer, policy=policy),
    ):
        with pytest.raises(ForgeryError):
            decode_message(forged)


def test_an_offer_that_shows_one_text_and_names_another(table: Table) -> None:
    """The author signs both, so only the digest gives it away."""
    signer, value = table.people["Owner 1"], json.loads(table.offered.messages[0].data)
    value["agreement"] = table.changed(rounds=9).digest
    del value["signature"]
    signature = signer.sign(b"cotrain/negotiation/1\n" + encode(value))
    value["signature"] = base64.b64encode(signature).decode()
    with pytest.raises(ForgeryError) as caught:
        decode_message(encode(value))
    assert caught.value.code == "negotiation-false-digest"


def test_malformed_messages(table: Table) -> None:
    offer = table.offered.messages[0]
    accept = sign_acceptance(table.people["Owner 2"], table.offered, 2)
    policy = json.loads(offer.data)["policy"]
    for bad in (
        edited(offer, note="x"),
        edited(offer, kind="shout"),
        edited(offer, format="cotrain/negotiation/2"),
        edited(offer, policy=None),
        edited(accept, policy=policy),
        edited(offer, signature="AA=="),
        edited(offer, signature="?"),
        edited(offer, previous="x"),
        offer.data + b"\n",
        b"",
    ):
        with pytest.raises(MalformedError):
            decode_message(bad)


def test_history_cannot_be_edited(table: Table) -> None:
    found = table.accept(table.offered, "Owner 2", "Owner 3")
    one, two, three = found.messages
    for wrong in ((one, three), (one, three, two), (two, three), (one, two, two), (one, one)):
        with pytest.raises(CotrainError):
            read_negotiation(write_negotiation(wrong))
    data = write_negotiation(found.messages)
    for wrong_bytes in (b"", data[:-1], data + b"\n", b"\n" + data, data[: len(data) // 2]):
        with pytest.raises(CotrainError):
            read_negotiation(wrong_bytes)


def test_changes_name_terms_that_came_and_went(table: Table) -> None:
    privacy = {"noise": "skellam", "epsilon": "2", "delta": "0.001", "adjacency": "zero-out"}
    later = table.changed(duo=["DUO:0000021"], privacy=privacy)
    assert {(c.term, c.before, c.after) for c in list_changes(table.draft, later)} == {
        ("duo", "none", "DUO:0000021"),
        ("privacy.noise", "none", "skellam"),
        ("privacy.epsilon", "0", "2"),
        ("privacy.delta", "0", "0.001"),
    }


def test_a_change_of_order_is_a_change(table: Table, tmp_path: Path) -> None:
    del tmp_path
    parties = table.draft.terms["parties"]
    swapped = table.changed(parties=[parties[1], parties[0], *parties[2:]])
    assert swapped.digest != table.draft.digest
    assert {c.term.rpartition(".")[2] for c in list_changes(table.draft, swapped)} == {"place"}
