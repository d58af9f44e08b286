"""The protocol between the core and the frameworks, and how installed backends are found and run.

What a plugin needs can be imported from here::

    from genrebench.backend import Adam, AdamState, BackendInfo, BatchMetrics, check_inputs
"""

from genrebench.backend.protocol import Backend, BackendInfo, BatchMetrics, KeepsData, Network, Trainable
from genrebench.network.adam import Adam, AdamState
from genrebench.network.inputs import check_inputs

__all__ = [
    "Adam",
    "AdamState",
    "Backend",
    "BackendInfo",
    "BatchMetrics",
    "KeepsData",
    "Network",
    "Trainable",
    "check_inputs",
]
