"""Which compiled form a model has: by the class of its last step, as the library names it."""

from collections.abc import Callable, Sequence
from typing import Any

from assessments.battery.predictors import (
    _hist_trees,
    _lightgbm_trees,
    _linear,
    _sklearn_trees,
    _support_vectors,
    _xgboost_trees,
)
from assessments.battery.predictors._columns import check_row_by_row
from assessments.battery.predictors._core import Core
from assessments.battery.predictors._through import through
from assessments.battery.predictors._unsupported import Unsupported

Build = Callable[[Any, str], Core]

SKLEARN: dict[Build, str] = {
    _sklearn_trees.single_tree: " ".join(_sklearn_trees.TREES),
    _sklearn_trees.forest: "RandomForestClassifier ExtraTreesClassifier RandomForestRegressor ExtraTreesRegressor",
    _sklearn_trees.bagging: "BaggingClassifier BaggingRegressor",
    _sklearn_trees.adaboost: "AdaBoostClassifier",
    _sklearn_trees.gradient_boosting: "GradientBoostingClassifier GradientBoostingRegressor",
    _hist_trees.hist_gradient_boosting: "HistGradientBoostingClassifier HistGradientBoostingRegressor",
    _linear.linear_classifier: "LogisticRegression LogisticRegressionCV SGDClassifier RidgeClassifier "
    "RidgeClassifierCV LinearSVC Perceptron PassiveAggressiveClassifier",
    _linear.linear_regressor: "LinearRegression Ridge RidgeCV Lasso LassoCV ElasticNet ElasticNetCV Lars LassoLars "
    "BayesianRidge ARDRegression HuberRegressor TheilSenRegressor SGDRegressor LinearSVR QuantileRegressor",
    _support_vectors.support_vectors: "SVC NuSVC",
    _linear.perceptron: "MLPClassifier MLPRegressor",
}
BOOSTERS: dict[Build, str] = {
    _xgboost_trees.xgboost_model: "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor",
    _lightgbm_trees.lightgbm_model: "LGBMClassifier LGBMRegressor",
}
LIBRARIES = {"sklearn": SKLEARN, "xgboost": BOOSTERS, "lightgbm": BOOSTERS}


def last_step(estimator: Any) -> tuple[list[Any], Any]:
    """The transformers, in order, and what they lead to. Raises Unsupported."""
    steps: list[Any] = []
    for _ in range(20):
        if getattr(estimator, "steps", None):
            *before, (_, estimator) = estimator.steps
            steps += [inner for _, step in before for inner in _flat(step)]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return steps, estimator
    raise Unsupported("it is nested too deeply")


def _flat(step: Any) -> list[Any]:
    """The transformers of a step. Samplers of imbalanced-learn do nothing when a model is asked."""
    if step is None or isinstance(step, str) or (hasattr(step, "fit_resample") and not hasattr(step, "transform")):
        return []
    if getattr(step, "steps", None):
        return [inner for _, each in step.steps for inner in _flat(each)]
    return [step]


def core_of(last: Any, steps: Sequence[Any], scores_from: str) -> tuple[Core, list[Any], str]:
    """The form of the last step, the transformers before it, and what to call it."""
    name, library = type(last).__name__, type(last).__module__.split(".")[0]
    families = LIBRARIES.get(library, {})
    build = next((build for build, names in families.items() if name in names.split()), None)
    if build is None and not (steps and library == "sklearn"):
        raise Unsupported(f"{name} has no compiled form")
    steps = list(steps)
    for step in steps[1:]:
        check_row_by_row(step)
    if build is _hist_trees.hist_gradient_boosting and not steps and last._preprocessor is not None:
        return _hist_trees.hist_gradient_boosting(last, scores_from, encoded=True), [last._preprocessor], name
    try:
        if build is not None:
            return build(last, scores_from), steps, name
    except Unsupported:
        if not steps:
            raise
    return through(last, scores_from), steps, f"the steps before {name}"
