"""LoadError: what is wrong with the files or the plan, said so that a person can put it right."""


class LoadError(Exception):
    """code: a public error code; message: what is wrong, with the names involved; hint: what to do about it."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class ModelLost(LoadError):
    """The process that holds the model (oracle mode) cannot be asked any more; why: the rest of that sentence."""

    def __init__(self, why: str) -> None:
        hint = "The model's own process is at fault, not this test. Ask the model's developer to try its predictions."
        super().__init__("model_process", f"The process that holds the model cannot be asked any more: {why}.", hint)
        self.why = why

    def __reduce__(self) -> tuple[type, tuple[str]]:  # type: ignore[override]
        return type(self), (self.why,)


class UnfitAnswers(ModelLost):
    """What the process that holds the model (oracle mode) answers cannot be measured; why: "The model's answers …"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.code = "unfit_answers"
        self.message = f"The model's answers {why}."
        self.hint = "No number that rests on them would mean anything. Ask the model's developer to put this right."
        self.args = (self.message,)


def short(error: BaseException, limit: int = 300) -> str:
    """An exception as one line of bounded length."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def listed(names: list[str], most: int = 8) -> str:
    """Names for a message: the first few, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
