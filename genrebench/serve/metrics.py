"""Figures of a running server, as Prometheus reads them."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Paths that are counted by name; whatever else is asked for is counted together.
_PATHS = frozenset({"/", "/predict", "/health", "/metrics", "/openapi.json"})
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """What is counted and measured.

    Parameters
    ----------
    taken : callable
        Recordings that are here now.
    """

    def __init__(self, taken: Callable[[], int]) -> None:
        """Begin with nothing counted."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "genrebench_requests", "Answers by path and status.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "genrebench_predict_seconds",
            "Seconds from a request for a prediction to its answer, the upload included.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        Gauge("genrebench_recordings", "Recordings that are here.", registry=self._registry).set_function(taken)

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; status 0 stands for a client that left before it got one."""
        known = path if path in _PATHS else "/static" if path.startswith("/static/") else "other"
        self._requests.labels(known, str(status)).inc()
        if path == "/predict" and status == 200:
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """Write them down in Prometheus' text format."""
        return generate_latest(self._registry)
