"""skops files go through the gate: the same models load with the same predictions, and nothing else is made."""

import io
import json
import os
import struct
import zipfile
from functools import cache, partial

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier, kernels
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from assessments.battery import formats
from assessments.battery.errors import LoadError
from assessments.battery.formats import _skops_archive
from tests.battery.formats.made import outcome, people

sio = pytest.importorskip("skops.io")
NUMBERS = ["age", "hours a week"]


def pipeline(last):
    prepare = ColumnTransformer([("n", StandardScaler(), NUMBERS), ("c", OneHotEncoder(sparse_output=False), ["job"])])
    return Pipeline([("prepare", prepare), ("last", last)]).fit(people(), outcome(people()))


def boosted(name):
    if name == "xgboost":
        return pytest.importorskip("xgboost").XGBClassifier(n_estimators=3)
    return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=3, verbose=-1)


MODELS = {
    "logistic": lambda: pipeline(LogisticRegression()),
    "forest": lambda: pipeline(RandomForestClassifier(5, random_state=np.random.RandomState(0))),
    "boosting": lambda: pipeline(GradientBoostingClassifier(n_estimators=3)),
    "histogram": lambda: pipeline(HistGradientBoostingClassifier(max_iter=3)),
    "svc": lambda: pipeline(SVC()),
    "sgd": lambda: pipeline(SGDClassifier(random_state=0)),
    "mlp": lambda: pipeline(MLPClassifier((4,), tol=1e3)),
    "neighbours": lambda: pipeline(KNeighborsClassifier()),
    "kd tree": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(people()[NUMBERS], outcome(people())),
    "sparse": lambda: KNeighborsClassifier().fit(scipy.sparse.csr_matrix(people()[NUMBERS]), outcome(people())),
    "process": lambda: pipeline(GaussianProcessClassifier(kernels.RBF() + kernels.WhiteKernel(), optimizer=None)),
    "calibrated": lambda: pipeline(CalibratedClassifierCV(SVC(), cv=2)),
    "search": lambda: pipeline(GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)),
    "function": lambda: pipeline(Pipeline([("f", FunctionTransformer(np.tanh)), ("l", LogisticRegression())])),
    "xgboost": lambda: pipeline(boosted("xgboost")),
    "lightgbm": lambda: pipeline(boosted("lightgbm")),
}


@cache
def made(name):
    return MODELS[name]()


def saved(model, folder, **options):
    sio.dump(model, folder / "model.skops", **options)
    return folder / "model.skops"


@pytest.mark.parametrize("name", MODELS)
def test_the_loaded_model_predicts_as_the_saved_one(tmp_path, name):
    model = made(name)
    rows = people(60, seed=1)
    rows = rows[NUMBERS] if name == "kd tree" else rows[NUMBERS].to_numpy() if name == "sparse" else rows
    path = saved(model, tmp_path)
    scanned = formats.scan(path, "skops")
    assert (scanned["verdict"], scanned["reasons"]) == ("allowed", [])
    loaded, _ = formats.load(path, "skops")
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(rows), model.predict(rows))
    if hasattr(model, "predict_proba"):
        assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def test_a_compressed_file_is_read_too(tmp_path):
    path = saved(made("forest"), tmp_path, compression=zipfile.ZIP_DEFLATED)
    assert formats.scan(path, "skops")["verdict"] == "allowed"


def test_the_scan_names_the_versions_and_what_is_imported(tmp_path):
    import skops

    scanned = formats.scan(saved(made("forest"), tmp_path), "skops")
    import sklearn

    assert scanned["libraries"] == {"scikit-learn": sklearn.__version__, "skops": skops.__version__}
    uses = {each["name"]: each["uses"] for each in scanned["imports"]}
    assert uses["sklearn.tree._tree:Tree"] == ["build", "call", "import"]
    assert uses["sklearn.ensemble._forest:RandomForestClassifier"] == ["build", "import", "new"]


