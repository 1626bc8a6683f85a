"""What the tests read off a page."""

from html.parser import HTMLParser


class Reading(HTMLParser):
    """Text, links, forms, and what a strict content policy would refuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.images: list[dict] = []
        self.ids: list[str] = []
        self.forbidden: list[str] = []
        self.fields: dict[str, dict] = {}
        self.labelled: set[str] = set()
        self._muted = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._muted += tag == "script"
        self.forbidden += [f"{tag} {name}" for name in given if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.forbidden.append(tag)
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "img":
            self.images.append(given)
        if "id" in given:
            self.ids.append(given["id"])
        if tag in {"input", "select", "textarea"}:
            self.fields[given.get("name", "")] = given

    def handle_endtag(self, tag):
        self._muted -= tag == "script"

    def handle_data(self, data):
        if not self._muted:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(response) -> Reading:
    return Reading(response.content.decode())
