"""The page of a model's tier: the rating in force, the one that waits, the questions, and what was rated before."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from registry.forms import ActionForm
from registry.models import MLModel, TierRating
from registry.refusals import BadInput
from registry.tiers import actions, matrix

SHOWN = 50


class RatingForm(ActionForm):
    """A field a question, as registry/tiering.json has them."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        known = matrix.tiering()
        for one in known["questions"]:
            self.fields[one["id"]] = forms.TypedChoiceField(
                label=one["title"],
                coerce=int,
                choices=[(option["score"], f"{option['score']} · {option['text']}") for option in one["options"]],
                widget=forms.RadioSelect,
                help_text=f"{one['basis']}; {one['status']}",
            )
        for one in known["forcing"]:
            self.fields[one["id"]] = forms.BooleanField(label=f"{one['title']} ({one['basis']})", required=False)
        self.fields["override_tier"] = forms.TypedChoiceField(
            label="Override",
            required=False,
            coerce=int,
            empty_value=None,
            choices=[("", "no: the tier that the matrix gives"), *MLModel.Tier.choices],
        )
        self.fields["reason"] = forms.CharField(
            required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="Needed for an override."
        )

    @property
    def asked(self):
        """The fields that the matrix asks for."""
        return [self[one["id"]] for one in matrix.tiering()["questions"] + matrix.tiering()["forcing"]]

    def given(self) -> dict:
        """What the action `rate_model` takes."""
        answers = {name: value for name, value in self.cleaned_data.items() if name not in ("override_tier", "reason")}
        return {
            "answers": answers,
            "override_tier": self.cleaned_data["override_tier"],
            "reason": self.cleaned_data["reason"],
        }


@require_http_methods(["GET", "POST"])
def tier(request, slug: str) -> HttpResponse:
    model = _model(request, slug)
    ratings = list(model.tier_ratings.select_related("rated_by", "settled_by", "model")[:SHOWN])
    newest = ratings[0].answers if ratings else None
    form = RatingForm(request.POST or None, initial=newest)
    if request.method == "POST":
        made = form.perform(lambda: actions.rate_model(model, actor=request.user, **form.given()))
        if made is not None:
            messages.success(request, f"{model} is rated tier {made.tier}. A second person must confirm it.")
            return redirect("tier", slug)
    return render(request, "registry/tier.html", _context(request, model, ratings, form), status=form.status)


def _context(request, model: MLModel, ratings: list[TierRating], form: RatingForm, problem=None) -> dict:
    proposed = next((one for one in ratings if one.state == TierRating.State.PROPOSED), None)
    confirmed = next((one for one in ratings if one.state == TierRating.State.CONFIRMED), None)
    shown = proposed or confirmed
    return {
        "model": model,
        "form": form,
        "problem": problem,
        "tiering": matrix.tiering(),
        "levels": list(matrix.tiering()["levels"].values()),
        "rows": matrix.drawn(shown),
        "ratings": ratings,
        "shown": shown,
        "answers": matrix.answered(shown.answers) if shown else [],
        "proposed": proposed,
        "confirmed": confirmed,
        "cadence": matrix.cadence_months(model.tier),
        "may_not_rate": actions.rate_model.refusal(model, request.user),
        "may_not_confirm": actions.confirm_rating.refusal(proposed, request.user) if proposed else None,
        "may_not_refuse": actions.refuse_rating.refusal(proposed, request.user) if proposed else None,
    }


@require_POST
def confirm(request, slug: str, pk: int) -> HttpResponse:
    return _settle(request, slug, pk, actions.confirm_rating, note=_text(request, "note"))


@require_POST
def refuse(request, slug: str, pk: int) -> HttpResponse:
    return _settle(request, slug, pk, actions.refuse_rating, reason=_text(request, "reason"))


def _settle(request, slug: str, pk: int, act, **given) -> HttpResponse:
    model = _model(request, slug)
    rating = get_object_or_404(model.tier_ratings.select_related("model"), pk=pk)
    try:
        act(rating, actor=request.user, **given)
    except BadInput as error:
        ratings = list(model.tier_ratings.select_related("rated_by", "settled_by", "model")[:SHOWN])
        context = _context(request, model, ratings, RatingForm(initial=ratings[0].answers), problem=error)
        return render(request, "registry/tier.html", context, status=400)
    messages.success(request, f"{rating} is {'confirmed' if 'note' in given else 'refused'}.")
    return redirect("tier", slug)


def _model(request, slug: str) -> MLModel:
    return get_object_or_404(MLModel.objects.visible_to(request.user).select_related("owner"), slug=slug)


def _text(request, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "")[:5000]
