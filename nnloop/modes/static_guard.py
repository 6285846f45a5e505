"""Refuse candidates that use parts of Python and its libraries that no network needs.

A filter for speed, not for security: it spares the loop trials of code that opens files, connects to hosts or loads
weights, and says why in one line. There are endless ways around such lists (`getattr` with a computed name is not even
looked at); only the sandbox confines a candidate.
"""

import ast
from collections.abc import Iterator

from nnloop.errors import CompletionError
from nnloop.patching import syntax
from nnloop.records import Status, candidate_id

# fmt: off
IMPORTS = frozenset([
    "__future__", "abc", "collections", "collections.abc", "copy", "dataclasses", "einops", "einops.layers.torch",
    "enum", "functools", "gc", "itertools", "json", "logging", "math", "numbers", "numpy", "operator", "random", "re",
    "string", "time", "torch", "torch.amp", "torch.autograd", "torch.cuda", "torch.cuda.amp", "torch.distributions",
    "torch.fft", "torch.jit", "torch.linalg", "torch.nn", "torch.optim", "torch.special", "torch.utils.checkpoint",
    "torchvision", "torchvision.models", "torchvision.ops", "torchvision.transforms", "types", "typing",
    "typing_extensions", "warnings",
])
FAMILIES = (
    "torch.distributions.", "torch.nn.", "torch.optim.", "torchvision.models.", "torchvision.ops.",
    "torchvision.transforms.",
)
# fmt: on
"""Packages whose submodules may be imported too."""
IDLE = frozenset({"inspect", "os", "sys", "traceback"})
"""Modules that many networks import but never use: only their use is refused."""

CALLS = {
    **dict.fromkeys(("open", "input", "breakpoint", "exit", "quit"), "a network reads and asks nothing"),
    **dict.fromkeys(("exec", "eval", "compile", "__import__"), "code made at run time can't be judged"),
    **dict.fromkeys(("globals", "locals", "vars", "memoryview"), "it reaches into the interpreter"),
}
"""Builtins that may not be named, with the reason."""

_MEMBERS = {
    "files and downloads": "torch.load torch.save torch.hub torch.package torch.serialization",
    "files": """torch.from_file torch.UntypedStorage torch.jit.load torch.jit.save numpy.load numpy.save numpy.savez
        numpy.fromfile numpy.memmap numpy.loadtxt""",
    "other processes": "torch.distributed torch.multiprocessing torch.futures",
    "native code": "torch.ops torch.classes torch.library torch.utils.cpp_extension",
    "compilers and internals": "torch.compile torch._C torch._dynamo torch._inductor",
    "data is given": "torch.utils.data torch.utils.model_zoo torchvision.datasets torchvision.io",
    "files and natives": """numpy.savetxt numpy.genfromtxt numpy.ctypeslib numpy.f2py numpy.lib numpy.distutils
        numpy.testing""",
    "other people's objects": """gc.get_objects gc.get_referents gc.get_referrers gc.callbacks gc.garbage""",
    "hooks of all networks": """torch.optim.optimizer.register_optimizer_step_pre_hook
        torch.optim.optimizer.register_optimizer_step_post_hook torch.nn.modules.module.register_module_forward_hook
        torch.nn.modules.module.register_module_forward_pre_hook torch.nn.modules.module.register_module_backward_hook
        torch.nn.modules.module.register_module_full_backward_hook
        torch.nn.modules.module.register_module_full_backward_pre_hook
        torch.nn.modules.module.register_module_buffer_registration_hook
        torch.nn.modules.module.register_module_module_registration_hook
        torch.nn.modules.module.register_module_parameter_registration_hook""",
}
MEMBERS = {member: reason for reason, members in _MEMBERS.items() for member in members.split()}
"""Parts of allowed modules that may not be used, with the reason."""

# fmt: off
FOREIGN = frozenset([
    "builtins", "ctypes", "gc", "importlib", "inspect", "os", "pathlib", "pickle", "shutil", "signal", "socket",
    "subprocess", "sys",
])
"""Modules that hang off other modules as attributes (torch.os)."""

DUNDERS = frozenset([
    "__add__", "__all__", "__annotations__", "__author__", "__bool__", "__call__", "__class__", "__contains__",
    "__delattr__", "__doc__", "__enter__", "__eq__", "__exit__", "__extra_repr__", "__float__", "__format__",
    "__getattr__", "__getitem__", "__hash__", "__init__", "__init_subclass__", "__int__", "__iter__", "__len__",
    "__license__", "__lt__", "__main__", "__module__", "__mul__", "__name__", "__new__", "__next__", "__post_init__",
    "__qualname__", "__radd__", "__repr__", "__rmul__", "__setattr__", "__setitem__", "__setstate__", "__slots__",
    "__str__", "__sub__", "__version__",
])
# fmt: on
"""Double-underscore names that ordinary networks use."""


