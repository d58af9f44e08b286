"""A network that was read, as source of PyTorch: one table of kinds, one file."""

from genrebench.porting.source.emitted import Emitted as Emitted
from genrebench.porting.source.emitted import EmittedCall as EmittedCall
from genrebench.porting.source.network import OWN as OWN
from genrebench.porting.source.network import write_source as write_source
from genrebench.porting.source.places import WeightPlace as WeightPlace
