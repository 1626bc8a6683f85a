"""The sign-in, on the page and before the admin: wrong passwords are counted, and too many of them wait."""

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpResponse

from registry import sign_ins
from registry.refusals import Waits


class _Counted(AuthenticationForm):
    """waits: seconds until another password is looked at, where this one was not."""

    waits = 0

    def clean(self):
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return super().clean()
        try:
            tried = sign_ins.begin(self.request, name)
        except Waits as wait:
            self.waits = wait.seconds
            raise ValidationError(wait.reason, code="throttled") from None
        try:
            return super().clean()
        finally:
            if self.user_cache is not None:  # the right one, even where this person may not go on
                sign_ins.was_right(tried)
            else:
                sign_ins.was_wrong(tried, name)


class SignInForm(_Counted):
    """For the page."""


class AdminSignInForm(_Counted, AdminAuthenticationForm):
    """For the admin."""


class SignIn(LoginView):
    template_name = "pages/login.html"
    form_class = SignInForm

    def form_invalid(self, form) -> HttpResponse:
        """Asked again; 429 where it has to wait."""
        answer = super().form_invalid(form)
        if form.waits:
            answer.status_code = 429
            answer.headers["Retry-After"] = str(form.waits)
        return answer
