"""The model that training begins with, where that is the released model of another run (docs/spec/base-model.md)."""

from pydantic import BaseModel, ConfigDict

from cotrain.records.kinds import Digest


class BaseModelTerm(BaseModel):
    """Which model; the file that holds it is on the ledger, beside the agreement.

    Attributes:
        run: SHA-256 of the agreement under which it was trained.
        model: SHA-256 of the released model.
        file: SHA-256 of the base file (`cotrain.rounds.base`).
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    run: Digest
    model: Digest
    file: Digest
