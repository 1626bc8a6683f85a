"""The OpenAPI document: every operation declares its error answers without saying so itself."""

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny


class ErrorSerializer(serializers.Serializer):
    """What every error answers with."""

    code = serializers.CharField(help_text="Stays the same over releases; compare this one.")
    message = serializers.CharField(help_text="What is wrong, for people.")
    hint = serializers.CharField(allow_blank=True, help_text="What to do about it.")
    field = serializers.CharField(allow_blank=True, help_text="The input that is wrong, where it is one.")
    fields = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text="Every input that is wrong."
    )
    detail = serializers.DictField(
        help_text="More about it where there is more: for the code refused_file, {scan}, as modelrisk.scan/1."
    )


MEANINGS = {
    "400": "An input cannot be used: the message says what is wrong, the hint what to do.",
    "401": "No token, or one that is wrong or has expired.",
    "403": "A rule says no; the message is the reason.",
    "404": "It does not exist, or you may not see it.",
    "409": "The object is no longer in a state that allows this.",
    "410": "The file was purged under a retention rule.",
    "413": "The body or the file is bigger than the limit.",
    "415": "The body is of a media type that is not read here.",
    "429": "Too many wrong passwords; wait for the seconds in Retry-After.",
    "503": "The file store or the sandbox does not answer; nothing was changed.",
}


class DeclaresErrors(AutoSchema):
    """Adds the answers that authentication, parsing, visibility and rules may give to any view of their kind."""

    def _get_response_bodies(self, direction="response"):
        answers = super()._get_response_bodies(direction)
        codes = self._error_codes()
        if "302" in answers or self.map_parsers() == [MultiPartParser.media_type]:
            codes.add("503")  # the file store is asked
        if "302" in answers:
            codes.add("410")  # a file, which may have been purged
        for code in codes:
            if code not in answers:
                declared = OpenApiResponse(ErrorSerializer, MEANINGS[code])
                answers[code] = self._get_response_for_code(declared, code, ["application/json"], direction)
        return dict(sorted(answers.items()))

    def _error_codes(self) -> set[str]:
        codes = {"400"} if self._takes_input() else set()
        if AllowAny not in self.view.permission_classes:
            codes |= {"401", "403"}
        if "{" in self.path:
            codes |= {"404"}
        if self.method in {"POST", "PUT", "PATCH"}:
            codes |= {"409", "413", "415"} if self.get_request_serializer() else {"409"}
        if getattr(self.view, "asks_password", False):
            codes |= {"401", "429"}
        return codes

    def _takes_input(self) -> bool:
        return self.method != "GET" or bool(self._get_parameters())
