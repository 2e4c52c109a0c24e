"""A sweep is many runs at once, each as it would be alone; its best is inside it, or it is no best."""

import dataclasses
import sys

import numpy as np
import pytest

from lrbook import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    CosineDecay,
    Digits,
    InverseTimeDecay,
    Momentum,
    Nesterov,
    Optimizer,
    PiecewiseConstant,
    Quadratic,
    RMSprop,
    Rosenbrock,
    Slope,
    Split,
    Turned,
    WithL2,
    WithWeightDecay,
    best_of,
    descend,
    fast,
    lanes,
    sweep,
    sweeps,
)
from lrbook.hyperparameters import PositiveOrSchedule, hyperparameters
from lrbook.problems import rotation
from lrbook.wrappers import Wrapper

RATES, BETAS = np.array([0.1, 0.2, 0.3, 0.4]), [0.0, 0.5, 0.9]


def bowl(rate, beta):
    return (RATES[:, np.newaxis] - rate) ** 2 + (np.array(BETAS) - beta) ** 2


def test_the_best_is_named_by_its_axes_in_plain_numbers():
    best = best_of(bowl(0.21, 0.45), rate=RATES, beta=BETAS)
    assert (best["rate"], best["beta"], best.index) == (0.2, 0.5, (1, 1))
    assert type(best["rate"]) is float
    assert best.loss == bowl(0.21, 0.45)[1, 1]


@pytest.mark.parametrize(("rate", "value"), [(0.0, 0.1), (1.0, 0.4)])
def test_a_best_at_either_edge_is_refused_with_its_name_and_value(rate, value):
    with pytest.raises(ValueError, match=rf"the best rate must lie inside .* 0.1 to 0.4, got {value}: widen"):
        best_of(bowl(rate, 0.5), rate=RATES, beta=BETAS)


def test_an_axis_may_end_by_nature():
    with pytest.raises(ValueError, match="the best beta"):
        best_of(bowl(0.2, 0.0), rate=RATES, beta=BETAS)
    assert best_of(bowl(0.2, 0.0), rate=RATES, beta=BETAS, ends=["beta"])["beta"] == 0.0


def test_an_edge_that_is_as_good_as_the_inside_is_refused():
    with pytest.raises(ValueError, match=r"got 0\.4: widen"):
        best_of([1.0, 0.0, 1.0, 0.0], rate=RATES)


def test_a_run_that_left_is_not_the_best():
    assert best_of([1.0, np.nan, 0.5, np.inf], rate=RATES)["rate"] == 0.3
    with pytest.raises(ValueError, match="losses must hold a finite one"):
        best_of([np.nan] * 4, rate=RATES)


def test_axes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"the lengths of the axes, \{'rate': 4\}, got shape \(3,\)"):
        best_of([1.0, 0.0, 1.0], rate=RATES)
    with pytest.raises(ValueError, match="losses must hold a finite one"):
        best_of([], rate=[])


# --- sweep: each run is what descend does alone

START = np.array([-1.5, 2.0])
MANY = fast.LANES_OF_RUNS + 77
LADDER = np.geomspace(1e-4, 3.0, MANY)  # for most rules the last of these rates are too large
SWEPT = [
    SGD(LADDER),
    Momentum(LADDER, 0.8),
    Nesterov(LADDER, 0.8),
    Adagrad(LADDER),
    RMSprop(LADDER, eps_inside=False),
    Adadelta(LADDER * 10),
    Adam(LADDER),
    AdamW(LADDER, weight_decay=0.1),
    WithL2(Nesterov(LADDER), 0.1),
    WithWeightDecay(Momentum(LADDER), 0.1),
    SGD(CosineDecay(0.003, 40, alpha=np.linspace(0, 1, MANY))),
    SGD(lambda t: LADDER / (t + 1)),
    Adam(InverseTimeDecay(0.1, 10, 1.0), beta1=np.linspace(0.5, 0.99, MANY)),
    Adam(0.1, beta2=np.linspace(0.5, 0.99, MANY), eps=np.geomspace(1e-8, 1, MANY)),
    RMSprop(LADDER, beta=np.linspace(0, 0.99, MANY)),
]
STEPS = fast.LONGEST // MANY + 1
LOOPED = [Rosenbrock(), Quadratic([1.0, 30.0]), Slope(2.0)]


