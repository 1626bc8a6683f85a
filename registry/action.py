"""The one way to write: `@action` locks the row, asks the rule, makes the change and appends the audit event.

    @action("version.decide", rule=rules.may_decide)
    def decide(version, *, actor, outcome, note):
        ...
        return Done(decision, about=version, summary="Approved Income v3")

A rule that must hold at the moment of signing (`at_signing=True`) is asked again inside the transaction, of the locked
row and of the person as the database has them by then. A Refused is recorded, wherever it is raised.

Slow work (hashing, storing, asking the sandbox) belongs in `prepare`: a context manager entered after the rule and
before the transaction, given what the action was given; it yields what the body is given, and cleans up.

Called as `decide(version, actor=user, …)` by pages, API, admin and jobs alike; there is no skip flag.
Its `.refusal(version, actor)` asks the same rule without acting: it draws the button and fills `available_actions`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Protocol

from django.db import models, transaction

from registry import audit, changes
from registry.refusals import Conflict, NotNow, PasswordNeeded, Refused

_supposing: ContextVar[bool] = ContextVar("supposing", default=False)
NAMES: set[str] = set()  # of every action, for the filters of the log

Rule = Callable[..., str | None]
Prepare = Callable[..., AbstractContextManager[dict[str, Any]]]


@dataclass(frozen=True)
class Done:
    """What an action did: the object it returns to its caller, and the audit event's text."""

    result: Any
    summary: str
    about: models.Model | None = None  # the object of the event, where it is not the result
    detail: dict[str, Any] = field(default_factory=dict)


class Action(Protocol):
    """What `@action` makes of a body."""

    action_name: str
    refusal: Rule

    def __call__(self, subject: Any, *, actor: Any, **given: Any) -> Any: ...


def action(
    name: str, *, rule: Rule, prepare: Prepare | None = None, at_signing: bool = False
) -> Callable[[Callable[..., Done]], Action]:
    """Make `body(subject, *, actor, **given) -> Done` an action.

    `subject` is the row acted on (locked and read afresh), or a model class where the action creates something.
    """

    def decorate(body: Callable[..., Done]) -> Action:
        @wraps(body)
        def perform(subject, *, actor, **given):
            if _supposing.get():
                raise RuntimeError(f"{name} is asked about here, not done.")
            with audit.one_act(), _recording_refusals(name, subject, actor):
                _ask(rule, subject, actor, given)
                prepared = prepare(subject, actor=actor, **given) if prepare else nullcontext(given)
                with prepared as ready, transaction.atomic():
                    row = _locked(subject)
                    if at_signing:
                        _ask(rule, row, _afresh(actor), given)
                    return _done(name, body, row, actor, ready)

        NAMES.add(name)
        perform.action_name = name
        perform.refusal = rule
        return perform

    return decorate


@contextmanager
def supposing() -> Iterator[None]:
    """Within, rules answer as if each person were in a session of their own: for tables of who may do what.

    No action can be performed there.
    """
    token = _supposing.set(True)
    try:
        yield
    finally:
        _supposing.reset(token)


def is_supposed() -> bool:
    return _supposing.get()


def _ask(rule: Rule, subject, actor, given: dict[str, Any]) -> None:
    reason = rule(subject, actor, **given)
    if isinstance(reason, NotNow):
        raise Conflict(reason, code=reason.code)
    if reason is not None:
        raise Refused(reason, code="reauthenticate" if isinstance(reason, PasswordNeeded) else "refused")


def _done(name: str, body: Callable[..., Done], row, actor, ready: dict[str, Any]):
    """The change and its event, with every row that was written: all of it or nothing."""
    with changes.recorded() as seen:
        done = body(row, actor=actor, **ready)
    about = done.about if done.about is not None else done.result
    audit.record(actor=actor, action=name, obj=about, summary=done.summary, detail=done.detail, changes=seen.changes())
    return done.result


def _afresh(actor):
    """The person without what was remembered of them: roles end, people leave."""
    return actor._meta.model._default_manager.get(pk=actor.pk)


def _locked(subject):
    if not isinstance(subject, models.Model):
        return subject
    # Not type(subject): a request's user is a lazy wrapper of the row.
    return subject._meta.model._default_manager.select_for_update().get(pk=subject.pk)


@contextmanager
def _recording_refusals(name: str, subject, actor) -> Iterator[None]:
    """After the transaction, which took back everything else."""
    try:
        yield
    except Refused as refused:
        obj = subject if isinstance(subject, models.Model) else subject()
        audit.record(actor=actor, action=name, obj=obj, summary=f"Refused: {refused.reason}", refused=True)
        raise
