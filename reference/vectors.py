"""Vector files as JSON: `vectors/proofs/v1.json` and those after it, and files of the same format.

A case has `name`, `kind`, `inputs` (points of each input matrix), `proof` and `expected` ("accept"
or the code of the refusal). Bytes are hexadecimal; numbers are integers or decimal strings.

- kind `argument`: `system` (see `read_system`) and `fields`, pairs of label and bytes.
- kinds `dataset`, `gradient`, `update`, `contribution`, `removal`: `parameters` with the names of
  the fields of the specification (`kinds` and `groups` are lists of numbers, hashes and coins are
  bytes), `context`, `weights` (of a gradient; of a contribution the validation gradients) and
  `table`: the thresholds of the noise, or the values of the sigmoid or exp table, which are
  compared; either may be null or missing.

`base` names an earlier case whose members are taken where this one has none. `patch`, pairs of
offset and bytes, overwrites bytes of the proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.argument import verify
from reference.errors import Refused
from reference.statements import Statement, make_gradient, make_statement
from reference.system import (
    Affine,
    ByColumn,
    ByRow,
    Column,
    ColumnKind,
    Constraint,
    Domain,
    Expression,
    Full,
    Inside,
    Linear,
    Matrix,
    MatrixProduct,
    Number,
    Product,
    ProductColumn,
    Row,
    System,
    Table,
    affine,
)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One case of a vector file."""

    name: str
    expected: str
    document: Json

    def judge(self) -> str:
        """Return "accept" or the code of the refusal."""
        try:
            statement = read_statement(self.document)
            inputs = [bytes.fromhex(points) for points in self.document["inputs"]]
            verify(statement.system, statement.fields, inputs, _proof(self.document))
        except Refused as refusal:
            return refusal.code
        return "accept"


def read_cases(document: Json) -> list[Case]:
    """The cases of a file, bases filled in."""
    cases: dict[str, Json] = {}
    for case in document["cases"]:
        base = cases[case["base"]] if "base" in case else {}
        cases[case["name"]] = {**base, **case}
    return [Case(name, case["expected"], case) for name, case in cases.items()]


def _proof(case: Json) -> bytes:
    proof = bytearray.fromhex(case["proof"])
    for offset, new in case.get("patch", []):
        octets = bytes.fromhex(new)
        proof[offset : offset + len(octets)] = octets
    return bytes(proof)


def read_statement(case: Json) -> Statement:
    """The system and the fields of a case."""
    if case["kind"] == "argument":
        fields = tuple((label, bytes.fromhex(message)) for label, message in case["fields"])
        return Statement(read_system(case["system"]), fields)
    weights, table = (_numbers(case.get(name) or ()) for name in ("weights", "table"))
    parameters, context = case["parameters"], bytes.fromhex(case["context"])
    if case["kind"] == "gradient" and table:
        made = make_gradient(parameters, weights)
        if list(table) != made.values:
            raise Refused("statement-shape", "another table than the parameters give")
    return make_statement(case["kind"], parameters, context, weights, table)


def _numbers(values: Sequence[int | str]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def read_system(document: Json) -> System:
    """A system: `matrices`, `domains`, and `table` or null."""
    matrices = tuple(Matrix(m["kind"], m["entries"], m["width"]) for m in document["matrices"])
    domains = tuple(_read_domain(domain) for domain in document["domains"])
    table, given = None, document.get("table")
    if given is not None:
        table = Table(given["arity"], tuple(_numbers(row) for row in given["rows"]))
    return System(matrices, domains, table)


def _read_domain(document: Json) -> Domain:
    return Domain(
        document["rho"],
        document["kappa"],
        tuple(_read_column(column) for column in document["columns"]),
        tuple(
            Constraint(c["weight"], read_expression(c["expression"]))
            for c in document.get("constraints", ())
        ),
        tuple(_read_product(product) for product in document.get("products", ())),
        tuple(
            tuple(affine(read_expression(form)) for form in lookup)
            for lookup in document.get("lookups", ())
        ),
    )


def _read_product(m: Json) -> MatrixProduct:
    e = read_expression(m["e"])
    return MatrixProduct(e, m["data"], m["p"], m["d"], m["classes"], m["result"])


def _read_column(document: Json) -> ColumnKind:
    ((kind, value),) = document.items()
    match kind:
        case "full":
            return Full(value)
        case "row":
            return Row(value)
        case "product":
            rows = [_numbers(row) for row in value["b"]]
            sparse = tuple(tuple((j, x) for j, x in enumerate(row) if x) for row in rows)
            return ProductColumn(value["matrix"], value["p"], sparse)
        case "by-row":
            return ByRow(_numbers(value))
        case "by-column":
            return ByColumn(_numbers(value))
        case "inside":
            return Inside(value["m"], _numbers(value["v"]), int(value["o"]))
        case _:
            raise Refused("statement-shape", f"unknown column {kind}")


def read_expression(document: Json | int | str) -> Expression:
    """A number, {"column": n}, {"linear": [[coefficient, e], ...]} or {"product": [x, y]}."""
    if not isinstance(document, Mapping):
        return Number(int(document))
    ((kind, value),) = document.items()
    match kind:
        case "column":
            return Column(value)
        case "linear":
            return Linear(tuple((int(factor), read_expression(part)) for factor, part in value))
        case "product":
            x, y = value
            return Product(read_expression(x), read_expression(y))
        case _:
            raise Refused("statement-shape", f"unknown expression {kind}")


def write_system(system: System) -> dict[str, Any]:
    """What `read_system` reads."""
    table = system.table
    return {
        "matrices": [
            {"kind": m.kind, "entries": m.entries, "width": m.width} for m in system.matrices
        ],
        "table": table and {"arity": table.arity, "rows": [list(row) for row in table.rows]},
        "domains": [_write_domain(domain) for domain in system.domains],
    }


def _write_domain(domain: Domain) -> dict[str, Any]:
    return {
        "rho": domain.rho,
        "kappa": domain.kappa,
        "columns": [_write_column(column) for column in domain.columns],
        "constraints": [
            {"weight": c.weight, "expression": write_expression(c.expression)}
            for c in domain.constraints
        ],
        "products": [
            {
                "e": write_expression(m.e),
                "data": m.data,
                "p": m.p,
                "d": m.d,
                "classes": m.classes,
                "result": m.result,
            }
            for m in domain.products
        ],
        "lookups": [[_write_form(form) for form in lookup] for lookup in domain.lookups],
    }


def _write_column(column: ColumnKind) -> dict[str, Any]:
    match column:
        case Full(matrix):
            return {"full": matrix}
        case Row(matrix):
            return {"row": matrix}
        case ProductColumn(matrix, p, b):
            rows = [dict(row) for row in b]
            dense = [[row.get(j, 0) for j in range(p)] for row in rows]
            return {"product": {"matrix": matrix, "p": p, "b": dense}}
        case ByRow(v):
            return {"by-row": list(v)}
        case ByColumn(v):
            return {"by-column": list(v)}
        case Inside(m, v, o):
            return {"inside": {"m": m, "v": list(v), "o": o}}


def write_expression(expression: Expression) -> Any:
    """What `read_expression` reads."""
    match expression:
        case Number(value):
            return value
        case Column(number):
            return {"column": number}
        case Linear(parts):
            return {"linear": [[factor, write_expression(part)] for factor, part in parts]}
        case Product(x, y):
            return {"product": [write_expression(x), write_expression(y)]}


def _write_form(form: Affine) -> Any:
    parts = [[str(c), {"column": n}] for n, c in form.terms]
    return {"linear": [[1, str(form.constant)], *parts]}