@pytest.fixture
def runners(monkeypatch):
    """What was made of the sweeps of a test: a loop, or none."""
    made, make = [], lanes.attempted

    def attempted(function):
        made.append(make(function))
        return made[-1]

    monkeypatch.setattr(lanes, "attempted", attempted)
    monkeypatch.delenv("LRBOOK_FAST", raising=False)
    return made


def without_loops(monkeypatch, *given, **options):
    with monkeypatch.context() as patch:
        patch.setenv("LRBOOK_FAST", "0")
        return sweep(*given, **options)


def same(mine, theirs):
    np.testing.assert_array_equal(mine.theta, theirs.theta)
    np.testing.assert_array_equal(mine.updates, theirs.updates)
    np.testing.assert_array_equal(mine.loss, theirs.loss)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("problem", LOOPED, ids=repr)
@pytest.mark.parametrize("opt", SWEPT, ids=lambda opt: type(opt).__name__)
def test_a_loop_over_runs_has_the_bits_of_numpy(opt, problem, dtype, runners, monkeypatch):
    monkeypatch.setattr(lanes, "RECORDED", 1 << 12)  # several chunks of updates
    monkeypatch.setattr(lanes, "TOLD", 1 << 16)
    mine = sweep(problem, START.astype(dtype), opt, STEPS)
    assert len(runners) == 1
    assert runners[0] is not None
    assert mine.theta.dtype == dtype
    same(mine, without_loops(monkeypatch, problem, START.astype(dtype), opt, STEPS))


def test_runs_leave_in_these_sweeps_and_others_do_not():
    """Else the tests above show nothing of runs that leave."""
    left = [sweep(LOOPED[0], START, opt, STEPS).diverged.mean() for opt in SWEPT]
    assert sum(0.05 < share < 0.95 for share in left) >= 5


@pytest.mark.parametrize("fast_is", ["0", "1"])
@pytest.mark.parametrize("opt", [SGD, Momentum, Nesterov, Adam, AdamW])
def test_each_run_is_what_descend_does_alone(opt, fast_is, monkeypatch):
    monkeypatch.setenv("LRBOOK_FAST", fast_is)
    together = sweep(Rosenbrock(), START, opt(LADDER), STEPS)
    for k in range(0, MANY, 37):
        with np.errstate(all="ignore"):
            alone = descend(Rosenbrock(), START, opt(float(LADDER[k])), STEPS)
        np.testing.assert_array_equal(together.theta[k], alone.theta[-1])
        np.testing.assert_array_equal(together.loss[k], alone.loss[-1])
        assert together.updates[k] == len(alone.lr)
        assert together.diverged[k] == alone.diverged


@pytest.mark.parametrize("fast_is", ["0", "1"])
def test_each_run_has_the_noise_of_a_run_alone(fast_is, monkeypatch):
    monkeypatch.setenv("LRBOOK_FAST", fast_is)
    bowl, rates = Quadratic([1.0, 9.0], noise=0.3), np.geomspace(1e-3, 1, MANY)
    together = sweep(bowl, START, Momentum(rates), STEPS, seed=3)
    assert 0 < together.diverged.mean() < 1
    for k in (0, 100, MANY - 1):
        with np.errstate(all="ignore"):
            alone = descend(bowl, START, Momentum(float(rates[k])), STEPS, seed=3)
        np.testing.assert_array_equal(together.theta[k], alone.theta[-1])
        assert together.updates[k] == len(alone.lr)


def test_settings_broadcast_and_runs_keep_their_axes():
    betas, rates = np.array([0.0, 0.5, 0.9])[:, np.newaxis], np.array([0.01, 0.1])
    found = sweep(Quadratic([1.0, 2.0]), START, Momentum(rates, betas), 20)
    assert found.theta.shape == (3, 2, 2)
    assert found.loss.shape == found.updates.shape == found.diverged.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        alone = descend(Quadratic([1.0, 2.0]), START, Momentum(float(rates[j]), float(betas[i, 0])), 20)
        np.testing.assert_array_equal(found.theta[i, j], alone.theta[-1])
        assert found.loss[i, j] == alone.loss[-1]


