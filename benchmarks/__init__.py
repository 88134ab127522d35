"""What Cotrain costs, and how good its models are. Start with `core.py` (costs) or `accuracy.py`.

`python -m benchmarks` measures the costs and writes `results/core.json`; `python -m benchmarks.accuracy`
trains on real data and writes `results/accuracy.json`; `python -m benchmarks.page` writes
`docs/reference/performance.md` from both files.
"""
