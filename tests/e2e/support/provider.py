"""The OpenID provider: starts oidc/provider.mjs, keeps what it says, and asks it about tokens (RFC 7662)."""

import json
import pathlib
import subprocess
import threading

import httpx

SCRIPT = pathlib.Path(__file__).parent.parent / "oidc" / "provider.mjs"
PATIENCE = 30


class Provider:
    """One provider on a free loopback port. `settings` are those that the script's head explains."""

    def __init__(self, modules, settings, stderr):
        self.events = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            ["node", str(SCRIPT), str(modules), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            ready = self.wait_for(lambda event: event["event"] == "ready")
        except AssertionError:
            self.close()
            raise
        self.issuer = ready["issuer"]
        self.discovery_url = f"{self.issuer}/.well-known/openid-configuration"
        self._credentials = (ready["introspector"]["id"], ready["introspector"]["secret"])

    def _read(self):
        for line in self.process.stdout:
            # Notices of the library come without a line of their own to stand on.
            start = line.find('{"event"')
            if start >= 0:
                with self._news:
                    self.events.append(json.loads(line[start:]))
                    self._news.notify_all()

    def wait_for(self, wanted, since=0, patience=PATIENCE):
        """The first event after the first `since` ones that `wanted` says yes to."""

        def first():
            return next((event for event in self.events[since:] if wanted(event)), None)

        with self._news:
            if not self._news.wait_for(first, timeout=patience):
                raise AssertionError(f"the provider never said it; it said {self.requests()}")
            return first()

    def configure(self, **settings):
        """Changes settings while it runs (the signing algorithm stays)."""
        seen = len(self.events)
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        self.wait_for(lambda event: event["event"] == "configured", since=seen)

    def requests(self, route=None, **fields):
        """The requests it answered on one of its routes, in order; tokens are in them."""
        fields = {"event": "request", **({"route": route} if route else {}), **fields}
        return [event for event in self.events if all(event.get(name) == value for name, value in fields.items())]

    def refreshes(self, status=200):
        """The refreshes it answered so."""
        return self.requests("token", grant_type="refresh_token", status=status)

    def tokens(self):
        """Every token it ever handed out."""
        names = ("access_token", "refresh_token", "id_token")
        return {event[name] for event in list(self.events) for name in names if name in event}

    def introspect(self, token):
        """What the token is good for now: `{"active": …, "sub": …}`."""
        answer = httpx.post(
            f"{self.issuer}/token/introspection", data={"token": token}, auth=self._credentials, trust_env=False
        )
        answer.raise_for_status()
        return answer.json()

    def end_login(self, token):
        """Ends the login that the token belongs to, as an administrator would."""
        answer = httpx.post(
            f"{self.issuer}/token/revocation", data={"token": token}, auth=self._credentials, trust_env=False
        )
        answer.raise_for_status()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