def test_parameters_may_have_names_and_runs_of_their_own():
    digits, rates = Digits(hidden=4, batch_size=8), np.array([0.01, 0.1, 1e300])
    starts = [digits.start(k) for k in range(2)]
    theta = {name: np.stack([one[name] for one in starts]) for name in starts[0]}
    opt = Split(
        {"[VW]": WithWeightDecay(Adam(rates), 0.01), "*": SGD(PiecewiseConstant([5], [rates, rates / 2]))}
    )
    found = sweep(digits, theta, opt, 10, seed=1)
    assert found.loss.shape == (3, 2)
    assert found.diverged.tolist() == [False, False, True]
    for k, rate in enumerate(rates.tolist()):
        one = Split(
            {"[VW]": WithWeightDecay(Adam(rate), 0.01), "*": SGD(PiecewiseConstant([5], [rate, rate / 2]))}
        )
        with np.errstate(all="ignore"):
            alone = descend(digits, theta, one, 10, seed=1)
        for name in theta:
            np.testing.assert_allclose(found.theta[name][k], alone.theta[name][-1], rtol=1e-12, atol=1e-15)
        assert found.updates[k] == len(alone.lr["*"])


@hyperparameters
class Normed(Optimizer):
    """A step as long as the rate, in the direction of the gradient: its entries are mixed."""

    lr: PositiveOrSchedule = 0.01
    elementwise = False

    def rule(self, theta, g, lr, t, m):
        return theta - lr * g / np.sqrt((g * g).sum()), m + 1


@hyperparameters
class Halved(Wrapper):
    def gradients(self, g):
        return {name: part / 2 for name, part in g.items()}


@pytest.mark.parametrize(
    "scale", [0.01, LADDER[:7], lambda t: LADDER[:7] / (t + 1)], ids=["one", "rates", "function"]
)
@pytest.mark.parametrize(
    "make",
    [
        Normed,
        lambda lr: ClipByGlobalNorm(SGD(lr), np.geomspace(0.1, 10, 7)),
        lambda lr: Split({"*": WithL2(ClipByGlobalNorm(Momentum(lr), 0.5), 0.1)}),
        lambda lr: Halved(Adam(lr)),
        lambda lr: WithL2(Normed(lr), 0.1),
    ],
)
def test_runs_are_apart_where_entries_are_mixed(make, scale):
    found = sweep(Rosenbrock(), START, make(scale), 30)
    one_of = lambda x, k: x if np.ndim(x) == 0 else float(x[k])  # noqa: E731
    for k in range(found.updates.size):
        rate = (lambda t, k=k: one_of(scale(t), k)) if callable(scale) else one_of(scale, k)
        opt = make(rate)
        if isinstance(opt, ClipByGlobalNorm):
            opt = dataclasses.replace(opt, norm=float(opt.norm[k]))
        alone = descend(Rosenbrock(), START, opt, 30)
        np.testing.assert_array_equal(found.theta.reshape(-1, 2)[k], alone.theta[-1])


def test_runs_that_are_made_one_by_one_end_by_themselves_too():
    found = sweep(Rosenbrock(), START, Halved(SGD(LADDER)), 30)
    assert 0 < found.diverged.mean() < 1
    assert sweep(Rosenbrock(), START, Normed(np.empty(0)), 30).updates.shape == (0,)
    for k in (0, MANY - 1):
        alone = descend(Rosenbrock(), START, Halved(SGD(float(LADDER[k]))), 30)
        assert found.updates[k] == len(alone.lr)


class Own:
    """A problem of one's own, which is not one for a loop."""

    def __init__(self, gradient, loss=lambda theta: theta.sum(axis=-1)):
        self.gradient, self.loss = lambda theta, rng=None: gradient(theta), loss


@pytest.mark.parametrize(
    ("gradient", "looped"),
    [
        (lambda theta: 2 * theta, True),
        (lambda theta: theta * theta.sum(axis=-1, keepdims=True), False),
        (lambda theta: theta @ np.array([[1.0, 0.3], [0.3, 2.0]]), False),
        (lambda theta: np.flip(theta, axis=-1), False),
        (lambda theta: np.where(theta > 0, 1.0, -1.0), False),
        (lambda theta: np.sin(theta), False),
        (lambda theta: np.full_like(theta, np.inf), True),
        (lambda theta: theta - theta.mean(axis=0), False),
    ],
)
def test_a_gradient_of_ones_own_is_a_loop_only_with_numpys_bits(gradient, looped, runners, monkeypatch):
    mine = sweep(Own(gradient), START, Adam(LADDER), STEPS)
    assert (runners[0] is not None) == looped
    same(mine, without_loops(monkeypatch, Own(gradient), START, Adam(LADDER), STEPS))


