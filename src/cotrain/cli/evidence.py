"""`cotrain evidence find | reject | combine | send`: what costs a liar its stake, from finding it to pressing it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
from eth_utils.address import to_checksum_address

from cotrain.agreement.document import Agreement
from cotrain.audit.auditor import AuditReport, read_agreement
from cotrain.audit.copies import evidence as split_of
from cotrain.audit.copies import find_parting
from cotrain.audit.judgement import (
    JUDGED,
    Accused,
    Judgement,
    blobs_of,
    find_accused,
    judge_author,
    judge_log,
    list_refused,
)
from cotrain.audit.on_chain import anchors_on, chain_of_ledger, find_on_chain
from cotrain.audit.standing import read_standing
from cotrain.cli.audit import audited, ledger_path
from cotrain.cli.files import read_file, write_file
from cotrain.cli.node import connect, node_option, open_node, refuse_node
from cotrain.cli.options import PATH, home_option, json_option
from cotrain.cli.output import bar_of, emit, progress_bars, say, tell
from cotrain.cli.pressing import (
    Case,
    check_no_homes,
    check_no_options_of_a_node,
    press_on_node,
    press_on_own_chain,
    read_case,
)
from cotrain.cli.shop import shop_options
from cotrain.errors import UsageError
from cotrain.identity.did_key import verify_signature
from cotrain.identity.keys import load_identity
from cotrain.layout import HomeLayout
from cotrain.ledger.store import Ledger
from cotrain.records.canonical import sha256
from cotrain.records.record import decode_record
from cotrain.rounds.money import money_of
from cotrain.settlement.chain.chain import Chain
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.evidence_file import (
    Evidence,
    encode_evidence,
    rejection_evidence,
)
from cotrain.settlement.pressing import Slashing
from cotrain.settlement.rejection import decode_rejection, needed, sign_rejection
from cotrain.settlement.statement import MoneyFigures
from cotrain.settlement.terms import ContractTerms

_OUT = click.option("--out", required=True, type=PATH, help="File to write.")


@click.group()
def evidence() -> None:
    r"""Find what costs a liar its stake, let the parties reject a false record, and bring it to the contract.

    The contract takes four kinds: two ledgers that the coordinator signed for one round; one that it signed and
    another that it anchored; an owner's update in a round opened after its revocation; and a record that a quorum
    of the other parties rejects. The whole stake goes: a tenth to who brings it, the rest to the other parties.

    \b
    Examples:
      cotrain evidence find runs/hearts --against from-another-party.db --node URL --out evidence.json
      cotrain evidence send runs/hearts evidence.json --home homes/cleveland --node URL
    """


@evidence.command()
@click.argument("run", type=PATH)
@click.option("--against", type=PATH, help="Another copy of the run's ledger, say another party's.")
@node_option
@_OUT
@json_option
def find(run: Path, against: Path | None, node: str | None, out: Path, *, as_json: bool) -> None:
    r"""Look for evidence against the coordinator, and write the first that is found to a file.

    Audits RUN (a run folder or a ledger file), and a second copy of it, if there is one. Compares what the
    coordinator signed in both, and with --node what it anchored and who had revoked. Lists the records that the
    coordinator refused: whether one of them is a lie, the others can judge (cotrain evidence reject).

    \b
    Examples:
      cotrain evidence find runs/hearts --node http://127.0.0.1:8545 --out evidence.json
      cotrain evidence find runs/demo --against from-another-party.db --out evidence.json
    """
    with ExitStack() as files:
        paths = [ledger_path(path) for path in (run, against) if path is not None]
        ledgers = [files.enter_context(Ledger.open(path, read_only=True)) for path in paths]
        reports = [audited(ledger) for ledger in ledgers]
        terms = ContractTerms.of(reports[0].agreement)
        parting, found = _compare(ledgers, reports)
        looked = [] if against is None else ["two ledgers that the coordinator signed for a round"]
        chain = files.enter_context(_chain(reports[0], terms, node))
        if chain is not None:
            looked += ["anchors of another ledger", "revoked owners in anchored rounds"]
            found = found or _beside(chain, reports, terms)
        refused = _refused(ledgers[0], reports[0].agreement)
    if found is not None:
        write_file(out, encode_evidence(terms, found))
    value = {
        "run": reports[0].run,
        "looked_for": looked,
        "copies_part_at": parting,
        "found": None if found is None else {**_told(terms, found), "file": str(out)},
        "refused": refused,
    }
    emit(value, as_json=as_json, show=lambda: _show_found(value, run, out))
    if found is not None and terms.own_chain:
        tell(
            "The coordinator keeps this run's chain, so there it cannot be made to lose its stake. Show the file, and "
            "both copies, to the other parties before they sign the payment."
        )


@evidence.command()
@click.argument("run", type=PATH)
@click.option("--entry", type=click.IntRange(0), help="Entry with the record, or with its refusal.")
@click.option("--record", type=PATH, help="Instead of --entry: a file with the record's bytes.")
@click.option(
    "--blob", "blobs", type=PATH, multiple=True, help="A file that the record names. Repeat it."
)
@click.option(
    "--logged", is_flag=True, help="Hold a wrong entry against the coordinator that logged it."
)
@home_option
@_OUT
@json_option
def reject(
    run: Path,
    entry: int | None,
    record: Path | None,
    blobs: Sequence[Path],
    *,
    logged: bool,
    home: Path,
    out: Path,
    as_json: bool,
) -> None:
    r"""Judge a record by RUN's ledger; if it is false, sign with your account that you reject it.

    The rules and the proof are checked here again. Nothing is signed for a record that the rules take anywhere in
    the run, for one that only came late, for one whose files are missing, or if its author may have been shown
    another ledger. With the signatures of a quorum the author loses its stake (cotrain evidence combine).

    \b
    Examples:
      cotrain evidence reject runs/demo --entry 57 --home runs/demo/parties/hungary --out hungary.json
      cotrain evidence reject copy.db --entry 57 --logged --home homes/hungary --out hungary.json
    """
    if (entry is None) == (record is None):
        raise UsageError(
            "evidence-which-record",
            "one of --entry and --record is needed",
            meaning="Nothing was judged.",
            hint="`cotrain evidence find` lists the entries with refused records.",
        )
    identity = load_identity(HomeLayout(home).identity)
    with Ledger.open(ledger_path(run), read_only=True) as ledger:
        terms = ContractTerms.of(read_agreement(ledger))
        accused = _from_file(record) if record is not None else find_accused(ledger, entry or 0)
        judged = _judge(ledger, terms.agreement, accused, blobs, logged=logged)
    signed = sign_rejection(terms, judged.rejection, identity.did, account_of(identity), judged.why)
    write_file(out, signed.data)
    value = {
        "run": signed.run,
        "subject": judged.subject.name,
        "did": signed.subject,
        "kind": judged.record.kind,
        "record": signed.record,
        "round": signed.round,
        "code": judged.error.code,
        "why": judged.why,
        "signed_by": terms.agreement.party(identity.did).name,
        "needed": needed(terms),
        "file": str(out),
    }
    emit(value, as_json=as_json, show=lambda: _show_judged(value))


@evidence.command()
@click.argument("run", type=PATH)
@click.argument("files", type=PATH, nargs=-1, required=True)
@_OUT
@json_option
def combine(run: Path, files: Sequence[Path], out: Path, *, as_json: bool) -> None:
    r"""Write the evidence that a quorum's signed rejections of one record make together.

    FILES are what the parties wrote with `cotrain evidence reject`. Each signature is checked.

    \b
    Example:
      cotrain evidence combine runs/demo hungary.json switzerland.json hub.json --out evidence.json
    """
    with Ledger.open(ledger_path(run), read_only=True) as ledger:
        terms = ContractTerms.of(read_agreement(ledger))
    signed = [decode_rejection(read_file(path)) for path in files]
    found = rejection_evidence(terms, signed)
    write_file(out, encode_evidence(terms, found))
    value = {"run": terms.agreement.digest, **_told(terms, found), "file": str(out)}

    def show() -> None:
        say(found.shows)
        say(
            f"{out} costs {value['subject']} its stake: cotrain evidence send {run} {out} --home HOME"
        )

    emit(value, as_json=as_json, show=show)


@evidence.command()
@click.argument("run", type=PATH)
@click.argument("file", type=PATH)
@home_option
@click.option(
    "--now",
    is_flag=True,
    help="On a node: also before the run is paid out. See the hint without it.",
)
@click.option(
    "--pay-others",
    is_flag=True,
    help="On a node: also pay the other parties their parts of the stake, at your fee.",
)
@shop_options
@json_option
def send(
    run: Path,
    file: Path,
    home: Path,
    *,
    now: bool,
    pay_others: bool,
    homes: Sequence[Path],
    node: str | None,
    confirmations: int | None,
    as_json: bool,
) -> None:
    r"""Bring evidence in FILE to the contract, from your own account; a tenth of the stake is yours.

    Anybody may, with any home: nobody is asked. The contract is asked first, and nothing is sent if it refuses. On a
    node your account pays the fee. On a run's own chain its coordinator carries the call out, when the run is over
    and all homes are on this machine: only against others than itself. Given again after it was cut off, it pays what
    is missing. Evidence about a run whose chain goes on with another one is brought through that one: give its RUN.

    \b
    Examples:
      cotrain evidence send runs/hearts evidence.json --home homes/cleveland --node http://127.0.0.1:8545
      cotrain evidence send runs/demo evidence.json --home runs/demo/parties/hungary
    """
    identity = load_identity(HomeLayout(home).identity)
    case = _case(run, file)
    agreement = case.state.terms
    chain = connect(agreement, node, confirmations, account_of(identity).address)
    if chain is None:
        check_no_options_of_a_node(now=now, pay_others=pay_others)
        done, paid = press_on_own_chain(run, case, identity, homes)
    else:
        check_no_homes(homes)
        done, paid = press_on_node(chain, case, identity, now=now, pay_others=pay_others)
    terms, found = case.terms, case.found
    value = _outcome(terms, found, done, paid)
    emit(value, as_json=as_json, show=lambda: _show_outcome(terms, value, done))


# Finding.


def _compare(
    ledgers: Sequence[Ledger], reports: Sequence[AuditReport]
) -> tuple[int | None, Evidence | None]:
    """Return where two copies part, and what the contract takes of it; None where there is nothing."""
    if len(ledgers) < 2:
        return None, None
    parting = find_parting(ledgers[0], ledgers[1], (reports[0], reports[1]))
    return (None, None) if parting is None else (parting.entry, split_of(reports[0], parting))


@contextmanager
def _chain(report: AuditReport, terms: ContractTerms, node: str | None) -> Iterator[Chain | None]:
    """Open what the contracts stand on: a node; a run's own chain, run again; None if no node is given."""
    if terms.own_chain:
        refuse_node("the run has a chain of its own")
        chain: Chain | None = chain_of_ledger(money_of(report.state))
    elif node is None:
        tell("without --node, what the coordinator anchored and who had revoked is not looked at")
        chain = None
    else:
        chain = open_node(terms, node)
    try:
        yield chain
    finally:
        if chain is not None:
            chain.close()


