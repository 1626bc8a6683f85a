"""The only door: python -m assessments.battery PLAN OUT, --catalogue, or --scan, --inspect, --convert, --profile FILE.

Answers are JSON on the stdout that the process was started with. Whatever else prints, the model included, goes to
stderr. Exit code 0: it ran. 2: bad input, said in the answer.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from assessments.battery import formats
from assessments.battery.errors import LoadError, short
from assessments.battery.events import Emitter, finite


def claim_stdout() -> IO[str]:
    """The real stdout, out of reach of print and of libraries: descriptor 1 is stderr from now on."""
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(private, "w", encoding="utf-8")


def main(arguments: list[str], stream: IO[str]) -> int:
    """Answer one call on `stream`; the exit code."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    reads = next((name for name in READS if getattr(asked, name)), "")
    if asked.serve_model and not asked.model_fds:
        parser.error("--serve-model needs --model-fds")
    if not (asked.serve_model or asked.catalogue or reads or (asked.plan and asked.out)):
        parser.error(f"give PLAN and OUT, or one of --catalogue, --{', --'.join(READS)}")
    if asked.serve_model:
        from assessments.battery.oracle.serving import serve

        return serve(asked.serve_model, asked.format, asked.trust, asked.sha256, asked.model_fds)
    if asked.catalogue:
        from assessments.battery.spec import discover

        stream.write(json.dumps({name: test.entry() for name, test in discover().items()}, indent=1) + "\n")
        return 0
    if reads:
        return _answer(stream, READS[reads], getattr(asked, reads), asked)
    from assessments.battery.run import run_plan

    asked.out.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(asked.out)  # the one folder that a sandboxed run may write to
    return run_plan(asked.plan, Emitter(stream), asked.model_fds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assessments.battery", description=__doc__)
    parser.add_argument("plan", type=Path, nargs="?", help="plan.json")
    parser.add_argument("out", type=Path, nargs="?", help="a folder the run may write to")
    parser.add_argument("--catalogue", action="store_true", help="print the tests there are")
    parser.add_argument("--scan", type=Path, metavar="FILE", help="print what a model file would do; do none of it")
    parser.add_argument("--inspect", type=Path, metavar="FILE", help="print what a model file holds")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="print what a data file holds")
    parser.add_argument("--convert", type=Path, metavar="FILE", help="write a pickled table as Parquet, here")
    parser.add_argument("--suggest", action="store_true", help="with --profile: relations that the data suggests")
    parser.add_argument(
        "--relation", action="append", default=[], metavar="TEXT", help="with --profile: what the data says of it"
    )
    parser.add_argument("--format", default="joblib", choices=["joblib", "csv", "parquet", *formats.NAMES])
    parser.add_argument("--serve-model", type=Path, metavar="FILE", help="answer for a model, on --model-fds")
    parser.add_argument("--model-fds", type=_pair, metavar="IN,OUT", help="descriptors to another process of a run")
    parser.add_argument("--sha256", default="", help="of the model that is served")
    parser.add_argument("--trust", default="restricted", choices=["restricted", "waived"], help="how a model is loaded")
    return parser


def _pair(text: str) -> tuple[int, int]:
    read, write = text.split(",")
    return int(read), int(write)


def _scan(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    from assessments.battery.gate.scan import scan_model

    return scan_model(path, asked.format)


def _inspect(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    from assessments.battery.inspect import inspect_model

    return inspect_model(path, asked.format, trust=asked.trust)


def _convert(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    from assessments.battery.converting import convert

    return convert(path, Path.cwd())


def _profile(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    from assessments.battery.profile import profile_dataset

    return profile_dataset(path, asked.format, suggest=asked.suggest, relations=asked.relation)


READS = {"scan": _scan, "inspect": _inspect, "convert": _convert, "profile": _profile}


def _answer(stream: IO[str], read: Any, path: Path, asked: argparse.Namespace) -> int:
    """Print what was read of the file, or what is wrong with it."""
    code = 0
    try:
        answer = read(path, asked)
    except LoadError as error:
        answer = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    except MemoryError:
        answer = {"error": {"code": "out_of_memory", "message": f"{path.name} needs too much memory.", "hint": ""}}
    except (Exception, SystemExit) as error:
        message = f"{path.name} could not be read: {short(error)}"
        answer = {"error": {"code": "crashed", "message": message, "hint": "Check the file on your own machine."}}
    if "error" in answer:
        code = 2
    stream.write(json.dumps(finite(answer), allow_nan=False) + "\n")
    return code


if __name__ == "__main__":
    with claim_stdout() as answers:
        code = main(sys.argv[1:], answers)
    sys.stderr.flush()
    os._exit(code)  # no thread or exit hook of the model outlives the answer
