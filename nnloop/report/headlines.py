"""The result of a run, a comparison or a validation in one sentence, with its interval."""

from nnloop import measures
from nnloop.measures import Measure
from nnloop.report.measures.compare import Comparison, Difference
from nnloop.report.measures.read import Run
from nnloop.report.measures.validation import ValidationReport, p_text
from nnloop.report.text import count, interval, percent, shown, signed


def of_run(run: Run) -> str:
    """Return what a run has shown so far."""
    if not run.entries:
        return "There is no result yet."
    answers = count(len(measures.firsts(run.entries)))
    valid = f"{shown(measures.VALID, run.of(measures.VALID))} % of {answers} completions are valid"
    if run.incumbent:
        known = run.incumbent
        return (
            f"{valid}; the best network reaches {interval(known.validation)} % in validation and"
            f" {interval(known.test)} % on test, by {known.trials} trials under fresh seeds."
        )
    best = measures.best_of(run.entries)
    if best is None:
        return f"{valid}."
    mean = shown(measures.MEAN, run.of(measures.MEAN))
    trained = len(run.networks)
    return (
        f"{valid}, their mean accuracy is {mean} %; the best of {count(trained)} single trials has"
        f" {percent(best.val_accuracy, 2)} %, which luck has a part in."
    )


def of_comparison(comparison: Comparison) -> str:
    """Return the difference between arms that stands out, or the arms' best mean if there is none."""
    means = [one for one in comparison.differences if one.measure is measures.MEAN]
    if means:
        first = min(means, key=lambda one: (one.p_holm, one.p))
        return _difference(first, len(means))
    return _alone(comparison, measures.MEAN)


def _difference(one: Difference, several: int) -> str:
    mean, low, high = (f"{100 * part:+.2f}" for part in (one.interval.value, one.interval.low, one.interval.high))
    sure = "" if one.interval.low > 0 or one.interval.high < 0 else ", which is no clear difference"
    among = f"; the clearest of {several} differences" if several > 1 else ""
    return (
        f"Mean accuracy, {one.label}: {mean} [{low}, {high}] points over {len(one.seeds)} seeds"
        f" (p {p_text(one.p_holm)} by Holm){sure}{among}."
    )


def _alone(comparison: Comparison, measure: Measure) -> str:
    known = [(one.arm.name, one.measures[measure.name]) for one in comparison.final if measure.name in one.measures]
    if not known:
        return "There is no result yet."
    name, mean = max(known, key=lambda each: each[1].value)
    best = f", the highest of {len(known)} arms; their differences have no interval" if len(known) > 1 else ""
    return f"Mean accuracy of {name}: {interval(mean.as_interval)} % ({mean.n} seed{'s' if mean.n != 1 else ''}){best}."


def of_validation(report: ValidationReport) -> str:
    """Return how well the short protocol ranks the networks by the long one."""
    rho = report.correlation.rho
    if rho is None:
        return f"Nothing can be said of the ranking: {report.correlation.note}."
    if rho.low > 0:
        words = "ranks the networks as the long protocol does, more than by chance"
    elif rho.high < 0:
        words = "ranks the networks the other way round"
    else:
        words = "shows no ranking"
    return f"{report.proxy} {words}: Spearman's rho {signed(rho)} over {report.correlation.n} networks."
