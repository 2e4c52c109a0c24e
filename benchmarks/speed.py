"""What is fast, what is not, and against what: python benchmarks/speed.py

All that is compared is measured in one process, in turns and in random order, and of each the median of many
times is kept, so that the machine cancels out of a ratio. One thread
and all threads are measured in processes of their own, since most libraries read how many there are when
they are imported. The results go to `lrbook/measured/speed.json`, which *Under the hood* shows. Run it on a
machine that is doing nothing else.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from lrbook import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LinearCosineDecay,
    Momentum,
    NaturalExpDecay,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Quadratic,
    RMSprop,
    Rosenbrock,
    fast,
    machine,
    sweep,
)
from lrbook.noise import standard_normal
from lrbook.stepping import _surely_finite
from lrbook.trace import Operation

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "lrbook" / "measured" / "speed.json"
PARAMETERS, STEPS = 10**7, 10**6
RUNS, UPDATES = 65_536, 300
BURST = 3  # calls in a row: the first finds the memory as another has left it
LR, T, K = 0.1, STEPS, 0.5
S = STEPS / 10


def timed(candidates, rounds):
    """The median time of each function in seconds; all of them a few times a round, in random order."""
    for function in candidates.values():
        function()
    times = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in random.sample(list(candidates.items()), len(candidates)):
            times[name] += [once(function) for _ in range(BURST)]
    return {name: statistics.median(of) for name, of in times.items()}


def once(function):
    """How long one call takes, in seconds."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def without_loops(function):
    """The same call, by NumPy alone."""

    def called():
        os.environ["LRBOOK_FAST"] = "0"
        try:
            return function()
        finally:
            del os.environ["LRBOOK_FAST"]

    return called


# --- an optimizer's step


def steps(rounds=25):
    """A step of ten million parameters in float32, in as many threads as this process has."""
    import jax
    import jax.numpy as jnp
    import optax
    import torch

    threads = fast.threads()
    torch.set_num_threads(threads)

    def normal():
        return np.random.default_rng(0).standard_normal(PARAMETERS, dtype=np.float32)

    found = {}
    for kind in (Adam, AdamW, SGD, Adagrad):
        name, opt, theta, g = kind.__name__, kind(lr=1e-3), normal(), normal() * np.float32(1e-3)
        state = opt.init(theta)
        slots = [*state.slots["theta"].values()]

        def whole(opt=opt, theta=theta, g=g, slots=slots):
            with np.errstate(all="ignore"):
                theta[...], *new = opt.rule(theta, g, 1e-3, 5, *slots)
            for old, value in zip(slots, new, strict=True):
                old[...] = value

        x = torch.nn.Parameter(torch.from_numpy(theta.copy()))
        x.grad = torch.from_numpy(g.copy())
        theirs = getattr(optax, name.lower())(1e-3)
        now = {"x": jnp.asarray(theta.copy()), "g": jnp.asarray(g.copy())}
        now["state"] = theirs.init(now["x"])

        def update(x, state, g, theirs=theirs):
            changes, state = theirs.update(g, state, x)
            return optax.apply_updates(x, changes), state

        compiled = jax.jit(update, donate_argnums=(0, 1))

        def by_optax(now=now, compiled=compiled):
            now["x"], now["state"] = jax.block_until_ready(compiled(now["x"], now["state"], now["g"]))

        step = lambda opt=opt, theta=theta, g=g, state=state: opt.step(theta, g, state)  # noqa: E731
        kernel = lambda opt=opt, theta=theta, g=g, slots=slots: fast.update(opt, 1e-3, 5, [theta, g, *slots])  # noqa: E731
        found[name] = timed(
            {
                "kernel": kernel,
                "step": step,
                "check": lambda g=g: _surely_finite(g),
                "without": without_loops(step),
                "whole": whole,
                "memory": memory(theta, g, slots),
                "torch": getattr(torch.optim, name)([x], lr=1e-3, fused=True).step,
                "optax": by_optax,
            },
            rounds,
        )
    return found


def memory(theta, g, slots):
    """A loop that reads and writes what the step does, and computes next to nothing."""
    names = ["theta", *(f"slot{i}" for i in range(len(slots)))]
    operations = [Operation("moved", "add", ("theta", "g"), False)]
    operations += [Operation(f"-{name}", "neg", (name,), False) for name in names[1:]]
    new = {name: f"-{name}" for name in names} | {"theta": "moved"}
    loop, threads = machine.Loop(operations, theta.dtype, new, lanes=["g"]), fast.threads()
    nothing, arrays = np.zeros((1, 0)), [theta, *slots, g]
    return lambda: machine.spread(lambda cut: loop(nothing, arrays, cut=cut), theta.size, threads)


