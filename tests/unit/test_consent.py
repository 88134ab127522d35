"""A consent receipt says what follows from the agreement, is signed by the owner, and nothing else is one."""

import base64
import json
from typing import Any

import pytest

from cotrain.agreement.consent import make_receipt, verify_receipt, withdraw
from cotrain.agreement.document import Agreement, parse_agreement
from cotrain.errors import CotrainError, ForgeryError, MalformedError, RefusedError
from cotrain.identity.keys import Identity
from cotrain.records.canonical import encode, sha256
from cotrain.testing.world import COORDINATOR, World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("consent"))


@pytest.fixture(scope="module")
def owner(world: World) -> Identity:
    return world.actors["Owner 1"].identity


@pytest.fixture(scope="module")
def receipt(world: World, owner: Identity) -> bytes:
    return make_receipt(world.agreement, owner, 1_700_000_000)


def test_it_names_who_what_for_whom_and_until_when(world: World, receipt: bytes) -> None:
    value = verify_receipt(receipt, world.agreement)
    processing = value["pii_processing"]
    assert value["privacy_notice"]["agreement"] == world.agreement.digest
    assert value["pii_controller"]["party_name"] == "Owner 1"
    assert [r["party_name"] for r in processing["recipients"]][-1] == COORDINATOR
    assert len(processing["recipients"]) == len(world.agreement.parties) - 1
    assert processing["pii_information"]["pii_attributes"] == ["a", "b", "c", "y"]
    assert processing["validity_duration"]["until"] == "2023-12-14T22:13:20Z"
    assert "cotrain data revoke" in processing["withdrawal_method"]
    assert "not certified" in value["schema_version"]
    assert value["consent_events"][0]["event_time"] == "2023-11-14T22:13:20Z"


def test_a_withdrawal_is_added_and_names_what_it_withdraws(
    world: World, owner: Identity, receipt: bytes
) -> None:
    data = withdraw(receipt, world.agreement, owner, 1_700_000_001, "the board said no")
    events = verify_receipt(data, world.agreement)["consent_events"]
    assert [event["event_state"] for event in events] == ["given", "withdrawn"]
    assert events[1]["previous"] == sha256(receipt)
    with pytest.raises(RefusedError, match="says already"):
        withdraw(data, world.agreement, owner, 1_700_000_002, "again")


def test_only_the_owner_withdraws_and_not_before_it_consented(
    world: World, owner: Identity, receipt: bytes
) -> None:
    other = world.actors["Owner 2"].identity
    with pytest.raises(RefusedError, match="another owner"):
        withdraw(receipt, world.agreement, other, 1_700_000_001, "")
    with pytest.raises(RefusedError, match="before the consent"):
        withdraw(receipt, world.agreement, owner, 1_699_999_999, "")


def test_only_data_owners_consent(world: World) -> None:
    with pytest.raises(RefusedError, match="no data owner"):
        make_receipt(world.agreement, world.actors[COORDINATOR].identity, 1)
    with pytest.raises(RefusedError, match="not a party"):
        make_receipt(world.agreement, Identity(bytes(32), "X"), 1)


def test_it_is_about_one_agreement(world: World, receipt: bytes) -> None:
    other = parse_agreement(world.agreement.terms | {"rounds": 3})
    with pytest.raises(ForgeryError):
        verify_receipt(receipt, other)


def signed(owner: Identity, value: dict[str, Any]) -> bytes:
    """What a lying owner would sign."""
    unsigned = {name: item for name, item in value.items() if name != "signature"}
    signature = owner.sign(b"cotrain/consent-receipt/1\n" + encode(unsigned))
    return encode(unsigned | {"signature": base64.b64encode(signature).decode()})


def refusal(data: bytes, agreement: Agreement) -> CotrainError:
    with pytest.raises(CotrainError) as caught:
        verify_receipt(data, agreement)
    return caught.value


def test_an_owner_cannot_sign_another_content(
    world: World, owner: Identity, receipt: bytes
) -> None:
    for name in json.loads(receipt):
        value = json.loads(receipt)
        if name in {"signature", "format", "consent_events", "pii_controller"}:
            continue
        value[name] = "x"
        assert refusal(signed(owner, value), world.agreement).code == "consent-not-the-agreement"
    value = json.loads(receipt)
    value["pii_processing"]["purposes"][0]["purpose"] = "credit-risk"
    assert refusal(signed(owner, value), world.agreement).code == "consent-not-the-agreement"
    value = json.loads(receipt) | {"note": "x"}
    assert refusal(signed(owner, value), world.agreement).code == "consent-not-the-agreement"


@pytest.mark.parametrize(
    "events",
    [
        [],
        {},
        ["x"],
        [{"entity_id": "did:key:z6Mk"}],
        [{"entity_id": None, "event_time": "tomorrow"}],
    ],
)
def test_malformed_events(world: World, owner: Identity, receipt: bytes, events: Any) -> None:
    if isinstance(events, list) and events and isinstance(events[0], dict):
        events = [{k: v or owner.did for k, v in events[0].items()}]
    value = json.loads(receipt) | {"consent_events": events}
    error = refusal(signed(owner, value), world.agreement)
    assert isinstance(error, MalformedError)


def test_any_byte_changed_is_noticed(world: World, receipt: bytes) -> None:
    data = bytearray(receipt)
    for place in range(0, len(data), 7):
        data[place] ^= 1
        refusal(bytes(data), world.agreement)
        data[place] ^= 1
    verify_receipt(bytes(data), world.agreement)
