"""The ledger: known divergences, each with its citation and a hypothesis that can be run."""