def test_what_mixes_entries_or_draws_noise_is_left_to_numpy(runners, monkeypatch):
    turned = Turned(Quadratic([1.0, 5.0]), rotation(30.0))
    for problem, opt in [
        (Quadratic([1.0, 2.0], 0.1), SGD(LADDER)),
        (turned, SGD(LADDER)),
        (Rosenbrock(), ClipByGlobalNorm(SGD(LADDER), 1.0)),
        (Rosenbrock(), Split({"*": SGD(LADDER)})),
        (Rosenbrock(), SGD(lambda t: LADDER if t == 0 else 0.001)),
        (Rosenbrock(), Momentum(lambda t: 0.001 if t < 1 else LADDER / 100, np.linspace(0, 0.9, MANY))),
        (Rosenbrock(), Momentum(lambda t: 0.001 if t < 5 else LADDER / 100, np.linspace(0, 0.9, MANY))),
    ]:
        same(sweep(problem, START, opt, STEPS), without_loops(monkeypatch, problem, START, opt, STEPS))
    assert [runner is None for runner in runners] == [True] * 4 + [False, True, False]


def test_a_norm_that_is_exceeded_late_and_in_few_runs_is_limited_there(monkeypatch):
    """So late that the first updates of the first runs, on which a loop is tried, say nothing."""
    bowl, opt = Quadratic([1.0, 30.0]), ClipByGlobalNorm(SGD(LADDER), 1e4)
    mine = sweep(bowl, START, opt, STEPS)
    same(mine, without_loops(monkeypatch, bowl, START, opt, STEPS))
    assert not mine.diverged.any()
    assert sweep(bowl, START, SGD(LADDER), STEPS).diverged.any()


@pytest.mark.parametrize("fast_is", ["0", "1"])
def test_a_gradient_that_becomes_zero_is_not_divided_by_itself(fast_is, monkeypatch):
    monkeypatch.setenv("LRBOOK_FAST", fast_is)
    rates = np.append(LADDER, 0.25)  # the last run is at zero after four steps
    with pytest.raises(ValueError, match="eps must be > 0 where a gradient has been 0"):
        sweep(Quadratic([1.0]), [1.0], RMSprop(rates, beta=0.0, eps=0.0), STEPS)


def test_an_optimizer_whose_memory_is_of_another_kind_is_left_to_numpy(runners, monkeypatch):
    @hyperparameters
    class Wide(Optimizer):
        lr: PositiveOrSchedule = 0.01

        def start(self, theta):
            return (np.zeros(theta.shape, np.float64),)

        def rule(self, theta, g, lr, t, m):
            return theta - lr * g, m + g

    mine = sweep(Rosenbrock(), START.astype(np.float32), Wide(LADDER / 1000), STEPS)
    same(mine, without_loops(monkeypatch, Rosenbrock(), START.astype(np.float32), Wide(LADDER / 1000), STEPS))
    assert runners == [None]


def test_a_sweep_is_computed_in_the_dtype_of_its_start():
    found = sweep(Quadratic(np.array([1.0, 1 / 3]), 0.1), START.astype(np.float32), Adam(LADDER[:5]), 10)
    assert found.theta.dtype == found.loss.dtype == np.float32
    mixed = {"W": np.ones((64, 10), np.float32), "b": np.zeros(10)}
    ends = sweep(Digits(), mixed, SGD(LADDER[:2] / 100), 2).theta
    assert (ends["W"].dtype, ends["b"].dtype) == (np.float32, np.float64)
    assert sweep(Own(lambda theta: 2 * theta), [1, 2], SGD(LADDER[:2]), 1).theta.dtype == np.float64


def test_no_array_is_one_run_and_no_entry_none():
    one = sweep(Quadratic([1.0]), 2.0 * np.ones(1), SGD(0.5), 3)
    assert (one.theta.tolist(), one.loss.shape, one.updates.tolist()) == ([0.25], (), 3)
    none = sweep(Quadratic([1.0]), np.ones(1), SGD(np.empty(0)), 3)
    assert (none.theta.shape, none.loss.shape, none.updates.shape) == ((0, 1), (0,), (0,))
    still = sweep(Quadratic([1.0]), np.ones(1), SGD(LADDER), 0)
    assert np.all(still.theta == 1)
    assert not still.diverged.any()


@pytest.mark.parametrize("fast_is", ["0", "1"])
def test_a_start_that_is_not_finite_makes_no_update(fast_is, monkeypatch):
    monkeypatch.setenv("LRBOOK_FAST", fast_is)
    found = sweep(Rosenbrock(), np.array([np.inf, 1.0]), SGD(LADDER), STEPS)
    assert found.diverged.all()
    assert not found.updates.any()
    assert np.all(found.theta == [np.inf, 1.0])


