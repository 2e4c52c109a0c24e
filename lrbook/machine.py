"""Machine code from what is written down of a rule: one loop over memory, with NumPy's bits.

There is one template. Outside, blocks of lanes that fit the nearest cache; inside, the steps; innermost,
the lanes of a block, which the compiler packs into vectors. An optimizer's step is one step of many lanes,
a sweep many steps of a lane for each run, a schedule one step whose result is recorded.

Operations are done in the order in which they were written down, none is joined with another, and none is
replaced by one that rounds otherwise. Numbers that are the same for all lanes are worked out by Python in
double precision, step by step, and rounded to the dtype where they meet an array: that is NumPy's way.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache, cached_property
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np

from lrbook.trace import Operation

LANES = 128  # of a block: two dozen arrays of a KiB in float64 fit the nearest cache
SINGLE = np.dtype(np.float32)
CALLED = {"sqrt": "llvm.sqrt", "floor": "llvm.floor", "ceil": "llvm.ceil"}
COMPARED = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
ON_FLOATS = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv", "neg": "fneg"}
ON_WORDS = {"xor": "xor", "rshift": "lshr", "imul": "mul"}
FLOAT, WORD, TRUTH = "float", "i32", "i1"  # what a value may be
KNOWN = {*CALLED, *COMPARED, *ON_FLOATS, *ON_WORDS, "minimum", "maximum", "sign", "where", "filled", "word"}


class Unknown(TypeError):
    """What a loop cannot do with NumPy's bits, and NumPy does itself."""


