"""The rounds of a run as a protocol without I/O.

Read `state` first (what everybody knows), then `rules` (what may follow), `party` and `coordinator` (who
speaks when), `submission` (what an owner sends). Step numbers are those of docs/spec/protocol.md.
"""
