"""Pages as HTML, and in a browser."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
PATIENCE = 90  # seconds, on a machine that is busy
NO_WEBGL = """
    const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
      return kind.includes("webgl") ? null : get.call(this, kind, ...more);
    };
"""


class Page(HTMLParser):
    """Tags and text of a page; raises where a tag is closed that was not opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        self.sources += [v or "" for k, v in attrs if k in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.text += data


class Browser:
    """A headless Chromium, started once for all pages."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options, service)
        self.driver.set_page_load_timeout(PATIENCE)
        self.width(1200)
        self.driver.get("about:blank")

    def open(self, path: Path) -> None:
        """Open a page; what was logged before is forgotten."""
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri())

    def width(self, pixels: int) -> None:
        size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    @contextmanager
    def without_webgl(self) -> Iterator[None]:
        made = self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": NO_WEBGL}
        )
        yield
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)

    def run(self, script: str, *given: Any) -> Any:
        return self.driver.execute_script(script, *given)

    def wait(self, script: str) -> Any:
        """Value of an expression, as soon as it is one."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if (value := self.run(f"return {script}")) not in (None, False):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never came true: {script}; {self.driver.get_log('browser')}")

    def find(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def picture(self, selector: str) -> np.ndarray:
        """What an element looks like: (rows, columns, 3), 0 to 1."""
        (element,) = self.find(selector)
        return imread(io.BytesIO(element.screenshot_as_png))[..., :3]

    def errors(self) -> list[str]:
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """What the browser asked for, anywhere, but for what a page holds itself."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = [params["request"]["url"] for params in sent]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.run("return document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="selenium is not installed")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here: the pages are not looked at in a browser")
    os.environ["SE_OFFLINE"] = "true"  # Selenium would look for drivers in the network
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.driver.quit()
