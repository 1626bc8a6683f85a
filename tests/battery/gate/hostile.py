"""Hostile model files, written for this project: what they do is leave a marker, crash, stall or lie in wait.

Each function gives the bytes of one file; its marker is a path that the file's code creates. `fires` tells when: at
"load", at "use", or "never" (crash, stall, tampering; what is there to be seen is the refusal).
"""

import bz2
import codecs
import marshal
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from tests.battery.gate import tampered
from tests.battery.gate.assembler import Calling, Code, call, dumped, file_of, made, name, stated, then, value

Bytes = Callable[[Path], bytes]


@dataclass(frozen=True)
class Case:
    """make(marker) -> the file. verdict: what the scan must say; codes: what must be among its reasons."""

    make: Bytes
    group: str
    fires: str
    verdict: str
    codes: tuple[str, ...]
    use: str  # what a user would do with the loaded model, as an expression of model and marker
    kills: bool  # a plain load of it may kill or stall the process


CASES: dict[str, Case] = {}


def case(group: str, *codes: str, fires: str = "load", verdict: str = "refused", use: str = "", kills: bool = False):
    def register(make: Bytes) -> Bytes:
        CASES[make.__name__] = Case(make, group, fires, verdict, codes, use, kills)
        return make

    return register


def python(marker: Path) -> str:
    return f"open({str(marker)!r}, 'w').close()"


def shell(marker: Path) -> str:
    return f"touch {marker}"


def beside(marker: Path, ending: str, content: bytes) -> str:
    """A second file that the first one opens."""
    path = marker.with_suffix(ending)
    path.write_bytes(content)
    return str(path)


def evil(marker: Path) -> Calling:
    return Calling(os.system, shell(marker))


# Classic execution

CLASSIC = "classic execution"


@case(CLASSIC, "known_bad")
def os_system(marker: Path) -> bytes:
    return pickle.dumps(evil(marker))


@case(CLASSIC, "known_bad")
def os_popen(marker: Path) -> bytes:
    return file_of(call(name("os", "popen"), shell(marker)))


@case(CLASSIC, "known_bad")
def builtins_eval(marker: Path) -> bytes:
    return pickle.dumps(Calling(eval, python(marker)))


@case(CLASSIC, "known_bad")
def builtins_exec(marker: Path) -> bytes:
    return pickle.dumps(Calling(exec, python(marker)))


@case(CLASSIC, "known_bad")
def subprocess_call(marker: Path) -> bytes:
    return file_of(call(name("subprocess", "check_call"), ["touch", str(marker)]))


@case(CLASSIC, "known_bad")
def getattr_chain(marker: Path) -> bytes:
    module = call(name("importlib", "import_module"), "os")
    return file_of(call(call(name("builtins", "getattr"), module, "system"), shell(marker)))


@case(CLASSIC, "known_bad")
def dunder_import(marker: Path) -> bytes:
    module = call(name("builtins", "__import__"), "os")
    return file_of(call(call(call(name("operator", "attrgetter"), "system"), module), shell(marker)))


@case(CLASSIC, "known_bad")
def runpy_run_path(marker: Path) -> bytes:
    return file_of(call(name("runpy", "run_path"), beside(marker, ".py", python(marker).encode())))


@case(CLASSIC, "known_bad")
def pydoc_pipepager(marker: Path) -> bytes:
    return file_of(call(name("pydoc", "pipepager"), "", shell(marker)))


@case(CLASSIC, "known_bad")
def codecs_decode(marker: Path) -> bytes:
    hidden = codecs.encode(python(marker), "rot13")
    return file_of(call(name("builtins", "eval"), call(name("codecs", "decode"), hidden, "rot13")))


@case(CLASSIC, "known_bad")
def functools_partial(marker: Path) -> bytes:
    return file_of(call(call(name("functools", "partial"), name("os", "system"), shell(marker))))


