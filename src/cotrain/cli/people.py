"""Parties, accounts and shares as they are typed: NAME=did:key:..., NAME=0x..., NAME=PERCENT."""

from collections.abc import Iterable, Sequence

from cotrain.agreement.document import PartyTerm, Role
from cotrain.errors import CotrainError, UsageError
from cotrain.identity.did_key import public_key_of


def parse_party(option: str, text: str, roles: list[Role]) -> PartyTerm:
    """Return the party of an option's text.

    Raises:
        UsageError: it is not NAME=did:key:...
    """
    name, found, did = text.rpartition("=")
    name = name.strip()
    if not found or not 1 <= len(name) <= 120 or not name.isprintable():
        raise UsageError(
            "agreement-bad-party",
            f"{option} {text!r} is not NAME=did:key:...",
            meaning="An agreement lists each party with a name for people and an identity for machines.",
            hint="`cotrain init HOME --name NAME` prints a party's did:key.",
        )
    try:
        public_key_of(did)
    except CotrainError as error:
        raise UsageError(
            "agreement-bad-did",
            f"{option} {name}: {did!r} is not a did:key of cotrain",
            meaning=error.meaning,
            hint=error.hint,
        ) from error
    return PartyTerm(name=name, did=did, roles=roles)


def add_role(
    parties: list[PartyTerm], option: str, texts: Sequence[str], role: Role
) -> list[PartyTerm]:
    """Return the parties with a role for each text: the name of one that is listed, or NAME=did:key:... of a new one.

    Raises:
        UsageError: a text is neither.
    """
    for text in texts:
        names = [party.name for party in parties]
        if text in names:
            place = names.index(text)
            party = parties[place]
            with_role = party.model_copy(update={"roles": [*party.roles, role]})
            parties = [*parties[:place], with_role, *parties[place + 1 :]]
        else:
            parties = [*parties, parse_party(option, text, [role])]
    return parties


def with_accounts(parties: Sequence[PartyTerm], texts: Sequence[str]) -> list[PartyTerm]:
    """Return the parties with their accounts.

    Raises:
        UsageError: a text is not NAME=0x..., or names nobody.
    """
    accounts = dict(_named("--account", text, "NAME=0x...") for text in texts)
    _check_known("--account", accounts, parties)
    return [p.model_copy(update={"account": accounts.get(p.name)}) for p in parties]


def parse_shares(parties: Sequence[PartyTerm], texts: Sequence[str]) -> dict[str, int]:
    """Return name to whole percent.

    Raises:
        UsageError: a text is not NAME=PERCENT, or names nobody.
    """
    shares = {}
    for text in texts:
        name, percent = _named("--share", text, "NAME=PERCENT")
        if not (percent.isascii() and percent.isdigit() and 1 <= int(percent) <= 100):
            raise _not("--share", text, "NAME=PERCENT with a whole number from 1 to 100")
        shares[name] = int(percent)
    _check_known("--share", shares, parties)
    return shares


def _named(option: str, text: str, shape: str) -> tuple[str, str]:
    name, found, value = text.rpartition("=")
    if not found or not name.strip() or not value:
        raise _not(option, text, shape)
    return name.strip(), value


def _check_known(option: str, named: Iterable[str], parties: Sequence[PartyTerm]) -> None:
    unknown = set(named) - {party.name for party in parties}
    if unknown:
        raise UsageError(
            "agreement-unknown-name",
            f"{option} {min(unknown)!r} names nobody in this agreement",
            meaning="Nothing was written.",
            hint="Name parties as in --owner, --coordinator and the other options.",
        )


def _not(option: str, text: str, shape: str) -> UsageError:
    return UsageError(
        "agreement-bad-option",
        f"{option} {text!r} is not {shape}",
        meaning="Nothing was written.",
        hint="`cotrain agreement new --help` shows the spelling.",
    )
