"""From the names in a file to identifiers of Python, by a mapping of our own."""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Container

_MAX_LENGTH = 40
# Of variables: two of them and an operator are to fit into a line.
VARIABLE_LENGTH = 24
# What a module of PyTorch, the written file, or a reader of it already means something by.
_MODULE = """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
to_empty train training type xpu zero_grad
""".split()
_FILE = "F Network Path Tensor json load math network nn path read_safetensors self super torch x".split()
RESERVED = frozenset({*_MODULE, *_FILE, *dir(builtins), *keyword.kwlist, *keyword.softkwlist})


def identifier(name: str, taken: Container[str], length: int = _MAX_LENGTH) -> str:
    """Make an identifier of any name.

    Parameters
    ----------
    name : str
        A layer's name, which may be code, a path, or empty.
    taken : container of str
        Identifiers that are used already.
    length : int
        Number of letters, but for those that tell names apart.

    Returns
    -------
    str
        Letters, digits and single underscores of ASCII, beginning with a letter; no keyword, no builtin, nothing that
        a module of PyTorch has, and not taken.

    Examples
    --------
    >>> identifier("block/conv 1", ()), identifier("forward", ()), identifier("x", {"x_layer"})
    ('block_conv_1', 'forward_layer', 'x_layer_2')
    """
    plain = unicodedata.normalize("NFKD", name[: 4 * _MAX_LENGTH]).encode("ascii", "ignore").decode()
    word = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:length].rstrip("_")
    if not word or not word[0].isalpha():
        word = f"layer_{word}".rstrip("_")
    if word in RESERVED:
        word += "_layer"
    found, number = word, 1
    while found in taken:
        number += 1
        found = f"{word}_{number}"
    return found


def shown_name(name: str) -> str:
    r"""Show a name of the file in a comment: of it, only what cannot end the comment or mislead.

    Examples
    --------
    >>> shown_name("conv/1"), shown_name("a\nimport os")
    ('conv/1', 'a?import os')
    """
    return re.sub(r"[^A-Za-z0-9_ ./:()-]", "?", name)[:_MAX_LENGTH]
