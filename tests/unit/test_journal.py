"""A journal remembers what was said, forgets what must be destroyed, and says when it cannot."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.errors import OutsideError
from cotrain.identity.keys import Identity
from cotrain.ports import Store
from cotrain.records.kinds import AgreementBody, RevocationBody
from cotrain.records.record import Message, blob_ref, sign_record
from cotrain.rounds.journal import MemoryJournal, SqliteJournal, pack_message, unpack_message
from cotrain.testing.faults import CrashError, FaultyJournal, Fuse

SIGNER = Identity(bytes(32))
SECRET = bytes(range(100, 132))


@pytest.fixture(params=[MemoryJournal, SqliteJournal, FaultyJournal])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param is SqliteJournal:
        return SqliteJournal(tmp_path / "journal.db")
    memory = MemoryJournal()
    return FaultyJournal(memory, Fuse()) if request.param is FaultyJournal else memory


def test_what_was_put_comes_back(journal: Store) -> None:
    assert journal.get("a") is None
    journal.put("a", b"1")
    journal.put("a", b"2")
    journal.put("b", b"")
    assert (journal.get("a"), journal.get("b")) == (b"2", b"")


def test_only_the_prefix_is_destroyed(journal: Store) -> None:
    for key in (
        "run/secrets/1",
        "run/secrets/2",
        "run/secretly",
        "run",
        "other/run/secrets/1",
        "run/%",
    ):
        journal.put(key, key.encode())
    journal.delete("run/secrets/")
    journal.delete("run/_")
    assert journal.get("run/secrets/1") is None
    assert journal.get("run/secrets/2") is None
    for key in ("run/secretly", "run", "other/run/secrets/1", "run/%"):
        assert journal.get(key) == key.encode()


def test_it_survives_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.put("a", b"1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OutsideError):
        SqliteJournal(path)  # two agents of one home could say two different things
    crashed = tmp_path / "crashed"  # what lies on the disk now, never closed
    crashed.mkdir()
    for file in tmp_path.glob("journal.db*"):
        shutil.copy(file, crashed)
    assert SqliteJournal(crashed / "journal.db").get("a") == b"1"


def test_a_destroyed_secret_is_in_no_file(tmp_path: Path) -> None:
    """Found by this test: the write-ahead log kept it."""
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.put("run/secrets/0", SECRET)
    assert any(SECRET in path.read_bytes() for path in tmp_path.iterdir())
    journal.delete("run/secrets/")
    assert not any(SECRET in path.read_bytes() for path in tmp_path.iterdir())
    journal.close()
    assert not any(SECRET in path.read_bytes() for path in tmp_path.iterdir())


def test_a_journal_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "text.db").write_text("no database" * 100)
    for name in ("folder.db", "text.db", "missing/journal.db"):
        with pytest.raises(OutsideError) as caught:
            SqliteJournal(tmp_path / name)
        assert caught.value.code == "journal-failed"
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.close()
    uses: list[Callable[[], object]] = [
        lambda: journal.get("a"),
        lambda: journal.put("a", b""),
        lambda: journal.delete("a"),
    ]
    for use in uses:
        with pytest.raises(OutsideError):
            use()


def message() -> Message:
    blob = b"a document\nof two lines"
    record = sign_record(SIGNER, "a" * 64, AgreementBody(document=blob_ref(blob), base=None))
    return Message(record, {blob_ref(blob).sha256: blob})


def test_a_message_comes_back() -> None:
    assert unpack_message(pack_message(message())) == message()
    alone = Message(sign_record(SIGNER, "a" * 64, RevocationBody(reason="\n", signature=None)))
    assert unpack_message(pack_message(alone)) == alone


def test_a_damaged_message_is_said() -> None:
    packed = pack_message(message())
    header = packed.index(b"\n")
    for place in [*range(0, header, 5), *range(header + 1, len(packed), 7)]:
        damaged = packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]
        with pytest.raises(OutsideError) as caught:
            unpack_message(damaged)
        assert caught.value.code == "journal-damaged"


@given(st.binary(max_size=60))
def test_random_bytes_are_damage(data: bytes) -> None:
    with pytest.raises(OutsideError):
        unpack_message(data)


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda packed: packed[:-1],
    lambda packed: packed.replace(b"sizes", b"sizez"),
    lambda packed: b"[]\n" + packed,
    lambda packed: b'{"sizes":5,"blobs":[]}\n' + packed,
    lambda packed: b'{"sizes":[],"blobs":[]}\n' + packed,
    lambda packed: b'{"sizes":[null],"blobs":[]}\n' + packed,
    lambda packed: b'"sizes"\n' + packed,
]


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_damaged_headers(number: int) -> None:
    with pytest.raises(OutsideError):
        unpack_message(DAMAGES[number](pack_message(message())))


@pytest.mark.parametrize(("moment", "kept"), [(0, None), (1, b"1"), (2, b"1")])
def test_a_fuse_fails_before_or_after_a_write(moment: int, kept: bytes | None) -> None:
    memory = MemoryJournal()
    journal = FaultyJournal(memory, Fuse(moment, "me"))
    if moment == 2:
        journal.put("a", b"1")
    with pytest.raises(CrashError) as caught:
        journal.put("a", b"1")
    assert caught.value.owner == "me"
    assert memory.get("a") == kept
    journal.put("b", b"2")
    assert memory.get("b") == b"2"
