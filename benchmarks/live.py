"""How quickly the live figures answer: from moving a slider to the painted frame, in a 60 Hz browser.

Each figure's sliders are moved 100 times. Beside the times to paint, which begin right after a frame and so
wait for the next one, stand those of that frame itself, from computing to painting, and the longest task on
the main thread, that of opening the page included. Run it on a machine that does nothing else.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "book")]
MOVES = """async moves => {
    const box = document.querySelector('lr-figure'), sliders = [...box.querySelectorAll('input[type=range]')];
    const painted = [], drawing = [], tasks = [];
    const watch = new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration)));
    watch.observe({ type: 'longtask', buffered: true }); // from the opening of the page on
    for (let n = 0; n < moves; n++) {
        const slider = sliders[n % sliders.length];
        slider.value = Math.round(slider.max * (0.1 + 0.8 * n / moves));
        await new Promise(done => requestAnimationFrame(done)); // right after the start of a frame
        const start = performance.now();
        let frame;
        requestAnimationFrame(() => { frame = performance.now(); }); // before the figure asks for its own
        slider.dispatchEvent(new Event('input'));
        await new Promise(done => requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = done;
            channel.port2.postMessage(0);
        }));
        painted.push(performance.now() - start);
        drawing.push(performance.now() - frame);
    }
    await new Promise(done => setTimeout(done, 100));
    return [painted, drawing, tasks];
}"""


def main() -> None:
    import browser
    import figures
    from playwright.sync_api import sync_playwright

    print(f"{'':24}{'to paint, ms':>18}{'the frame, ms':>18}{'longest task':>14}")
    print(f"{'':24}{'median':>9}{'p95':>9}{'median':>9}{'p95':>9}{'ms':>14}")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        running = playwright.chromium.launch(executable_path=browser.find(), args=browser.ARGUMENTS)
        for name in figures.cells():
            file = Path(folder) / "figure.html"
            file.write_text(figures.page({name: figures.figure(name)}), "utf8")
            tab = running.new_page(viewport={"width": 1000, "height": 900})
            tab.goto(file.as_uri())
            tab.wait_for_selector("lr-figure.ready")
            painted, drawing, tasks = tab.evaluate(MOVES, 100)
            times = [f"{np.quantile(x, q):9.1f}" for x in (painted, drawing) for q in (0.5, 0.95)]
            print(f"{name:24}{''.join(times)}{max(tasks, default=0):14.0f}")
            tab.close()


if __name__ == "__main__":
    main()