@case(CLASSIC, "known_bad")
def bdb_run(marker: Path) -> bytes:
    return file_of(call(name("bdb", "Bdb.run"), call(name("bdb", "Bdb")), python(marker)))


@case(CLASSIC, "known_bad")
def timeit_timeit(marker: Path) -> bytes:
    return file_of(call(name("timeit", "timeit"), python(marker), "pass", name("time", "perf_counter"), 1))


@case(CLASSIC, "known_bad")
def cprofile_run(marker: Path) -> bytes:
    return file_of(call(name("cProfile", "run"), python(marker), str(marker.with_suffix(".prof"))))


@case(CLASSIC, "known_bad")
def ctypes_system(marker: Path) -> bytes:
    library = call(name("ctypes", "CDLL"), None)
    return file_of(call(call(name("builtins", "getattr"), library, "system"), shell(marker).encode()))


@case(CLASSIC, "known_bad", "nested_pickle")
def pickle_loads(marker: Path) -> bytes:
    return file_of(call(name("pickle", "loads"), os_system(marker)))


@case(CLASSIC, "known_bad")
def interpreter_runsource(marker: Path) -> bytes:
    interpreter = call(name("code", "InteractiveInterpreter"))
    return file_of(call(name("code", "InteractiveInterpreter.runsource"), interpreter, python(marker)))


@case(CLASSIC, "known_bad")
def marshal_function(marker: Path) -> bytes:
    code = call(name("marshal", "loads"), marshal.dumps(compile(python(marker), "m", "exec")))
    scope = {"__builtins__": name("builtins", "__dict__")}
    return file_of(call(call(name("types", "FunctionType"), code, scope)))


@case(CLASSIC, "forbidden_opcode")
def inst_opcode(marker: Path) -> bytes:
    return b"\x80\x02(S'touch " + str(marker).encode() + b"'\nios\nsystem\n."


@case(CLASSIC, "forbidden_opcode")
def obj_opcode(marker: Path) -> bytes:
    return b"\x80\x02(cos\nsystem\n" + value(shell(marker)) + b"o."


@case(CLASSIC, "known_bad")
def trace_run(marker: Path) -> bytes:
    return file_of(call(name("trace", "Trace.run"), call(name("trace", "Trace"), 0, 0), python(marker)))


# Gaps of deny-lists

GAPS = "gaps of deny-lists"


@case(GAPS, "known_bad")
def spawnv_passfds(marker: Path) -> bytes:
    arguments = [b"touch", str(marker).encode()]
    return file_of(call(name("multiprocessing.util", "spawnv_passfds"), b"/usr/bin/touch", arguments, []))


@case(GAPS, "known_bad")
def entry_point(marker: Path) -> bytes:
    point = call(name("importlib.metadata", "EntryPoint"), "x", "os:system", "g")
    return file_of(call(call(name("importlib.metadata", "EntryPoint.load"), point), shell(marker)))


@case(GAPS, "known_bad", "forbidden_opcode")
def extension_registry(marker: Path) -> bytes:
    added = call(name("copyreg", "add_extension"), "os", "system", 240)
    return file_of(then(added, Code(b"\x82\xf0" + value((shell(marker),)) + b"R")))


@case(GAPS, "known_bad")
def io_open(marker: Path) -> bytes:
    return file_of(call(name("_io", "open"), str(marker), "w"))


@case(GAPS, "known_bad")
def path_write_text(marker: Path) -> bytes:
    return file_of(call(name("pathlib", "Path.write_text"), call(name("pathlib", "PosixPath"), str(marker)), "x"))


@case(GAPS, "known_bad")
def rotating_file_handler(marker: Path) -> bytes:
    return file_of(call(name("logging.handlers", "RotatingFileHandler"), str(marker)))


@case(GAPS, "known_bad")
def zip_file(marker: Path) -> bytes:
    return file_of(call(name("zipfile", "ZipFile"), str(marker), "w"))


