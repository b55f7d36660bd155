"""A control plane made of the vendor's own router, served over HTTP on a free loopback port.

The routes below /api/v1beta1 are `create_v1beta1_deployments_router` of llama-agents-core, so that what is accepted,
refused and answered there is decided by the vendor's code; behind it is a service that keeps everything in memory.
Beside it are the few routes under /api/v1 that the tool needs for a browser login. Every request is recorded.
"""

import asyncio
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Annotated
from urllib.parse import parse_qsl

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from llama_agents.core import schema
from llama_agents.core.schema.deployments import ReleaseHistoryItem
from llama_agents.core.server.manage_api import (
    AbstractDeploymentsService,
    AbstractPublicDeploymentsService,
    DeploymentNotFoundError,
    ReplicaSetNotFoundError,
    create_v1beta1_deployments_router,
)
from pydantic import BaseModel

PATIENCE = 30
KEY_PREFIX = "llx-"
MORNING = datetime(2026, 5, 4, 8, 0, tzinfo=timezone.utc)
SHAS = [letter * 40 for letter in "cba"]  # newest first


@dataclass
class Request:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict
    headers: dict
    body: object
    client: tuple  # address and port: the same for requests on one connection
    status: int = 0

    @property
    def authorization(self):
        return self.headers.get("authorization")

    def line(self):
        return f"{self.method} {self.path}"


@dataclass
class World:
    """What the control plane knows. Tests read and change it at will."""

    version: str = "0.10.2"
    requires_auth: bool = True
    min_llamactl_version: str | None = None
    organizations: list | None = field(
        default_factory=lambda: [
            schema.OrgSummary(org_id="org-main", org_name="Main Office", is_default=True),
            schema.OrgSummary(org_id="org-lab", org_name="The Lab"),
        ]
    )
    projects: dict = field(
        default_factory=lambda: {
            "prj-alpha": {"project_name": "Alpha", "org_id": "org-main"},
            "prj-beta": {"project_name": "Beta über alles", "org_id": "org-main"},
            "prj-lab": {"project_name": "Experiments", "org_id": "org-lab"},
        }
    )
    deployments: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)
    refs: dict = field(default_factory=lambda: {"main": SHAS[0]})  # what a Git reference resolves to
    upcoming: dict = field(default_factory=dict)  # id → fields that the next requests for it show
    logs: dict = field(default_factory=dict)  # id → function that yields LogEvents from the oldest on
    keys: dict = field(default_factory=dict)  # API key → {id, name, user}
    refused: set = field(default_factory=set)  # access tokens refused here before their time
    log_streams_open: int = 0

    def add_key(self, key=None, name="made by hand", user="ada"):
        """A new API key that the control plane accepts."""
        key = key or f"{KEY_PREFIX}{secrets.token_urlsafe(36)}"
        self.keys[key] = {"id": f"key-{secrets.token_hex(6)}", "name": name, "user": user}
        return key

    def add_deployment(self, name, project="prj-alpha", **fields):
        self.deployments[name] = schema.DeploymentResponse(
            **{
                "id": name,
                "display_name": name.replace("-", " ").title(),
                "repo_url": f"https://github.com/example/{name}",
                "deployment_file_path": ".",
                "git_ref": "main",
                "git_sha": SHAS[0],
                "project_id": project,
                "apiserver_url": f"https://{name}.example.com/",
                "status": "Running",
                "appserver_version": "0.12.2",
                **fields,
            }
        )
        self.history[name] = [
            ReleaseHistoryItem(git_sha=sha, image_tag=f"0.12.{3 - age}", released_at=MORNING - timedelta(days=age))
            for age, sha in enumerate(SHAS)
        ]
        self.logs[name] = lambda: log_events(5)
        return self.deployments[name]


def log_events(count, since=MORNING):
    """`count` events, a second apart, made one by one so that a long log costs no memory here either."""
    for number in range(count):
        yield schema.LogEvent(
            pod="pod-1", container="app", text=f"line {number} of the log", timestamp=since + timedelta(seconds=number)
        )


