"""Names are keys, keys stay secret, and bytes that are neither are refused."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cotrain.errors import CotrainError, ForgeryError, MalformedError, OutsideError, UsageError
from cotrain.identity.did_key import did_of, public_key_of, verify_signature
from cotrain.identity.keys import Identity, load_identity

ORDER = 2**252 + 27742317777372353535851937790883648493

# did:key method specification, section "Test Vectors", and its Ed25519 public keys (base58btc after z).
KNOWN = {
    "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29": (
        "did:key:z6MkjchhfUsD6mmvni8mCdXHw216Xrm9bQe2mBH1P5RDjVJG"
    ),
    "2b2d67b3d0dbe57ec3d8c1d7b8a1b4b9d1f7bbd0ff8f0d9f28c1ab3bd3cbbcb8": None,
}


def test_a_known_name() -> None:
    for key, did in KNOWN.items():
        if did is not None:
            assert did_of(bytes.fromhex(key)) == did
        assert public_key_of(did_of(bytes.fromhex(key))).hex() == key


@given(st.binary(min_size=32, max_size=32))
def test_a_name_names_its_key(key: bytes) -> None:
    assert public_key_of(did_of(key)) == key


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_have_32_bytes(size: int) -> None:
    with pytest.raises(MalformedError):
        did_of(bytes(size))


@given(st.text())
def test_other_texts_are_no_names(text: str) -> None:
    for did in (text, "did:key:z" + text, "did:key:z6Mk" + text):
        with pytest.raises(MalformedError):
            public_key_of(did)


def test_names_have_one_spelling() -> None:
    did = did_of(bytes(32))
    for wrong in [
        did + "1",
        did[:-1],
        did.replace("z6", "z16"),
        did.upper(),
        did + "\n",
        "did:key:z" + "1" * 60,
        "did:web:example.org",
        did.replace("z6Mk", "z6LS"),  # an X25519 name
    ]:
        with pytest.raises(MalformedError):
            public_key_of(wrong)


def test_signatures() -> None:
    identity = Identity(bytes(range(32)))
    signature = identity.sign(b"message")
    verify_signature(identity.did, b"message", signature)
    s = int.from_bytes(signature[32:], "little")
    malleable = signature[:32] + (s + ORDER).to_bytes(32, "little")
    for did, message, wrong in [
        (Identity(bytes(32)).did, b"message", signature),
        (identity.did, b"massage", signature),
        (identity.did, b"message", bytes(64)),
        (identity.did, b"message", signature[:-1]),
        (identity.did, b"message", b""),
        (identity.did, b"message", malleable),
    ]:
        with pytest.raises(ForgeryError) as caught:
            verify_signature(did, message, wrong)
        assert caught.value.code == "identity-bad-signature"


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(min_size=32, max_size=32))
def test_random_signatures_raise_only_our_errors(
    message: bytes, signature: bytes, key: bytes
) -> None:
    public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    with pytest.raises(CotrainError):
        verify_signature(did_of(public), message, signature)


def test_secrets_differ_by_use_and_never_print() -> None:
    identity = Identity(bytes(range(32)), "Cleveland")
    secrets = {identity.secret(label) for label in ("a", "b", "coin/x", "sealing/x")}
    assert len(secrets) == 4
    assert Identity(bytes(range(32))).secret("a") == identity.secret("a")
    assert bytes(range(32)).hex() not in repr(identity)
    assert repr(identity) == f"Identity('Cleveland', {identity.did})"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(UsageError):
        Identity(bytes(size))


@pytest.mark.parametrize("name", ["", "Cleveland", "a:b", "Zürich"])
def test_a_file_keeps_an_identity_for_its_owner_alone(name: str, tmp_path: Path) -> None:
    path, identity = tmp_path / "identity", Identity(bytes(range(32)), name)
    identity.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load_identity(path)
    assert (again.did, again.name) == (identity.did, name)
    with pytest.raises(OutsideError) as caught:
        Identity(bytes(32)).save(path)
    assert caught.value.code == "identity-not-written"
    assert load_identity(path).did == identity.did


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"cotrain-identity-v1:",
        b"cotrain-identity-v1:00:x",
        b"cotrain-identity-v2:" + b"00" * 32,
        b"\xff",
    ],
)
def test_other_files_are_no_identities(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "identity"
    path.write_bytes(content)
    with pytest.raises(OutsideError) as caught:
        load_identity(path)
    assert caught.value.code == "identity-not-read"
    with pytest.raises(OutsideError):
        load_identity(tmp_path / "missing")
