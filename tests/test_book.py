"""The book keeps its promises: anatomy, exercises, figures, claims, citations, one copy of each kernel.

The sources are read, not built; `test_pages.py` looks at what was built.
"""

import ast
import inspect
import re
import textwrap
from itertools import zip_longest
from pathlib import Path

import jupytext
import pytest
import yaml
from cells import labelled
from figures import cells as live_cells

import lrbook

ROOT = Path(__file__).parent.parent
BOOK = ROOT / "book"
FRONT = {
    "index",
    "what-to-use",
    "atlas",
    "family-tree",
    "what-it-costs",
    "under-the-hood",
    "in-todays-libraries",
    "errata",
    "practice",
    "notation",
    "glossary",
    "api",
    "bibliography",
    "status",
}
LINES, WIDTH = 40, 72  # of code in view: what a chapter has room for, and what a page has
KNOWN_HOW = ("proved", "computed here", "reported", "open")
NOTES = [  # what the source notes claim, in their order
    "固定学习率衰减",
    "在使用过程中都是直接调包，但是了解其原理才能做出最优选择",
    "对每个step设置固定的LR",
    "指数型衰减",
    "标准指数型衰减与阶梯式指数型衰减（为了在同一个衰减周期中保持相同的lr）",
    "和上一个相比，使用了 $\\frac{1}{e}$ 作为底数",
    "`natural_expo_decay` 的lr下降速度要比 `exponential_decay` 快得多",
    "`natural_expo_decay` 相对适合容易训练的网络，使模型在训练初期就快速收敛",
    "调包时有一个参数 `cycle`，用于决定lr是否在下降后重新上升",
    "这是为了防止后期的lr非常小导致网络一直陷于某个局部极小点",
    "通过突然调大lr可以帮助网络跳出该极小点，增加探索区域，从而找到更优的局部极小点",
    "时间（迭代次数）倒数衰减",
    "近两年主流LLM都采用cosine decay的学习率策略",
    "lr首先缓慢下降，然后加速下降，再次缓慢下降",
    "仅采用余弦函数进行学习率衰减，使学习率在每个周期内逐渐减小",
    "在余弦衰减的基础上加入线性递减项，使学习率除了周期性振荡外，还能整体上缓慢下降",
    "在线性余弦衰减基础上添加随机噪声，使学习率在每次更新时有随机变化",
    "从而避免陷入局部最优",
    "自适应学习率方法是梯度下降（Gradient Descent）法的一种",
    "从SGD分别从梯度和学习率两个分支进行了发展",
    "加速SGD，特别是处理高曲率、小但一致的梯度",
    "积累了之前梯度指数级衰减的移动平均，并且继续沿该方向移动",
    r"默认 $\beta=0.9$",
    "如果梯度方向不变，就越发更新的快，反之减弱，当前保证梯度收敛",
    "在标准动量方法中添加了一个校正因子",
    "要求梯度下降更快，更加智能，直接先按照前一次梯度方向更新一步将它作为当前的梯度",
    "如果一个参数的梯度变化较大，其学习率会逐渐减小，而梯度变化较小的参数学习率则相对较大",
    "但学习率会持续衰减最终趋于0",
    "自适应地为各个维度的参数分配不同的学习率",
    "g_t 较小时，能够放大梯度， g_t 较大时，能够约束梯度（激励+惩罚）",
    "梯度累积导致学习率单调递减，后期学习率非常小",
    "需要设置一个合适的全局初始学习率",
    "它通过限制累积梯度的窗口来取代全局累积的方法，使得过去一段时间内的梯度对当前更新产生影响",
    "**不需要全局学习率(lr)**",
    "结合Adadelata的思想，通过指数加权移动平均来调整学习率，从而适应不同的梯度情况",
    r"$\eta = \sqrt{E[\Delta \theta^2]_{t-1} + \epsilon}$",
    "训练后期反复在局部最小值附近抖动",
    "结合了 RMSprop 和 Momentum 的优点, 使用动量的思想来计算梯度的一阶和二阶矩估计",
    "然后对这些矩进行偏差校正从而提高训练效果",
    r"$\text{默认 } \beta_1 = 0.9, \beta_2 = 0.99$",
    r"$\Delta \theta_t = -\frac{\hat{m}_t}{\sqrt{\hat{n}_t + \epsilon}} * \eta$",
    "对学习率没有那么敏感",
    "学习步长有一个确定的范围, 参数更新比较稳",
    "学习率在训练的后期仍然可能不稳定, 导致无法收敛到足够好的值, 泛化能力较差",
    "对于传统SGD算法来说, 权值衰减正好跟l2正则则是等价的",
    "因此, 在大多数优化机器学习库中, l2正则被作为权值衰减来实现",
    "但是，L2正则和权值衰减的等价关系在自适应学习率衰减中并不成立，因为自适应学习率衰减方法会根据历史梯度动态调整每个参数的学习率",
    "为了解决这个问题，通过将权值衰减和梯度更新进行解耦，提出了AdamW",
    "提供了更加有效的正则化策略，特别适用于深度学习中的大模型训练场景",
    "每个参数都要额外保存两个值",
    "每个值都需要用float32位来存储",
    "如果参数用float16存储，这两个值占用大小将是参数大小的4倍",
    "`optimizers.SGD(lr=0.01, momentum=0.0, decay=0.0, nesterov=False)`",
]


