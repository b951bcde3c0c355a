"""The kernel's speed beside other ways of doing the same work; `scripts/bench` runs it, docs/kernel.md explains it."""
