"""The protocol between the core and the frameworks, and how installed backends are found and run.

What a plugin needs can be imported from here, and the rest from `genrebench.network` and `genrebench.errors`::

    from genrebench.backend import Adam, AdamState, BackendInfo, BatchMetrics, check_inputs
"""

from genrebench.backend.border import (
    check_dtype,
    check_layer_kinds,
    choose_device,
    pack_training_state,
    unpack_training_state,
)
from genrebench.backend.protocol import Backend, BackendInfo, BatchMetrics, DeviceResident, Network, Trainable
from genrebench.network.adam import Adam, AdamState
from genrebench.network.inputs import check_inputs

__all__ = [
    "Adam",
    "AdamState",
    "Backend",
    "BackendInfo",
    "BatchMetrics",
    "DeviceResident",
    "Network",
    "Trainable",
    "check_dtype",
    "check_inputs",
    "check_layer_kinds",
    "choose_device",
    "pack_training_state",
    "unpack_training_state",
]
