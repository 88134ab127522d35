"""Agreements as ODRL policies, for programs that speak the Dataspace Protocol.

`to_odrl` and `from_odrl` are inverse to each other on the agreements that are accepted. The canonical bytes
(RFC 8785) of the policy are what is hashed and signed: `Agreement.data`.
"""

from typing import Any

from cotrain.agreement.document import Agreement, decode_agreement
from cotrain.agreement.policy import render
from cotrain.records.canonical import encode


def to_odrl(agreement: Agreement) -> dict[str, Any]:
    """Return the agreement as an ODRL policy: a JSON value."""
    return render(agreement.terms)


def from_odrl(value: Any) -> Agreement:
    """Return the agreement whose policy is `value`.

    Raises:
        MalformedError: something is not understood, contradicts itself, or has another spelling.
    """
    return decode_agreement(encode(value))
