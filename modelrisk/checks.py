"""System checks of a deployment: `manage.py check --deploy`."""

from django.core import checks

from assessments.sandbox import selftest


@checks.register(checks.Tags.security, deploy=True)
def sandbox_holds(app_configs, **options) -> list[checks.CheckMessage]:
    """The sandbox is tried, not only looked at: see assessments/sandbox/selftest.py."""
    found = selftest.state()
    if found.mode == "refused":
        message = f"No file can be assessed on this machine. {found.problem}"
        return [checks.Error(message, hint=found.hint, id="modelrisk.E010")]
    if found.mode == "degraded":
        message = f"MODELRISK_SANDBOX=degraded: strangers' files are run without a complete sandbox. {found.problem}"
        return [checks.Warning(message, hint="For development only. Unset it in production.", id="modelrisk.W010")]
    return [
        checks.Info(f"The sandbox holds without the layer {layer}: {why}.", id="modelrisk.I010")
        for layer, why in found.absent.items()
    ]