class Loop:
    """A loop of machine code that does operations in each lane.

    Parameters
    ----------
    operations : sequence of Operation
        What is done in a lane, in order; a name that none of the others gives is a number of the step.
    dtype : float32 or float64
        Of every array.
    state : mapping of names to names
        Arrays with one entry a lane, and the value that each is given after every step.
    lanes, rows : sequences of names
        Arrays that are read: one entry a lane, or one a lane and step.
    record : sequence of names
        Values that are written to an array, one entry a lane and step.
    watch : str
        An array that is looked at on the way: a call says whether all of it is finite, and 0.0 or more.

    Attributes
    ----------
    numbers : list
        The names, or numbers, that are the same for all lanes: one column each of what a call is given.
    text : str
        The loop in the language of LLVM, from which it is built when it is called for the first time.
    """

    def __init__(
        self,
        operations: Iterable[Operation],
        dtype: Any,
        state: dict[str, Any],
        lanes: Sequence[str] = (),
        rows: Sequence[str] = (),
        record: Sequence[Any] = (),
        watch: str = "",
    ) -> None:
        self.real = "float" if dtype == SINGLE else "double"
        self.numbers: list[Any] = []
        self._head: list[str] = []  # once a step
        self._body: list[str] = []  # in each lane
        self._values: dict[Any, tuple[str, str]] = {}  # by its name: what it is called here, and its kind
        self._arrays = 0
        places = [self._array(name, "lane") for name in state]
        for name in lanes:
            self._array(name, "lane")
        for name in rows:
            self._array(name, "row")
        for operation in operations:
            self._values[operation.name] = self._done(operation.function, operation.arguments)
        for place, value in zip(places, state.values(), strict=True):
            self._body.append(f"store {self.real} {self._operand(value, FLOAT)}, ptr {place}")
        for value in record:
            place = self._place("row")
            self._body.append(f"store {self.real} {self._operand(value, FLOAT)}, ptr {place}")
        self.text = self._text(watch)

    def __call__(
        self, numbers: np.ndarray, arrays: Sequence[np.ndarray], steps: int = 1, cut: slice | None = None
    ) -> bool:
        """Run over arrays, those of the state, of the lanes, the rows and the record, or a part of the lanes.

        `numbers` has shape (steps, columns), in double precision. Arrays have the loop's dtype, are
        contiguous and do not overlap; rows and record have shape (steps, lanes).
        """
        lanes = arrays[0].shape[-1]
        sizes = (arrays[0].itemsize * lanes, arrays[0].itemsize * lanes * steps)
        if len(arrays) != self._arrays or any(a.nbytes not in sizes for a in arrays):
            raise ValueError("a loop must be given all its arrays, of as many lanes and steps")
        first, last, _ = (cut or slice(None)).indices(lanes)
        places = (a.ctypes.data + first * a.itemsize for a in arrays)
        return not self.kernel(last - first, lanes, steps, numbers.ctypes.data, *places)

    @cached_property
    def kernel(self) -> Any:
        """The function that does it, given how many lanes, of how many in a row, and steps; and addresses."""
        return _built(self.text, self._arrays)

    def _array(self, name: str, at: str) -> str:
        """An array that is read: where a lane's entry is."""
        place = self._place(at)
        self._values[name] = self._line(f"load {self.real}, ptr {place}"), FLOAT
        return place

    def _place(self, at: str) -> str:
        self._arrays += 1
        return self._line(f"getelementptr {self.real}, ptr %a{self._arrays - 1}, i64 %{at}")

    def _line(self, text: str) -> str:
        """A new name for the value of an instruction in each lane."""
        name = f"%v{len(self._body)}"
        self._body.append(f"{name} = {text}")
        return name

    def _operand(self, value: Any, kind: str) -> str:
        """A value as an instruction takes it: a lane's own, or a number of the step in that form."""
        if value not in self._values:
            return self._number(value, kind)
        name, own = self._values[value]
        if own == kind:
            return name
        if (own, kind) == (WORD, FLOAT):
            return self._line(f"uitofp i32 {name} to {self.real}")
        raise Unknown(f"{value} is {own}, and not {kind}")

    def _number(self, value: Any, kind: str) -> str:
        """A number that is the same for all lanes, rounded to what it meets."""
        text = repr(value)  # 0.0 is not -0.0 here
        if text not in map(repr, self.numbers):
            self.numbers.append(value)
        column = list(map(repr, self.numbers)).index(text)
        name = f"%p{column}" if kind == FLOAT else f"%p{column}.{kind}"
        given = f"{name} = "
        if not any(line.startswith(given) for line in self._head):  # it may be met in two forms
            self._head += [
                f"{name}.i = add i64 %step.p, {column}",
                f"{name}.at = getelementptr double, ptr %p, i64 {name}.i",
                f"{name}.d = load double, ptr {name}.at",
                given
                + {
                    (FLOAT, "double"): f"fadd double {name}.d, -0.0",  # itself
                    (FLOAT, "float"): f"fptrunc double {name}.d to float",
                    (WORD, self.real): f"fptoui double {name}.d to i32",
                    (TRUTH, self.real): f"fcmp une double {name}.d, 0.0",
                }[kind, self.real],
            ]
        return name

    def _done(self, function: str, arguments: Sequence[Any]) -> tuple[str, str]:
        """The instructions of an operation: what its value is called, and its kind."""
        if function not in KNOWN:
            raise Unknown(f"{function} is left to NumPy")
        if function in ON_WORDS:
            return self._line(f"{ON_WORDS[function]} i32 {self._joined(arguments, WORD)}"), WORD
        if function == "where":
            return self._chosen(*arguments), FLOAT
        if function == "filled":
            return self._operand(arguments[0], FLOAT), FLOAT
        values = [self._operand(x, FLOAT) for x in arguments]
        given = ", ".join(values)
        if function in ON_FLOATS:
            return self._line(f"{ON_FLOATS[function]} {self.real} {given}"), FLOAT
        if function in COMPARED:
            return self._line(f"fcmp {COMPARED[function]} {self.real} {given}"), TRUTH
        if function in CALLED:
            return self._line(
                f"call {self.real} @{CALLED[function]}.{self._bits}({self.real} {given})"
            ), FLOAT
        if function == "word":
            return self._line(f"fptoui {self.real} {given} to i32"), WORD
        return (self._sign(*values) if function == "sign" else self._least(function, *values)), FLOAT

    def _joined(self, arguments: Sequence[Any], kind: str) -> str:
        return ", ".join(
            str(x) if kind == WORD and type(x) is int else self._operand(x, kind) for x in arguments
        )

    def _chosen(self, condition: Any, x: Any, y: Any) -> str:
        """One of two values, of which one is an array's: of two numbers NumPy would make doubles."""
        if x not in self._values and y not in self._values:
            raise Unknown("a choice between two numbers is left to NumPy")
        truth, x, y = self._operand(condition, TRUTH), self._operand(x, FLOAT), self._operand(y, FLOAT)
        return self._select(truth, x, y)

    def _select(self, truth: str, x: str, y: str) -> str:
        return self._line(f"select i1 {truth}, {self.real} {x}, {self.real} {y}")

    def _compared(self, how: str, x: str, y: str) -> str:
        return self._line(f"fcmp {how} {self.real} {x}, {y}")

    def _least(self, function: str, x: str, y: str) -> str:
        """The smaller or larger of two; NaN if one is, and the second if they are equal."""
        how = "olt" if function == "minimum" else "ogt"
        chosen = self._select(self._compared(how, x, y), x, y)
        return self._select(self._compared("uno", x, x), x, chosen)

    def _sign(self, x: str) -> str:
        """-1, 0 or 1, and NaN for NaN."""
        below = self._select(self._compared("olt", x, "0.0"), "-1.0", x)
        sign = self._select(self._compared("ogt", x, "0.0"), "1.0", below)
        return self._select(self._compared("oeq", x, "0.0"), "0.0", sign)

    @property
    def _bits(self) -> str:
        return "f32" if self.real == "float" else "f64"

    def _watched(self, name: str) -> str:
        """Whether a lane's value is not finite, or below 0.0: see :func:`lrbook.calling.sound`."""
        whole, infinity = ("i32", 0x7F800000) if self.real == "float" else ("i64", 0x7FF0000000000000)
        bits = self._line(f"bitcast {self.real} {self._values[name][0]} to {whole}")
        return self._line(f"icmp uge {whole} {bits}, {infinity}")

    def _text(self, watch: str) -> str:
        """The whole function, in the language of LLVM."""
        flag, seen, unsound = "", "", ""
        if watch:
            flag = "  %bad = phi i1 [false, %step], [%bad.next, %each]\n"
            unsound = f"  %bad.next = or i1 %bad, {self._watched(watch)}\n"
            seen = "  %before = load i1, ptr %seen\n  %after = or i1 %before, %bad.next\n"
            seen += "  store i1 %after, ptr %seen\n"
        arrays = "".join(f", ptr noalias %a{i}" for i in range(self._arrays))
        head, body = ("".join(f"  {line}\n" for line in lines) for lines in (self._head, self._body))
        declared = "".join(
            f"declare {self.real} @{name}.{self._bits}({self.real})\n"
            for name in CALLED.values()
            if name in body
        )
        return f"""\
define i1 @loop(i64 %n, i64 %N, i64 %steps, ptr noalias %p{arrays}) {{
entry:
  %seen = alloca i1
  store i1 false, ptr %seen
  %least = call i64 @llvm.smin.i64(i64 %n, i64 %steps)
  %any = icmp sgt i64 %least, 0
  br i1 %any, label %block, label %exit
block:
  %j = phi i64 [0, %entry], [%j.next, %done]
  %j.next = add nuw nsw i64 %j, {LANES}
  %left = sub i64 %n, %j
  %wide = call i64 @llvm.smin.i64(i64 %left, i64 {LANES})
  br label %step
step:
  %t = phi i64 [0, %block], [%t.next, %stepped]
  %step.p = mul i64 %t, {len(self.numbers)}
  %step.row = mul i64 %t, %N
  %step.j = add i64 %step.row, %j
{head}  br label %each
each:
  %k = phi i64 [0, %step], [%k.next, %each]
{flag}  %lane = add nuw nsw i64 %j, %k
  %row = add nuw nsw i64 %step.j, %k
{body}{unsound}  %k.next = add nuw nsw i64 %k, 1
  %more = icmp slt i64 %k.next, %wide
  br i1 %more, label %each, label %stepped
stepped:
{seen}  %t.next = add nuw nsw i64 %t, 1
  %on = icmp slt i64 %t.next, %steps
  br i1 %on, label %step, label %done
done:
  %again = icmp slt i64 %j.next, %n
  br i1 %again, label %block, label %exit
exit:
  %answer = load i1, ptr %seen
  ret i1 %answer
}}
declare i64 @llvm.smin.i64(i64, i64)
{declared}"""


