"""Pictures of each page in light and dark, for docs/page: `python -m tests.browser.screenshots`."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from local.folder import PROJECT
from local.servers import postgres
from local.servers.postgres import Server
from tests.browser import shop
from tests.browser.serving import PAGES, Served, chromium, serving, settled

FOLDER = PROJECT / "docs" / "page"
SIZE = {"width": 1440, "height": 900}
MOST_BYTES = 200_000


def main(_: Sequence[str]) -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The server runs as another user when this process is root.
        folder.chmod(0o755)
        with postgres.running(folder / "postgres") as server:
            postgres.create_database(server, "shop")
            shop.fill(server, "shop")
            with _streaming(server), serving(server, "shop", folder) as served, sync_playwright() as playwright:
                browser = chromium(playwright)
                too_large = [path for path in _pictures(browser, served) if path.stat().st_size > MOST_BYTES]
                browser.close()
    for path in too_large:
        print(f"{path} has {path.stat().st_size} bytes: more than {MOST_BYTES}", file=sys.stderr)
    return 1 if too_large else 0


@contextmanager
def _streaming(server: Server) -> Iterator[None]:
    """Lets events come in."""
    ended = Event()
    with shop.opened(server, "shop") as present:
        thread = Thread(target=present.stream, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _pictures(browser: Browser, served: Served) -> list[Path]:
    paths = []
    for colours in ("light", "dark"):
        context = browser.new_context(
            viewport=SIZE, color_scheme=colours, locale="en-GB", timezone_id="Europe/Berlin"  # type: ignore[arg-type]
        )  # fmt: skip
        page = context.new_page()
        for name in PAGES:
            page.goto(served.address(name))
            settled(page)
            page.wait_for_timeout(500)
            paths.append(FOLDER / f"{name}-{colours}.png")
            _write_small(page.screenshot(), paths[-1])
            print(f"{paths[-1].relative_to(PROJECT)}: {paths[-1].stat().st_size:,} bytes")
        context.close()
    return paths


def _write_small(picture: bytes, path: Path) -> None:
    """Writes a picture with 256 colours, which are enough for a page."""
    with Image.open(io.BytesIO(picture)) as image:
        reduced = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        reduced.save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
