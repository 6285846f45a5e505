"""Turn a network of ours into one of LEMUR's: the same Net, with the parts that its trainer calls.

The added parts train as proxy=lemur trains a network without them: SGD, cross-entropy, gradients clipped at a norm
of 3. Parts that a network has already stay as they are.
"""

import ast
import hashlib
import re

from nnloop.patching import syntax

_OURS = ("batch", "epoch", "transform")  # set by the trainer for every network: no hyperparameters
_METHODS = {
    "train_setup": """\
def train_setup(self, prm):
    self.criteria = (torch.nn.CrossEntropyLoss(),)
    self.optimizer = torch.optim.SGD(self.parameters(), lr=prm["lr"], momentum=prm["momentum"])
""",
    "learn": """\
def learn(self, train_data):
    self.train()
    device = next(self.parameters()).device
    for inputs, labels in train_data:
        self.optimizer.zero_grad()
        loss = self.criteria[0](self(inputs.to(device)), labels.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters(), 3.0)
        self.optimizer.step()
""",
}


def for_lemur(code: str) -> str:
    """Add the parts of LEMUR's contract that the module lacks. Raises ValueError for a module without a class Net."""
    tree = ast.parse(code)
    net = syntax.find_net(tree)
    if net is None or net.end_lineno is None:
        raise ValueError("no class Net")
    lines = code.rstrip("\n").split("\n")
    there = {node.name for node in net.body if isinstance(node, ast.FunctionDef)}
    indent = " " * net.body[0].col_offset
    added = [text for name, text in _METHODS.items() if name not in there]
    methods = [f"{indent}{line}" if line else "" for text in added for line in ["", *text.rstrip().split("\n")]]
    lines[net.end_lineno : net.end_lineno] = methods
    if not any(isinstance(node, ast.FunctionDef) and node.name == "supported_hyperparameters" for node in tree.body):
        names = ", ".join(repr(name) for name in hyperparameters(tree))
        lines += ["", "", "def supported_hyperparameters():", f"    return {{{names}}}"]
    if added and not _imports_torch(tree):
        lines.insert(_first_statement(tree), "import torch")
    return "\n".join(lines) + "\n"


def hyperparameters(tree: ast.Module) -> list[str]:
    """List the keys that a module reads from prm, sorted, with the two that training needs."""
    keys = {"lr", "momentum"}
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "prm":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "prm.get" and node.args:
            key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            keys.add(key.value)
    return sorted(keys.difference(_OURS))


def lemur_hash(text: str) -> str:
    """Return LEMUR's identity of a source, or of the text of a prm: md5 without any white space."""
    return hashlib.md5(re.sub(r"\s", "", text).encode(), usedforsecurity=False).hexdigest()


def _imports_torch(tree: ast.Module) -> bool:
    imports = (node for node in tree.body if isinstance(node, ast.Import))
    return any((alias.asname or alias.name.partition(".")[0]) == "torch" for node in imports for alias in node.names)


def _first_statement(tree: ast.Module) -> int:
    """Return the index of the first line for an import: after the docstring and imports from __future__."""
    for node in tree.body:
        documents = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not documents and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return node.lineno - 1
    return 0
