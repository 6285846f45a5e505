"""Numbers and sentences for people to read, on the terminal and in pages."""

import math
from collections.abc import Sequence
from typing import Any

from nnloop.measures import Measure
from nnloop.records import CycleReport, Interval

ABSENT = "-"
UNBALANCED = 1.1
"""Share of the largest class, in times of its fair share, from which it is shown beside accuracies."""


def csv_cell(value: Any) -> Any:
    """Return a value for a CSV file; a spreadsheet would take a text for a formula if it began like one."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@") else value


def percent(fraction: float | None, digits: int = 1) -> str:
    """Return a fraction in percent, without the sign; "-" for None."""
    return ABSENT if fraction is None else f"{100 * fraction:.{digits}f}"


def interval(estimate: Interval | None, digits: int = 1) -> str:
    """Return an estimate in percent with its 95% interval, as in "62.5 [48.4, 74.8]", or by itself if that is nan."""
    if estimate is None:
        return ABSENT
    if math.isnan(estimate.low):
        return percent(estimate.value, digits)
    return f"{percent(estimate.value, digits)} [{percent(estimate.low, digits)}, {percent(estimate.high, digits)}]"


def plain_interval(estimate: Interval | None) -> str:
    """Return an estimate with its 95% interval, as in "12.5 [10.1, 14.8]", or by itself if that is nan."""
    if estimate is None:
        return ABSENT
    parts = [
        f"{part:,.0f}" if abs(estimate.value) >= 1000 else f"{part:.3g}"
        for part in (estimate.value, estimate.low, estimate.high)
    ]
    return parts[0] if math.isnan(estimate.low) else f"{parts[0]} [{parts[1]}, {parts[2]}]"


def shown(measure: Measure, value: Interval | float | None) -> str:
    """Return a measure's value, fractions in percent, with its interval if it has one."""
    if isinstance(value, Interval):
        return interval(value, measure.digits) if measure.fraction else plain_interval(value)
    return percent(value, measure.digits) if measure.fraction or value is None else f"{value:,.{measure.digits}f}"


def signed(estimate: Interval) -> str:
    """Return a correlation with its interval, as in "0.64 [0.31, 0.85]"."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def count(number: float | None) -> str:
    """Return a whole number with commas; "-" for None."""
    return ABSENT if number is None else f"{number:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many decimals; "-" for None."""
    return ABSENT if value is None else f"{value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """Return a time as "8.4 s", "3:05" (minutes and seconds) or "1:02:05" (hours too); "-" for None."""
    if seconds is None:
        return ABSENT
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def closing_line(report: CycleReport, cycles: int) -> str:
    """Return a closed cycle in one line; `cycles` are planned."""
    parts = [
        f"cycle {report.cycle + 1}/{cycles}: valid {interval(report.valid_rate, 0)} %",
        f"mean {percent(report.mean_accuracy.value if report.mean_accuracy else None)} %",
        f"best {percent(report.best_accuracy)} %",
        f"admitted {report.counts.admitted} ({report.counts.admitted_total} in all)",
        f"{count(report.costs.tokens)} tokens",
        duration(report.costs.seconds.get("total")),
    ]
    if report.counts.retries:
        parts.append(f"{report.counts.retries_valid} of {report.counts.retries} retries valid")
    if report.counts.dropped:
        parts.append(f"{report.counts.dropped} items did not fit in their prompts")
    if report.counts.not_shown:
        parts.append(f"{report.counts.not_shown} networks are too long to be shown")
    return ", ".join(parts)


def why_none_admitted(reports: Sequence[CycleReport]) -> str | None:
    """Return the reason why a run has admitted nothing yet; None if it has, and before its first cycle."""
    if not reports or any(report.counts.admitted for report in reports):
        return None
    if not any(report.valid_rate.value for report in reports):
        return "no completion was valid"
    if not any(report.share_above and report.share_above.value for report in reports):
        best = max(report.best_accuracy or 0.0 for report in reports)
        return f"none reached admission.min_accuracy, the best has {percent(best)} %"
    return "the networks above admission.min_accuracy are too near to known ones (novelty.threshold)"


def balance(facts: dict[str, Any] | None) -> str | None:
    """Return the accuracy of always answering the commonest class, in words; None if it is about chance.

    `facts` is dataset.json, or None for a run without it.
    """
    if not facts:
        return None
    if "sets" in facts:
        told = {name: balance(of_one) for name, of_one in facts["sets"].items()}
        return "; ".join(f"{name}: {sentence}" for name, sentence in told.items() if sentence) or None
    counts = [facts["classes"][part] for part in ("val", "test")]
    shares = [max(of_part) / sum(of_part) for of_part in counts]
    if max(shares) < UNBALANCED / len(counts[0]):
        return None
    return f"always answering the commonest class gives {percent(shares[0])} % (test {percent(shares[1])} %)"