def _beside(chain: Chain, reports: Sequence[AuditReport], terms: ContractTerms) -> Evidence | None:
    anchors = anchors_on(chain, money_of(reports[0].state))
    for number in anchors.unread:
        tell(
            f"the anchor of round {number} was made in a way that is not read here; look at it yourself"
        )
    return find_on_chain(terms, reports, chain, anchors)


def _refused(ledger: Ledger, agreement: Agreement) -> list[dict[str, Any]]:
    names = {party.did: party.name for party in agreement.parties}
    return [
        {
            "entry": entry,
            "author": names.get(body.author, body.author),
            "kind": body.refused,
            "code": body.code,
            "reason": body.reason,
        }
        for entry, body in list_refused(ledger)
    ]


def _told(terms: ContractTerms, found: Evidence) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "subject": terms.agreement.party(found.subject).name,
        "shows": found.shows,
    }


def _show_found(value: dict[str, Any], run: Path, out: Path) -> None:
    if value["copies_part_at"] is not None:
        say(
            f"The copies are two histories of one run: they part at entry {value['copies_part_at']}."
        )
    found = value["found"]
    if found is not None:
        say(f"Found, {found['kind']}: {found['shows']}")
        say(
            f"{out} costs {found['subject']} its stake: cotrain evidence send {run} {out} --home HOME"
        )
    else:
        looked = "; ".join(value["looked_for"]) or "nothing: give --against or --node"
        say(f"Found nothing that the contract takes. Looked for: {looked}.")
    for one in value["refused"]:
        say(
            f"entry {one['entry']}: a {one['kind']} of {one['author']} was refused: {one['reason']}"
        )
    if value["refused"]:
        say(
            f"Judge one of these yourself: cotrain evidence reject {run} --entry N --home HOME --out FILE"
        )