def toc():
    """The pages in the order of the table of contents."""
    listed = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = listed.get("parts", [{"chapters": listed.get("chapters", [])}])
    return [listed["root"], *(entry["file"] for part in parts for entry in part["chapters"])]


def notebook(page):
    return jupytext.read(BOOK / f"{page}.md", fmt="md:myst")


def code(page):
    return [cell for cell in notebook(page).cells if cell.cell_type == "code"]


def prose(page):
    return "\n\n".join(cell.source for cell in notebook(page).cells if cell.cell_type == "markdown")


PAGES = toc()
CHAPTERS = [page for page in PAGES if page not in FRONT]
chapters = pytest.mark.parametrize("page", CHAPTERS)
pages = pytest.mark.parametrize("page", PAGES)


def test_every_page_is_in_the_table_of_contents():
    assert sorted([*PAGES, "404"]) == sorted(path.stem for path in BOOK.glob("*.md"))
    assert set(PAGES) >= FRONT
    assert CHAPTERS


@chapters
def test_a_chapter_has_the_anatomy(page):
    """What it must contain; its headings are its own."""
    text = prose(page)
    assert f"(ch-{page})=" in text
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[-2:] == ["Exercises", "Summary and sources"]
    assert len(set(headings)) == len(headings) >= 6
    opening, *sections = text.split("\n## ")
    assert len(opening.split()) > 100, "the opening asks a question and answers it"
    assert "minutes to read" in opening
    assert "{doc}`status`" in opening or "<status>" in opening
    assert "{glue:text}" in opening, "the answer comes with its number"
    assert any("image" in cell.metadata.get("mystnb", {}) for cell in code(page)[:4]), (
        "a picture in the opening"
    )
    story = "\n## ".join(sections[:-2])
    assert re.search(r"^\$\$$", story, re.M), "a displayed equation"
    rule = re.search(r"\{literalinclude\}", text).start()
    assert "$$" in text[:rule], "the rule as an equation before it is code"


@chapters
def test_a_chapter_can_be_read_in_one_sitting_and_says_how_long_it_takes(page):
    told = prose(page).split("## Exercises")[0]
    words = len(re.sub(r"\$\$.*?\$\$", " ", told, flags=re.S).split())
    (minutes,) = map(int, re.findall(r"About (\d+) minutes to read", told))
    assert minutes <= 15
    assert 120 < words / minutes < 240  # with formulas and figures to look at on the way


def test_what_the_book_grew_from_is_spoken_of_where_it_is_judged():
    """Elsewhere no page quotes it, or calls it "the notes": who reads a chapter need not know of it."""
    for page in set(PAGES) - {"errata", "glossary"}:
        assert not re.search(r"\bthe notes\b|[\u4e00-\u9fff]", prose(page), re.I), page


def in_view(page):
    """The lines of code that a reader sees without unfolding anything."""
    hidden = {"hide-input", "remove-cell", "remove-input", "hide-cell"}
    cells = [cell for cell in code(page) if not hidden & set(cell.metadata.get("tags", []))]
    return [line for cell in cells for line in cell.source.splitlines() if line.strip()]


@chapters
def test_little_code_is_in_view_and_none_of_it_is_cut(page):
    lines = in_view(page)
    wide = [line for line in lines if len(line) > WIDTH]
    assert len(lines) <= LINES
    assert not wide


@chapters
def test_a_chapter_is_prose_rather_than_a_list(page):
    text = prose(page)
    words = len(text.split())
    assert words > 1200
    bullets = re.findall(r"^\s*[-*] ", text, re.M)
    assert len(bullets) < words / 150


@chapters
def test_the_summary_says_how_each_claim_is_known(page):
    summary = prose(page).split("## Summary and sources")[1]
    assert "{admonition} Takeaways" in summary
    assert "{glue:text}" in summary
    rows = re.findall(r"^\|(?!\s*-|\s*claim)(.+)\|\s*$", summary, re.M | re.I)
    assert len(rows) >= 4
    for row in rows:
        assert any(kind in row.lower() for kind in KNOWN_HOW), row


