"""Why a model is asked as it is."""


class Unsupported(Exception):
    """The model, or a part of it, has no compiled form; the text says why, to be read after "asked as it is: "."""


class AskTheEstimator(Exception):
    """These rows are for the estimator itself: it refuses them, or what it would say is not known here."""
