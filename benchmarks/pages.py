"""How heavy the pages are and how soon they show: python benchmarks/pages.py

Each page is opened in Chromium with an empty cache and once more after another chapter, with what is kept
from that; what arrives is counted. Then with an empty cache over a line of 1.6 Mbit/s with a delay of 150 ms
and with a processor slowed down fourfold; that is timed. (On a slow line the browser asks for pictures from
farther below, so what arrives is counted on a fast one.) The results go to `book/measured.json`, which the
status page shows.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "tests"))
import browser  # noqa: E402

LINE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
WATCH = """
window.seen = {paint: 0, shift: 0};
const each = (type, take) =>
  new PerformanceObserver(list => list.getEntries().forEach(take)).observe({type, buffered: true});
each('paint', e => { if (e.name == 'first-contentful-paint') seen.paint = e.startTime; });
each('layout-shift', e => { if (!e.hadRecentInput) seen.shift += e.value; });
"""


class Compressed(http.server.SimpleHTTPRequestHandler):
    """Serves files as a host of pages does: text compressed, everything kept for ten minutes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        text = path.suffix not in {".woff2", ".png"}
        data = gzip.compress(data, 9) if text else data
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "max-age=600")
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


def visit(context, address: str, slow: bool = False) -> dict[str, float]:
    """Open a page; give its bytes, the first paint in seconds and how much moved afterwards."""
    tab = context.new_page()
    tools = context.new_cdp_session(tab)
    sizes: dict[str, int] = {}
    within = set()  # what stands inside a stylesheet is counted with it
    tools.send("Network.enable")
    if slow:
        tools.send("Network.emulateNetworkConditions", LINE)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": 4})

    def asked(event) -> None:
        if event["request"]["url"].startswith("data:"):
            within.add(event["requestId"])

    tools.on("Network.requestWillBeSent", asked)
    tools.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}))
    tab.add_init_script(WATCH)
    tab.goto(address, wait_until="networkidle")
    tab.wait_for_function("seen.paint > 0")
    seen = tab.evaluate("seen")
    tab.close()
    size = sum(size for name, size in sizes.items() if name not in within)
    return {"bytes": size, "paint": round(seen["paint"] / 1000, 2), "shift": round(seen["shift"], 3)}


def measure() -> dict[str, dict[str, float]]:
    from playwright.sync_api import sync_playwright

    handler = functools.partial(Compressed, directory=BUILT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/"
    pages = sorted(
        path.stem for path in BUILT.glob("*.html") if path.stem not in {"404", "genindex", "search"}
    )
    found = {}
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser.find(), args=browser.ARGUMENTS)

        def fresh():
            return running.new_context(viewport={"width": 1440, "height": 900})

        for page in pages:
            address = f"{base}{page}.html"
            with fresh() as empty:
                first = visit(empty, address)
            with fresh() as kept:
                visit(kept, f"{base}{'momentum' if page == 'adam' else 'adam'}.html")
                second = visit(kept, address)
            with fresh() as empty:
                slow = visit(empty, address, slow=True)
            found[page] = slow | {"bytes": first["bytes"], "next": second["bytes"]}
            print(f"{page:24}", *(f"{key} {value:>9,}" for key, value in found[page].items()), flush=True)
        running.close()
    server.shutdown()
    return found


if __name__ == "__main__":
    result = measure()
    (ROOT / "book" / "measured.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