@case(GAPS, "known_bad")
def urlretrieve(marker: Path) -> bytes:
    return file_of(call(name("urllib.request", "urlretrieve"), "data:,x", str(marker)))


@case(GAPS, "known_bad")
def copy_file(marker: Path) -> bytes:
    return file_of(call(name("shutil", "copyfile"), beside(marker, ".txt", b"x"), str(marker)))


@case(GAPS, "cloudpickle", verdict="needs_waiver")
def cloudpickle_function(marker: Path) -> bytes:
    path = str(marker)
    return cloudpickle.dumps(Calling(lambda: open(path, "w").close()))


@case(GAPS, "cloudpickle", verdict="needs_waiver")
def cloudpickle_class(marker: Path) -> bytes:
    path = str(marker)

    class Restoring:
        def __setstate__(self, state):
            open(path, "w").close()

    Restoring.__module__ = "__main__"
    thing = Restoring()
    thing.kept = 1
    return cloudpickle.dumps(thing)


@case(GAPS, "known_bad")
def tar_file(marker: Path) -> bytes:
    return file_of(call(name("tarfile", "open"), str(marker), "w"))


@case(GAPS, "unknown_import", verdict="needs_waiver")
def method_caller(marker: Path) -> bytes:
    """No name of it is on a deny-list: an officer sees the imports, and that a result is called."""
    path = call(name("pathlib", "PosixPath"), str(marker))
    return file_of(call(call(name("operator", "methodcaller"), "write_text", "x"), path))


# Gadgets of scientific libraries

GADGETS = "gadgets of scientific libraries"


@case(GADGETS, "known_bad")
def joblib_load(marker: Path) -> bytes:
    return file_of(call(name("joblib", "load"), beside(marker, ".pkl", os_system(marker))))


@case(GADGETS, "known_bad")
def joblib_dump(marker: Path) -> bytes:
    return file_of(call(name("joblib.numpy_pickle", "dump"), 1, str(marker)))


@case(GADGETS, "known_bad")
def numpy_load(marker: Path) -> bytes:
    return file_of(call(name("numpy", "load"), beside(marker, ".npy", os_system(marker)), None, True))


@case(GADGETS, "known_bad")
def pandas_read_pickle(marker: Path) -> bytes:
    return file_of(call(name("pandas", "read_pickle"), beside(marker, ".pkl", os_system(marker))))


@case(GADGETS, "known_bad")
def frame_to_csv(marker: Path) -> bytes:
    return file_of(call(name("pandas", "DataFrame.to_csv"), call(name("pandas", "DataFrame"), {"a": [1]}), str(marker)))


@case(GADGETS, "known_bad")
def f2py_myeval(marker: Path) -> bytes:
    return file_of(call(name("numpy.f2py.crackfortran", "myeval"), python(marker), {}, {}))


@case(GADGETS, "known_bad")
def numpy_memmap(marker: Path) -> bytes:
    return file_of(call(name("numpy", "memmap"), str(marker), "uint8", "w+", 0, (1,)))


@case(GADGETS, "known_bad")
def numpy_savetxt(marker: Path) -> bytes:
    return file_of(call(name("numpy", "savetxt"), str(marker), [1]))


@case(GADGETS, "known_bad")
def scipy_savemat(marker: Path) -> bytes:
    return file_of(call(name("scipy.io", "savemat"), str(marker), {"a": 1}, False))


@case(GADGETS, "known_bad")
def numpy_runstring(marker: Path) -> bytes:
    return file_of(call(name("numpy.testing._private.utils", "runstring"), python(marker), {}))


@case(GADGETS, "known_bad")
def sklearn_run_script(marker: Path) -> bytes:
    return file_of(call(name("sklearn.utils._testing", "assert_run_python_script_without_output"), python(marker)))


@case(GADGETS, "known_bad")
def dump_svmlight(marker: Path) -> bytes:
    return file_of(call(name("sklearn.datasets", "dump_svmlight_file"), [[1.0]], [1], str(marker)))


