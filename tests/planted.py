"""Answers to the exercises that a check must refuse, and others that it must accept, by label.

Each is an expression, evaluated among the names of the chapter at that place. The first wrong one is the lazy
answer: what stands in the question, a constant where a schedule is asked for, the commonest mistake.
"""

WRONG = {
    "ex-ada-1": ["0.5 * 3", "0.5 * (1 + 8 / 14)"],  # a whole rate each time; the sum in place of its root
    "ex-ada-2": ["40 / 0.02", "1e6 * 1.01"],
    "ex-ada-3": ["np.array([5 / 250, 5 * 250.0])", "0.3"],
    "ex-ada-4": ["1.0", "0.01 / (np.sqrt(0.1) + 0.01)"],
    "ex-ada-5": ["np.eye(2)", "np.diag([1.0, 0.5])", "np.ones(3)"],
    "ex-adam-1": ["1.0", "np.sqrt(0.02) / 0.1"],
    "ex-adam-2": ["1000", "int(np.log(0.01) / np.log(0.999))"],  # the memory; not rounded up
    "ex-adam-3": ["0.999", "float(min(np.roots([4, -4 * 1.81 + 0.01, 4 * 0.81])))"],
    "ex-adam-4": ["np.array([7.0, -0.3, 0.001])", "np.array([-1.0, 1.0, -1.0])"],
    "ex-adam-5": ["20 * 51", "51.0"],
    "ex-cos-1": ["889", "1000"],  # a line's step
    "ex-cos-2": ["3e-5", "CosineDecay(3e-4, 5e12, 0.1)(928_646 * batch)"],  # the warmup forgotten
    "ex-cos-3": ["0.5", "1 - 1 / np.sqrt(2)"],  # the line's
    "ex-cos-4": ["CosineDecay(0.32, 1000)", "lambda t: 0.1", "[0.1] * 999"],
    "ex-cousin-1": ["0.25", "0.0"],
    "ex-cousin-2": ["0.5", "0.25 + 1 / np.pi**2"],
    "ex-cousin-3": ["1.0", "1.001 / 3.0902"],  # the default; the root forgotten
    "ex-cousin-4": ["(1.0, 0.55)", "(0.0, 0.0)", "(1.0, 3.0)"],  # the default; no noise; too quiet late
    "ex-exp-1": ["500.0", "5000 / np.log(1000)"],
    "ex-exp-2": ["0.5 * 20 / np.log(2)", "0.5 * 20"],  # 1.44 half-lives, without the half update
    "ex-exp-3": [
        "NaturalExpDecay(lr=0.1, decay_steps=1000, decay_rate=0.96, staircase=True)",
        "ExponentialDecay(0.1, 1000, np.exp(-0.96))",
        "ExponentialDecay(0.1, 1000, 0.96, True)",
    ],
    "ex-exp-4": ["np.log(100) / 0.01 * np.log(2)", "100.0"],
    "ex-exp-5": ["[116, 0]", "[45, 0.2]", "116"],  # the plain optimum of the page
    "ex-step-1": ["1 / 8", "2 / 8"],
    "ex-step-2": ["int(8 * np.log(10) / np.log(1.1))", "194.5"],
    "ex-step-3": ["0.1 * 2 * 2 / 9", "0.5"],  # the formula for small rates
    "ex-step-4": ["8 * eta", "eta"],
    "ex-step-5": ["1 / np.arange(1, 101)", "1 / np.arange(1, 102)", "0.1"],
    "ex-inv-1": ["4 / 9", "1 / (9 * 4)"],  # the start forgotten
    "ex-inv-2": [
        "lambda t: best_of_all[t]",
        "InverseTimeDecay(lr=2.0, decay_steps=1, decay_rate=1.0)",
        "InverseTimeDecay(lr=0.2, decay_steps=1, decay_rate=1.0)",
    ],
    "ex-inv-3": ["np.array([1.5, 1.5])", "np.array([(3 + np.sqrt(3)) / 2, (3 - np.sqrt(3)) / 2])", "'half'"],
    "ex-inv-4": ["3.0", "15.0"],
    "ex-inv-5": ["lambda t: pair_rates", "np.array([4.0, 1000, 1.0])", "np.array([2.0, 840, 0.35])"],
    "ex-mom-1": ["0.02 * 3", "0.02 * 3 * 0.95"],
    "ex-mom-2": ["2 / 40", "2 * 1.8 / 0.8 / 40"],
    "ex-mom-3": ["np.array([0.64, 0.8])", "np.array([(1 + np.sqrt(0.04)) ** 2, 0.16])"],
    "ex-mom-4": ["Momentum(0.5, 0.9)", "Momentum(0.05, 0.1)", "SGD(0.05)"],
    "ex-mom-5": [
        "Momentum(0.0007, 0.95)",
        "Momentum(0.005, 0.7)",
        "SGD(0.01)",
        "Momentum(best_rate, best_beta)",
    ],
    "ex-nag-1": ["np.array([0.15, 0.075])", "np.array([0.1, 0.1])"],
    "ex-nag-2": ["0.7", "0.7 - 0.9 * 0.2"],
    "ex-nag-3": ["0.0", "2.0"],
    "ex-nag-4": ["'yes'", "1"],
    "ex-nag-5": ["0.0", "0.999"],
    "ex-pc-1": ["np.log(100) / (0.02 * 0.3)", "100.0"],  # the square forgotten
    "ex-pc-2": [
        "PiecewiseConstant([500, 800], [0.1, 0.01, 0.001])",
        "PiecewiseConstant([499, 799], [0.1, 0.01, 0.001])",
    ],
    "ex-pc-3": ["0.0", "np.log(2) / -np.log(0.64)", "-np.log(4) / -np.log(0.64)"],
    "ex-pc-4": ["np.array([10.0, 20.0])", "np.log(2) / (2 * np.array([0.1, 0.05]))"],
    "ex-pc-5": [
        "PiecewiseConstant([220, 530, 820, *range(2000, 6000, 1000)], 0.445 * 0.37 ** np.arange(8))",
        "PiecewiseConstant(list(range(125, 1000, 125)), [1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])",
        "PolynomialDecay(0.3, 1000, 0.0)",
    ],
    "ex-poly-1": ["0.1", "0.09 * (1 - 1 / 100) + 0.01"],
    "ex-poly-2": ["PolynomialDecay(2e-5, 1000)", "PolynomialDecay(2e-5, 1000, end_lr=0.1)", "2e-5"],
    "ex-poly-3": ["np.array([0.4, 0.004])", "np.array([1.5, 0.15])"],
    "ex-poly-4": ["8", "6"],
    "ex-poly-5": [
        "schedules[full]",
        "PolynomialDecay(0.06, 800, 0.0)",
        "once",
    ],
    "ex-orace-1": [
        "np.log(10) * np.array([50.0, 2500.0])",
        "np.log(10) / -np.log(np.array([2499 / 2501, 49 / 51]))",
    ],
    "ex-orace-2": ["int(np.log(1000) / np.log(1.1))", "1000"],
    "ex-orace-3": ["0.1", "float(grid[-1])"],
    "ex-orace-4": ["0.05", "1.5"],
    "ex-orace-5": ["Nesterov(0.09, 0.93)", "Nesterov(PolynomialDecay(0.001, 200, end_lr=0.0))", "0.1"],
    "ex-rms-1": ["100.0", "np.log(100)"],
    "ex-rms-2": ["0.001", "0.001 / (1 - 0.99)"],
    "ex-rms-3": ["0.01", "0.01**2"],
    "ex-rms-4": ["0.25", "'none'"],
    "ex-rms-5": ["1.0", "0.001"],
    "ex-race-1": ["9 / 16", "11 / 32"],  # one update; the other order
    "ex-race-2": ["n / 5", "(n + 1) / 2"],
    "ex-race-3": ["0.1", "0.001"],
    "ex-race-4": ["lambda u: 1.0", "lambda u: 1 - u", "1.0"],
    "ex-warm-1": ["8", "9", "10"],  # as many as the peak has edges; not rounded up
    "ex-warm-2": ["5000", "5000 - 300", "5000 - 150"],
    "ex-warm-3": ["w", "sp.sqrt(w / (eta * start**2))"],
    "ex-warm-4": ["Constant(2.0)", "Warmup(100, Constant(4.0))", "0.1"],
    "ex-batch-1": ["9.0", "1.0", "3.0"],
    "ex-batch-2": ["3e-4", "8 * 3e-4"],  # unchanged; the other optimizer's rule
    "ex-batch-3": ["1 / E", "1 / E + lam**2 / sigma**2"],
    "ex-batch-4": [
        "(np.full(40, 1.0), np.full(40, 160.0))",
        "(np.full(40, 1.2), np.full(40, 1e6))",
        "(np.full(30, 1.2), np.full(30, 160.0))",
    ],
    "ex-wd-1": ["1 / (0.0002 * 0.05)", "np.log(2) / 0.0002"],
    "ex-wd-2": ["AdamW()", "AdamW(0.0005, weight_decay=0.00002)", "WithL2(Adam(0.0005), 0.04)"],
    "ex-wd-3": ["np.array([10.0, 10.0])", "np.array([10 / 1.4, 2.5])"],
    "ex-wd-4": ["0.02", "0.2"],
    "ex-wd-5": ["AdamW(0.0285, weight_decay=1.0)", "AdamW(0.03, weight_decay=1.0)", "AdamW()"],
}
RIGHT = {
    "ex-ada-5": ["rotation(45)[:, ::-1]", "(3 * rotation(45)).tolist()"],
    "ex-cos-4": ["ExponentialDecay(0.7, 1000, 0.03)", "[0.8 * 0.02 ** (k / 1000) for k in range(1000)]"],
    "ex-exp-3": ["ExponentialDecay(0.1, 1000, 0.38289288597511206, True)"],
    "ex-exp-5": ["[50, 0.0018]", "(40.0, 0.0016)"],
    "ex-step-5": ["1 / (np.arange(1, 101) + 1 / 9)", "[0.9] + [1 / (t + 1.1) for t in range(1, 100)]"],
    "ex-inv-5": ["[4.0, 850, 0.4]", "(4.1, 830, 0.35)"],
    "ex-mom-4": ["Momentum(lr=0.05)"],
    "ex-mom-5": ["Momentum(ExponentialDecay(best_rate / 2, 300, 0.01), 0.8)"],
    "ex-nag-5": ["0.97"],
    "ex-pc-5": [
        "PiecewiseConstant(list(range(125, 1000, 125)), list(0.5 * 0.62 ** np.arange(8)))",
    ],
    "ex-poly-5": ["PolynomialDecay(0.03, 800, 0.0)", "lambda step: 0.03 * (1 - np.asarray(step) / 800)"],
    "ex-orace-4": ["0.5", "0.8"],
    "ex-orace-5": [
        "Nesterov(PolynomialDecay(0.2, 200, end_lr=0.0))",
        "Adam(PolynomialDecay(0.05, 200, end_lr=0.0))",
    ],
    "ex-rms-4": ["0", "1e-12"],
    "ex-rms-5": ["200.0", "100"],
    "ex-race-4": ["lambda u: np.exp(-3.5 * u) * (1 - u) ** 0.5"],
    "ex-warm-4": ["Warmup(150, Constant(6.0))"],
    "ex-cousin-4": ["(0.0005, 0.0)"],
    "ex-wd-2": ["AdamW(5e-4, weight_decay=4e-2)", "WithWeightDecay(Adam(5e-4), 0.04)"],
    "ex-wd-5": ["AdamW(CosineDecay(0.1, 800), weight_decay=1.0)"],
}
