"""Check a whole ledger again, from its entries up, trusting no stored hash."""

from cotrain.errors import ForgeryError
from cotrain.ledger.checkpoint import Checkpoint
from cotrain.ledger.note import parse_note
from cotrain.ledger.policy import Policy
from cotrain.ledger.store import Ledger, tampered
from cotrain.ledger.tree import Frontier, Node, leaf_hash

_CHUNK = 1024


def verify_all(ledger: Ledger, policy: Policy | None = None) -> None:
    """Recompute every leaf, node, root and blob hash of a ledger.

    Steps 1-4 of docs/spec/ledger.md, "Check a whole ledger". Reads everything once, in constant
    memory but for the largest blob.

    Args:
        ledger: The ledger.
        policy: If given, every checkpoint must also be signed by its log key, and known
            cosignatures must hold. Its threshold is demanded of the largest checkpoint only,
            because earlier ones may have been passed over by cosigners.

    Raises:
        MalformedError: The file is damaged.
        ForgeryError: Something was changed; the message names the first wrong entry, node,
            checkpoint or blob.
    """
    size = ledger.size
    # Steps 1 and 2: entries against leaves, nodes against what is below them.
    nodes = _verify_tree(ledger, size)
    if ledger.node_count() != nodes:
        raise tampered(f"the ledger holds nodes that do not belong to its {size} entries")
    # Step 3: each checkpoint against the tree.
    for checkpoint_size in ledger.checkpoint_sizes():
        _verify_checkpoint(ledger, checkpoint_size, size)
    if policy is not None:
        _verify_signatures(ledger, policy)
    # Step 4: blobs against their names.
    for digest in ledger.blob_digests():
        ledger.blob(digest)


def _verify_tree(ledger: Ledger, size: int) -> int:
    """Check entries and nodes; return the number of nodes a tree of that size has."""
    frontier, count = Frontier(), 0
    for start in range(0, size, _CHUNK):
        entries = ledger.entries(start, min(start + _CHUNK, size))
        frontier, nodes = frontier.grow(leaf_hash(entry) for entry in entries)
        for node in nodes:
            _verify_node(ledger, node)
        count += len(nodes)
    return count


def _verify_node(ledger: Ledger, node: Node) -> None:
    if node.level and ledger.nodes(node.level, node.place, node.place + 1) != [node.hash]:
        start, stop = node.place << node.level, (node.place + 1) << node.level
        raise tampered(f"the stored hash over the entries [{start}, {stop}) is wrong")


def _verify_checkpoint(ledger: Ledger, checkpoint_size: int, size: int) -> None:
    note = ledger.checkpoint(checkpoint_size)
    checkpoint = Checkpoint.parse(parse_note(note or "").text)
    if checkpoint.size != checkpoint_size:
        raise tampered(f"the checkpoint kept for {checkpoint_size} says {checkpoint.size} entries")
    if checkpoint_size > size:
        raise tampered(f"entry {size} is missing under a checkpoint of {checkpoint_size}")
    if checkpoint.root != ledger.root(checkpoint_size):
        raise ForgeryError(
            "ledger-fork",
            f"the first {checkpoint_size} entries are not those of the checkpoint of that size",
            meaning="Entries and their hashes were rewritten after the log had signed them.",
        )


def _verify_signatures(ledger: Ledger, policy: Policy) -> None:
    sizes, lenient = ledger.checkpoint_sizes(), policy.without_threshold()
    for size in sizes:
        chosen = policy if size == sizes[-1] else lenient
        chosen.verify(ledger.checkpoint(size) or "")