@case(GADGETS, "unknown_import", verdict="needs_waiver")
def frozen_distribution(marker: Path) -> bytes:
    """scipy.stats builds a parser of arguments from the state with exec."""
    from scipy import stats

    state = stats.gamma.__getstate__()
    state["_parse_arg_template"] = python(marker)
    return file_of(made(name("scipy.stats._continuous_distns", "gamma_gen"), state=_plain_state(state)))


def _plain_state(state: Any) -> dict[str, Any]:
    kept = (str, int, float, bool, type(None), list, tuple, dict)
    return {key: part for key, part in state.items() if isinstance(part, kept) and not key.startswith("_ctor")}


# Evasion of scanners

EVASION = "evasion of scanners"


@case(EVASION, "known_bad")
def memo_trick(marker: Path) -> bytes:
    """The name on the stack is not the last text before STACK_GLOBAL, but one out of the memo."""
    module, function = value("os")[:-2], value("system")[:-2]
    decoys = value("math")[:-2] + b"0" + value("sqrt")[:-2] + b"0"
    hidden = module + b"q\x050" + function + b"q\x060" + decoys + b"h\x05h\x06\x93"
    return b"\x80\x04" + hidden + value((shell(marker),)) + b"R."


@case(EVASION, "truncated")
def truncated_after_execution(marker: Path) -> bytes:
    return os_system(marker)[:-1]


@case(EVASION, "trailing_data", "known_bad")
def garbage_at_the_end(marker: Path) -> bytes:
    return os_system(marker) + os.urandom(100)


@case(EVASION, "known_bad")
def after_an_array(marker: Path) -> bytes:
    return dumped([np.arange(1000.0), evil(marker)])


@case(EVASION, "known_bad")
def in_an_array_of_objects(marker: Path) -> bytes:
    return dumped(np.array([1, evil(marker)], dtype=object))


@case(EVASION, "known_bad", "truncated")
def swallowed_tail(marker: Path) -> bytes:
    return os_system(marker)[:-1] + b"B\xff\xff\xff\x7f" + b"."


@case(EVASION, "known_bad")
def under_zlib(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("zlib", 3))


@case(EVASION, "known_bad")
def under_gzip(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("gzip", 3))


@case(EVASION, "known_bad")
def under_bz2(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("bz2", 3))


@case(EVASION, "known_bad")
def under_lzma(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("lzma", 3))


@case(EVASION, "known_bad")
def under_xz(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("xz", 3))


@case(EVASION, "known_bad")
def under_lz4(marker: Path) -> bytes:
    return dumped(evil(marker), compress=("lz4", 3))


@case(EVASION, "legacy_container")
def legacy_zfile(marker: Path) -> bytes:
    content = os_system(marker)
    return b"ZF" + hex(len(content)).ljust(19).encode() + zlib.compress(content)


@case(EVASION, "legacy_container")
def legacy_array_wrapper(marker: Path) -> bytes:
    other = beside(marker, ".npy", os_system(marker))
    state = {"filename": other, "subclass": name("numpy", "ndarray"), "allow_mmap": False}
    return file_of(made(name("joblib.numpy_pickle_compat", "NDArrayWrapper"), state=state))


@case(EVASION, "trailing_data", fires="never")
def second_pickle(marker: Path) -> bytes:
    return file_of({"model": 1}) + os_system(marker)


@case(EVASION, "known_bad")
def names_of_python_2(marker: Path) -> bytes:
    return b"\x80\x02c__builtin__\neval\n" + value((python(marker),)) + b"R."


@case(EVASION, "known_bad")
def dotted_name(marker: Path) -> bytes:
    return file_of(call(name("shutil", "os.system"), shell(marker)))


@case(EVASION, "known_bad")
def thrown_away(marker: Path) -> bytes:
    """The call happens, its result is dropped, and the file holds an innocent list."""
    return file_of(then(call(name("os", "system"), shell(marker)), Code(value([1, 2]))))


