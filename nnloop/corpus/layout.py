"""The editable parts of a network, and their places in its text.

The idiom: `Net.__init__` assigns one `nn.Sequential(...)` with an element a line; blocks are classes of the same file,
whose first argument is their output channels `c` and which learn their input channels at the first forward pass. Every
element before the head maps (B, C, H, W) to (B, C', H', W') at any size from 1x1 up, so it can be added, removed and
moved freely.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FLATTENING = frozenset({"nn.Flatten", "Pooled", "Pyramid"})
ADAPTIVE = ("nn.AdaptiveAvgPool2d", "nn.AdaptiveMaxPool2d")


@dataclass(frozen=True, slots=True)
class Change:
    """A replacement of the bytes from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str


class Layout:
    """One parsed module. Raises ValueError if the source is not in the idiom."""

    def __init__(self, source: str) -> None:
        try:
            tree = ast.parse(source)
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"no Python: {error}") from error
        self.source = source
        self._bytes = source.encode()
        self._lines = [0]
        for line in self._bytes.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self.tree = tree
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self.elements = _elements(self.classes)
        self._signatures: dict[str, dict[str, ast.expr | None]] = {}
        self._calls: dict[ast.AST, list[ast.Call]] = {}
        self.head = self._head()

    def text(self, node: ast.AST) -> str:
        """Return a node's source text."""
        start, end = self._span(node)
        return self._bytes[start:end].decode()

    def name(self, node: ast.AST) -> str:
        """Return the dotted name that a call calls; "" for any other node."""
        return self.text(node.func) if isinstance(node, ast.Call) else ""

    def signature(self, name: str) -> dict[str, ast.expr | None]:
        """Return the parameters of a class of this file, in order, with their defaults (None: no default)."""
        if name not in self._signatures:
            self._signatures[name] = _signature(self.classes[name])
        return self._signatures[name]

    def blocks(self, nodes: Iterable[ast.AST] | None = None) -> Iterator[ast.Call]:
        """Yield the calls of this file's classes in the given elements, by default in all before the head."""
        for element in self.elements[: self.head] if nodes is None else nodes:
            if element not in self._calls:
                calls = [node for node in ast.walk(element) if isinstance(node, ast.Call)]
                self._calls[element] = [call for call in calls if self.name(call) in self.classes]
            yield from self._calls[element]

    def argument(self, call: ast.Call, parameter: str) -> ast.expr | None:
        """Return the value of a block's parameter: the argument, else the default, else None."""
        signature = self.signature(self.name(call))
        position = list(signature).index(parameter)
        if position < len(call.args):
            return call.args[position]
        return next((k.value for k in call.keywords if k.arg == parameter), signature[parameter])

    def number(self, call: ast.Call, parameter: str, missing: int) -> int:
        """Return the number that a block's parameter is given; `missing` if it has none."""
        if parameter not in self.signature(self.name(call)):
            return missing
        value = self.argument(call, parameter)
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, int) else missing

    def replace(self, node: ast.AST, text: str) -> Change:
        """Return the change that replaces a node by a text."""
        return Change(*self._span(node), text)

    def set_argument(self, call: ast.Call, parameter: str, text: str) -> Change:
        """Return the change of a block's parameter: of its argument, or by a new argument behind the others."""
        position = list(self.signature(self.name(call))).index(parameter)
        if position < len(call.args):
            return self.replace(call.args[position], text)
        for keyword in call.keywords:
            if keyword.arg == parameter:
                return self.replace(keyword.value, text)
        end = self._span(call)[1] - 1
        added = text if position == len(call.args) and not call.keywords else f"{parameter}={text}"
        return Change(end, end, f", {added}" if call.args or call.keywords else added)

    def insert(self, index: int, *texts: str) -> Change:
        """Return the change that inserts new elements before the element at an index, one a line."""
        element = self.elements[index]
        start = self._span(element)[0]
        if self._own_line(element):
            line = self._lines[element.lineno - 1]
            return Change(line, line, "".join(f"{' ' * element.col_offset}{text},\n" for text in texts))
        return Change(start, start, "".join(f"{text}, " for text in texts))

    def remove(self, index: int) -> Change:
        """Return the change that removes an element (not the last) with its line."""
        element, after = self.elements[index], self.elements[index + 1]
        if self._own_line(element) and self._own_line(after):
            return Change(self._lines[element.lineno - 1], self._lines[after.lineno - 1], "")
        return Change(self._span(element)[0], self._span(after)[0], "")

    def add_class(self, text: str) -> list[Change]:
        """Return the changes that define one more class before Net, with the import that it needs."""
        start = self._lines[self.classes["Net"].lineno - 1]
        changes = [Change(start, start, f"{text}\n\n\n")]
        if "torch." in text and "import torch\n" not in self.source:
            first = next((n for n in self.tree.body if isinstance(n, ast.ImportFrom) and n.module == "torch"), None)
            start = self._lines[first.lineno - 1] if first else 0
            changes.append(Change(start, start, "import torch\n"))
        return changes

    def apply(self, *changes: Change) -> str:
        """Make changes and return the text; changes in one place come in the order given."""
        result = self._bytes
        for change in sorted(changes, key=lambda change: change.start)[::-1]:
            result = result[: change.start] + change.text.encode() + result[change.end :]
        return result.decode()

    def _span(self, node: ast.AST) -> tuple[int, int]:
        start = self._lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def _own_line(self, node: ast.AST) -> bool:
        return not self._bytes[self._lines[node.lineno - 1] : self._span(node)[0]].strip()  # type: ignore[attr-defined]

    def _head(self) -> int:
        """Return the index of the head: the first element that makes a vector of the map, or the pooling before it."""
        last = len(self.elements) - 1
        flat = (i for i, element in enumerate(self.elements) if self.name(element) in FLATTENING)
        scores = (i for i, element in enumerate(self.elements) if "out_shape" in self.text(element))
        head = min(next(flat, last), next(scores, last))
        return head - 1 if head and self.name(self.elements[head - 1]) in ADAPTIVE else head


def _signature(node: ast.ClassDef) -> dict[str, ast.expr | None]:
    init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        return {}
    names = [argument.arg for argument in init.args.args[1:]]
    defaults = [None] * (len(names) - len(init.args.defaults)) + list(init.args.defaults)
    keywords = zip([argument.arg for argument in init.args.kwonlyargs], init.args.kw_defaults, strict=True)
    return dict(zip(names, defaults, strict=True)) | dict(keywords)


def _elements(classes: dict[str, ast.ClassDef]) -> list[ast.expr]:
    if "Net" not in classes:
        raise ValueError("no class Net")
    for node in ast.walk(classes["Net"]):
        call = node.value if isinstance(node, ast.Assign) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "nn.Sequential" and len(call.args) > 1:
            return call.args
    raise ValueError("Net holds no nn.Sequential of several elements")