class OfOurOwn(ClassifierMixin, BaseEstimator):
    def fit(self, rows, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, rows):
        return np.full(len(rows), self.classes_[0])


def test_a_class_of_nobody_s_needs_a_waiver_and_loads_with_one(tmp_path):
    path = saved(OfOurOwn().fit(people(), outcome(people())), tmp_path)
    scanned = formats.scan(path, "skops")
    assert scanned["verdict"] == "needs_waiver"
    assert [reason["code"] for reason in scanned["reasons"]] == ["custom_class"]
    with pytest.raises(LoadError) as refused:
        formats.load(path, "skops")
    assert refused.value.code == "needs_waiver"
    assert isinstance(formats.load(path, "skops", "waived")[0], OfOurOwn)


# Files that were made to do harm


def edited(folder, change, name="logistic", extra=None):
    """The file of a model with its schema changed, and members added or replaced."""
    source = saved(made(name), folder)
    with zipfile.ZipFile(source) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(folder / "hostile.skops", "w") as archive:
        for each, content in {**members, **(extra or {})}.items():
            archive.writestr(each, content)
    return folder / "hostile.skops"


def root(loader, module, name, **more):
    def change(schema, members):
        kept = {key: schema[key] for key in ("protocol", "_skops_version")}
        schema.clear()
        schema.update({"__loader__": loader, "__module__": module, "__class__": name, "__id__": 1, **kept, **more})

    return change