class Service(AbstractDeploymentsService, AbstractPublicDeploymentsService):
    """The vendor's service interfaces over a `World`."""

    def __init__(self, world):
        self.world = world

    def _deployment(self, project_id, deployment_id):
        found = self.world.deployments.get(deployment_id)
        if not found or found.project_id != project_id:
            raise DeploymentNotFoundError(f"Deployment {deployment_id} not found")
        return found

    async def get_version(self):
        return schema.VersionResponse(
            version=self.world.version,
            requires_auth=self.world.requires_auth,
            min_llamactl_version=self.world.min_llamactl_version,
            capabilities=["code_push"] + (["organizations"] if self.world.organizations is not None else []),
        )

    async def get_organizations(self):
        if self.world.organizations is None:
            raise HTTPException(404, "Not Found")
        return schema.OrganizationsListResponse(organizations=self.world.organizations)

    async def get_projects(self, org_id=None):
        counts = [deployment.project_id for deployment in self.world.deployments.values()]
        return schema.ProjectsListResponse(
            projects=[
                schema.ProjectSummary(project_id=project, deployment_count=counts.count(project), **about)
                for project, about in self.world.projects.items()
                if org_id in (None, about["org_id"])
            ]
        )

    async def get_deployments(self, project_id):
        return schema.DeploymentsListResponse(
            deployments=[one for one in self.world.deployments.values() if one.project_id == project_id]
        )

    async def get_deployment(self, project_id, deployment_id, include_events=False):
        found = self._deployment(project_id, deployment_id)
        if self.world.upcoming.get(deployment_id):
            found = found.model_copy(update=self.world.upcoming[deployment_id].pop(0))
            self.world.deployments[deployment_id] = found
        return found if include_events else found.model_copy(update={"events": None})

    async def get_deployment_history(self, project_id, deployment_id):
        self._deployment(project_id, deployment_id)
        return schema.DeploymentHistoryResponse(
            deployment_id=deployment_id, history=self.world.history[deployment_id]
        )

    async def rollback_deployment(self, project_id, deployment_id, request):
        found = self._deployment(project_id, deployment_id)
        if request.git_sha not in [release.git_sha for release in self.world.history[deployment_id]]:
            raise HTTPException(400, f"{request.git_sha} was never released")
        self.world.deployments[deployment_id] = found.model_copy(update={"git_sha": request.git_sha})
        return self.world.deployments[deployment_id]

    async def delete_deployment(self, project_id, deployment_id):
        self._deployment(project_id, deployment_id)
        del self.world.deployments[deployment_id]

    def stream_deployment_logs(
        self,
        project_id,
        deployment_id,
        include_init_containers=False,
        since_seconds=None,
        tail_lines=None,
        follow=True,
    ):
        self._deployment(project_id, deployment_id)
        if deployment_id not in self.world.logs:
            raise ReplicaSetNotFoundError(f"Deployment {deployment_id} has no replica set yet")
        return self._log_stream(self.world.logs[deployment_id], since_seconds, tail_lines, follow)

    async def _log_stream(self, events, since_seconds, tail_lines, follow):
        """Everything there is, cut as asked for; when following, then whatever comes until the reader goes."""
        oldest = datetime.now(timezone.utc) - timedelta(seconds=since_seconds) if since_seconds is not None else None
        skip = max(0, sum(1 for _ in events()) - tail_lines) if tail_lines is not None else 0
        self.world.log_streams_open += 1
        try:
            sent = 0
            while True:
                number = -1
                for number, event in enumerate(events()):
                    if number >= max(skip, sent) and (oldest is None or event.timestamp >= oldest):
                        yield event
                sent = max(sent, number + 1)
                if not follow:
                    return
                await asyncio.sleep(0.05)
        finally:
            self.world.log_streams_open -= 1

    async def create_deployment(self, project_id, deployment_data):
        raise HTTPException(501, "not in these tests")

    async def update_deployment(self, project_id, deployment_id, update_data):
        """As the vendor's service: the response has the new commit and still the old phase; an update resumes."""
        found = self._deployment(project_id, deployment_id)
        changes = {}
        if update_data.git_ref is not None:
            sha = self.world.refs.get(update_data.git_ref)
            if not sha:
                raise HTTPException(400, f"Could not resolve ref '{update_data.git_ref}'")
            changes = {"git_ref": update_data.git_ref, "git_sha": sha, "suspended": False}
        if update_data.suspended is not None:
            changes["suspended"] = update_data.suspended
        self.world.deployments[deployment_id] = found.model_copy(update=changes)
        return self.world.deployments[deployment_id]

    async def validate_repository(self, project_id, request):
        raise HTTPException(501, "not in these tests")

    async def handle_git_request(self, request, project_id, deployment_id, git_path):
        raise HTTPException(501, "not in these tests")


class NewKey(BaseModel):
    """Body of POST /api/v1/api-keys."""

    name: str
    project_id: str | None