@chapters
def test_every_exercise_has_one_executed_solution_and_a_check(page):
    exercises, solutions, folded = {}, {}, {}
    for kind, label, cell in labelled(notebook(page).cells):
        if kind:
            (exercises if kind == "exercise" else solutions).setdefault(label, []).append(cell.source)
            folded[cell.source] = "hide-input" in cell.metadata.get("tags", [])
    text = prose(page)
    solves = re.findall(r"```\{solution-start\} (\S+)\s*\n:label: (\S+)\s*\n:class: dropdown", text)
    assert len(exercises) >= 4
    assert sorted(target for target, _ in solves) == sorted(exercises), "one solution each"
    assert {label for _, label in solves} == set(solutions)
    for target, label in solves:
        assert label == target.replace("ex-", "sol-")
        place, checked = exercises[target]
        assert re.fullmatch(r"(.*\n)*answer = \.\.\..*", place), (
            f"{target} leaves a place for an answer, and no more"
        )
        assert "check(answer, " in checked, f"{target} checks it"
        assert folded[checked], f"{target} shows neither its check nor a hint before an attempt"
        assert any("check(" in source for source in solutions[label]), f"{label} passes the check"
    assert text.count("{exercise-end}") == len(exercises)
    assert text.count("{solution-end}") == len(exercises)
    for stars in ("★ ", "★★ ", "★★★ "):
        assert re.search(rf"exercise-start\}} {stars}\w", text), "from easy to open-ended"


@pages
def test_every_figure_has_an_alt_text_a_caption_and_a_mention(page):
    text = prose(page)
    for cell in notebook(page).cells:
        if cell.cell_type != "code" or "plt.show()" not in cell.source:
            continue
        options = cell.metadata["mystnb"]
        alt, figure = options["image"]["alt"], options["figure"]
        assert 40 <= len(alt) <= 500
        assert len(figure["caption"]) >= 40
        assert cell.source.count("plt.show()") == 1
        assert cell.source.rstrip().endswith("plt.show()")
        if page in CHAPTERS:
            assert "{numref}`" + figure["name"] + "`" in text, "the prose says what to look for"


@pytest.mark.parametrize("page", ["index", *CHAPTERS, "atlas"])
def test_every_chapter_has_a_figure_that_answers_and_three_things_to_find(page):
    """What the text says is to be found is held by the hidden cell after the figure's."""
    own = {name: found for name, found in live_cells().items() if found[0] == page}
    assert own, "nothing to move"
    for name, (_, _, cell, following) in own.items():
        options = cell.metadata["mystnb"]
        assert 40 <= len(options["image"]["alt"]) <= 500
        assert len(options["figure"]["caption"]) >= 40
        said = prose(page).split("{numref}`" + name + "`")[1].split("Three things to find")[1]
        bullets = said.strip().split("\n\n")[1]
        assert len(re.findall(r"^- ", bullets, re.M)) == 3, name
        assert "remove-cell" in following.metadata["tags"]
        assert len(re.findall(r"^\s*(assert |claim\()", following.source, re.M)) >= 3, name


NUMBERS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|half|halves|third|quarter|tenth|hundred|"
    "thousand|twice"
)
OUTCOMES = (
    r"\w+er than|best|better|lowest|highest|lower|higher|faster|slower|sooner|steeper|earlier|ahead|behind|"
    r"above|below|converge\w*|diverge\w*|leaves?|settles?|arrives?|rises?|falls?|climbs?|cross\w*|same|equal"
)
SAYS_SOMETHING = re.compile(rf"\d|\b({NUMBERS}|{OUTCOMES})\b", re.I)


@pages
def test_what_a_caption_or_an_alt_text_says_is_asserted(page):
    """A number or a word of outcome is held by the figure's own cell, or by the hidden one after it."""
    cells = code(page)
    for cell, following in zip_longest(cells, cells[1:]):
        if "plt.show()" not in cell.source:
            continue
        options = cell.metadata["mystnb"]
        said = options["image"]["alt"] + " " + options["figure"]["caption"]
        if not SAYS_SOMETHING.search(said):
            continue
        held = cell.source
        read = "hide-input" not in cell.metadata.get(
            "tags", []
        )  # a call that is meant to be read has no asserts
        if read and following is not None and "remove-cell" in following.metadata.get("tags", []):
            held += following.source
        assert re.search(r"^\s*assert\b", held, re.M), options["figure"]["name"]


