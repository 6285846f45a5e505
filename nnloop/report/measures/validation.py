"""Validations: pairs of proxy and long accuracy, and how well the short protocol ranks networks.

Everything is within one dataset and one pair of protocols. The rule by which networks were chosen is part of the
result: the top of an archive lies so close together that it can't show a ranking.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from lzma import LZMAError
from pathlib import Path
from typing import Any

from nnloop.errors import RunFolderError
from nnloop.json_record import Record
from nnloop.report.measures import packs
from nnloop.report.text import csv_cell, number, signed
from nnloop.runs.durable import write_text
from nnloop.stats import Correlation, spearman

MARK = "nnloop validation"
FILE = "validation.json"


@dataclass(frozen=True, slots=True)
class ValidationPair(Record):
    """One network under both protocols; `long_test` is on the test set, other accuracies on the validation split."""

    run: str
    candidate: str
    proxy: float
    long: float
    long_test: float | None
    params: int | None
    seconds: float  # of the long trial
    curve: list[list[float]] = field(default_factory=list)  # [epoch, accuracy] at each segment of the long trial


@dataclass(frozen=True, slots=True)
class ValidationReport(Record):
    """The result of a job=validate; `correlation` is of proxy and long accuracy on the validation split."""

    dataset: str
    proxy: str  # protocol that chose
    long: str  # protocol that validates
    rule: str  # by which the networks were chosen, in words
    chosen: int
    failed: dict[str, int]  # long trials that gave no accuracy, by status
    correlation: Correlation
    on_test: Correlation  # of proxy accuracy and long accuracy on the test set
    first_rank: int | None  # place in the long ranking of the network that the proxy puts first
    regret: float | None  # long accuracy that following the proxy's first choice costs


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of a job=validate with its pairs; `folder` is the place of its page, tables and figures."""

    report: ValidationReport
    pairs: Sequence[ValidationPair]
    folder: Path

    @property
    def document(self) -> dict[str, Any]:
        """A JSON document of which every table and figure can be made again."""
        return {"kind": MARK, "report": self.report.to_json(), "pairs": [pair.to_json() for pair in self.pairs]}


def study(
    pairs: Sequence[ValidationPair],
    *,
    dataset: str,
    proxy: str,
    long: str,
    rule: str,
    chosen: int,
    failed: dict[str, int],
) -> ValidationReport:
    """Return the rank correlations of the pairs, and the cost of following the proxy's first choice.

    `chosen` is the number of networks of which `failed`, by status, gave no accuracy; the texts are taken over.
    """
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


def correlation_text(correlation: Correlation) -> str:
    """Return a correlation as "rho 0.64 [0.31, 0.85], p 0.003, n 20", or the reason why there is none."""
    if correlation.rho is None:
        return correlation.note
    rho = f"rho {signed(correlation.rho)}, p {p_text(correlation.p)}, n {correlation.n}"
    return f"{rho} ({correlation.note})" if correlation.note else rho


def p_text(value: float | None) -> str:
    """Return a p-value with three decimals, a smaller one with its power of ten."""
    return number(value) if value is None or value >= 0.001 else f"{value:.0e}"


def read_validations(path: Path) -> list[Validation]:
    """Return the validations of a result file. Raises RunFolderError."""
    try:
        documents = packs.read_documents(path, MARK)
        return [_of_document(one, _folder(path, number)) for number, one in enumerate(documents, 1)]
    except (OSError, EOFError, LZMAError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise RunFolderError(f"{path}: no validation of this version of nnloop ({error})") from None


def _of_document(document: dict[str, Any], folder: Path) -> Validation:
    pairs = [ValidationPair.from_json(row) for row in document["pairs"]]
    return Validation(ValidationReport.from_json(document["report"]), pairs, folder)


def _folder(path: Path, number: int) -> Path:
    """Return the place of the page, tables and figures: the file's folder, or one below report/ beside others'."""
    if path.name.endswith(packs.PACKED):
        return path.with_name(path.name.removesuffix(packs.PACKED)) / "report" / str(number)
    return path.parent if path.name == FILE else path.parent / "report" / path.stem


def write_tables(pairs: Sequence[ValidationPair], folder: Path) -> None:
    """Write pairs.csv, and curves.csv with a row a network and epoch."""
    plain = [name for name in ValidationPair.__slots__ if name != "curve"]
    rows = ({name: csv_cell(row[name]) for name in plain} for row in (pair.to_json() for pair in pairs))
    write_text(folder / "pairs.csv", _csv(plain, rows))
    points = (
        {"candidate": csv_cell(pair.candidate), "epoch": epoch, "accuracy": accuracy}
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
