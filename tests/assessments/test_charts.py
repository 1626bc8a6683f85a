"""Charts: the same bytes each time, safe whatever the data holds, readable by machines and screen readers."""

import contextlib
import csv as csv_format
import importlib
import io
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from assessments import charts
from assessments.charts import _drawing as drawing
from assessments.charts import bars, ks, precision_threshold, roc
from assessments.charts._reading import one_line, shorten

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "$\\frac{a}{b}$ </svg><script>alert(1)</script> & \x00\x1b[31m\u202e 日本語 " + "x" * 500


def groups(*names, **more):
    return [
        {"name": name, "n": 100 * (i + 1), "rate": 0.2 * i, "low": 0.1 * i, "high": min(1, 0.3 * i), "small": i == 2,
         "favourable": 30, "selected": 20, **more}
        for i, name in enumerate(names)
    ]  # fmt: skip


def data(kind, name="yes"):
    up = [0.0, 0.5, 1.0]
    return {
        "roc": {"series": [{"name": name, "fpr": up, "tpr": [0.0, 0.9, 1.0], "auc": 0.9}]},
        "precision_recall": {
            "series": [
                {"name": name, "recall": up, "precision": [1.0, 0.8, 0.3], "average_precision": 0.8, "base_rate": 0.3}
            ]
        },
        "precision_threshold": {
            "name": name, "threshold": up, "precision": [0.3, 0.8, None], "recall": [1.0, 0.7, 0.0], "at": 0.5
        },
        "ks": {
            "score": up, "cdf_negative": [0.2, 0.9, 1.0], "cdf_positive": [0.0, 0.3, 1.0], "negative": "no",
            "positive": name, "ks": 0.6, "at": 0.5, "n": 100,
        },
        "lines": {
            "x_label": name, "y_label": name, "log": False, "percent": True,
            "series": [{"name": name, "x": up, "y": [0.9, None, 0.1], "low": up, "high": up}],
        },
        "predicted_actual": {"target": name, "actual": [1.0, 2.0, 9.0], "predicted": [1.5, None, 7.0]},
        "selection_rate": {"column": name, "groups": groups(name, "b", "c"), "best": "c", "four_fifths": 0.32},
        "count": {"column": name, "groups": groups(name, "b", "c")},
        "accuracy_under_attack": {
            "budget_label": "Budget",
            "series": [{"name": name, "budget": up, "accuracy": [0.9, 0.5, 0.1], "low": up, "high": up}],
        },
        "cost_ecdf": {
            "cost_label": name, "share_label": name,
            "series": [{"name": name, "cost": up, "share": [0.0, 0.4, 0.8], "median": 0.7, "low": 0.5, "high": None}],
        },
        "success_by_edits": {
            "series": [{"name": name, "edits": [1, 2, 3], "share": [0.2, 0.6, None], "low": up, "high": up}]
        },
        "cost_by_group": {
            "column": name,
            "groups": [
                {"name": name, "n": 70, "median": 0.2, "low": 0.1, "high": 0.4, "lower": 0.1, "upper": 0.3,
                 "reached": 1.0, "small": False},
                {"name": "b", "n": 9, "median": None, "low": None, "high": None, "lower": 0.2, "upper": None,
                 "reached": 0.4, "small": True},
            ],
        },
        "tradeoff": {
            "x_label": name, "y_label": name,
            "points": [
                {"name": name, "how": "now", "x": 0.2, "x_low": 0.1, "x_high": 0.3, "y": 0.8, "y_low": 0.7,
                 "y_high": 0.9},
                {"name": "b", "how": "random", "x": None, "x_low": None, "x_high": None, "y": 0.7, "y_low": None,
                 "y_high": None},
            ],
        },
        "intervals": {
            "row_label": name, "x_label": name, "limit": 0.8, "beyond": "below", "limit_label": name, "ideal": 1.0,
            "rows": [
                {"name": name, "n": 70, "value": 0.9, "low": 0.7, "high": 1.0, "small": False},
                {"name": "b", "n": 9, "value": None, "low": None, "high": None, "small": True},
            ],
        },
        "beeswarm": {
            "unit": name,
            "features": [
                {"name": name, "values": up, "levels": [0.1, None, 1.0], "sensitive": True},
                {"name": "b", "values": [-0.2, None, 0.1], "levels": up, "sensitive": False},
            ],
        },
        "effect": {
            "x_label": name, "y_label": name, "x": up, "cases": [{"y": up}], "dots_x": up, "dots_y": [0.2, None, 1.0],
            "series": [{"name": name, "x": up, "y": [0.3, 0.2, None]}],
        },
        "waterfall": {
            "unit": name, "base": 0.4, "base_label": name, "score": -0.1,
            "steps": [
                {"name": name, "said": name, "value": -0.7, "sensitive": True},
                {"name": "b", "said": "", "value": 0.2, "sensitive": False},
            ],
        },
        "reliability": {
            "series": [
                {"name": name, "predicted": up, "observed": [0.1, 0.6, None], "low": up, "high": up, "n": [50, 50, 50]}
            ]
        },
        "bars": {
            "x_label": name, "percent": True, "start": 0.0, "end": None, "from": 0.0, "marked": name,
            "limits": [{"value": 0.1, "name": name}, {"value": 0.25, "name": "b"}],
            "bars": [{"name": name, "value": 0.3, "low": 0.2, "high": 0.4, "marked": True},
                     {"name": "b", "value": 0.05, "low": None, "high": None, "marked": False}],
        },
        "roc_log": {
            "series": [{"name": name, "fpr": up, "tpr": [0.0, 0.9, 1.0], "auc": 0.9}],
            "points": [{"fpr": 0.5, "tpr": 0.9, "low": 0.2, "high": 1.0}],
        },
        "distributions": {
            "first": name, "second": "now",
            "bins": [{"name": name, "first": 0.4, "second": 0.9}, {"name": "b", "first": None, "second": 0.1}],
        },
        "shap_importance": {
            "unit": name,
            "features": [{"name": name, "value": 0.3, "low": 0.2, "high": 0.4, "sensitive": True}],
        },
    }[kind] | {"kind": kind}  # fmt: skip