@case(EVASION, "known_bad")
def as_a_key(marker: Path) -> bytes:
    return b"\x80\x04}" + call(name("os", "system"), shell(marker)).code + value(1) + b"s."


@case(EVASION, "known_bad")
def in_frames(marker: Path) -> bytes:
    parts = [name("os", "system").code, value((shell(marker),)), b"R", b"."]
    return b"\x80\x04" + b"".join(b"\x95" + struct.pack("<Q", len(part)) + part for part in parts)


@case(EVASION, "known_bad")
def array_wrapper_by_another_name(marker: Path) -> bytes:
    wrapper = made(name("joblib", "numpy_pickle.NumpyArrayWrapper"))
    return file_of([wrapper, call(name("os", "system"), shell(marker))])


@case(EVASION, "known_bad")
def in_the_state_of_a_model(marker: Path) -> bytes:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    model.note = evil(marker)
    return dumped(model)


@case(EVASION, "trailing_data")
def second_stream(marker: Path) -> bytes:
    """bz2 reads on in a second stream; a scanner that stops after the first sees the end of a harmless list."""
    content = os_system(marker)
    return bz2.compress(content) + bz2.compress(b"more")


# Crash, stall, tampering

HARM = "crash, stall, tampering"


@case(HARM, "bomb", fires="never", kills=True)
def nested_tuples_as_a_key(marker: Path) -> bytes:
    deeper = b"h\x00h\x00\x86q\x000" * 60
    return b"\x80\x04)q\x000" + deeper + b"}h\x00K\x01s."


@case(HARM, "bomb", fires="never", kills=True)
def members_of_one_hash(marker: Path) -> bytes:
    numbers = b"".join(value((1 << 61) - 1 + i * ((1 << 61) - 1)) for i in range(3))
    return b"\x80\x04\x8f(" + numbers + b"\x90."


@case(HARM, "bomb", fires="never", kills=True)
def compression_bomb(marker: Path) -> bytes:
    engine = zlib.compressobj(9)
    body = engine.compress(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 28))
    zeros = bytes(1 << 20)
    return body + b"".join(engine.compress(zeros) for _ in range(80)) + engine.flush()


@case(HARM, "truncated", fires="never", kills=True)
def absurd_length(marker: Path) -> bytes:
    return b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x."


@case(HARM, "bomb", fires="never", kills=True)
def absurd_number(marker: Path) -> bytes:
    return b"\x80\x04\x8b" + struct.pack("<I", 1 << 20) + b"\x7f" * (1 << 20) + b"."


@case(HARM, "truncated", fires="never", kills=True)
def absurd_array(marker: Path) -> bytes:
    return tampered.array_of_shape((1 << 40,))


@case(HARM, "bomb", fires="never", kills=True)
def overflowing_array(marker: Path) -> bytes:
    return tampered.array_of_shape((1 << 62, 8))


@case(HARM, fires="never", verdict="allowed")
def lists_200k_deep(marker: Path) -> bytes:
    """A control: harmless, and must not exhaust whoever reads it."""
    return b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b"."


@case(HARM, "too_many_imports", fires="never")
def very_many_imports(marker: Path) -> bytes:
    return b"\x80\x04](" + b"".join(b"cmodule\nname%d\n" % i for i in range(5_001)) + b"e."


@case(HARM, "corrupt_structure", fires="never", kills=True)
def forged_dtype(marker: Path) -> bytes:
    return tampered.forged_dtype()


@case(HARM, "unsafe_state", fires="never", kills=True)
def patched_class(marker: Path) -> bytes:
    """BUILD on a class with a slot state sets attributes of the class, for every model of the process."""
    kind = name("sklearn.linear_model._logistic", "LogisticRegression")
    return file_of(stated(kind, (None, {"predict": name("numpy", "absolute")})))


