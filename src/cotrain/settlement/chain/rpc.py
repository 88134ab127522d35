"""Questions to a node: JSON-RPC over HTTP. Its address may hold a secret: messages show no more than its host."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit

from cotrain.errors import OutsideError, RefusedError, UsageError
from cotrain.settlement.chain.chain import CallRevertedError

_ANSWER_SECONDS: Final = 30.0
_ANSWER_LIMIT: Final = 1 << 26
_REVERTED: Final = {3, -32000, -32015}


class Rpc:
    """Asks one node; its `repr` and its errors name the host and nothing else of the URL.

    Args:
        url: http or https; a user and password in it are sent as basic authentication.

    Raises:
        UsageError: the URL is none.
    """

    def __init__(self, url: str) -> None:
        parts = _split(url)
        self.shown = f"{parts.scheme}://{_host(parts)}"
        self._url = parts._replace(netloc=_host(parts)).geturl()
        self._headers = {"Content-Type": "application/json", **_authorization(parts)}
        self._asked = 0

    def __repr__(self) -> str:
        return f"Rpc({self.shown})"

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return the node's answer.

        Raises:
            OutsideError: there is none.
            RefusedError: the node refuses.
        """
        self._asked += 1
        asked = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": arguments}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, json.dumps(asked).encode(), self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                value = json.loads(answer.read(_ANSWER_LIMIT))
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, HTTPError):
                error.close()
            raise OutsideError(
                "node-away",
                f"the node {self.shown} does not answer: {_words(error)}",
                meaning="Nothing was lost: what was sent is on the chain or will be sent again.",
                hint="Check the address and the network, and start again.",
            ) from None  # what lies below it may show the whole address
        with self.sense():
            if value.get("error") is not None:
                raise _node_error(value["error"])
            return value["result"]

    @contextmanager
    def sense(self) -> Iterator[None]:
        """Take an answer that has not the form of the specification for a failure of the node."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise OutsideError(
                "node-nonsense",
                f"the node {self.shown} does not answer as a node should: {error!r}",
                meaning="It is no Ethereum node, or one that leaves out what is needed.",
                hint="Check the address; try another node of the same chain.",
            ) from error


def _words(error: Exception) -> str:
    """Return why there is no answer, without the wrapping of the library."""
    reason = getattr(error, "reason", error)
    if isinstance(error, HTTPError) or not isinstance(reason, OSError):
        return str(error)
    return reason.strerror or str(reason)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port  # raises where it is none
    except ValueError:
        raise _bad_url() from None
    named = parts.scheme in {"http", "https"} and parts.hostname and port != 0
    if not named or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad_url()
    return parts


def _bad_url() -> UsageError:
    return UsageError(
        "node-bad-url",
        "what was given as a node is not an http or https address",
        meaning="It is not repeated here, because it may hold a secret. Nothing was sent.",
        hint="Give the address of the node's JSON-RPC, for example http://127.0.0.1:8545.",
    )


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _node_error(error: dict[str, Any]) -> RefusedError:
    data, code = error.get("data"), error.get("code")
    if isinstance(data, str) and data.startswith("0x") and code in _REVERTED:
        return CallRevertedError(bytes.fromhex(data.removeprefix("0x")))
    return RefusedError("node-refused", str(error.get("message", error)))