def chart(kind, name="yes", **changes):
    return {
        "id": f"{kind}_x",
        "title": f"Title {name}",
        "caption": "",
        "alt": f"Alt {name}",
        "data": data(kind, name),
    } | changes


def parsed(svg: bytes):
    return ElementTree.fromstring(svg)  # noqa: S314


def rows_of(text):
    return list(csv_format.reader(io.StringIO(text)))


every_kind = pytest.mark.parametrize("kind", charts.kinds())


def test_each_kind_of_the_contract_is_found_by_its_module():
    assert charts.kinds() == (
        "accuracy_under_attack", "bars", "beeswarm", "cost_by_group", "cost_ecdf", "count", "distributions",
        "effect", "intervals", "ks", "lines", "precision_recall", "precision_threshold", "predicted_actual",
        "reliability", "roc", "roc_log", "selection_rate", "shap_importance", "success_by_edits", "tradeoff",
        "waterfall",
    )  # fmt: skip


@every_kind
def test_the_same_chart_gives_the_same_bytes(kind):
    for format in ("svg", "png"):
        assert charts.draw(chart(kind), format=format) == charts.draw(chart(kind), format=format)


def test_another_process_gives_the_same_bytes():
    code = (
        "import hashlib, json, sys; from assessments import charts; each = json.load(sys.stdin);"
        "print([hashlib.sha256(charts.draw(each, format=f)).hexdigest() for f in ('svg', 'png')])"
    )
    import hashlib
    import json

    each = chart("ks")
    answer = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(each), capture_output=True, text=True, check=True
    )
    here = [hashlib.sha256(charts.draw(each, format=f)).hexdigest() for f in ("svg", "png")]
    assert answer.stdout.strip() == str(here)


@every_kind
def test_the_picture_is_twice_the_size_on_screen(kind):
    svg = parsed(charts.draw(chart(kind), format="svg"))
    png = Image.open(io.BytesIO(charts.draw(chart(kind), format="png")))
    assert png.width == 2 * int(svg.get("width"))
    assert abs(png.height - 2 * int(svg.get("height"))) <= 2
    assert png.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@every_kind
def test_the_svg_says_what_it_shows(kind):
    svg = parsed(charts.draw(chart(kind), format="svg"))
    assert svg.get("role") == "img"
    named = [svg.find(f"{SVG}{part}") for part in ("title", "desc")]
    assert svg.get("aria-labelledby").split() == [part.get("id") for part in named]
    assert [part.text for part in named] == ["Title yes", "Alt yes"]


@every_kind
def test_the_svg_needs_no_style_script_font_or_other_file(kind):
    text = charts.draw(chart(kind), format="svg").decode()
    for forbidden in (
        "style=",
        "<style",
        "<script",
        "<text",
        "font-family",
        "<image",
        "<!DOCTYPE",
        "<?xml",
        "metadata",
    ):
        assert forbidden not in text
    for element in parsed(text.encode()).iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.endswith("href"):
                assert value.startswith("#")


