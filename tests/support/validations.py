"""Made-up validations."""

from nnloop.report.measures.validation import ValidationPair, ValidationReport, study


def some_pairs(n: int = 20) -> list[ValidationPair]:
    """Of networks whose order the proxy nearly keeps."""
    return [
        ValidationPair("run", f"n{i}", i / 40, 0.5 + (i ^ 1) / 50, 0.5, 1, 1.0, [[5, i / 50], [10, 0.5 + (i ^ 1) / 50]])
        for i in range(n)
    ]


def report_on(pairs: list[ValidationPair], failed: dict[str, int] | None = None) -> ValidationReport:
    return study(
        pairs, dataset="Digits", proxy="fast", long="long", rule="a rule", chosen=len(pairs), failed=failed or {}
    )