# Judging.


def _from_file(path: Path) -> Accused:
    return Accused(decode_record(read_file(path), verify_signature), None)


def _judge(
    ledger: Ledger, agreement: Agreement, accused: Accused, files: Sequence[Path], *, logged: bool
) -> Judgement:
    more = {sha256(data): data for data in map(read_file, files)}
    of_lead = accused.record.author == agreement.coordinator.did
    against_log = logged or (of_lead and accused.record.kind not in JUDGED)
    with progress_bars() as bars:
        judge = judge_log if against_log else judge_author
        return judge(ledger, accused, blobs_of(ledger, more), bar_of(bars, "checking entries"))


def _show_judged(value: dict[str, Any]) -> None:
    say(f"The {value['kind']} {value['record'][:16]} is false: {value['why']}")
    say(
        f"{value['signed_by']} rejects it, against {value['subject']}: {value['file']}. With {value['needed']} such "
        "files of different parties: cotrain evidence combine RUN FILES --out FILE"
    )


# Pressing.


def _case(run: Path, file: Path) -> Case:
    data = read_file(file)
    with Ledger.open(ledger_path(run), read_only=True) as ledger, progress_bars() as bars:
        return read_case(read_standing(ledger, bar_of(bars, "reading entries")), data)


def _outcome(
    terms: ContractTerms, found: Evidence, done: Slashing, paid: Sequence[str]
) -> dict[str, Any]:
    return {
        "run": terms.agreement.digest,
        "kind": done.why,
        "subject": terms.agreement.party(found.subject).name,
        "account": terms.account(found.subject),
        "stake_taken": done.amount,
        "bounty": done.bounty,
        "reporter": to_checksum_address(done.reporter),
        "for_the_others": done.amount - done.bounty,
        "paid": [terms.agreement.party(did).name for did in paid],
        "block": done.block,
    }


def _show_outcome(terms: ContractTerms, value: dict[str, Any], done: Slashing) -> None:
    money = terms.settlement
    words = MoneyFigures(money.symbol, money.decimals, int(money.price)).words
    say(
        f"{value['subject']} lost its stake of {words(done.amount)}: {done.why}, block {done.block}."
    )
    say(f"{words(done.bounty)} went to {value['reporter']}, who brought the evidence.")
    rest = f"{words(value['for_the_others'])} are the other parties', by their shares"
    if value["paid"]:
        say(f"{rest}; paid to {', '.join(value['paid'])}.")
    else:
        say(f"{rest}; each is paid its part with its next claim, which anybody may send.")