# --- schedules


def linear_cosine(lib, t, noise=0.0):
    u = lib.minimum(t, T) / T
    return LR * ((0.0 + 1 - u + noise) * (1 + lib.cos(2 * np.pi * 0.5 * u)) / 2 + 0.001)


def noisy_linear_cosine(lib, t):
    deviation = lib.sqrt(1.0 / (1 + lib.minimum(t, T)) ** 0.55)
    return linear_cosine(lib, t, deviation * standard_normal(0, t))


PLAIN = {  # each schedule, and its formula written down as one would, for NumPy or JAX
    PiecewiseConstant([T // 3, T // 2], [0.1, 0.01, 0.001]): lambda lib, t: lib.where(
        t < T // 3, 0.1, lib.where(t < T // 2, 0.01, 0.001)
    ),
    ExponentialDecay(LR, S, K): lambda lib, t: LR * K ** (t / S),
    NaturalExpDecay(LR, S, K): lambda lib, t: LR * lib.exp(-K * (t / S)),
    PolynomialDecay(LR, T): lambda lib, t: (LR - 1e-4) * (1 - lib.minimum(t, T) / T) ** 1.0 + 1e-4,
    InverseTimeDecay(LR, S, K): lambda lib, t: LR / (1 + K * (t / S)),
    CosineDecay(LR, T): lambda lib, t: (
        LR * ((1 - 0.0) * (1 + lib.cos(np.pi * lib.minimum(t, T) / T)) / 2 + 0.0)
    ),
    LinearCosineDecay(LR, T): linear_cosine,
    NoisyLinearCosineDecay(LR, T): noisy_linear_cosine,
}


def schedules(rounds=25):
    """A million steps in float64 by the schedule and by its formula; and one step by itself."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    t, found = np.arange(STEPS, dtype=np.float64), {}
    there = jnp.asarray(t)
    for schedule, plain in PLAIN.items():
        compiled = jax.jit(lambda t, plain=plain: plain(jnp, t))
        np.testing.assert_allclose(schedule(t), plain(np, t), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(schedule(t), compiled(there), rtol=1e-9, atol=1e-12)
        call = lambda schedule=schedule: schedule(t)  # noqa: E731
        found[type(schedule).__name__] = timed(
            {
                "loop": call,
                "without": without_loops(call),
                "numpy": lambda plain=plain: plain(np, t),
                "jax": lambda compiled=compiled: compiled(there).block_until_ready(),
            },
            rounds,
        ) | {"one": one_call(schedule)}
    return found


def one_call(schedule, calls=20_000):
    """The shortest of a few averages over many calls with one step, in seconds."""

    def many():
        for _ in range(calls):
            schedule(500)

    return min(once(many) for _ in range(7)) / calls


# --- sweeps


def sweeps(rounds=5):
    """Many runs at once: lrbook's sweep and the same in optax, under jit, vmap and scan."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    rates, curvatures = np.geomspace(1e-4, 0.1, RUNS), np.geomspace(0.1, 1, 4)
    problems = {
        "Rosenbrock": (Rosenbrock(), np.array([-1.5, 2.0]), rosenbrock),
        "quadratic": (
            Quadratic(curvatures),
            np.ones(4),
            lambda x: (curvatures.astype(x.dtype) * x * x).sum() / 2,
        ),
    }
    rules = {
        "Adam": (Adam, optax.adam, {}),
        "RMSprop": (RMSprop, optax.rmsprop, {"decay": 0.9}),
        "Momentum": (
            lambda lr: Momentum(lr / 100),
            lambda lr, **more: optax.sgd(lr / 100, **more),
            {"momentum": 0.9},
        ),
    }
    found = {}
    for of, (problem, start, loss) in problems.items():
        for name, (kind, theirs, more) in rules.items():
            for dtype in (np.float32, np.float64):

                @jax.jit
                def by_optax(lr, x, theirs=theirs, more=more, loss=loss):
                    def run(lr):
                        opt = theirs(lr, **more)

                        def update(carry, _):
                            x, state = carry
                            changes, state = opt.update(jax.grad(loss)(x), state, x)
                            return (optax.apply_updates(x, changes), state), None

                        return jax.lax.scan(update, (x, opt.init(x)), None, UPDATES)[0][0]

                    return jax.vmap(run)(lr)

                lr, x = jnp.asarray(rates.astype(dtype)), jnp.asarray(start.astype(dtype))
                there = lambda f=by_optax, lr=lr, x=x: jax.block_until_ready(f(lr, x))  # noqa: E731
                here = lambda p=problem, s=start, k=kind, d=dtype: sweep(p, s.astype(d), k(rates), UPDATES)  # noqa: E731
                firsts = {"loop first": [], "optax first": []}
                for _ in range(3):  # each time with nothing that was made before
                    machine._BUILT.clear()
                    jax.clear_caches()
                    firsts["loop first"].append(once(here))
                    firsts["optax first"].append(once(there))
                first = {way: statistics.median(of) for way, of in firsts.items()}
                later = timed({"loop": here, "optax": there}, rounds)
                one = once(without_loops(here))
                found[f"{name}, {of}, {np.dtype(dtype).name}"] = first | later | {"numpy": one}
    return found


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


# --- growth: how the time rises with the number of runs, and what a cluster costs


def growth():
    """Adam's runs on Rosenbrock's function, from a hundred to a million, by three ways."""
    from distributed import Client, LocalCluster

    found = {"runs": [10**k for k in range(2, 7)], "numpy": [], "loop": [], "dask": []}
    began = time.perf_counter()
    with (
        LocalCluster(n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        found["start"] = time.perf_counter() - began
        nothing = lambda i: i  # noqa: E731
        client.submit(nothing, -1).result()
        trips = [once(lambda i=i: client.submit(nothing, i, pure=False).result()) for i in range(50)]
        found["trip"] = statistics.median(trips)
        found["workers"] = os.cpu_count()
        for runs in found["runs"]:
            opt, start = Adam(np.geomspace(1e-4, 0.1, runs)), np.array([-1.5, 2.0])
            here = lambda opt=opt, start=start: sweep(Rosenbrock(), start, opt, UPDATES)  # noqa: E731
            there = lambda opt=opt, start=start: sweep(Rosenbrock(), start, opt, UPDATES, client=client)  # noqa: E731
            times = timed({"loop": here, "dask": there}, 5)
            times["numpy"] = min(once(without_loops(here)) for _ in range(1 if runs > 10**5 else 3))
            for way, seconds in times.items():
                found[way].append(seconds)
        # pieces of a second: what the cluster takes beyond its share
        runs, updates = 2**17, 6000
        opt, start = Adam(np.geomspace(1e-4, 0.1, runs)), np.array([-1.5, 2.0])
        os.environ["LRBOOK_THREADS"] = "1"
        alone = once(lambda: sweep(Rosenbrock(), start, opt, updates))
        del os.environ["LRBOOK_THREADS"]
        spread = once(lambda: sweep(Rosenbrock(), start, opt, updates, client=client))
        found |= {"alone": alone, "spread": spread}
    return found


# --- an import


def imports(rounds=25):
    """`import lrbook` and `import numpy`, each in a fresh interpreter, once they have been compiled."""
    fresh = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def starting(module):
        return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=fresh)

    found = timed({name: starting(name) for name in ("sys", "numpy", "lrbook")}, rounds)
    listed = "import lrbook, sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", listed], check=True, capture_output=True, text=True, env=fresh
    )
    heavy = {"sympy", "matplotlib", "llvmlite", "tqdm", "distributed", "dask", "IPython", "concurrent"}
    return found | {"heavy": sorted(heavy & set(loaded.stdout.split()))}


PARTS = {"steps": steps, "schedules": schedules, "sweeps": sweeps, "growth": growth, "imports": imports}
ONE = {
    "LRBOOK_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def apart(part, **variables):
    """What a part finds in a process of its own."""
    print(part, variables.get("LRBOOK_THREADS", "all"), "…", flush=True)
    env = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"} | variables
    ran = subprocess.run(
        [sys.executable, __file__, part], check=True, stdout=subprocess.PIPE, text=True, env=env
    )
    return json.loads(ran.stdout.splitlines()[-1])


def machine_and_versions():
    """Where it was measured."""
    names = ("numpy", "llvmlite", "torch", "jax", "optax", "distributed")
    return {
        "processor": next(
            (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
            platform.processor(),
        ),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    }


def main():
    if len(sys.argv) > 1:
        print(json.dumps(PARTS[sys.argv[1]]()))
        return
    found = {
        "machine": machine_and_versions(),
        "steps": {"one": apart("steps", **ONE), "all": apart("steps")},
        **{part: apart(part) for part in ("schedules", "sweeps", "growth", "imports")},
    }
    pages = json.loads(RESULTS.read_text()).get("pages", {}) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(found | {"pages": pages}, indent=1) + "\n")


if __name__ == "__main__":
    main()
