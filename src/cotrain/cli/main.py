"""`cotrain`: the command line.

Rules of this interface: the result goes to stdout, everything else to stderr; `--json` prints one JSON object and
nothing else on stdout; a user's mistake never shows a traceback; the exit code says whose fault it was.
"""

import os
import sys
from collections.abc import Sequence

import click

from cotrain import __version__
from cotrain.cli.agreement import agreement
from cotrain.cli.audit import audit_command
from cotrain.cli.consent import consent_receipt
from cotrain.cli.data import data
from cotrain.cli.demo import demo
from cotrain.cli.evidence import evidence
from cotrain.cli.failure import run_guarded
from cotrain.cli.init import init
from cotrain.cli.model import model
from cotrain.cli.negotiation import accept, counter, negotiation, offer, terminate
from cotrain.cli.prove import prove_command
from cotrain.cli.receipt import receipt
from cotrain.cli.registry import registry
from cotrain.cli.run import run_command
from cotrain.cli.verify import verify_command

EPILOG = """\b
Exit codes:
  0    done
  1    a defect of cotrain
  2    a command that cannot be carried out as given
  3    bytes that are not what their format says
  4    a lie: a signature, opening or hash that does not hold
  5    something that the agreement or a privacy budget does not allow
  6    data that does not fit the schema
  7    the outside world failed: a file, a disk, a node
  130  stopped by you (Ctrl-C)

\b
Examples, to start with:
  cotrain demo                      four hospitals train together; see what it gives
  cotrain audit runs/demo           re-check that run, holding no key and no data
  cotrain run --data my.csv --owner-column clinic --target y
                                    the same on your own table
"""


class InOrder(click.Group):
    """A group whose help lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        del ctx
        return list(self.commands)


@click.group(
    cls=InOrder,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="cotrain")
@click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of a failure; COTRAIN_DEBUG=1 does the same.",
)
def cli() -> None:
    """Train one model together without sharing data, on a ledger that anyone can audit.

    Organisations sign an agreement, commit to their data, and train in rounds: each adds its part of
    differential-privacy noise, proves that its update is the agreed step, encrypts it, and only the
    sum is ever opened. The ledger keeps every step. What is not proven, every report names.
    """


for command in (
    demo,
    init,
    agreement,
    data,
    run_command,
    audit_command,
    evidence,
    registry,
    model,
    receipt,
):
    cli.add_command(command)
for command in (offer, counter, accept, terminate, negotiation, consent_receipt):
    agreement.add_command(command)
for command in (prove_command, verify_command):
    cli.add_command(command)


def _keep_examples(command: click.Command) -> None:
    r"""Turn the two characters `\b` of raw docstrings into click's mark for text that is not to be wrapped."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    for inner in getattr(command, "commands", {}).values():
        _keep_examples(inner)


_keep_examples(cli)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or os.environ.get("COTRAIN_DEBUG", "0") not in {"", "0"}
    # --debug is wanted when something failed, so it may stand anywhere.
    words = [word for word in words if word != "--debug"]
    code = run_guarded(
        lambda: cli.main(args=words, prog_name="cotrain", standalone_mode=False),
        as_json="--json" in words,
        debug=debug,
    )
    sys.exit(code)