TEXT = {"__loader__": "JsonNode", "__module__": "builtins", "__class__": "str", "content": '"touch opened"'}
ARGS = {"__loader__": "TupleNode", "__module__": "builtins", "__class__": "tuple", "content": [TEXT]}
NO_STATE = {"__loader__": "JsonNode", "__module__": "builtins", "__class__": "str", "content": "null"}
FUNCTION = {"__loader__": "FunctionNode", "__module__": "os", "__class__": "system"}
PARTIAL = {
    "func": FUNCTION, "args": ARGS, "namespace": NO_STATE,
    "kwds": {"__loader__": "DictNode", "__module__": "builtins", "__class__": "dict", "content": {},
             "key_types": {"__loader__": "ListNode", "__module__": "builtins", "__class__": "list", "content": []}},
}  # fmt: skip
CALLS = {
    "constructor": root("ConstructorFromReduceNode", "os", "system", content=ARGS),
    "constructor of an allowed class": root(
        "ConstructorFromReduceNode", "sklearn.linear_model._logistic", "LogisticRegression", content=ARGS
    ),
    "loss": root("LossNode", "os", "system", **{"__reduce__": {"args": ARGS}, "content": NO_STATE}),
    "tree": root("TreeNode", "os", "system", **{"__reduce__": {"args": ARGS}, "content": NO_STATE}),
    "partial": root("PartialNode", "functools", "partial", content=PARTIAL),
    "operator": root("OperatorFuncNode", "operator", "methodcaller", attrs=ARGS),
    "list": root("ListNode", "os", "system", content=[TEXT]),
    "named tuple": root("TupleNode", "os", "system", content=[TEXT]),
    "object": root("ObjectNode", "subprocess", "Popen", content=NO_STATE),
    "numpy.load": root("FunctionNode", "numpy", "load"),
    "a loader of ours": root("value", "os", "system"),
    "a loader that is none": root("_Node", "os", "system"),
    "a loader that is a list": root(["JsonNode"], "os", "system"),
    "a method": root(
        "MethodNode", "sklearn.linear_model._logistic", "LogisticRegression",
        content={"func": "fit", "obj": {"__loader__": "ObjectNode", "__module__": "sklearn.linear_model._logistic",
                                        "__class__": "LogisticRegression"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_nothing_of_the_file_s_choice_is_called(tmp_path, call, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = edited(tmp_path, CALLS[call])
    scanned = formats.scan(path, "skops")
    assert scanned["verdict"] != "allowed"
    with pytest.raises(LoadError):
        formats.load(path, "skops")
    assert not (tmp_path / "opened").exists()


def test_skops_itself_would_call_some_of_them(tmp_path, monkeypatch):
    """The positive control: with the file's own list of types, as its documentation warns."""
    monkeypatch.chdir(tmp_path)
    path = edited(tmp_path, CALLS["constructor"])
    sio.load(path, trusted=sio.get_untrusted_types(file=path))
    assert (tmp_path / "opened").exists()


def found(schema, loader, name=""):
    """The first node of a kind; of an array one that is stored as a part."""
    if isinstance(schema, dict):
        stored = loader != "NdArrayNode" or schema.get("type") == "numpy"
        if schema.get("__loader__") == loader and name in (schema["__class__"], "") and stored:
            return schema
        schema = list(schema.values())
    for each in schema if isinstance(schema, list) else []:
        if (inner := found(each, loader, name)) is not None:
            return inner
    return None


def npy(array, **options) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def bent_tree(schema, members):
    node = found(schema, "TreeNode")["content"]["content"]["nodes"]
    nodes = np.load(io.BytesIO(members[node["file"]]))
    nodes["left_child"][0] = 1_000_000
    members[node["file"]] = npy(nodes)


def memory(schema, members):
    found(schema, "ObjectNode", "Pipeline")["content"]["content"]["memory"] = {**TEXT, "content": '"/tmp/x"'}


def pickled_array(schema, members):
    members[found(schema, "NdArrayNode")["file"]] = npy(np.array([object()]), allow_pickle=True)


def lying_array(schema, members):
    name = found(schema, "NdArrayNode")["file"]
    members[name] = npy(np.zeros(3)).replace(b"(3,), }          ", b"(99999999999,), }")


def absent_part(schema, members):
    found(schema, "NdArrayNode")["file"] = "../../etc/passwd"


def part_of_no_name(schema, members):
    found(schema, "NdArrayNode")["file"] = ["a", "list"]


def its_own_part(schema, members):
    node = found(schema, "ObjectNode", "ColumnTransformer")
    node["content"]["content"]["transformers"] = {**node, "content": None, "__id__": schema["__id__"]}


def unknown_protocol(schema, members):
    schema["protocol"] = 99


def protocol_of_text(schema, members):
    schema["protocol"] = "2"


def odd_keys(schema, members):
    found(schema, "DictNode")["key_types"]["content"][0] = {
        "__loader__": "TypeNode", "__module__": "os", "__class__": "system",
    }  # fmt: skip


def loss_of_keys(schema, members):
    found(schema, "DictNode")["key_types"]["content"].pop()


def no_schema(schema, members):
    schema.clear()


def deep(schema, members):
    inner = {**ARGS, "content": []}
    for _ in range(400):
        inner = {**ARGS, "content": [inner]}
    root("TupleNode", "builtins", "tuple", content=[inner])(schema, members)


def wild_sparse(schema, members):
    node = found(schema, "SparseMatrixNode")
    with zipfile.ZipFile(io.BytesIO(members[node["file"]])) as inner:
        arrays = {name: inner.read(name) for name in inner.namelist()}
    arrays["indices.npy"] = npy(np.full(600, 10**8, dtype=np.int32))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as inner:
        for name, content in arrays.items():
            inner.writestr(name, content)
    members[node["file"]] = out.getvalue()


BENT = {
    bent_tree: "forest", memory: "logistic", pickled_array: "logistic", lying_array: "logistic",
    absent_part: "logistic", part_of_no_name: "logistic", its_own_part: "logistic", unknown_protocol: "logistic",
    protocol_of_text: "logistic", odd_keys: "logistic", loss_of_keys: "logistic", no_schema: "logistic",
    deep: "logistic", wild_sparse: "sparse",
}  # fmt: skip


@pytest.mark.parametrize("change", BENT, ids=lambda change: change.__name__)
def test_a_bent_file_is_refused(tmp_path, change):
    path = edited(tmp_path, change, BENT[change])
    scanned = formats.scan(path, "skops")
    assert scanned["verdict"] == "refused"
    assert all(reason["hint"] and reason["atlas"] for reason in scanned["reasons"])
    with pytest.raises(LoadError):
        formats.load(path, "skops")


def test_a_part_that_is_used_over_and_over_is_counted_each_time(tmp_path, monkeypatch):
    def change(schema, members):
        members["big.npy"] = npy(np.zeros(1_000_000))
        part = {"__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "ndarray", "type": "numpy"}
        parts = [{**part, "file": "big.npy"} for _ in range(100)]
        root("ListNode", "builtins", "list", content=parts)(schema, members)

    monkeypatch.setattr(_skops_archive, "MOST_BYTES", 100 << 20)
    scanned = formats.scan(edited(tmp_path, change), "skops")
    assert [reason["code"] for reason in scanned["reasons"]] == ["bomb"]


# The archive


def archive(path, *members, **options):
    with zipfile.ZipFile(path, "w", **options) as written:
        for name, content in members:
            written.writestr(name, content)


def bomb(path, good):
    archive(path, ("schema.json", good["schema.json"]), ("b.bin", b"\0" * (300 << 20)), compression=8)


def schema_bomb(path, good):
    archive(path, ("schema.json", b" " * (70 << 20)), compression=8)


def twice(path, good):
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(path, ("schema.json", good["schema.json"]), ("schema.json", good["schema.json"]))


def many(path, good):
    archive(path, ("schema.json", good["schema.json"]), *((str(each), b"") for each in range(60_001)))


def behind(path, good):
    archive(path, *good.items())
    path.write_bytes(path.read_bytes() + b"more")


def before(path, good):
    archive(path, *good.items())
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())


def between(path, good):
    archive(path, *good.items())
    content = path.read_bytes()
    at = struct.unpack("<L", content[-6:-2])[0]
    path.write_bytes(content[:at] + b"more" + content[at:])


def encrypted(path, good):
    archive(path, *good.items())
    content = path.read_bytes()
    at = struct.unpack("<L", content[-6:-2])[0]
    path.write_bytes(content[: at + 8] + b"\x01" + content[at + 9 :])


def packed_otherwise(path, good):
    archive(path, *good.items(), compression=zipfile.ZIP_LZMA)


def nothing_in_it(path, good):
    archive(path, ("readme", "hello"))


def no_json(path, good):
    archive(path, ("schema.json", "hello"))


def a_list(path, good):
    archive(path, ("schema.json", "[]"))


def deep_json(path, good):
    archive(path, ("schema.json", "[" * 100_000))


def a_joblib(path, good):
    joblib.dump(LogisticRegression(), path)


ARCHIVES = [bomb, schema_bomb, twice, many, behind, before, between, encrypted, packed_otherwise, nothing_in_it]
ARCHIVES += [no_json, a_list, deep_json, a_joblib]


@pytest.mark.parametrize("make", ARCHIVES, ids=lambda make: make.__name__)
def test_an_archive_that_skops_does_not_write_is_refused(tmp_path, make):
    with zipfile.ZipFile(saved(made("logistic"), tmp_path)) as good:
        members = {each: good.read(each) for each in good.namelist()}
    make(tmp_path / "hostile.skops", members)
    assert formats.scan(tmp_path / "hostile.skops", "skops")["verdict"] == "refused"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_cut_off_is_refused(tmp_path, share):
    path = saved(made("logistic"), tmp_path)
    os.truncate(path, int(path.stat().st_size * share))
    assert formats.scan(path, "skops")["verdict"] == "refused"


def test_a_function_made_of_another_needs_no_call_to_be_refused(tmp_path):
    model = Pipeline([("f", FunctionTransformer(partial(np.nan_to_num, nan=0.0))), ("l", LogisticRegression())])
    path = saved(model.fit(people()[NUMBERS], outcome(people())), tmp_path)
    assert formats.scan(path, "skops")["verdict"] == "needs_waiver"
