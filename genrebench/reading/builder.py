"""From a config to the graph: networks are walked call by call, and nested ones unfolded."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.errors import ConfigError
from genrebench.reading.calls import bind
from genrebench.reading.classes import fields_of, is_model, read_kind
from genrebench.reading.documents import input_shape, inputs_by_name, name_of, outputs_of, shifts_of
from genrebench.reading.entries import Entries
from genrebench.reading.functions import operator_of
from genrebench.reading.graph import Graph, Tensor
from genrebench.reading.kinds.base import Kind, Shape
from genrebench.reading.kinds.core import InputLayer
from genrebench.reading.lengths import compute_lengths
from genrebench.reading.limits import MAX_CALLS, MAX_NESTING
from genrebench.reading.nodes import Arguments, Reference, read_nodes, read_references
from genrebench.reading.operations import read_operation
from genrebench.reading.order import running_order
from genrebench.reading.problems import Problem, UnreadableError
from genrebench.reading.replacement import Replacement
from genrebench.reading.sharing import Sharing
from genrebench.reading.submodel import Submodel
from genrebench.reading.tensorflow import read_node
from genrebench.reading.version import KerasVersion

_SUBCLASSED = "a subclassed model, whose code is not in the file"


class Builder:
    """Builds the graph of one model.

    Parameters
    ----------
    version : KerasVersion
        Which Keras saved it.
    replace : mapping of str to Replacement
        What stands in the place of layers, by their names.
    shares : bool
        Whether layers that the file marks as one are one, as in an archive; an ``.h5`` holds the weights of each.
    """

    def __init__(
        self, version: KerasVersion, replace: Mapping[str, Replacement] | None = None, *, shares: bool = False
    ) -> None:
        """Begin with nothing."""
        self.graph = Graph()
        self._version = version
        self._replace = replace or {}
        self._entries = Entries(self.graph)
        self._shares = shares
        self._sharing: Sharing | None = None

    def build(self, document: Any) -> Graph:
        """Read a whole model.

        Parameters
        ----------
        document : object
            Parsed JSON.

        Returns
        -------
        Graph
            What is understood of it, with what is not.
        """
        if not is_model(document):
            name = document.get("class_name") if isinstance(document, Mapping) else type(document).__name__
            remedy = "rebuild it in Keras as a Functional model, and save that"
            self.graph.problems.append(Problem("", f"{_SUBCLASSED}: {name!r:.80}", remedy))
            return self.graph
        try:
            self._sharing = Sharing(document) if self._shares else None
            self.graph.outputs = self._network(document, (), None, True, {})
            if not self.graph.outputs and not self.graph.problems:
                raise ConfigError("expected a model with outputs, received none")
        except ConfigError as error:
            self._entries.report("", error)
        return self.graph

    def build_inside(self, document: Any, shapes: Sequence[Shape]) -> Graph:
        """Read a model that stands in place of a layer, given the shapes of its inputs."""
        given = []
        for number, shape in enumerate(shapes):
            layer = self._entries.layer((f"input_{number}",), "InputLayer", InputLayer(shape=shape), True)
            given += self._entries.call(layer, [], {}) or []
        self.graph.outputs = self._network(document, (), given, True, {})
        return self.graph

    def _network(
        self,
        document: Mapping[str, Any],
        path: tuple[str, ...],
        given: Sequence[Tensor] | None,
        trainable: bool,
        arguments: dict[str, Any],
    ) -> list[Tensor]:
        """Walk through a network, the outermost or a nested one."""
        if len(path) > MAX_NESTING:
            raise ConfigError(f"expected models nested at most {MAX_NESTING} deep, received more")
        name, _, config = fields_of(document)
        layers = config.get("layers")
        if not isinstance(layers, list) or not layers:
            raise ConfigError("expected a model with layers, received none")
        if len(layers) > MAX_CALLS:
            raise ConfigError(f"expected at most {MAX_CALLS} layers, received {len(layers)}")
        is_trained = trainable and config.get("trainable", True) is not False
        if name == "Sequential":
            return self._sequential(document, layers, path, given, is_trained, arguments)
        return self._functional(config, layers, path, given, is_trained, arguments)

    def _sequential(
        self,
        document: Mapping[str, Any],
        layers: list[Any],
        path: tuple[str, ...],
        given: Sequence[Tensor] | None,
        trainable: bool,
        arguments: dict[str, Any],
    ) -> list[Tensor]:
        """Walk from layer to layer."""
        named = list(self._named(layers, path).items())
        branches = fields_of(layers[0])[2].get("layers")
        if given is None and named and isinstance(branches, list) and self.graph.models[path][0][1] == "Merge":
            given = self._branches(branches, (*path, named[0][0]), trainable)
        has_input = self.graph.models[path][0][1] == "InputLayer"
        if given is None:
            name = named[0][0] if has_input else f"{named[0][0]}_input"
            config = {"batch_input_shape": input_shape(document)}
            if has_input:
                config = fields_of(layers[0])[2]
            elif config["batch_input_shape"] is None:
                raise UnreadableError(
                    "expected the shape of the input, found none: the model was saved before it was built",
                    "give its config.json with the shape (--config)",
                )
            given = self._input((*path, name), config)
        current = list(given)
        for name, layer in named[1:] if has_input else named:
            current = self._use((*path, name), layer, Arguments(list(current)), current, trainable, arguments)
        return current

    def _branches(self, documents: list[Any], path: tuple[str, ...], trainable: bool) -> list[Tensor]:
        """Walk through the models that a merge joins, with which Sequentials of Keras 1 may begin."""
        made: list[Tensor] = []
        for number, each in enumerate(documents):
            if not is_model(each):
                raise ConfigError(f"expected models in a merge, received {fields_of(each)[0]!r:.60}")
            made += self._network(each, (*path, f"branch_{number + 1}"), None, trainable, {})
        return made

    def _named(self, layers: list[Any], path: tuple[str, ...]) -> dict[str, Any]:
        """Find the documents of a network's layers by name, and note what they are."""
        documents = {name_of(layer, number): layer for number, layer in enumerate(layers)}
        if len(documents) < len(layers):
            raise ConfigError("expected every layer to have a name of its own, received one twice")
        # The file names groups of weights by the classes that it knows, whatever stands in their place.
        self.graph.models[path] = [(name, fields_of(layer)[0]) for name, layer in documents.items()]
        for name, layer in documents.items():
            given = self._replace.get("/".join((*path, name)))
            if given and given.document:
                documents[name] = given.of(layer)
        return documents

    def _input(self, path: tuple[str, ...], config: Mapping[str, Any]) -> list[Tensor]:
        """Make an input of the whole model."""
        layer = self._entries.layer(path, "InputLayer", InputLayer.read(config, self._version), True)
        self.graph.inputs.append(layer.name)
        return self._entries.call(layer, [], {})

    def _functional(
        self,
        config: Mapping[str, Any],
        layers: list[Any],
        path: tuple[str, ...],
        given: Sequence[Tensor] | None,
        trainable: bool,
        arguments: dict[str, Any],
    ) -> list[Tensor]:
        """Walk through the calls, each after those that it reads."""
        documents = self._named(layers, path)
        sources = read_references(config.get("input_layers"))
        targets = outputs_of(config, documents, self._version)
        if given is not None and len(given) != len(sources):
            raise ConfigError(f"expected {len(sources)} inputs of the model `{'/'.join(path)}`, received {len(given)}")
        tensors: dict[tuple[str, int], list[Tensor]] = {}
        for index, source in enumerate(sources):
            if source.layer not in documents:
                raise ConfigError(f"expected the input {source.layer!r:.60} among the layers, found none")
            inner = fields_of(documents[source.layer])[2]
            made = [given[index]] if given is not None else self._input((*path, source.layer), inner)
            tensors[source.layer, source.node] = made
        pending: dict[tuple[str, int], Arguments] = {}
        for name, document in documents.items():
            if (name, 0) not in tensors:
                nodes = read_nodes(document, documents)
                pending |= {(name, number): node for number, node in enumerate(nodes)}
        shifts = shifts_of(pending, targets, documents, self._version)

        def resolve(reference: Reference) -> list[Tensor] | None:
            """Find the outputs of the call that a reference names."""
            return tensors.get((reference.layer, reference.node - shifts.get(reference.layer, 0)))

        self._walk(pending, shifts, documents, path, tensors, trainable, arguments, targets)
        found = [resolve(target) for target in targets]
        if any(each is None for each in found):
            missing = next(target.layer for target, each in zip(targets, found, strict=True) if each is None)
            if pending:
                raise ConfigError(
                    f"expected every layer to read layers before it, `{next(iter(pending))[0]:.80}` does not"
                )
            raise ConfigError(f"expected the output `{missing:.80}` among the layers' calls, found none")
        picked = [_pick(each, target) for each, target in zip(found, targets, strict=True) if each is not None]
        if not all(isinstance(each, Tensor) for each in picked):
            raise ConfigError("expected tensors as the model's outputs, received lengths of some")
        return picked

    def _walk(
        self,
        pending: dict[tuple[str, int], Arguments],
        shifts: Mapping[str, int],
        documents: Mapping[str, Any],
        path: tuple[str, ...],
        tensors: dict[tuple[str, int], list[Tensor]],
        trainable: bool,
        arguments: dict[str, Any],
        targets: Sequence[Reference],
    ) -> None:
        """Make the calls that are ready, in the order in which Keras would, until none is."""
        waiting: defaultdict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)
        missing: dict[tuple[str, int], int] = {}

        def key(reference: Reference) -> tuple[str, int]:
            """Name the call that a reference means."""
            return reference.layer, reference.node - shifts.get(reference.layer, 0)

        for call, node in pending.items():
            needs = {key(each) for each in node.references()} - tensors.keys()
            missing[call] = len(needs)
            for each in needs:
                waiting[each].append(call)
        parents = {call: [key(each) for each in node.references()] for call, node in pending.items()}
        ranks = {call: rank for rank, call in enumerate(running_order(parents, map(key, targets)))}
        # Whatever no output depends on comes last.
        order = {call: (ranks.get(call, len(ranks)), number) for number, call in enumerate(pending)}
        ready = [(order[call], call) for call, count in missing.items() if not count]
        heapq.heapify(ready)
        while ready:
            _, call = heapq.heappop(ready)
            node = pending.pop(call)
            inputs = {each: _pick(tensors[key(each)], each) for each in node.references()}
            bound = Arguments(
                [_replaced(each, inputs) for each in node.values],
                {name: _replaced(value, inputs) for name, value in node.named.items()},
            )
            given = [inputs[each] for each in node.references() if isinstance(inputs[each], Tensor)]
            tensors[call] = self._use((*path, call[0]), documents[call[0]], bound, given, trainable, arguments)
            for each in waiting.pop(call, ()):
                missing[each] -= 1
                if not missing[each]:
                    heapq.heappush(ready, (order[each], each))

    def _use(
        self,
        path: tuple[str, ...],
        document: Any,
        given: Arguments,
        tensors: Sequence[Tensor],
        trainable: bool,
        outer: dict[str, Any],
    ) -> list[Tensor]:
        """Call a layer, or unfold a model; what is not understood gives a tensor of unknown shape."""
        path = self._home(path)
        named = dict(given.named)
        if named.get("training") is None and "training" in outer:
            named["training"] = outer["training"]
        if self._version.numbers >= (3,):
            named.pop("training", None)  # a Functional of Keras 3 puts its own in the place of what is written down
        given_program = self._replace.get("/".join(path))
        if given_program and given_program.program:
            if len(tensors) != 1:
                raise ConfigError(f"expected one input of what an expression replaces, received {len(tensors)}")
            return self._entries.unfold(path, fields_of(document)[0], given_program.program, tensors)
        if is_model(document):
            inner = {key: value for key, value in named.items() if key == "training" and value is not None}
            values = [one for each in given.values for one in inputs_by_name(each, document)]
            inputs = [each for each in values if isinstance(each, Tensor)]
            return self._network(document, path, inputs, trainable, inner)
        name, module, config = fields_of(document)
        known = self._entries.known(path)
        try:
            kind = known.kind if known else None
            operator = operator_of(name, module, config, self._version)
            if name == "TensorFlowOpLayer":
                operator, config, given = read_node(config, given)
            if operator:
                lengths = compute_lengths(operator, config, given, self.graph.shape)
                if lengths is not None:
                    made: list[Any] = [lengths]
                    return made
                program, operands = read_operation(operator, config, given, self.graph.shape)
                if program:
                    return self._entries.unfold(path, name, program, operands)
                return self._entries.call(known or self._entries.layer(path, name, None, True), operands, {})
            if known is None:
                kind = read_kind(document, self._version, self._submodel)
            layer = known or self._entries.layer(
                path, name, kind, trainable and config.get("trainable", True) is not False
            )
            if kind is None:
                return self._entries.call(layer, list(tensors), {})
            return self._entries.call(layer, *bind(kind, given.values, named))
        except ConfigError as error:
            self._entries.report("/".join(path), error)
            layer = known or self._entries.layer(path, name, None, trainable)
            layer.kind = None
            return self._entries.call(layer, list(tensors), {})

    def _home(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Find where a layer that lies in several models was met first, and note that it is that one."""
        try:
            home = self._sharing.home(path) if self._sharing else path
        except ConfigError as error:
            self._entries.report("/".join(path), error)
            return path
        if home != path:
            self.graph.shared[path] = home
        return home

    def _submodel(self, document: Mapping[str, Any]) -> Kind:
        """Make a kind of a model that a wrapper holds."""
        return Submodel(build=lambda shapes: Builder(self._version).build_inside(document, shapes))


def _pick(outputs: Sequence[Tensor], reference: Reference) -> Tensor:
    """Take one output of a call; a call that is not understood has only one."""
    return outputs[reference.output] if reference.output < len(outputs) else outputs[0]


def _replaced(value: Any, inputs: Mapping[Reference, Tensor]) -> Any:
    """Put tensors in the place of references."""
    if isinstance(value, Reference):
        return inputs[value]
    if isinstance(value, dict):
        return {name: _replaced(each, inputs) for name, each in value.items()}
    return [_replaced(each, inputs) for each in value] if isinstance(value, list) else value
