"""The conformance kit: named checks that a backend passes if it builds the networks that architectures describe.

In a plugin's own tests::

    from genrebench.testing import check_backend

    def test_conformance():
        for result in check_backend("mine"):
            assert not result.is_fault, result

or on the command line ``genrebench check mine``, which runs it in a process of its own. Values are compared with the
NumPy reference in float64, scaled by the norm of the whole tensor; gradients also with finite differences.
"""

from genrebench.testing.kit import CheckResult, check_backend, check_names, summarize

__all__ = ["CheckResult", "check_backend", "check_names", "summarize"]
