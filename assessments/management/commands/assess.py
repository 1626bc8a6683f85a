"""Assess a model on this machine: the whole battery with no server and no database.

Exit code 0: within policy. 1: a criterion failed. 2: bad input; nothing is written.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from assessments import catalogue, costing, local_run, planning, policies
from assessments.reports import folder, terminal
from registry import columns, scanning
from registry.refusals import BadInput

TASKS = ["auto", "binary", "multiclass", "regression"]
WITHIN_POLICY, CRITERION_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []  # nothing of the web is used: no database, no templates of pages

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", type=Path, help="the model, saved with joblib")
        parser.add_argument("data", type=Path, help="rows it was not trained on: .csv, .parquet or .joblib")
        parser.add_argument("--target", required=True, help="the column to predict")
        parser.add_argument("--favourable", help="the label that an applicant would want, for example '>50K'")
        parser.add_argument("--task", default="auto", choices=TASKS, help="auto: as the model says of itself")
        parser.add_argument("--sensitive", action="append", default=[], metavar="COLUMN", help="may be repeated")
        parser.add_argument("--fixed", action="append", default=[], metavar="COLUMN", help="nobody can change it")
        parser.add_argument(
            "--mutable", action="append", default=[], metavar="COLUMN=HOW", help="free, up, down or fixed; repeatable"
        )
        parser.add_argument(
            "--bounds", action="append", default=[], metavar="COLUMN=LOW:HIGH", help="either end may be left out"
        )
        parser.add_argument(
            "--swap-price", action="append", default=[], metavar="COLUMN=PRICE",
            help="of another category; 1 is a number's whole range",
        )  # fmt: skip
        parser.add_argument(
            "--relation", action="append", default=[], metavar="TEXT", help="that every row keeps: 'open <= total'"
        )
        parser.add_argument("--reference", type=Path, help="the training data")
        parser.add_argument("--plan", default="standard", choices=["quick", "standard", "thorough"])
        parser.add_argument(
            "--only",
            action="append",
            metavar="TEST",
            help="a test's id, or a family: its tests in the plan; may be repeated",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--label", action="append", default=[], metavar="CLASS=LABEL", help="the model's 0 is the data's bad: 0=bad"
        )
        parser.add_argument(
            "--trust-model", action="store_true", help="load a model of your own that needs a waiver: it runs its code"
        )
        parser.add_argument("--out", type=Path, required=True, help="a new folder, or one with earlier results")

    def handle(self, *args: Any, **options: Any) -> None:
        for stream in (sys.stdout, sys.stderr):  # names in the data may hold what the terminal cannot show
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        try:
            with terminated_as_interrupt():
                found = self._assess(options)
        except (BadInput, planning.BadRequest, local_run.CannotRun, folder.Occupied) as error:
            self.stderr.write(f"{error.message}\n{error.hint}".strip())  # type: ignore[attr-defined]
            if getattr(error, "code", "") == "needs_waiver":
                self.stderr.write("If the file is your own, --trust-model loads it all the same.")
            sys.exit(BAD_INPUT)
        except KeyboardInterrupt:
            self.stderr.write("Stopped. Nothing was written.")
            sys.exit(INTERRUPTED)
        failed = any(verdict["verdict"] == "fail" for verdict in found["verdicts"])
        sys.exit(CRITERION_FAILED if failed else WITHIN_POLICY)

    def _assess(self, options: dict[str, Any]) -> dict[str, Any]:
        folder.check(options["out"])
        given = {part: options[part] for part in ("model", "data", "reference") if options[part]}
        with ExitStack() as converted:
            files, formats = self._kept(given, converted)
            return self._assess_files(files, formats, options)

    def _kept(self, given: dict[str, Path], converted: ExitStack) -> tuple[dict[str, Path], dict[str, str]]:
        """The files that are measured, and their formats: a pickled table is one that the sandbox made Parquet of."""
        formats = {part: format_of(part, path) for part, path in given.items()}
        files = dict(given)
        for part in given.keys() - {"model"}:
            files[part], formats[part] = converted.enter_context(scanning.kept_as(given[part], formats[part]))
            if files[part] != given[part]:
                self.stderr.write(f"{given[part].name} is a pickle: a sandbox made Parquet of it, which is measured.")
        return files, formats

    def _assess_files(self, files: dict[str, Path], formats: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
        tests = planning.planned_tests(options["only"], options["plan"])  # before anything slow
        profile = scanning.profile_dataset(files["data"], formats["data"])
        roles, favourable = read_columns(profile, options)
        if favourable and not options["favourable"]:
            self.stderr.write(f"Taken as favourable: {options['target']} = {favourable} (--favourable says otherwise).")
        described = {
            part: {"path": f"{part}/{path.name}", "format": formats[part], "sha256": local_run.sha256(path)}
            for part, path in files.items()
        }
        if options["trust_model"]:
            self.stderr.write(f"--trust-model: {files['model'].name} is loaded whatever it says. It runs its own code.")
            described["model"]["trust"] = "waived"
        plan = planning.build_plan(
            **described,
            target=options["target"],
            favourable=favourable,
            task=options["task"],
            columns=roles,
            plan_name=options["plan"],
            tests=tests,
            seed=options["seed"],
            labels=read_labels(options["label"]),
            relations=options["relation"],
        )
        estimate = costing.estimate(
            plan["tests"], plan_name=options["plan"], rows=profile["rows"], columns=len(profile["columns"])
        )
        self.stderr.write(f"Plan {options['plan']}: {len(plan['tests'])} tests, {estimate['text']}.")
        with terminal.Progress(plan, sys.stderr) as progress:
            found = local_run.assess(
                plan,
                files,
                policies.default_policy(),
                tell=progress,
                memory_mb=settings.MODELRISK_CHILD_MEMORY_MB,
                selftest_file=settings.BATTERY_SELFTEST_FILE,
            )
        title = f"{options['model'].name} on {options['data'].name}"
        folder.write(found, options["out"], title=title, catalogue=catalogue.catalogue())
        self.stdout.write(terminal.table(found, catalogue.catalogue(), title=title))
        self.stdout.write(f"Written: {options['out'] / 'report.html'}")
        return found


def format_of(part: str, path: Path) -> str:
    """The format of a file that is there, or BadInput."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BadInput(f"The {part} {path} {what}.", hint="Give the path of a file.", code="no_file")
    try:
        if path.stat().st_size == 0:
            raise BadInput(f"{path.name} is empty.", hint="Save it again and check its size.", code="empty_data")
        return scanning.model_format(path, path.name) if part == "model" else scanning.data_format(path, path.name)
    except OSError as error:
        hint = "Check the permissions of the file."
        raise BadInput(f"{path.name} cannot be read: {error.strerror}.", hint=hint, code="unreadable_data") from error