def summary_rows(page):
    """The claims of a chapter's last table, with how each is known."""
    table = prose(page).split("| claim | how it is known |")[1]
    return re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.M)


@chapters
def test_proved_is_said_only_where_a_cell_proves_it(page):
    """Such a cell says so, in a comment that quotes the claim; it does algebra, and asserts the result."""
    sources = [cell.source for cell in code(page)]
    marks = [
        (mark, i)
        for i, source in enumerate(sources)
        for line in re.findall(r"# proves (.*)", source)
        for mark in re.findall(r'"([^"]+)"', line)
    ]
    for mark, i in marks:
        assert any("assert " in source for source in sources[i : i + 2]), mark
        assert re.search(r"\bsp\.|\.rule\(", sources[i]), f"{mark}: nothing symbolic"
    proved = [claim for claim, how in summary_rows(page) if re.search(r"\bproved\b", how)]
    for claim in proved:
        assert any(mark in claim for mark, _ in marks), f"no cell says that it proves: {claim}"
    for mark, _ in marks:
        assert any(mark in claim for claim in proved), f"the summary does not claim: {mark}"


def test_each_line_of_advice_says_how_it_is_known_and_where():
    text = prose("what-to-use")
    rows = re.findall(r"^\|(?!\s*-|\s*setting|\s*what you see)(.+)\|\s*$", text, re.M)
    assert len(rows) >= 15
    for row in rows:
        known = row.split(" | ")[-1]
        assert re.search(r"\b(proved|computed|reported|open)\b", known), row
        assert re.search(r"\{(doc|cite:p|numref)\}|here", known), row


def symbol_rows(page):
    """The rows of a page's table of symbols."""
    rows, inside = [], False
    for line in prose(page).splitlines():
        inside = line.startswith("| symbol | meaning | unit | in code |") or (inside and line.startswith("|"))
        if inside and not line.startswith(("| symbol", "|---")):
            rows.append(line)
    return rows


def test_a_symbol_has_one_meaning_in_the_notation():
    symbols = [row.split(" | ")[0] for row in symbol_rows("notation")]
    assert len(symbols) > 40
    assert len(set(symbols)) == len(symbols)
    named = [part for symbol in symbols for part in re.sub(r"[|$ ]|=.*", "", symbol).split(",")]
    named = [part for part in named if part != r"\dots"]
    assert len(set(named)) == len(named), "a symbol stands in two rows"


@chapters
def test_the_symbols_of_a_chapter_are_those_of_the_notation(page):
    rows = symbol_rows(page)
    assert rows
    assert set(rows) <= set(symbol_rows("notation"))
    assert len(set(rows)) == len(rows)


