"""Look at the demo as a browser would: sign in, open an assessment, fetch every chart. What is missing is an error."""

import re
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

TIMEOUT = 30  # seconds


class PageFault(Exception):
    """A page does not answer as it should; the message says which and how."""


class Visitor:
    """A signed-in reader of one installation."""

    def __init__(self, base: str, username: str, password: str) -> None:
        self.base = base.rstrip("/")
        self._cookies = CookieJar()
        # No proxy: the pages are on this machine.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self.send("/login/", "/login/", {"username": username, "password": password})
        if not any(cookie.name == "sessionid" for cookie in self._cookies):
            raise PageFault(f"{username} could not sign in")

    def fetch(self, path: str, body: bytes | None = None) -> tuple[str, bytes]:
        """Content type and body of a page that answers 200."""
        request = urllib.request.Request(self.base + path, data=body, headers={"Referer": self.base + path})  # noqa: S310
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            raise PageFault(f"{path} answers {error.code}") from error
        except OSError as error:
            raise PageFault(f"{path} does not answer: {error}") from error

    def read(self, path: str, body: bytes | None = None) -> str:
        return self.fetch(path, body)[1].decode()

    def send(self, page: str, path: str, given: dict[str, str]) -> str:
        """Fill in the form of `page` that goes to `path`; the answer's text. A form that comes back is a PageFault."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.read(page))
        if token is None:
            raise PageFault(f"{page} has no form")
        return self.read(path, urllib.parse.urlencode({**given, "csrfmiddlewaretoken": token[1]}).encode())

    def see_charts(self, path: str, chart_ids: list[str]) -> None:
        """Each of these charts is on the page at `path`, drawn, and its pictures are served."""
        pictures = {urllib.parse.unquote(url) for url in re.findall(r'<img[^>]+src="([^"]+)"', self.read(path))}
        for chart_id in chart_ids:
            url = next((u for u in sorted(pictures) if f"/{chart_id}.svg" in u), None)
            if url is None:
                raise PageFault(f"{path} does not show the chart {chart_id}")
            for ending, kind, start in ((".svg", "image/svg+xml", b"<"), (".png", "image/png", b"\x89PNG")):
                address = urllib.parse.quote(url.partition("?")[0].removesuffix(".svg") + ending)
                found, body = self.fetch(address)
                if found != kind or not body.startswith(start):
                    raise PageFault(f"{address} is not a picture but {found}")


def answers(base: str) -> bool:
    """Whether the web process is up and has its database."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{base}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
