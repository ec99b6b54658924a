"""A real Chromium without a display, and what it did."""

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REQUIRED = "NLF_PIPELINE_NEEDS_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--force-device-scale-factor=1",
)
_TIMEOUT_S = 60
_PIXELS = """
const pixels = () => {{
    const source = {0}, copy = document.createElement("canvas");
    [copy.width, copy.height] = [source.{1}, source.{2}];
    const context = copy.getContext("2d");
    context.drawImage(source, 0, 0);
    const {{ data }} = context.getImageData(0, 0, copy.width, copy.height);
    let text = "";
    for (let i = 0; i < data.length; i += 0x2000) text += String.fromCharCode(...data.subarray(i, i + 0x2000));
    return [copy.width, copy.height, btoa(text)];
}};
"""
"""Gives width, height and colours of an element."""


class Browser:
    """A window of it."""

    def __init__(self, driver: Any) -> None:
        """Take over a driver of selenium."""
        self.driver = driver

    def open(self, url: str) -> None:
        """Load a page with the player, and wait for it to be ready."""
        self.forget()
        self.driver.get(url)
        self.run("await player.ready")

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script, which may await, and give what it returns; raises what it throws."""
        wrapped = (
            "const give = arguments[arguments.length - 1], args = [...arguments];"
            f"(async () => {{ {script} }})()"
            ".then(value => give({value}), error => give({failed: String(error.stack || error)}))"
        )
        answer = self.driver.execute_async_script(wrapped, *arguments)
        assert "failed" not in answer, answer["failed"]
        return answer.get("value")

    def pixels(self, script: str = "") -> np.ndarray:
        """(height, width, 3) uint8 of the canvas after a script, without what lies over it."""
        # What a canvas holds is lost when the browser has shown it: it is read in the turn in which it is drawn.
        # Before that the page takes the shape that the script may have given it.
        turn = "await new Promise(done => requestAnimationFrame(() => done({})))"
        grab = f"{turn.format('')}; {turn.format('')}; player.set({{}}); return {turn.format('pixels()')}"
        return _rgb(*self.run(f"{_PIXELS.format('player.canvas()', 'width', 'height')} {script}; {grab}"))

    def video_picture(self) -> np.ndarray:
        """(height, width, 3) uint8 of what the video element shows."""
        source = "document.querySelector('video')"
        return _rgb(*self.run(f"{_PIXELS.format(source, 'videoWidth', 'videoHeight')} return pixels()"))

    def forget(self) -> None:
        """Begin new records of complaints and requests."""
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)

    def complaints(self) -> list[str]:
        """Warnings and errors on the console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser") if not _is_of_the_machine(entry)]

    def requests(self) -> list[str]:
        """URLs that were asked for since the last look, but for those that hold their content themselves."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]


def _is_of_the_machine(entry: dict[str, str]) -> bool:
    """Whether a message is about this machine's lack of a GPU."""
    return any(word in entry["message"] for word in ("GPU stall due to ReadPixels", "software WebGL", "swiftshader"))


def _rgb(width: int, height: int, text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def find_browser() -> tuple[str, str]:
    """Chromium and its driver; skips the test where there are none, unless they have to be there."""
    browser = next((found for name in _NAMES if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser and driver:
        return browser, driver
    reason = "no Chromium with chromedriver here: apt-get install chromium chromium-driver"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason} ({REQUIRED} is set)")
    pytest.skip(reason)


@contextlib.contextmanager
def browsing(profile: Path, size_px: tuple[int, int] = (1100, 700)) -> Iterator[Browser]:
    """Open a browser whose profile is the empty folder `profile`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    binary, driver_path = find_browser()
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in (*_OPTIONS, f"--user-data-dir={profile}", f"--window-size={size_px[0]},{size_px[1]}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        driver.set_script_timeout(_TIMEOUT_S)
        driver.set_page_load_timeout(_TIMEOUT_S)
        yield Browser(driver)
    finally:
        driver.quit()
