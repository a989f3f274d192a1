"""Makes docs/page.png, the page as the README shows it: a picture of a real Chromium.

    build/venv/bin/python tests/page/pictures.py --lumen build/src/cli/lumen [--text TEXT] [-o docs/page.png]
"""

import argparse
import io
import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))
from service import Service, wait_for  # noqa: E402

# A second of the sculpture takes software graphics much longer, so time is told to it.
STEP = """async (seconds) => {
    const began = performance.now() / 1000;
    for (let passed = 0; passed < seconds; passed += 0.05) {
        lumenEngine.frame(began + passed);
        await new Promise((resolve) => setTimeout(resolve));
    }
}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lumen", required=True)
    parser.add_argument("--text", default="a horse galloping")
    parser.add_argument("--seconds", type=float, default=3.1, help="how long after the word")
    parser.add_argument("-o", "--output", default="docs/page.png")
    given = parser.parse_args()
    with sync_playwright() as playwright, Service(Path(given.lumen).resolve(strict=True)) as service:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[
            "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        page = browser.new_page(viewport={"width": 1120, "height": 700})
        page.set_default_timeout(120_000)
        page.goto(service.url)
        wait_for("the page", lambda: page.evaluate("window.lumenEngine !== undefined"), 60)
        page.keyboard.type(given.text)
        page.keyboard.press("Enter")
        wait_for("the shape", lambda: page.evaluate("window.lumenShape !== undefined"), 60)
        time.sleep(1)
        page.evaluate(STEP, given.seconds)
        page.keyboard.press("End")  # the word is not marked any more
        shot = page.screenshot()
        browser.close()
    Image.open(io.BytesIO(shot)).convert("RGB").save(given.output, optimize=True)
    print(f"{given.output}: {Path(given.output).stat().st_size} bytes")


if __name__ == "__main__":
    main()