_LOCK = Lock()
_BUILT: dict[str, tuple[Any, Any]] = {}  # by its text: the function, and the engine that keeps it alive


def _built(text: str, arrays: int) -> Any:
    """The function of that text, which runs without the interpreter's lock; the same text is built once."""
    import llvmlite.binding as llvm

    with _LOCK:
        if text not in _BUILT:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            module = llvm.parse_assembly(text)
            module.verify()
            machine = llvm.Target.from_default_triple().create_target_machine(
                opt=3, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
            )
            options = llvm.create_pipeline_tuning_options(speed_level=3)
            options.loop_vectorization = True
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
            engine = llvm.create_mcjit_compiler(module, machine)
            engine.finalize_object()
            kind = ctypes.CFUNCTYPE(ctypes.c_bool, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * (1 + arrays))
            _BUILT[text] = kind(engine.get_function_address("loop")), engine
        return _BUILT[text][0]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):  # pragma: no branch - a copy of the process has none of its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spaced(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Copies of arrays of one length that begin at different places of the nearest cache.

    A dozen arrays whose lengths are a power of two would all fall on the same few of its lines, and a block
    of one would drive out those of others.
    """
    room = np.empty((len(arrays), arrays[0].size + LANES + 8), arrays[0].dtype)
    copies = [row[: array.size] for row, array in zip(room, arrays, strict=True)]
    for copy, array in zip(copies, arrays, strict=True):
        copy[:] = array
    return copies


def spread(part: Callable[[slice], Any], lanes: int, threads: int) -> None:
    """Call `part` with parts of the lanes that end with a block, one in each thread."""
    threads = min(threads, -(-lanes // LANES))
    cuts = [lanes * i // threads // LANES * LANES for i in range(threads)] + [lanes]
    parts = [slice(first, last) for first, last in pairwise(cuts)]
    others = [_pool(threads - 1).submit(part, other) for other in parts[1:]] if threads > 1 else []
    try:
        part(parts[0])
    finally:
        wait(others)  # none goes on writing after this returns
    for other in others:
        other.result()