def read_columns(profile: dict[str, Any], options: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """What each column is, guessed and then as the options say; and the favourable label, empty for an amount."""
    target = options["target"]
    roles = columns.guess(profile, target=target)
    names = [column["name"] for column in roles]
    planning.planned_columns(roles, target)  # says so where there is no such column
    for option in ("sensitive", "fixed"):
        for name in options[option]:
            if name not in names:
                raise planning.unknown_column(name, names, f"--{option}")
            if name == target:
                raise BadInput(f"--{option} {name}: that is the target.", hint="Name another column.")
    for column in roles:
        if options["sensitive"] and column["role"] in {"sensitive", "feature", "ignored"}:
            named = column["name"] in options["sensitive"]
            column["role"] = "sensitive" if named else "ignored" if column["role"] == "ignored" else "feature"
        if column["name"] in {*options["fixed"], *options["sensitive"]}:
            column["mutable"] = "fixed"
    read = next(column for column in profile["columns"] if column["name"] == target)
    if not options["favourable"] and (options["task"] == "regression" or columns.is_amount(read)):
        return roles, ""
    described = {column["name"]: column for column in roles}
    for option, read in (("mutable", _mutable), ("bounds", _bounds), ("swap_price", _price)):
        for given in options[option]:
            name, value = _of_column(f"--{option.replace('_', '-')}", given, names)
            described[name].update(read(given, value))
    favourable = options["favourable"] or columns.guess_favourable(profile, target)
    if not favourable:
        labels = read["top"]
        hint = f"Add --favourable with one of {', '.join(text for text, _ in labels[:10])}"
        hint += ", or --task regression." if read["kind"] == "number" else "."
        raise BadInput(f"Which label of {target} is the favourable one?", hint=hint, code="label_mismatch")
    return roles, favourable


def _of_column(option: str, given: str, names: list[str]) -> tuple[str, str]:
    """COLUMN=VALUE taken apart at the last sign of equality."""
    name, equals, value = given.rpartition("=")
    if not (equals and name and value):
        raise BadInput(f"{option} {given} is not understood.", hint=f"Write {option} COLUMN=VALUE.")
    if name not in names:
        raise planning.unknown_column(name, names, option)
    return name, value


def _mutable(given: str, value: str) -> dict[str, Any]:
    if value not in planning.CHOICES["mutable"]:
        raise BadInput(f"--mutable {given}: {value!r} is not understood.", hint="Say free, up, down or fixed.")
    return {"mutable": value}


def _bounds(given: str, value: str) -> dict[str, Any]:
    low, colon, high = value.partition(":")
    try:
        ends = {key: float(end) for key, end in (("minimum", low), ("maximum", high)) if end.strip()}
    except ValueError:
        ends = {}
    if not (colon and ends):
        raise BadInput(f"--bounds {given} is not understood.", hint="Write for example --bounds hours=0:80.")
    return ends


def _price(given: str, value: str) -> dict[str, Any]:
    try:
        return {"swap_price": float(value)}
    except ValueError:
        raise BadInput(f"--swap-price {given}: {value!r} is no number.", hint="Give a number from 0.") from None


def read_labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for each in given:
        # A class such as <=50K has a sign of its own.
        model_class, equals, label = each.rpartition("=") if each.startswith("<=") else each.partition("=")
        if not (equals and model_class and label):
            raise BadInput(f"--label {each} is not understood.", hint="Write CLASS=LABEL, for example --label 0=bad.")
        labels[model_class] = label
    return labels


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: the child first, no folder left."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