def test_two_charts_in_one_page_share_no_id():
    ids = []
    for name in ("ks_original", "ks_adversarial"):
        svg = parsed(charts.draw(chart("ks", id=name), format="svg"))
        own = [element.get("id") for element in svg.iter() if element.get("id")]
        assert all(each.startswith(name + "-") for each in own)
        links = {value[1:] for e in svg.iter() for key, value in e.attrib.items() if key.endswith("href")}
        assert links <= set(own)
        ids.append(set(own))
    assert not ids[0] & ids[1]


@every_kind
def test_a_hostile_name_is_drawn_as_text_and_no_more(kind):
    hostile = chart(kind, HOSTILE, id='x" onload="alert(1)')
    svg = charts.draw(hostile, format="svg")
    assert b"<script" not in svg
    assert b'onload="' not in svg
    assert "alert(1)" in parsed(svg).find(f"{SVG}title").text
    assert charts.draw(hostile, format="png").startswith(b"\x89PNG")


def test_a_dollar_is_a_dollar():
    # As mathematics "$x$" would be one glyph; as text it is three.
    assert drawing.width_of("$x$") == pytest.approx(2 * drawing.width_of("$") + drawing.width_of("x"), rel=0.1)


def test_a_long_name_is_cut_to_its_room_and_the_cut_is_shown():
    cut = drawing.fit("x" * 500, 1.0)
    assert cut.endswith("…")
    assert 0.8 < drawing.width_of(cut) <= 1.0
    assert drawing.fit("short", 1.0) == "short"
    assert shorten("abcdef", 4) == "abc…"


def test_characters_that_deceive_or_cannot_be_drawn_are_gone():
    assert one_line("a\x00\x1b\u202eb\n c\ud800") == "a b c"
    assert drawing.printable("日é") == "▯é"


def test_our_own_type_is_used_whatever_is_installed():
    from matplotlib import font_manager

    for weight in (False, True):
        found = font_manager.findfont(drawing.type_face(strong=weight), fallback_to_default=False)
        assert str(drawing.FONTS) in found
        assert ("SemiBold" in found) is weight


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "roc"},
        {"kind": "roc", "series": [{"name": "a", "fpr": [0.0], "tpr": [0.0, 1.0], "auc": 1}]},
        {"kind": "roc", "series": [{"name": "a", "fpr": ["0"], "tpr": ["1"], "auc": 1}]},
        {"kind": "roc", "series": "many"},
        {"kind": "ks", "score": [0.0] * 20_001, "cdf_negative": [], "cdf_positive": []},
        {"kind": "_drawing"},
        {"kind": "os"},
        {"kind": None},
        [],
    ],
)
def test_data_that_cannot_be_drawn_is_refused_with_a_reason(broken):
    with pytest.raises(charts.BadChart, match=r".+"):
        charts.draw({"id": "x", "title": "", "alt": "", "data": broken}, format="svg")


@pytest.mark.parametrize("kind", ["selection_rate", "count"])
@pytest.mark.parametrize("number", [0, 1, 2, 45])
def test_any_number_of_groups_is_drawn(kind, number):
    each = chart(kind, data=data(kind) | {"groups": groups(*(f"group {i}" for i in range(number)), rate=0.0)})
    assert charts.draw(each, format="png").startswith(b"\x89PNG")


@every_kind
def test_null_is_drawn_as_nothing(kind):
    def emptied(value):
        if isinstance(value, dict):
            return {key: emptied(item) for key, item in value.items()}
        if isinstance(value, list):
            return [emptied(item) for item in value]
        return None if isinstance(value, float) else value

    each = chart(kind, data=emptied(data(kind)))
    assert charts.draw(each, format="png").startswith(b"\x89PNG")


def test_many_classes_are_named_up_to_a_limit():
    series = [{"name": f"class {i}", "fpr": [0.0, 1.0], "tpr": [0.0, 1.0], "auc": 0.5} for i in range(30)]
    each = chart("roc", data={"kind": "roc", "series": series})
    assert charts.draw(each, format="svg")
    assert len(rows_of(charts.csv(each))) == 1 + 60


def test_two_distributions_may_be_one():
    each = chart("distributions", data=data("distributions") | {"first": ""})
    assert rows_of(charts.csv(each)) == [["value", "now"], ["yes", "0.9"], ["b", "0.1"]]
    assert charts.draw(each, format="png") != charts.draw(chart("distributions"), format="png")


def test_bars_reach_at_least_the_first_limit():
    """A approver sees at a glance that all are far below it."""
    tiny = data("bars") | {"bars": [{"name": "a", "value": 0.001, "low": None, "high": None, "marked": False}]}
    figure = bars.draw("t", tiny)
    assert figure.axes[0].get_xlim()[1] >= 0.1


