"""The layer kinds that an architecture is made of: one class each, with its parameters, its shapes and its definition.

Each kind bears the name, the parameters and the meaning of the Keras class (https://keras.io/api/layers/), and says
everything a backend must know, so that no backend falls back on its framework's defaults. Shapes leave the batch axis
out and have the channels last. A new kind is a class in a family's module and a name in its ``__all__``; nothing here
and nothing above changes.
"""

from genrebench.network.layers import activation, base, convolution, core, normalization, pooling, windows
from genrebench.network.layers.activation import *  # noqa: F403 - so that a new kind is named in one place
from genrebench.network.layers.base import *  # noqa: F403
from genrebench.network.layers.convolution import *  # noqa: F403
from genrebench.network.layers.core import *  # noqa: F403
from genrebench.network.layers.normalization import *  # noqa: F403
from genrebench.network.layers.pooling import *  # noqa: F403
from genrebench.network.layers.windows import *  # noqa: F403

__all__ = activation.__all__ + base.__all__ + convolution.__all__ + core.__all__
__all__ += normalization.__all__ + pooling.__all__ + windows.__all__
