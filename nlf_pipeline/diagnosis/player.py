"""The player: whether its scripts are in the package, and a browser for its tests."""

import shutil

from nlf_pipeline.diagnosis.findings import Finding
from nlf_pipeline.player_page.assembly import has_bundle

_TOPIC = "Player"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DRIVER = "chromedriver"
_BROWSER_CURE = "on Debian or Ubuntu: sudo apt-get install -y chromium chromium-driver"


def player_findings() -> list[Finding]:
    """Look for the bundle, which installing the package makes, and for Chromium."""
    if has_bundle():
        bundle = Finding(_TOPIC, "scripts", "ok", "bundled")
    else:
        bundle = Finding(_TOPIC, "scripts", "missing", "not bundled when this package was installed", "make player")
    has_browser = any(map(shutil.which, _BROWSERS)) and shutil.which(_DRIVER)
    browser = (
        Finding(_TOPIC, "Chromium", "ok", "for the player's tests")
        if has_browser
        else Finding(_TOPIC, "Chromium", "absent", "without its driver; for the player's tests", _BROWSER_CURE)
    )
    return [bundle, browser]