@pytest.mark.parametrize("fast_is", ["0", "1"])
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"optimizer": CosineDecay(0.1, 10)}, TypeError, "optimizer must be an Optimizer, got CosineDecay"),
        ({"steps": -1}, ValueError, "steps must be a whole number >= 0, got -1"),
        ({"seed": 0.5}, ValueError, "seed must be"),
        (
            {"optimizer": Momentum(np.ones(3), np.zeros(2))},
            ValueError,
            r"broadcast .* got shapes \[\(2,\), \(3,\)\]",
        ),
        ({"optimizer": SGD(lambda t: np.nan)}, ValueError, "lr must be finite, got nan at step 0"),
        ({"optimizer": SGD(lambda t: LADDER / (7 - t))}, ValueError, "lr must be finite, got inf at step 7"),
        (
            {"optimizer": SGD(lambda t: LADDER if t else 0.1)},
            ValueError,
            r"lr must broadcast to the runs, of shape \(\), got shape \(589,\) at step 1",
        ),
        ({"optimizer": Adam(LADDER, eps=0.0), "theta0": np.ones(2)}, ValueError, "eps must be > 0 where"),
        ({"problem": Quadratic(np.ones((4, 2)))}, ValueError, r"its shape \(2,\), got \(4, 2\): all runs"),
        ({"theta0": np.array(["a", "b"])}, TypeError, "theta must be an array of floating-point numbers"),
    ],
)
def test_what_cannot_be_is_refused_in_the_same_words_with_and_without_loops(
    change, error, words, fast_is, monkeypatch
):
    monkeypatch.setenv("LRBOOK_FAST", fast_is)
    given = {"problem": Rosenbrock(), "theta0": START, "optimizer": SGD(LADDER), "steps": STEPS} | change
    with np.errstate(all="ignore"), pytest.raises(error, match=words):
        sweep(**given)


def test_a_long_sweep_shows_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(sweeps, "PATIENCE", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for setting in ("0", "1"):
        monkeypatch.setenv("LRBOOK_FAST", setting)
        sweep(Rosenbrock(), START, Adam(LADDER[:500] / 10), 600)
        sweep(Rosenbrock(), START, Adam(LADDER), STEPS)
        shown = capsys.readouterr().err
        assert " updates" in shown
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    sweep(Rosenbrock(), START, Adam(LADDER[:50] / 10), 600)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    sweep(Rosenbrock(), START, Adam(LADDER[:50] / 10), 600)
    assert capsys.readouterr().err == ""


# --- on a cluster


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


NOISY = Quadratic([1.0, 9.0], noise=0.3)


@pytest.mark.parametrize("pieces", [None, 1, 7])
@pytest.mark.parametrize(
    ("problem", "opt"),
    [
        (Rosenbrock(), Adam(LADDER)),
        (NOISY, Momentum(LADDER[:20], np.array([[0.0], [0.5], [0.9]]))),
        (Rosenbrock(), SGD(lambda t: LADDER / 1000 / (t + 1))),
    ],
    ids=["loop", "noise", "function"],
)
def test_a_cluster_gives_the_same_bits_in_order(problem, opt, pieces, client):
    mine = sweep(problem, START, opt, STEPS, seed=2)
    same(sweep(problem, START, opt, STEPS, seed=2, client=client, pieces=pieces), mine)


def test_what_a_worker_refuses_is_raised_here(client):
    with pytest.raises(ValueError, match=r"lr must be finite, got nan at step 3"):
        sweep(NOISY, START, SGD(lambda t: 0.1 if t < 3 else np.nan), 9, client=client)
    with pytest.raises(ValueError, match="pieces must be a whole number"):
        sweep(NOISY, START, SGD(0.1), 9, client=client, pieces=1.5)


def test_there_are_no_more_pieces_than_runs(client):
    assert sweep(NOISY, START, SGD(0.1), 9, client=client, pieces=5).updates == 9
    assert sweep(NOISY, START, SGD(np.empty(0)), 9, client=client).updates.shape == (0,)


def test_a_worker_runs_a_piece_in_one_thread(monkeypatch):
    monkeypatch.setenv("LRBOOK_THREADS", "3")
    seen = sweeps._alone(lambda first, last: (first, last, fast.threads()), 2, 5)
    assert seen == (2, 5, 1)
    assert fast.threads() == 3
