"""`python -m benchmarks`: as `python -m benchmarks.core`."""

from benchmarks.core import main

main()
