"""Sealed shares: the RFC's vector, another implementation, and everything that must not open."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from cotrain.encryption.sealing import SEAL_OVERHEAD, check_public_key, open_sealed, seal
from cotrain.errors import ForgeryError, MalformedError, UsageError

# RFC 9180, appendix A.2.1: base mode, first message.
RFC_INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
RFC_IKM = bytes.fromhex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b")
RFC_PUBLIC = bytes.fromhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
RFC_PRIVATE = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
RFC_ENC = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
RFC_PLAINTEXT = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
RFC_AAD = b"Count-0"
RFC_CIPHERTEXT = bytes.fromhex(
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
)

PRIVATE = bytes(range(1, 33))
PUBLIC = X25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
OTHER_PRIVATE = bytes(range(2, 34))
IKM = bytes(range(100, 132))
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
SMALL_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


def test_the_vector_of_the_rfc() -> None:
    sealed = seal(RFC_PUBLIC, RFC_INFO, RFC_AAD, RFC_PLAINTEXT, RFC_IKM)
    assert sealed == RFC_ENC + RFC_CIPHERTEXT
    assert open_sealed(RFC_PRIVATE, RFC_INFO, RFC_AAD, sealed) == RFC_PLAINTEXT


@pytest.mark.parametrize("size", [0, 1, 2400, 100_000])
def test_another_implementation_opens_what_we_seal(size: int) -> None:
    plaintext = bytes(i % 251 for i in range(size))
    sealed = seal(PUBLIC, b"round 7", b"", plaintext, IKM)
    assert len(sealed) == size + SEAL_OVERHEAD
    theirs = X25519PrivateKey.from_private_bytes(PRIVATE)
    assert SUITE.decrypt(sealed, theirs, b"round 7") == plaintext
    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, theirs, b"round 8")


def test_we_open_what_another_implementation_seals() -> None:
    public = X25519PrivateKey.from_private_bytes(PRIVATE).public_key()
    sealed = SUITE.encrypt(b"a share", public, b"round 7")
    assert open_sealed(PRIVATE, b"round 7", b"", sealed) == b"a share"


def test_sealing_is_deterministic_in_its_seed() -> None:
    first = seal(PUBLIC, b"i", b"a", b"p", IKM)
    assert seal(PUBLIC, b"i", b"a", b"p", IKM) == first
    other = seal(PUBLIC, b"i", b"a", b"p", bytes(32))
    assert other[:32] != first[:32]
    assert open_sealed(PRIVATE, b"i", b"a", other) == b"p"


def test_every_bit_matters() -> None:
    sealed = seal(PUBLIC, b"i", b"a", b"a share", IKM)
    for bit in range(8 * len(sealed)):
        bad = bytearray(sealed)
        bad[bit // 8] ^= 1 << (bit % 8)
        # Bit 255 of an X25519 public key is ignored by the group, yet bound by the key schedule.
        with pytest.raises(ForgeryError):
            open_sealed(PRIVATE, b"i", b"a", bytes(bad))


@pytest.mark.parametrize(
    ("private", "info", "aad"),
    [
        (OTHER_PRIVATE, b"i", b"a"),
        (PRIVATE, b"j", b"a"),
        (PRIVATE, b"i", b"b"),
        (PRIVATE, b"", b""),
    ],
)
def test_only_the_receiver_with_the_same_info_and_aad_opens(
    private: bytes, info: bytes, aad: bytes
) -> None:
    sealed = seal(PUBLIC, b"i", b"a", b"a share", IKM)
    with pytest.raises(ForgeryError) as lie:
        open_sealed(private, info, aad, sealed)
    assert lie.value.code == "sealed-share-does-not-open"


def test_cut_and_extended_messages_do_not_open() -> None:
    sealed = seal(PUBLIC, b"i", b"a", b"a share", IKM)
    for bad in (*(sealed[:size] for size in range(len(sealed))), sealed + b"\0"):
        with pytest.raises(ForgeryError):
            open_sealed(PRIVATE, b"i", b"a", bad)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_points_of_small_order_are_refused(point: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        seal(point, b"", b"", b"a share", IKM)
    assert refusal.value.code == "sealing-key"
    with pytest.raises(ForgeryError):
        open_sealed(PRIVATE, b"", b"", point + bytes(23))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_wrong_lengths_are_refused(size: int) -> None:
    with pytest.raises(UsageError):
        seal(PUBLIC, b"", b"", b"a share", bytes(size))
    with pytest.raises(MalformedError):
        seal(bytes(size), b"", b"", b"a share", IKM)
    with pytest.raises(UsageError):
        open_sealed(bytes(size), b"", b"", bytes(60))


@pytest.mark.parametrize("key", [*SMALL_ORDER, bytes(31), bytes(33)])
def test_a_key_to_which_nothing_can_be_sealed_is_refused(key: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        check_public_key(key)
    assert caught.value.code == "sealing-key"


def test_an_honest_key_is_accepted() -> None:
    check_public_key(
        X25519PrivateKey.from_private_bytes(bytes([3]) * 32).public_key().public_bytes_raw()
    )
