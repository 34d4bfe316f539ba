"""The pages in a real browser: no errors, no network, a filter for the keyboard, dark, narrow, printed."""

import base64
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from deploy.reports.compare import Comparison
from deploy.reports.html import comparison, incident, report
from tests.reports.pages import GOOD, HOSTILE_RECORD, WHOLE, large
from tests.reports.recorded import HOSTILE, HOSTILE_RESULT
from tests.reports.test_incident import INCIDENT

pytestmark = pytest.mark.live
ALONE = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage --force-prefers-reduced-motion"
)
NAMES = ("whole", "good", "hostile", "incident", "compare", "large")


def pages() -> list[str]:
    """The pages of these names."""
    failed = replace(INCIDENT, what=HOSTILE, results=[HOSTILE_RESULT], fields={"Cause": HOSTILE})
    reports = [report(each) for each in (WHOLE, GOOD, HOSTILE_RECORD)]
    return [*reports, incident(failed), comparison(Comparison(GOOD, WHOLE)), report(large(500))]


class Browser:
    """Chromium with the pages' folder, and the errors that its console has told since the last page."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, name: str, width: int = 1280, scheme: str = "light") -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        self.driver.get((self.folder / f"{name}.html").as_uri())

    def js(self, text: str) -> Any:
        return self.driver.execute_script(f"return {text}")

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def shown(self) -> list[str]:
        items = "[...document.querySelectorAll('section.phase .item')].filter(each => each.offsetParent)"
        return [str(each) for each in self.js(f"{items}.map(each => each.querySelector('.what bdi').innerText)")]

    def errors(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    options = Options()
    folder = Path(tempfile.mkdtemp(prefix="pd-pages-"))
    for name, text in zip(NAMES, pages(), strict=True):
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    for argument in [*ALONE.split(), f"--user-data-dir={folder / 'profile'}"]:
        options.add_argument(argument)
    options.binary_location = tool("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(tool("chromedriver")))
    try:
        yield Browser(driver, folder)
    finally:
        driver.quit()
        shutil.rmtree(folder, ignore_errors=True)


def tool(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is missing; on Debian: apt-get install {' '.join(packages())}"
    return found


def packages() -> list[str]:
    return Path(__file__).with_name("packages.txt").read_text().split()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_without_errors_and_fits_a_wide_and_a_narrow_screen(browser: Browser, name: str) -> None:
    for width in (1280, 390):
        browser.open(name, width)
        assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.errors() == []
    assert browser.js("performance.getEntriesByType('resource').length") == 0
    assert browser.js("document.querySelectorAll('main, header, footer').length") == 3


def test_the_filter_works_from_the_keyboard(browser: Browser) -> None:
    browser.open("whole")
    everything = browser.shown()
    browser.press("/")
    browser.press("network")
    assert browser.shown() == ["The network is good"]
    assert browser.driver.find_element(By.CSS_SELECTOR, "output").text == f"1 of {len(everything)} items"
    browser.press(" no-such-thing")
    assert browser.shown() == [] and browser.driver.find_element(By.CSS_SELECTOR, ".none").is_displayed()
    browser.press(Keys.ESCAPE)
    assert browser.shown() == everything
    browser.press(Keys.TAB)
    assert browser.js("document.activeElement.value") == "fail"
    browser.press(Keys.SPACE)
    assert len(browser.shown()) == len(everything) - 2
    browser.js("document.querySelector('select').focus()")
    browser.press("w")
    assert browser.shown() == ["The clock is good"]
    assert browser.errors() == []


def test_evidence_unfolds_from_the_keyboard(browser: Browser) -> None:
    browser.open("good")
    browser.js("document.querySelector('section.phase summary').focus()")
    assert not browser.driver.find_element(By.CSS_SELECTOR, "section.phase pre").is_displayed()
    browser.press(Keys.ENTER)
    assert browser.driver.find_element(By.CSS_SELECTOR, "section.phase pre").text == "disk: line 1\ndisk: line 2"


def test_hostile_texts_stay_text(browser: Browser) -> None:
    for name in ("hostile", "incident"):
        browser.open(name)
        assert browser.js("document.scripts.length") == 1
        assert "<script>alert(1)</script>" in browser.js("document.body.textContent")
        assert browser.js("document.querySelectorAll('h1').length") == 1
        assert browser.errors() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_the_light_and_in_the_dark(browser: Browser, scheme: str) -> None:
    browser.open("whole", scheme=scheme)
    background = browser.js("getComputedStyle(document.body).backgroundColor")
    assert (luminance(background) < 0.2) == (scheme == "dark")
    for name in ("text", "soft", "link", "pass", "fail", "unknown", "pending", "waived", "skipped"):
        browser.js(f"document.querySelector('h1').style.color = 'var(--{name})'")
        assert contrast(browser.js("getComputedStyle(document.querySelector('h1')).color"), background) >= 4.5, name


def luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_whoever_hears_the_page_is_told_what_is_where(browser: Browser) -> None:
    browser.open("whole")
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = {role for role, _ in told}
    assert {"main", "banner", "contentinfo", "navigation", "search", "heading", "image", "table"} <= roles
    unnamed = [role for role, name in told if role in ("link", "button", "image", "checkbox", "region") and not name]
    assert unnamed == []


def test_it_prints_with_the_evidence_of_what_does_not_hold(browser: Browser) -> None:
    browser.open("whole")
    browser.js("window.dispatchEvent(new Event('beforeprint'))")
    folded = "[...document.querySelectorAll('.item.fail details, .item.unknown details')].filter(each => !each.open)"
    assert browser.js(f"{folded}.length") == 0
    browser.js("window.dispatchEvent(new Event('afterprint'))")
    assert browser.js(f"{folded}.length") > 0
    printed = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF-") and printed.count(b"/Type /Page\n") < 8


def test_the_filter_of_500_items_finds_the_one(browser: Browser) -> None:
    browser.open("large")
    assert len(browser.shown()) == 500
    browser.press("/")
    browser.press("item 499")
    assert browser.shown() == ["Item 499 is good"]