@case(HARM, "corrupt_structure", fires="never", kills=True)
def tree_child_out_of_range(marker: Path) -> bytes:
    return tampered.tree(child=1 << 40)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def tree_child_before_its_parent(marker: Path) -> bytes:
    return tampered.tree(child=0)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def tree_feature_out_of_range(marker: Path) -> bytes:
    return tampered.tree(feature=1 << 40)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def tree_deeper_than_it_says(marker: Path) -> bytes:
    return tampered.tree(max_depth=1)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def forest_of_wider_trees(marker: Path) -> bytes:
    return tampered.forest_of_wider_trees()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def boosted_tree_out_of_range(marker: Path) -> bytes:
    return tampered.hist_boosting()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def neighbours_out_of_range(marker: Path) -> bytes:
    return tampered.neighbours()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def support_vectors_miscounted(marker: Path) -> bytes:
    return tampered.support_vectors()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def sparse_support_vectors_miscounted(marker: Path) -> bytes:
    return tampered.sparse_support_vectors()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def neighbours_of_sparse_rows_out_of_range(marker: Path) -> bytes:
    return tampered.nearest_sums(sparse_rows=True)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def neighbours_of_listed_classes_out_of_range(marker: Path) -> bytes:
    return tampered.nearest_sums(sparse_rows=False)


@case(HARM, "corrupt_structure", fires="never", kills=True)
def support_of_other_samples(marker: Path) -> bytes:
    return tampered.precomputed_support()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def sparse_matrix_out_of_range(marker: Path) -> bytes:
    return tampered.sparse_matrix()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def vocabulary_out_of_range(marker: Path) -> bytes:
    return tampered.vocabulary()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def random_numbers_out_of_range(marker: Path) -> bytes:
    return tampered.random_state()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def xgboost_child_out_of_range(marker: Path) -> bytes:
    return tampered.xgboost_booster()


@case(HARM, "corrupt_structure", fires="never", kills=True)
def lightgbm_child_out_of_range(marker: Path) -> bytes:
    return tampered.lightgbm_booster()


# Harmful only when the model is used

USE = "harmful when used"


@case(USE, "unsafe_state", fires="use", use="model.fit([[0.0], [1.0]], [0, 1])")
def pipeline_with_a_cache(marker: Path) -> bytes:
    return tampered.pipeline(memory=str(marker))


@case(USE, "unsafe_state", fires="use", use="model.transform(['/etc/passwd']).nnz and open(marker, 'w').close()")
def vectorizer_of_files(marker: Path) -> bytes:
    return tampered.vectorizer(input="filename")


@case(USE, "known_bad", fires="use", use="model.transform('touch ' + marker)")
def transformer_that_runs(marker: Path) -> bytes:
    return tampered.transformer(func=os.system)


@case(USE, "unsafe_state", fires="never")
def transformer_of_a_class(marker: Path) -> bytes:
    from sklearn.pipeline import Pipeline

    return tampered.transformer(func=Pipeline)


@case(USE, "known_bad", fires="use", use="model.transform([repr(marker).join(['open(', ', chr(119))'])])")
def tokenizer_that_runs(marker: Path) -> bytes:
    return tampered.vectorizer(tokenizer=eval)


@case(USE, "known_bad", fires="never")
def kernel_that_runs(marker: Path) -> bytes:
    return tampered.support_vectors(kernel=eval)


@case(USE, "unsafe_state", fires="never")
def method_in_the_state(marker: Path) -> bytes:
    return tampered.pipeline(predict=np.absolute)


@case(USE, "unsafe_state", fires="never")
def expression_in_a_search(marker: Path) -> bytes:
    return tampered.search(pre_dispatch="__import__('os').getpid()")


@case(USE, fires="never", verdict="allowed")
def storm_of_jobs(marker: Path) -> bytes:
    """A control: allowed, with as many jobs as the loader permits."""
    return tampered.forest(n_jobs=500)


@case(USE, "unsafe_state", fires="never")
def booster_that_reads_a_file(marker: Path) -> bytes:
    return tampered.lightgbm(input_model="/etc/passwd")
