"""Write tests/snapshots/agreements: what `cotrain agreement show` prints of each template, with and without money.

Run ``python tests/snapshots/generate_agreements.py`` after a change of the wording, and read the difference.
`tests/cli/test_agreement_texts.py` compares. Keys, nonce and clock are fixed.
"""

import base64
import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from cotrain.agreement.document import Agreement, PartyTerm, Role, parse_agreement
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import load_schema
from cotrain.agreement.templates import TEMPLATES, Template
from cotrain.cli.main import run
from cotrain.data import heart
from cotrain.identity.keys import Identity
from cotrain.settlement.chain.signing import account_of
from cotrain.settlement.draft import MoneyWishes, draft_settlement
from cotrain.testing.determinism import ManualClock, SeededEntropy

FOLDER = Path(__file__).parent / "agreements"
WIDTH = 100
ROLES: dict[str, list[Role]] = {
    "Cleveland": ["data_owner"],
    "Hungary": ["data_owner"],
    "Switzerland": ["data_owner"],
    "Pharma": ["model_demander"],
    "Lab": ["algorithm_developer"],
    "Hub": ["coordinator", "compute_provider"],
}


def agreements() -> Iterator[tuple[str, Agreement]]:
    """Yield a name and an agreement for each template, without and with money, then rarer terms."""
    for name, template in TEMPLATES.items():
        for paid in (False, True):
            yield f"{name}{'-paid' if paid else ''}", of_template(name, template, paid=paid)
    exact = of_template("education", TEMPLATES["credit-risk"], paid=False)
    terms = exact.terms | {"purpose": "education", "assurance": "recorded"}
    terms["privacy"] |= {"noise": "none", "epsilon": "0", "delta": "0"}
    terms["data_schema"]["derived_from_data"] = True
    yield "without-noise", parse_agreement(terms)
    terms = of_template("rare money terms", TEMPLATES["credit-risk"], paid=True).terms
    terms["quorum"] |= {"survivors": 2, "colluders": 0, "holder_colluders": 0}
    terms["settlement"] |= {
        "rule": "agreed",
        "challenge_seconds": 90,
        "transfer": "anyone",
        "parents": [{"model": "0x" + 40 * "1", "basis_points": 250}],
    }
    yield "rare-money-terms", parse_agreement(terms)
    terms = of_template("all must sign", TEMPLATES["credit-risk"], paid=True).terms
    terms["settlement"] |= {"quorum": len(ROLES)}
    yield "all-must-sign", parse_agreement(terms)
    terms = of_template("a pool by contribution", TEMPLATES["credit-risk"], paid=True).terms
    terms["settlement"] |= {
        "shares": [
            share | {"basis_points": share["basis_points"] * 6 // 10}
            for share in terms["settlement"]["shares"]
        ],
        "rule": "agreed",
    }
    rest = 6_000 - sum(share["basis_points"] for share in terms["settlement"]["shares"])
    terms["settlement"]["shares"][0]["basis_points"] += rest
    rows = bytes(2 * 3 * (load_schema(heart.SCHEMA_PATH).feature_count + 1))
    pool = {"pool": 4_000, "floor": 20, "epsilon": "0.5", "rows": base64.b64encode(rows).decode()}
    terms["settlement"] |= {"contribution": pool}
    yield "pool-by-contribution", parse_agreement(terms)


def of_template(title: str, template: Template, *, paid: bool) -> Agreement:
    """Return the agreement of a template between three hospitals, who orders, who developed and a hub."""
    people = [Identity(bytes([number]) * 32, name) for number, name in enumerate(ROLES, 1)]
    parties = [
        PartyTerm(
            name=person.name,
            did=person.did,
            roles=ROLES[person.name],
            account=account_of(person).address if paid else None,
        )
        for person in people
    ]
    wishes = Wishes(
        title=title,
        purpose=template.purpose,
        duo=template.duo,
        rounds=template.rounds,
        epsilon=template.epsilon,
        delta=template.delta,
        assurance=template.assurance,
        days=template.days,
        colluders=1,
    )
    money = MoneyWishes(
        price=1000,
        shares={
            "Hub": template.shares["coordinator"],
            "Lab": template.shares["algorithm_developer"],
        },
        stake_owner=50,
        stake_coordinator=100,
        challenge_days=template.challenge_days,
    )
    return draft_agreement(
        load_schema(heart.SCHEMA_PATH),
        parties,
        wishes,
        entropy=SeededEntropy(title),
        clock=ManualClock(),
        settlement=draft_settlement(parties, money, colluders=1) if paid else None,
    )


def text_of(agreement: Agreement) -> str:
    """Return what the command prints on a terminal of 100 columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agreement.json"
        path.write_bytes(agreement.data)
        out = io.StringIO()
        with (
            patch.dict(os.environ, {"COLUMNS": str(WIDTH)}),
            contextlib.redirect_stdout(out),
            contextlib.suppress(SystemExit),
        ):
            run(["agreement", "show", str(path)])
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, agreement in agreements():
        (FOLDER / f"{name}.txt").write_text(text_of(agreement), encoding="utf-8")
    print(f"wrote {FOLDER.name}")  # noqa: T201 - a script
