"""What a network is: architecture, layers with their definitions, weights, numerics."""

from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.types import Array, Shape, Weights

__all__ = ["Architecture", "Array", "Shape", "Weights", "genre_cnn"]