def test_the_csv_holds_the_numbers_of_the_picture():
    assert rows_of(charts.csv(chart("ks"))) == [
        ["score", "cdf_negative", "cdf_positive"], ["0.0", "0.2", "0.0"], ["0.5", "0.9", "0.3"], ["1.0", "1.0", "1.0"]
    ]  # fmt: skip
    assert rows_of(charts.csv(chart("precision_threshold")))[3] == ["1.0", "", "0.0"]


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-2", "@sum", " =1", "\t=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(name):
    rows = rows_of(charts.csv(chart("count", name)))
    assert rows[1][0] == "'" + name.strip()
    assert rows[0][0] == "'" + name.strip()


def test_a_negative_number_stays_a_number():
    each = chart("shap_importance")
    each["data"]["features"][0]["value"] = -0.5
    assert rows_of(charts.csv(each))[1][1] == "-0.5"


def test_threads_draw_the_same_as_one_after_another():
    from concurrent.futures import ThreadPoolExecutor

    wanted = [charts.draw(chart(kind), format="svg") for kind in charts.kinds()]
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda kind: charts.draw(chart(kind), format="svg"), charts.kinds() * 3))
    assert drawn == wanted * 3


@every_kind
@pytest.mark.parametrize("hostile", [1e299, 1e7, "x", {}])
def test_numbers_of_any_size_and_form_are_drawn_or_refused(kind, hostile):
    """Never another error, which would be a page that fails, nor memory without end."""

    def broken(value, key):
        if isinstance(value, dict):
            return {name: hostile if name == key else broken(item, key) for name, item in value.items()}
        if isinstance(value, list):
            return [broken(item, key) for item in value[:-1]] + [hostile if key == "last" else broken(value[-1], key)]
        return value

    parts = data(kind)
    [inner, *_] = [each[0] for each in parts.values() if isinstance(each, list) and isinstance(each[0], dict)] or [{}]
    for key in {"last", *parts, *inner} - {"kind"}:
        each = chart(kind, data=broken(parts, key) | {"kind": kind})
        for made in (lambda: charts.draw(each, format="png"), lambda: charts.csv(each)):  # noqa: B023 - called at once
            with contextlib.suppress(charts.BadChart):
                assert made()


def lines_of(module, **data):
    """The curves as drawn: arrays of x and y, the coloured ones."""
    figure = module.draw("t", {"at": 0.5, "negative": "no", "positive": "yes", "name": "yes", "ks": 1.0, **data})
    colours = (drawing.BLUE, drawing.ORANGE)
    return figure, [line.get_data() for line in figure.axes[0].lines if line.get_color() in colours]


def test_precision_is_not_interpolated_between_two_scores():
    """A model that says 0 or 1 is fully precise at every threshold above 0, also at 0.5."""
    _, [(x, precision), (_, recall)] = lines_of(
        precision_threshold, threshold=[0.0, 1.0], precision=[0.25, 1.0], recall=[1.0, 0.9]
    )
    assert set(zip(x, precision, strict=True)) == {(0.0, 0.25), (0.0, 1.0), (1.0, 1.0)}
    assert set(recall) == {1.0, 0.9}


def test_a_cumulative_share_jumps_at_its_scores():
    _, [(x, negative), (_, positive)] = lines_of(ks, score=[0.2, 0.8], cdf_negative=[0.9, 1.0], cdf_positive=[0.1, 1.0])
    assert list(zip(x, negative, strict=True)) == [
        (0.0, 0.0), (0.2, 0.0), (0.2, 0.9), (0.8, 0.9), (0.8, 1.0), (1.0, 1.0), (1.0, 1.0)
    ]  # fmt: skip
    assert set(positive) == {0.0, 0.1, 1.0}


