"""The compiled contracts: their code, and what is sent to them and comes from them, by their ABI.

The artifacts beside this module are written by `contracts/build.mjs` and compared with the sources in CI.
Encoding and decoding are eth-abi's (Solidity contract ABI specification).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from cotrain.errors import MalformedError

AGREEMENTS: Final = "Agreements"
MODEL_SHARES: Final = "ModelShares"
REGISTRY: Final = "Registry"
CREDITS: Final = "Credits"


@dataclass(frozen=True)
class Event:
    """A decoded event.

    Attributes:
        name: Name in the contract's source.
        values: Argument name to value; addresses are lower-case hex with 0x, bytes are bytes.
    """

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Contract:
    """One compiled contract."""

    name: str
    abi: Sequence[Mapping[str, Any]]
    bytecode: bytes

    @cached_property
    def _by_name(self) -> dict[str, Mapping[str, Any]]:
        return {entry["name"]: entry for entry in self.abi if entry["type"] == "function"}

    @cached_property
    def _by_topic(self) -> dict[bytes, Mapping[str, Any]]:
        return {
            keccak(text=_signature(entry)): entry for entry in self.abi if entry["type"] == "event"
        }

    @cached_property
    def _by_selector(self) -> dict[bytes, Mapping[str, Any]]:
        errors = [entry for entry in self.abi if entry["type"] == "error"]
        return {keccak(text=_signature(entry))[:4]: entry for entry in errors}

    def creation(self, *arguments: Any) -> bytes:
        """Return the data of a transaction that creates the contract."""
        nothing: Mapping[str, Any] = {"inputs": []}
        made = next((entry for entry in self.abi if entry["type"] == "constructor"), nothing)
        return self.bytecode + encode(_types(made["inputs"]), arguments)

    def selector(self, function: str) -> bytes:
        """Return the four bytes that name a function."""
        return keccak(text=_signature(self._by_name[function]))[:4]

    def call(self, function: str, *arguments: Any) -> bytes:
        """Return the data of a call."""
        entry = self._by_name[function]
        return self.selector(function) + encode(_types(entry["inputs"]), arguments)

    def result(self, function: str, data: bytes) -> Any:
        """Return what a call returned: one value, or a tuple of several; None of nothing."""
        values = decode(_types(self._by_name[function]["outputs"]), data)
        return values[0] if len(values) == 1 else values or None

    def record(self, function: str, data: bytes) -> Mapping[str, Any]:
        """Return the struct that a call returned, by its fields' names; empty if there is no such contract."""
        if not data:
            return {}
        fields = self._by_name[function]["outputs"][0]["components"]
        values = self.result(function, data)
        return dict(zip([item["name"] for item in fields], values, strict=True))

    def event(self, topics: Sequence[bytes], data: bytes) -> Event:
        """Decode an event of this contract.

        Raises:
            MalformedError: the contract has no such event.
        """
        entry = self._by_topic.get(topics[0]) if topics else None
        if entry is None:
            raise MalformedError("contract-unknown-event", f"{self.name} has no such event")
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        others = [item for item in entry["inputs"] if not item["indexed"]]
        values = dict(
            zip(
                [item["name"] for item in indexed],
                [
                    decode([collapse_if_tuple(item)], topic)[0]
                    for item, topic in zip(indexed, topics[1:], strict=True)
                ],
                strict=True,
            )
        )
        plain = decode(_types(others), data)
        values |= dict(zip([item["name"] for item in others], plain, strict=True))
        return Event(entry["name"], values)

    def reason(self, data: bytes) -> str:
        """Return in words why a call reverted: the error's name and its arguments."""
        if not data:
            return "no reason given"
        if data[:4] == keccak(text="Error(string)")[:4]:
            return str(decode(["string"], data[4:])[0])
        entry = self._by_selector.get(data[:4])
        if entry is None:
            return f"0x{data.hex()}"
        values = decode(_types(entry["inputs"]), data[4:])
        named = ", ".join(
            f"{item['name']} {value}" for item, value in zip(entry["inputs"], values, strict=True)
        )
        return str(entry["name"]) + (f" ({named})" if named else "")


@cache
def load_contract(name: str) -> Contract:
    """Return the compiled contract of this name."""
    text = (files("cotrain.settlement") / "artifacts" / f"{name}.json").read_text(encoding="utf-8")
    value = json.loads(text)
    return Contract(name, value["abi"], bytes.fromhex(value["bytecode"].removeprefix("0x")))


def _types(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [collapse_if_tuple(dict(item)) for item in items]


def _signature(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"
