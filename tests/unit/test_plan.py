"""What an agreement implies, and what it may not imply."""

import json

import pytest

from cotrain.agreement.document import PartyTerm
from cotrain.agreement.draft import Wishes, draft_agreement
from cotrain.agreement.schema import parse_schema
from cotrain.errors import RefusedError
from cotrain.identity.keys import Identity
from cotrain.rounds.plan import MAX_WEIGHTS, RunPlan
from cotrain.testing.determinism import ManualClock, SeededEntropy
from cotrain.training.algorithm import Algorithm
from cotrain.training.model import Model


def _plan(features: int, classes: int) -> RunPlan:
    schema = {
        "format": "cotrain/schema/1",
        "name": "wide",
        "columns": [{"kind": "flag", "name": f"c{n}"} for n in range(features - 1)],
        "target": {"kind": "classes", "name": "y", "categories": [str(n) for n in range(classes)]},
        "max_rows": 100,
    }
    people = [Identity(bytes([n]) * 32, f"p{n}") for n in range(1, 4)]
    parties = [PartyTerm(name=p.name, did=p.did, roles=["data_owner"]) for p in people[1:]]
    parties.append(PartyTerm(name="hub", did=people[0].did, roles=["coordinator"]))
    wishes = Wishes("wide", epsilon=None, rounds=1)
    return RunPlan.derive(
        draft_agreement(
            parse_schema(json.dumps(schema)),
            parties,
            wishes,
            entropy=SeededEntropy("plan"),
            clock=ManualClock(),
        )
    )


def test_a_model_that_could_not_be_released_is_refused_before_anybody_signs() -> None:
    assert _plan(100, 800).dimension == MAX_WEIGHTS
    with pytest.raises(RefusedError) as caught:
        _plan(100, 801)
    assert caught.value.code == "plan-model-too-large"


def test_the_largest_model_fits_its_record_whatever_its_weights() -> None:
    algorithm = Algorithm(
        kind="softmax", features=80, classes=1000, weight_bits=20, weight_bound=1 << 28
    )
    widest = -(1 << 24)
    weights = tuple([widest] * MAX_WEIGHTS)
    data = Model(algorithm, weights, "0" * 64, "0" * 64).encode()
    assert Model.decode(data).weights == weights