class ControlPlane:
    """The server: `url` where it listens, `world` what it knows, `requests` what it saw."""

    def __init__(self, world=None, provider=None):
        self.world = world or World()
        self.provider = provider
        self.requests = []
        self.bearers = set()  # every bearer token that was ever sent here
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._start()

    # -- who may come in --

    async def _bearer(self, authorization: Annotated[str | None, Header()] = None):
        """Who sends this request: the user of an API key or of an access token; nobody: 401."""
        if not self.world.requires_auth:
            return {"user": "anybody"}
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise HTTPException(401, "Not authenticated")
        if token in self.world.keys:
            return {"user": self.world.keys[token]["user"], "key": token}
        if self.provider and not token.startswith(KEY_PREFIX) and token not in self.world.refused:
            claims = await asyncio.to_thread(self.provider.introspect, token)
            if claims["active"] and claims.get("token_type") == "Bearer":
                return {"user": claims["sub"], "access_token": token}
        raise HTTPException(401, "Invalid API key")

    def _app(self):
        bearer = Depends(self._bearer)
        service = Service(self.world)
        app = FastAPI()
        app.include_router(create_v1beta1_deployments_router(service, service, dependencies=[bearer]))

        @app.get("/api/v1/auth/oidc/discovery")
        async def discovery():
            if not self.provider:
                raise HTTPException(501, "OIDC is not configured on this server")
            return {"discovery_url": self.provider.discovery_url, "client_ids": {"cli": "llamactl-cli"}}

        @app.get("/api/v1/auth/me")
        async def me(who: Annotated[dict, bearer]):
            return {"id": who["user"], "email": f"{who['user']}@example.com", "name": who["user"], "claims": None}

        @app.post("/api/v1/api-keys")
        async def make_key(new: NewKey, who: Annotated[dict, bearer]):
            if "access_token" not in who:
                raise HTTPException(403, "API keys are made with a login")
            key = self.world.add_key(name=new.name, user=who["user"])
            return {"id": self.world.keys[key]["id"], "name": new.name, "redacted_api_key": key}

        @app.delete("/api/v1/api-keys/{key_id}", status_code=204)
        async def delete_key(key_id: str, who: Annotated[dict, bearer]):
            if "access_token" not in who:
                raise HTTPException(403, "API keys are deleted with a login")
            for key, about in self.world.keys.items():
                if about["id"] == key_id and about["user"] == who["user"]:
                    del self.world.keys[key]
                    return
            raise HTTPException(404, "No such API key")

        return app

    # -- serving and recording --

    def _start(self):
        config = uvicorn.Config(
            self._recording(self._app()),
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            assert self._thread.is_alive() and time.monotonic() < deadline, "the control plane did not start"
            time.sleep(0.01)

    def _recording(self, app):
        async def recorder(scope, receive, send):
            if scope["type"] != "http":
                return await app(scope, receive, send)
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            seen = Request(
                method=scope["method"],
                path=scope["raw_path"].decode("latin-1"),
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                headers=headers,
                body=None,
                client=tuple(scope["client"]),
            )
            if (seen.authorization or "").startswith("Bearer "):
                self.bearers.add(seen.authorization.removeprefix("Bearer "))
            body = b""

            async def listen():
                nonlocal body
                message = await receive()
                if message["type"] == "http.request":
                    body += message.get("body", b"")
                    if body and not message.get("more_body"):
                        try:
                            seen.body = json.loads(body)
                        except ValueError:
                            seen.body = body
                return message

            async def speak(message):
                if message["type"] == "http.response.start":
                    seen.status = message["status"]
                    self.requests.append(seen)
                await send(message)

            await app(scope, listen, speak)

        return recorder

    def lines(self):
        """The requests so far as `METHOD /path`, in order."""
        return [request.line() for request in self.requests]

    def take(self):
        """The requests since the last call."""
        taken, self.requests[:] = self.requests[:], []
        return taken

    def secrets(self):
        """What no output may ever contain."""
        return set(self.world.keys) | self.bearers | (self.provider.tokens() if self.provider else set())

    def close(self):
        """Stops serving; afterwards nothing listens there."""
        self._server.should_exit = True
        self._thread.join(timeout=PATIENCE)
        self._socket.close()
        assert not self._thread.is_alive(), "the control plane did not stop"


LIST_PROJECTS = "/api/v1beta1/deployments/list-projects"
ORGANIZATIONS = "/api/v1beta1/deployments/organizations"
DEPLOYMENTS = "/api/v1beta1/deployments"
VERSION = "/api/v1beta1/deployments-public/version"
API_KEYS = "/api/v1/api-keys"