@pytest.mark.parametrize(
    ("module", "data"),
    [
        (precision_threshold, {"threshold": [0.0, 1.0], "precision": [0.25, 1.0], "recall": [1.0, 1.0]}),
        (precision_threshold, {"threshold": [0.0], "precision": [0.25], "recall": [1.0]}),
        (ks, {"score": [0.0, 1.0], "cdf_negative": [1.0, 1.0], "cdf_positive": [0.0, 1.0], "at": 0.0}),
        (ks, {"score": [0.0], "cdf_negative": [1.0], "cdf_positive": [1.0], "ks": 0.0, "at": 0.0}),
    ],
    ids=["perfect precision", "one score", "perfect ks", "one score ks"],
)
def test_curves_of_few_points_are_named_within_the_paper(module, data):
    figure, _ = lines_of(module, **data)
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    assert len(texts) == 3
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    paper = figure.bbox
    for i, box in enumerate(boxes):
        assert paper.x0 <= box.x0
        assert box.x1 <= paper.x1
        assert box.y1 <= paper.y1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_what_attacks_are_compared_with_looks_the_same_on_every_chart():
    from assessments.charts import _drawing, accuracy_under_attack

    up = [0.0, 0.5, 1.0]
    lines = [{"name": name, "budget": up, "accuracy": [0.9, 0.0, 0.0], "low": up, "high": up} for name in "abc"]
    figure = accuracy_under_attack.draw("", {"series": [*lines, {**lines[0], "name": "Random", "baseline": True}]})
    drawn = figure.axes[0].lines
    assert [line.get_color() for line in drawn] == [*_drawing.SERIES[:3], _drawing.MUTED]
    assert [line.is_dashed() for line in drawn] == [False, False, False, True]
    assert min(text.xy[1] for text in figure.axes[0].texts) >= 0


def texts_of(kind: str, **data) -> list:
    """Everything written on a chart of this kind: in the axes, beside them and under them."""
    figure = importlib.import_module(f"assessments.charts.{kind}").draw("Title", data)
    axes = figure.axes[0]
    return [*axes.texts, *axes.get_yticklabels(), *figure.texts]


def test_groups_of_several_columns_keep_a_piece_of_each():
    names = [f"17–25 · Native Hawaiian or other Pacific Islander · {sex}" for sex in ("Female", "Male")]
    told = [{"name": name, "n": 21, "rate": 0.2, "low": 0.1, "high": 0.3} for name in names]
    written = [text.get_text() for text in texts_of("selection_rate", groups=told)]
    for sex in ("Female", "Male"):
        assert any("17–25" in each and f"… · {sex} n=21" in each for each in written)


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("accuracy_under_attack", {"series": [{"name": "a", "budget": [0, 1], "accuracy": [1, 0],
                                               "low": [1, 0], "high": [1, 0]}]}, "judged at 0.1"),
        ("lines", {"percent": True, "series": [{"name": "a", "x": [0, 1], "y": [1, 0], "low": [1, 0],
                                                "high": [1, 0]}]}, "judged at 10%"),
    ],
)  # fmt: skip
def test_the_strength_that_the_verdict_is_about_is_drawn_where_it_is_known(kind, data, said):
    assert said in [text.get_text() for text in texts_of(kind, **data, judged_at=0.1)]
    assert not any("judged" in text.get_text() for text in texts_of(kind, **data, judged_at=None))


def test_what_the_grey_line_stands_for_is_said():
    rows = [{"name": "all rows", "value": 0.9, "low": 0.8, "high": 1.0}]
    written = [text.get_text() for text in texts_of("intervals", rows=rows, ideal=0.9, ideal_label="the promise")]
    assert "grey line: the promise" in written


def test_the_names_of_curves_stand_where_they_cover_none():
    """The usual corner is taken by a curve along the bottom and the right edge."""
    series = [
        {"name": "As they are", "auc": 0.9, "fpr": [0.0, 0.1, 1.0], "tpr": [0.0, 0.9, 1.0]},
        {"name": "Under attack", "auc": 0.1, "fpr": [0.0, 1.0, 1.0], "tpr": [0.05, 0.05, 1.0]},
    ]
    names = [text for text in texts_of("roc", series=series) if "AUC" in text.get_text()]
    assert min(name.xy[1] for name in names) > 0.1


def test_curves_differ_by_more_than_their_colour():
    """In the curve and in its key."""
    series = [{"name": name, "auc": 0.9, "fpr": [0.0, 1.0], "tpr": [0.0, 1.0]} for name in ("Female", "Male")]
    _, *curves_and_keys = roc.draw("ROC", {"series": series}).axes[0].lines
    patterns = [line._unscaled_dash_pattern for line in curves_and_keys]
    assert len(patterns) == 4
    assert patterns[0] != patterns[1]
    assert sorted(map(str, patterns[:2])) == sorted(map(str, patterns[2:]))


def test_figures_on_a_logarithmic_axis_do_not_lie_on_each_other():
    x = [100, 1000, 1250, 10_000]
    figure = importlib.import_module("assessments.charts.lines").draw(
        "t", {"log": True, "series": [{"name": "a", "x": x, "y": x, "low": x, "high": x}]}
    )
    assert figure.axes[0].get_xticks().tolist() == [100, 1000, 10_000]
