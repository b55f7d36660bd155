"""The person in the browser: opens the verification page, types the code, signs in, and approves or denies.

Knows the pages only as a browser does: forms, links, redirects and cookies.
"""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

STEPS = 10


class _Page(HTMLParser):
    """The first form of a page with its fields, and the buttons that go with it."""

    def __init__(self, text):
        super().__init__()
        self.action = None
        self.fields = {}
        self.buttons = {}
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = found["action"]
        elif tag == "input" and found.get("name"):
            self.fields[found["name"]] = found.get("value") or ""
        elif tag == "button" and found.get("name"):
            self.buttons[found["name"]] = found.get("value") or ""
        elif tag == "a" and found.get("href"):
            self.links.append(found["href"])


class Person:
    """`Person("ada").approve(url)`. With a plain verification address, give the code to type: `approve(url, code)`."""

    def __init__(self, name):
        self.name = name
        self.browser = httpx.Client(follow_redirects=True, trust_env=False, timeout=10)

    def approve(self, url, code=None):
        """All the way to the page that says it is done."""
        text = self._walk(url, code)
        assert "Sign-in Success" in text, text

    def deny_code(self, url, code=None):
        """Presses the button for 'this is not my code'."""
        text = self._walk(url, code, stop_at="confirm")
        assert "interrupted" in text, text

    def deny_consent(self, url, code=None):
        """Signs in, and then refuses what the tool asks for."""
        text = self._walk(url, code, stop_at="consent")
        assert "interrupted" in text, text

    def _walk(self, url, code, stop_at=None):
        answer = self.browser.get(url)
        for _ in range(STEPS):
            page = _Page(answer.text)
            if page.action is None:
                break
            fields = page.fields
            if stop_at == "confirm" and "abort" in page.buttons:
                return self._submit(answer, page, {**fields, "abort": page.buttons["abort"]}).text
            if stop_at == "consent" and fields.get("prompt") == "consent":
                [cancel] = [link for link in page.links if link.endswith("/abort")]
                return self.browser.get(urljoin(str(answer.url), cancel)).text
            if "user_code" in fields and not fields["user_code"]:
                assert code, f"the page asks for the code: {answer.text}"
                fields["user_code"] = code
            if "login" in fields:
                fields.update(login=self.name, password="anything")
            answer = self._submit(answer, page, fields)
        return answer.text

    def _submit(self, answer, page, fields):
        return self.browser.post(urljoin(str(answer.url), page.action), data=fields)