def rule_body(function):
    """What a rule returns, with hyperparameters by their bare names."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    return normal(definition.body[-1])


def normal(node):
    return ast.unparse(node).replace("self.", "")


@chapters
def test_no_kernel_is_written_a_second_time(page):
    kernels = [cls for _, cls in inspect.getmembers(lrbook, inspect.isclass) if "rule" in vars(cls)]
    names = {cls.__name__ for cls in kernels}
    returns = {rule_body(cls.rule) for cls in kernels if cls not in (lrbook.Schedule, lrbook.Optimizer)}
    for cell in code(page):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ClassDef):
                bases = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
                assert not bases & {"Schedule", "Optimizer", *names}, node.name
            if isinstance(node, ast.FunctionDef):
                assert node.name not in {"rule", *names}
            if isinstance(node, ast.Return) and not isinstance(node.value, ast.Name):
                assert normal(node) not in returns, ast.unparse(node)


@chapters
def test_every_rule_of_a_chapter_is_shown_from_its_source(page):
    shown = re.findall(r"```\{literalinclude\} (\S+)\n:pyobject: (\S+)", prose(page))
    assert any(name.endswith(".rule") for _, name in shown)
    for path, name in shown:
        module = (BOOK / path).resolve()
        assert module.is_relative_to(ROOT / "lrbook")
        found = getattr(__import__(f"lrbook.{module.stem}", fromlist=["_"]), name.split(".")[0])
        for part in name.split(".")[1:]:
            found = getattr(found, part)
        source = textwrap.dedent(inspect.getsource(found))
        assert max(map(len, source.splitlines())) <= 90, f"{name} would be cut"


def test_a_table_is_made_in_one_way():
    for page in PAGES:
        for cell in code(page):
            assert "---|" not in cell.source, f"{page}: write table(head, rows)"


def test_every_number_that_the_prose_glues_is_claimed_once_and_every_claim_is_used():
    claimed, used = [], set()
    for page in PAGES:
        for cell in code(page):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim":
                    assert "remove-cell" in cell.metadata.get("tags", []), "the page shows it in a sentence"
                    name, value, low, high = node.args[:4]
                    if isinstance(name, ast.Constant):
                        claimed.append(name.value)
                    else:  # in a loop: the pattern of an f-string
                        claimed.append(ast.unparse(name))
                    assert not isinstance(value, ast.Constant), ast.unparse(node)
                    assert ast.unparse(low) != ast.unparse(high), ast.unparse(node)
        used |= set(re.findall(r"\{glue:text\}`([^`:]+)", (BOOK / f"{page}.md").read_text(encoding="utf-8")))
    literal = [name for name in claimed if "{" not in name]
    assert len(set(claimed)) == len(claimed), "a claim's name is its own"
    patterns = [
        re.compile(re.sub(r"\\\{.*?\\\}", ".+", re.escape(name[2:-1]))) for name in claimed if "{" in name
    ]
    unclaimed = {n for n in used - set(literal) if not any(p.fullmatch(n) for p in patterns)}
    assert not unclaimed
    assert not set(literal) - used, "a claim that no sentence makes"


def test_every_citation_is_in_the_bibliography():
    keys = re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), re.M)
    assert len(set(keys)) == len(keys)
    cited = set()
    sources = [*BOOK.glob("*.md"), *(ROOT / "lrbook").glob("*.py")]
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for group in re.findall(r"(?:\{cite(?::\w+)?\}|:cite(?::\w+)?:)`([^`]+)`", text):
            cited |= {key.strip() for key in group.split(",")}
    assert cited
    assert not cited - set(keys)


def test_the_family_tree_has_every_optimizer_and_the_years_of_its_sources():
    (tree,) = (
        ast.literal_eval(node.value)
        for cell in code("family-tree")
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "tree"
    )
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    for name, (year, key, page, *_) in tree.items():
        entry = re.search(rf"^@\w+\{{{key},.*$", bibliography, re.M)[0]
        assert f"year={{{year}}}" in entry, name
        assert page == "" or page in PAGES, name
        assert page in {"", "what-it-costs"} or name.lower() in prose(page).lower(), (
            f"{page} speaks of {name}"
        )
    classes = {
        name
        for name, cls in inspect.getmembers(lrbook, inspect.isclass)
        if cls.__module__ == "lrbook.optimizers"
    }
    assert set(tree) >= classes


def test_every_public_name_is_documented_and_used_in_the_book():
    reference = (BOOK / "api.md").read_text(encoding="utf-8")
    used = "\n".join(cell.source for page in PAGES for cell in code(page))
    for name in lrbook.__all__:
        assert re.search(rf"lrbook\.{name}\b", reference), f"{name} is not in the reference"
        if name not in {
            "Best",
            "Schedule",
            "Optimizer",
            "State",
            "Run",
            "Sweep",
        }:  # used through what they describe
            assert re.search(rf"\b{name}\b", used), f"{name} is not used in the book"
        assert inspect.getdoc(getattr(lrbook, name))


def test_every_claim_of_the_notes_has_a_verdict_with_evidence_and_a_link():
    text = (BOOK / "errata.md").read_text(encoding="utf-8")
    entries = re.split(r"^### \d+\. .*$", text, flags=re.M)[1:]
    assert len(entries) == len(NOTES)
    entries[-1] = entries[-1].split("\n## ")[0]
    listed = re.findall(r"^\| (\d+) \|.*\| (right|conditional|wrong) \|$", text, re.M)
    assert [int(number) for number, _ in listed] == list(range(1, len(NOTES) + 1))
    for quote, entry, (_, verdict) in zip(NOTES, entries, listed, strict=True):
        assert f"\n> {quote}\n" in entry
        (given,) = re.findall(r"^\*\*(Right|Conditional|Wrong)\b", entry, re.M)
        assert given.lower() == verdict, quote
        assert "assert " in entry.split("```{code-cell}")[1], quote
        assert "{doc}`" in entry, quote


def test_a_cell_whose_output_may_vary_says_why():
    for page in PAGES:
        for cell in code(page):
            tags = set(cell.metadata.get("tags", []))
            if tags & {"nbval-ignore-output", "nbval-skip", "raises-exception"}:
                assert re.search(r"^# .*because", cell.source, re.M), (page, cell.source[:80])


@pages
def test_a_page_is_free_of_raw_html_and_leftovers(page):
    text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    assert not re.search(r"</?(div|span|img|br|script|style|table)\b", prose(page))
    assert not re.search(r"\b(TODO|FIXME|XXX|lorem)\b", text)
    assert not re.search(r"(/tmp|/home|/root)/", text)
