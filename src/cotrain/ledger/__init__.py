"""An append-only Merkle log that knows nothing of what its entries mean.

Entries are small byte strings, blobs are large ones named by their SHA-256. The log signs
checkpoints (size and root), parties who follow it cosign them, and a receipt shows offline that an
entry is in it. All formats are those of the C2SP specifications (https://c2sp.org) over the tree of
RFC 9162.

Read `tree.py` first (the mathematics), then:

- `note.py`, `checkpoint.py`, `cosignature.py`, `policy.py`: what is signed, and whom to believe;
- `schema.py`, `store.py`, `fsck.py`: the SQLite file and its full re-check;
- `receipt.py`, `tiles.py`, `export.py`: what leaves the ledger for others to check;
- `follower.py`: what a party remembers so that nobody can show it another history;
- `text.py`: strict base64 and decimals.
"""
