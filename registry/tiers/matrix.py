"""Answers -> tier, by registry/tiering.json. Pure: the same answers and the same file give the same tier."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from registry.refusals import BadInput

FILE = Path(__file__).resolve().parent.parent / "tiering.json"


@dataclass(frozen=True)
class Computed:
    """materiality, inherent: levels 1 to 3. forced: the titles of what puts it in its tier whatever the matrix says."""

    materiality: int
    inherent: int
    inherent_score: int
    by_matrix: int
    tier: int
    forced: tuple[str, ...] = ()


@cache
def tiering() -> dict[str, Any]:
    return json.loads(FILE.read_text())


@cache
def sha256() -> str:
    """Of the file as it is in force: a rating keeps it."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def questions(part: str) -> list[dict[str, Any]]:
    return [question for question in tiering()["questions"] if question["part"] == part]


def cadence_months(tier: int) -> int:
    """A version of such a model is validated anew at least this often."""
    return tiering()["cadence_months"][str(tier)]


def computed(answers: dict[str, Any]) -> Computed:
    """From {question: score, forcing question: bool}. Raises BadInput where one is missing or unknown."""
    known = tiering()
    _check(answers)
    materiality = max(answers[one["id"]] for one in questions("materiality"))
    score = sum(answers[one["id"]] for one in questions("inherent"))
    inherent = next(band["level"] for band in known["inherent"]["bands"] if score <= band["up_to"])
    by_matrix = known["matrix"][str(materiality)][str(inherent)]
    forcing = [one for one in known["forcing"] if answers.get(one["id"])]
    tier = min([by_matrix, *(one["tier"] for one in forcing)])
    return Computed(materiality, inherent, score, by_matrix, tier, tuple(one["title"] for one in forcing))


def _check(answers: dict[str, Any]) -> None:
    known = tiering()
    for question in known["questions"]:
        scores = [option["score"] for option in question["options"]]
        given = answers.get(question["id"])
        if isinstance(given, bool) or given not in scores:
            choices = ", ".join(map(str, scores))
            raise BadInput(
                f"“{question['title']}” is not answered.", hint=f"Give one of {choices}.", field=question["id"]
            )
    for one in known["forcing"]:
        if not isinstance(answers.get(one["id"], False), bool):
            raise BadInput(f"“{one['title']}” is yes or no.", hint="Give true or false.", field=one["id"])
    names = {one["id"] for one in known["questions"] + known["forcing"]}
    if unknown := sorted(set(answers) - names):
        raise BadInput(
            f"There is no question {unknown[0]}.", hint=f"There are {', '.join(sorted(names))}.", field=unknown[0]
        )


def drawn(rating=None) -> list[dict[str, Any]]:
    """The matrix as rows for a page, the cell of a rating marked; the most material row first."""
    known = tiering()
    return [
        {
            "materiality": known["levels"][row],
            "cells": [
                {
                    "tier": tier,
                    "inherent": known["levels"][column],
                    "here": rating is not None and (rating.materiality, rating.inherent) == (int(row), int(column)),
                }
                for column, tier in sorted(cells.items())
            ],
        }
        for row, cells in sorted(known["matrix"].items(), reverse=True)
    ]


def answered(answers: dict[str, Any]) -> list[tuple[str, str]]:
    """(question, answer) in words, in the order of the form."""
    known = tiering()
    said = [
        (one["title"], next((o["text"] for o in one["options"] if o["score"] == answers.get(one["id"])), "not asked"))
        for one in known["questions"]
    ]
    return said + [(one["title"], "yes" if answers.get(one["id"]) else "no") for one in known["forcing"]]
