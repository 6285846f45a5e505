"""How well the short protocol ranks networks: pairs of proxy and long accuracy, and what they show.

Everything is within one dataset and one pair of protocols. The selection rule is part of the result, because it decides
what can be seen: the top of an archive lies so close together that it can't show a ranking.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.records import Record
from nnloop.report.text import number, signed
from nnloop.runs.durable import write_text
from nnloop.stats import Correlation, spearman

MARK = "nnloop validation"
FILE = "validation.json"


@dataclass(frozen=True, slots=True)
class Pair(Record):
    """One network under both protocols; accuracies are on the validation split, `long_test` on the test set."""

    run: str
    candidate: str
    proxy: float
    long: float
    long_test: float | None
    params: int | None
    seconds: float  # of the long trial
    curve: list[list[float]] = field(default_factory=list)  # [epoch, accuracy] of the long trial, where it had legs


@dataclass(frozen=True, slots=True)
class ValidationReport(Record):
    """The result of a job=validate; `correlation` is of proxy and long accuracy on the validation split."""

    dataset: str
    proxy: str  # protocol that chose
    long: str  # protocol that validates
    rule: str  # how the networks were chosen, in words
    chosen: int
    failed: dict[str, int]  # long trials that gave no accuracy, by status
    correlation: Correlation
    on_test: Correlation  # of proxy accuracy and long accuracy on the test set
    first_rank: int | None  # place in the long ranking of the network that the proxy puts first
    regret: float | None  # long accuracy that following the proxy's first choice costs


def study(
    pairs: Sequence[Pair], dataset: str, proxy: str, long: str, rule: str, chosen: int, failed: dict[str, int]
) -> ValidationReport:
    tested = [(pair.proxy, pair.long_test) for pair in pairs if pair.long_test is not None]
    first = max(pairs, key=lambda pair: pair.proxy, default=None)
    best = max((pair.long for pair in pairs), default=None)
    return ValidationReport(
        dataset=dataset,
        proxy=proxy,
        long=long,
        rule=rule,
        chosen=chosen,
        failed=failed,
        correlation=spearman([pair.proxy for pair in pairs], [pair.long for pair in pairs]),
        on_test=spearman([proxy for proxy, _ in tested], [long for _, long in tested]),
        first_rank=1 + sum(pair.long > first.long for pair in pairs) if first else None,
        regret=best - first.long if first and best is not None else None,
    )


def correlation_text(found: Correlation) -> str:
    """rho 0.64 [0.31, 0.85], p 0.003, n 20; or why there is none."""
    if found.rho is None:
        return found.note
    rho = f"rho {signed(found.rho)}, p {p_text(found.p)}, n {found.n}"
    return f"{rho} ({found.note})" if found.note else rho


def p_text(value: float | None) -> str:
    return number(value) if value is None or value >= 0.001 else f"{value:.0e}"


def keep(path: Path, found: ValidationReport, pairs: Sequence[Pair]) -> None:
    """Write all that a validation found to one file, a line a pair; every table and figure can be made from it."""
    rows = ",\n".join(json.dumps(pair.to_json()) for pair in pairs)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        path, f'{{\n"kind": "{MARK}",\n"found": {json.dumps(found.to_json(), indent=2)},\n"pairs": [\n{rows}\n]\n}}\n'
    )


def read_kept(path: Path) -> tuple[ValidationReport, list[Pair]]:
    """Read what `keep` wrote. Raises RunFolderError."""
    try:
        data = json.loads(path.read_text())
        return ValidationReport.from_json(data["found"]), [Pair.from_json(row) for row in data["pairs"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path}: no validation of this version of nnloop ({error})") from None


def is_validation(path: Path) -> bool:
    """Whether a JSON file says that it is one of these."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(80)


def place(path: Path) -> Path:
    """The folder of a kept validation's page, tables and figures; in a folder of summaries it has one of its own."""
    return path.parent if path.name == FILE else path.parent / "report" / path.stem


def write_tables(pairs: Sequence[Pair], folder: Path) -> None:
    """Write pairs.csv, and curves.csv with a row a network and epoch."""
    plain = [name for name in Pair.__slots__ if name != "curve"]
    rows = ({name: row[name] for name in plain} for row in (pair.to_json() for pair in pairs))
    write_text(folder / "pairs.csv", _csv(plain, rows))
    points = (
        {"candidate": pair.candidate, "epoch": epoch, "accuracy": accuracy}
        for pair in pairs
        for epoch, accuracy in pair.curve
    )
    write_text(folder / "curves.csv", _csv(["candidate", "epoch", "accuracy"], points))


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
