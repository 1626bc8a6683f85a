"""How a battery test is declared. One file under a family folder is one test; its id is its path.

'''What this test asks, for the reviewer; its definition and source.'''

@battery_test(
    title="ROC curve",
    needs=Needs(scores=True),
    params=[Param("resamples", 1000, "Bootstrap resamples", quick=200)],
    metrics=[Metric("roc_auc", "AUC", better="higher")],
    controls=["SR26-2:V-OUTCOMES"],
    charts=["roc"],
)
def run(subject, params, rng, progress): -> Outcome
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

FAMILIES = ("performance", "robustness", "fairness", "explainability", "privacy", "data")

Better = Literal["higher", "lower", "none"]
PLANS = ("quick", "standard", "thorough")


class NotApplicable(Exception):
    """This test has no meaning for this model or data; the reason is shown. Never a pass."""


@dataclass(frozen=True)
class Metric:
    """A number that a test reports. unit: ratio, rows, nats, or what the axis would say."""

    id: str
    title: str
    better: Better = "none"
    unit: str = "ratio"


@dataclass(frozen=True)
class Param:
    """A parameter with its default; quick and thorough say where those plans differ."""

    id: str
    default: Any
    title: str
    quick: Any = None
    thorough: Any = None
    minimum: float | None = None
    maximum: float | None = None

    def for_plan(self, plan_name: str) -> Any:
        chosen = {"quick": self.quick, "thorough": self.thorough}.get(plan_name)
        return self.default if chosen is None else chosen


@dataclass(frozen=True)
class Needs:
    """What a test asks of its subject; where it is missing the test is not applicable."""

    tasks: tuple[str, ...] = ("binary", "multiclass")
    scores: bool = False  # predict_proba or decision_function
    sensitive: bool = False  # at least one sensitive column


@dataclass(frozen=True)
class Measure:
    """One number: its 95 % interval, the rows behind it, the group {column: value as text} it is about."""

    metric: str
    value: float | None
    ci: tuple[float, float] | None = None
    n: int = 0
    group: dict[str, str] = field(default_factory=dict)
    unit: str = "ratio"
    better: Better = "none"
    small: bool = False  # a group under the minimum: reported, never failed
    p_value: float | None = None  # of one of many comparisons, that there is no difference: counts in the run's budget


@dataclass(frozen=True)
class Chart:
    """The numbers of a chart. data["kind"] names the module of assessments.charts that draws it."""

    id: str
    title: str
    caption: str
    alt: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows for the reader; columns are headings, rows hold text and numbers.

    A cell may also be what was changed about a row: [{column, before, after, follows}], all text but follows, which
    says that the column changed because another one did.
    """

    id: str
    title: str
    columns: list[str]
    rows: list[list[Any]]
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """comparisons: how many p-values were looked at, where the measures hold only the smallest; 0: those they hold."""

    measures: list[Measure]
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    comparisons: int = 0


Run = Callable[..., Outcome]


@dataclass(frozen=True)
class BatteryTest:
    """A catalogue entry together with the function that runs it."""

    id: str
    family: str
    title: str
    asks: str  # the module's docstring
    needs: Needs
    params: tuple[Param, ...]
    metrics: tuple[Metric, ...]
    controls: tuple[str, ...]
    charts: tuple[str, ...]
    run: Run
    plans: tuple[str, ...] = PLANS  # those that run it where nobody names tests
    headline: tuple[str, ...] = ()  # those of its charts that stand on the assessment's own page
    explains: bool = False  # its charts show SHAP values, which explainability.explanation_quality tries

    def entry(self) -> dict[str, Any]:
        """The entry as JSON."""
        return {key: value for key, value in asdict(self).items() if key != "run"}

    def resolve(self, given: dict[str, Any], plan_name: str) -> dict[str, Any]:
        """All parameters of one run. Raises ValueError that says what is allowed."""
        known = {param.id: param for param in self.params}
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"{self.id} has no parameter {', '.join(unknown)}; it has {', '.join(known) or 'none'}.")
        return {
            name: _checked(self.id, param, given.get(name, param.for_plan(plan_name))) for name, param in known.items()
        }


def _checked(test_id: str, param: Param, value: Any) -> Any:
    if isinstance(param.default, bool) is not isinstance(value, bool) or not isinstance(
        value, type(param.default) if not isinstance(param.default, float) else (int, float)
    ):
        raise ValueError(f"{test_id}: {param.id} must be a {type(param.default).__name__}, not {value!r}.")
    if (param.minimum is not None and value < param.minimum) or (param.maximum is not None and value > param.maximum):
        raise ValueError(f"{test_id}: {param.id} must be between {param.minimum} and {param.maximum}, not {value!r}.")
    return value


CATALOGUE: dict[str, BatteryTest] = {}


def battery_test(
    *,
    title: str,
    needs: Needs = Needs(),  # noqa: B008 - frozen
    params: list[Param] | None = None,
    metrics: list[Metric],
    controls: list[str] | None = None,
    charts: list[str] | None = None,
    headline: tuple[str, ...] = (),
    plans: tuple[str, ...] = PLANS,
    explains: bool = False,
) -> Callable[[Run], Run]:
    """Put `run` in the catalogue. A trailing * in `charts` stands for a column name.

    headline: the few charts that a reviewer should see first; all the others stand on the test's own page.
    plans: which plans include it when nobody names tests; a test named by its id runs in any plan.
    explains: whether its charts show SHAP values: they are marked where these fail their own test.
    """
    if not plans or not set(plans) <= set(PLANS):
        raise ValueError(f"plans must name some of {', '.join(PLANS)}, not {plans!r}.")
    if not set(headline) <= set(charts or ()):
        raise ValueError(f"headline must name some of the charts {charts!r}, not {headline!r}.")

    def register(run: Run) -> Run:
        module = importlib.import_module(run.__module__)
        family, name = run.__module__.split(".")[-2:]
        test = BatteryTest(
            id=f"{family}.{name}",
            family=family,
            title=title,
            asks=(module.__doc__ or "").strip(),
            needs=needs,
            params=tuple(params or ()),
            metrics=tuple(metrics),
            controls=tuple(controls or ()),
            charts=tuple(charts or ()),
            run=run,
            plans=tuple(plans),
            headline=tuple(headline),
            explains=explains,
        )
        CATALOGUE[test.id] = test
        return run

    return register


def discover() -> dict[str, BatteryTest]:
    """Import every test file of every family; the catalogue, ordered by family and id."""
    for family in FAMILIES:
        package = importlib.import_module(f"assessments.battery.{family}")
        for found in pkgutil.iter_modules(package.__path__):
            if not found.name.startswith("_"):
                importlib.import_module(f"{package.__name__}.{found.name}")
    return dict(sorted(CATALOGUE.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))