def identify(code: str) -> str:
    """Return the id of a network that somebody brings. Raises CompletionError as `check`."""
    check(code)
    return guarded_id(code)


def guarded_id(code: str) -> str:
    """Return `candidate_id(code)`. Raises CompletionError if the source nests too deeply."""
    try:
        return candidate_id(code)
    except (RecursionError, MemoryError):
        raise CompletionError(Status.UNPARSEABLE, "nested too deeply") from None


def check(code: str) -> None:
    """Raise CompletionError: unparseable if the code is not Python, rejected if the lists above refuse it."""
    try:
        tree = syntax.parse(code)
    except SyntaxError as error:
        raise CompletionError(Status.UNPARSEABLE, f"line {error.lineno}: {error.msg}") from None
    if syntax.find_net(tree) is None:
        raise CompletionError(Status.REJECTED, "no class Net at the top level")
    nodes = list(ast.walk(tree))
    names = _imported_names(nodes)
    bound = _bound_names(nodes)
    for node in nodes:
        for reason in _objections(node, names, bound):
            raise CompletionError(Status.REJECTED, f"line {getattr(node, 'lineno', 0)}: {reason}")


def _objections(node: ast.AST, names: dict[str, str], bound: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _refuse_import(alias.name)
    elif isinstance(node, ast.ImportFrom):
        yield from _refuse_from(node)
    elif isinstance(node, ast.Name):
        if names.get(node.id) in IDLE:
            yield f"uses {names[node.id]}: files, processes and the interpreter"
        elif node.id not in bound:
            yield from _refuse_name(node.id)
    elif isinstance(node, ast.Attribute):
        yield from _refuse_attribute(node, names)
    elif isinstance(node, ast.Call):
        yield from _refuse_call(node)


def _imported_names(nodes: list[ast.AST]) -> dict[str, str]:
    """Map each imported name to the dotted name that it stands for."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def _bound_names(nodes: list[ast.AST]) -> set[str]:
    """List the names that the module itself binds: `forward(self, input)` means no builtin."""
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _refuse_import(module: str) -> Iterator[str]:
    if module not in IMPORTS | IDLE and not module.startswith(FAMILIES):
        yield f"imports {module}, which is not on the list of modules that a network may use"


def _refuse_from(node: ast.ImportFrom) -> Iterator[str]:
    if node.level or node.module is None:
        yield "imports from a package that isn't there"
        return
    for alias in node.names:
        dotted = f"{node.module}.{alias.name}"
        yield from _refuse_member(dotted)
        if dotted not in IMPORTS:
            yield from _refuse_import(dotted if node.module in IDLE else node.module)


def _refuse_name(name: str) -> Iterator[str]:
    if name in CALLS:
        yield f"names {name}: {CALLS[name]}"
    elif _is_dunder(name) and name not in DUNDERS:
        yield f"names {name}: it reaches into the interpreter"


def _refuse_attribute(node: ast.Attribute, names: dict[str, str]) -> Iterator[str]:
    if _is_dunder(node.attr) and node.attr not in DUNDERS:
        yield f"uses .{node.attr}: it reaches into the interpreter"
    dotted = _dotted(node, names)
    if dotted is not None:
        yield from _refuse_member(dotted)


def _refuse_member(dotted: str) -> Iterator[str]:
    for member, reason in MEMBERS.items():
        if dotted == member or dotted.startswith(member + "."):
            yield f"uses {dotted}: {reason}"
    foreign = FOREIGN.intersection(dotted.split(".")[1:])
    if foreign:
        yield f"uses {dotted}: {min(foreign)} by the back door"


def _refuse_call(node: ast.Call) -> Iterator[str]:
    """Object to downloads of pretrained weights, and to dunder names given as text."""
    for keyword in node.keywords:
        if keyword.arg in ("weights", "pretrained", "weights_backbone") and _names_weights(keyword.value):
            yield f"asks for pretrained weights ({keyword.arg})"
    if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr", "hasattr", "delattr"):
        for argument in node.args[1:2]:
            text = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(text, str) and _is_dunder(text) and text not in DUNDERS:
                yield f"uses {text}: it reaches into the interpreter"


def _names_weights(value: ast.expr) -> bool:
    """Tell whether an argument is True, a text or a member of a `..._Weights` enumeration."""
    if isinstance(value, ast.Constant):
        return value.value is True or isinstance(value.value, str)
    return isinstance(value, ast.Attribute) and "_Weights" in ast.unparse(value)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _dotted(node: ast.Attribute, names: dict[str, str]) -> str | None:
    """Return the dotted path of an attribute that starts at an imported name; None for other attributes."""
    parts: list[str] = []
    each: ast.expr = node
    while isinstance(each, ast.Attribute):
        parts.append(each.attr)
        each = each.value
    if not isinstance(each, ast.Name) or each.id not in names:
        return None
    return ".".join([names[each.id], *reversed(parts)])
