//! An in-memory control plane, for tests of what a command does rather than of each request.
//!
//! It responds like the service, including errors. A test sets up its [`World`] and may change it between runs. `make demo`
//! uses it too.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::reply::Reply;
use super::secrets::Secrets;
use super::server::{Request, Server};

/// The state of a control plane.
pub struct World {
    pub version: String,
    pub requires_auth: bool,
    pub min_llamactl_version: Option<String>,
    /// With `organizations` among them there are some to ask for.
    pub capabilities: Vec<String>,
    pub organizations: Vec<Value>,
    pub projects: Vec<Project>,
    pub deployments: Vec<Deployment>,
    /// Accepted keys and access tokens, each with what `auth/me` says about it.
    pub keys: BTreeMap<String, Value>,
    /// Keys made here, by id.
    pub minted: BTreeMap<String, String>,
    /// What the browser login's discovery answers; without it there is none.
    pub oidc: Option<Value>,
    made: usize,
    followers: Vec<(String, Sender<Vec<u8>>)>,
}

pub struct Project {
    pub id: String,
    pub name: Option<String>,
    pub organization: String,
}

#[derive(Clone)]
pub struct Deployment {
    pub project: String,
    pub id: String,
    /// All that the service says about it.
    pub json: Value,
    /// The commits of its repository, by reference; an update to another reference is refused.
    pub refs: BTreeMap<String, String>,
    /// Fields that the next requests for it show, one after the other, as a rollout goes on.
    pub upcoming: VecDeque<Value>,
    /// Newest first.
    pub history: Vec<Value>,
    pub logs: Vec<Value>,
}

impl Deployment {
    pub fn new(project: &str, id: &str) -> Deployment {
        let json = json!({
            "id": id,
            "display_name": id,
            "repo_url": format!("https://git.example/{id}"),
            "deployment_file_path": "llama_deploy.yaml",
            "git_ref": "main",
            "git_sha": "2222222222222222222222222222222222222222",
            "has_personal_access_token": false,
            "project_id": project,
            "secret_names": null,
            "apiserver_url": format!("https://{id}.apps.example/"),
            "status": "Running",
            "warning": null,
            "events": null,
            "appserver_version": "0.11.3",
            "suspended": false,
            "name": id,
            "llama_deploy_version": "0.11.3",
        });
        let release = |sha: &str, day: &str| json!({"git_sha": sha.repeat(40), "image_tag": "0.11.3", "released_at": format!("2026-01-{day}T12:00:00Z")});
        Deployment {
            project: project.to_string(),
            id: id.to_string(),
            json,
            refs: BTreeMap::from([("main".to_string(), "2".repeat(40))]),
            upcoming: VecDeque::new(),
            history: vec![release("2", "02"), release("1", "01")],
            logs: Vec::new(),
        }
    }

    /// With another value in a field: `("status", json!("Failed"))`.
    pub fn with(mut self, field: &str, value: Value) -> Deployment {
        self.json[field] = value;
        self
    }

    /// With a commit that a reference resolves to: the digit forty times.
    pub fn commit(mut self, git_ref: &str, digit: &str) -> Deployment {
        self.refs.insert(git_ref.to_string(), digit.repeat(40));
        self
    }

    /// With the phases that the next requests for it show.
    pub fn phases<const N: usize>(mut self, phases: [&str; N]) -> Deployment {
        let fields = phases.map(|phase| json!({ "status": phase }));
        self.upcoming.extend(fields);
        self
    }

    /// With fields that one of the next requests for it shows.
    pub fn then(mut self, fields: Value) -> Deployment {
        self.upcoming.push_back(fields);
        self
    }

    fn show(&mut self, with_events: bool) -> Value {
        if let Some(Value::Object(fields)) = self.upcoming.pop_front() {
            for (field, value) in fields {
                self.json[field] = value;
            }
        }
        let mut json = self.json.clone();
        if !with_events {
            json["events"] = Value::Null;
        }
        json
    }

    /// With a line in its log.
    pub fn log(mut self, text: &str) -> Deployment {
        let line = self.log_line(text);
        self.logs.push(line);
        self
    }

    fn log_line(&self, text: &str) -> Value {
        let timestamp = format!("2026-01-02T12:00:{:02}Z", self.logs.len() % 60);
        json!({"pod": format!("{}-0", self.id), "container": "app", "text": text, "timestamp": timestamp})
    }
}

impl Default for World {
    /// An empty one that needs a key and has organizations.
    fn default() -> World {
        World {
            version: "0.10.4".to_string(),
            requires_auth: true,
            min_llamactl_version: None,
            capabilities: vec!["organizations".to_string()],
            organizations: Vec::new(),
            projects: Vec::new(),
            deployments: Vec::new(),
            keys: BTreeMap::new(),
            minted: BTreeMap::new(),
            oidc: None,
            made: 0,
            followers: Vec::new(),
        }
    }
}

impl World {
    /// Two organizations, three projects and four deployments, and this key to get at them.
    pub fn populated(key: &str) -> World {
        World::default()
            .key(key)
            .organization("org-acme", "Acme", true)
            .organization("org-labs", "Acme Labs", false)
            .project("proj-web", "Website", "org-acme")
            .project("proj-support", "Support desk", "org-acme")
            .project("proj-research", "Research", "org-labs")
            .deployment(
                Deployment::new("proj-web", "search")
                    .log("listening")
                    .log("GET /health 200"),
            )
            .deployment(Deployment::new("proj-web", "chat").with("status", json!("RollingOut")))
            .deployment(Deployment::new("proj-support", "triage"))
            .deployment(Deployment::new("proj-research", "reader").with("suspended", json!(true)))
    }

    /// A self-hosted one that asks for no key and has no organizations.
    pub fn open() -> World {
        World {
            requires_auth: false,
            capabilities: Vec::new(),
            ..World::default()
        }
    }

    /// Accepts this key.
    pub fn key(mut self, key: &str) -> World {
        let me = json!({"id": "user-1", "email": "ada@acme.example", "name": "Ada"});
        self.keys.insert(key.to_string(), me);
        self
    }

    pub fn organization(mut self, id: &str, name: &str, default: bool) -> World {
        self.organizations
            .push(json!({"org_id": id, "org_name": name, "is_default": default}));
        self
    }

    pub fn project(mut self, id: &str, name: &str, organization: &str) -> World {
        self.projects.push(Project {
            id: id.to_string(),
            name: Some(name.to_string()),
            organization: organization.to_string(),
        });
        self
    }

    pub fn deployment(mut self, deployment: Deployment) -> World {
        self.deployments.push(deployment);
        self
    }

    /// Offers browser login with this provider and client.
    pub fn oidc(mut self, discovery_url: &str, client: &str) -> World {
        self.oidc = Some(json!({"discovery_url": discovery_url, "client_ids": {"cli": client}}));
        self
    }

    /// What it answers, for a server that is more than a control plane; keys that it makes go to `secrets`.
    pub fn answer(&mut self, request: &Request, secrets: &Secrets) -> Reply {
        let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let parts: Vec<String> = request.path.split('/').skip(1).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let public = matches!(
            parts[..],
            ["api", "v1beta1", "deployments-public", ..] | ["api", "v1", "auth", "oidc", ..]
        );
        let key = request.bearer().filter(|key| self.keys.contains_key(*key));
        if self.requires_auth && !public && key.is_none() {
            let given = request.header("authorization").is_some();
            return Reply::detail(
                401,
                if given {
                    "Invalid API key"
                } else {
                    "Not authenticated"
                },
            );
        }
        match (request.method.as_str(), &parts[..]) {
            ("GET", ["api", "v1beta1", "deployments-public", "version"]) => ok(&json!({
                "version": self.version,
                "requires_auth": self.requires_auth,
                "min_llamactl_version": self.min_llamactl_version,
                "capabilities": self.capabilities,
            })),
            ("GET", ["api", "v1beta1", "deployments", "organizations"])
                if self.has_organizations() =>
            {
                ok(&json!({"organizations": self.organizations}))
            }
            ("GET", ["api", "v1beta1", "deployments", "list-projects"]) => {
                self.list_projects(request)
            }
            (method, ["api", "v1beta1", "deployments", rest @ ..]) if rest.len() < 3 => {
                self.deployments(request, method, rest)
            }
            ("GET", ["api", "v1", "auth", "oidc", "discovery"]) => match &self.oidc {
                Some(discovery) => ok(discovery),
                None => Reply::detail(501, "OIDC is not configured on this server"),
            },
            ("GET", ["api", "v1", "auth", "me"]) => match key.map(|key| &self.keys[key]) {
                Some(me) => ok(me),
                None => Reply::detail(401, "Not authenticated"),
            },
            ("POST", ["api", "v1", "api-keys"]) => self.mint(request, secrets),
            ("DELETE", ["api", "v1", "api-keys", id]) => match self.minted.remove(*id) {
                Some(key) => {
                    self.keys.remove(&key);
                    Reply::status(204)
                }
                None => Reply::detail(404, "API key not found"),
            },
            _ => Reply::detail(404, "Not Found"),
        }
    }

    fn has_organizations(&self) -> bool {
        self.capabilities.iter().any(|c| c == "organizations")
    }

    fn list_projects(&self, request: &Request) -> Reply {
        let organization = request.query("org_id");
        let projects = self
            .projects
            .iter()
            .filter(|p| organization.is_none_or(|o| o == p.organization));
        let projects: Vec<Value> = projects
            .map(|project| {
                let count = self
                    .deployments
                    .iter()
                    .filter(|d| d.project == project.id)
                    .count();
                json!({
                    "project_id": project.id,
                    "project_name": project.name.as_ref().unwrap_or(&project.id),
                    "deployment_count": count,
                    "org_id": project.organization,
                })
            })
            .collect();
        ok(&json!({"projects": projects}))
    }

    fn deployments(&mut self, request: &Request, method: &str, rest: &[&str]) -> Reply {
        let Some(project) = request.query("project_id").or(request.header("project-id")) else {
            return Reply::detail(
                422,
                "project_id is required (query param or project-id header)",
            );
        };
        let Some(id) = rest.first() else {
            let all = self.deployments.iter().filter(|d| d.project == project);
            let all: Vec<&Value> = all.map(|d| &d.json).collect();
            return match method {
                "GET" => ok(&json!({"deployments": all})),
                _ => Reply::detail(405, "Method Not Allowed"),
            };
        };
        let found = self
            .deployments
            .iter()
            .position(|d| d.project == project && d.id == *id);
        let Some(at) = found else {
            return Reply::detail(404, &format!("Deployment {id} not found"));
        };
        let deployment = &mut self.deployments[at];
        match (method, &rest[1..]) {
            ("GET", []) => ok(&deployment.show(request.query("include_events") == Some("true"))),
            ("PATCH", []) => update(deployment, request),
            ("DELETE", []) => {
                self.deployments.remove(at);
                Reply::json(200, "null")
            }
            ("GET", ["history"]) => {
                ok(&json!({"deployment_id": id, "history": deployment.history}))
            }
            ("POST", ["rollback"]) => rollback(deployment, request),
            ("GET", ["logs"]) => self.logs(at, request),
            _ => Reply::detail(404, "Not Found"),
        }
    }

    fn logs(&mut self, at: usize, request: &Request) -> Reply {
        let deployment = &self.deployments[at];
        let tail = request.query("tail_lines").and_then(|n| n.parse().ok());
        let skipped = tail.map_or(0, |tail| deployment.logs.len().saturating_sub(tail));
        let lines = deployment.logs[skipped..]
            .iter()
            .map(event)
            .collect::<Vec<_>>()
            .concat();
        if request.query("follow") == Some("false") {
            return Reply::with_body(200, "text/event-stream", lines).chunked();
        }
        let (follower, messages) = channel();
        // An empty chunk would be the end of the body.
        if !lines.is_empty() {
            let _ = follower.send(lines);
        }
        self.followers.push((deployment.id.clone(), follower));
        Reply::stream(200, "text/event-stream", messages)
    }

    fn mint(&mut self, request: &Request, secrets: &Secrets) -> Reply {
        let Some(name) = request
            .json()
            .and_then(|body| body["name"].as_str().map(str::to_string))
        else {
            return missing("name");
        };
        self.made += 1;
        let id = format!("key-{}", self.made);
        let key = format!("llx-minted{:018}", self.made);
        let me = request
            .bearer()
            .and_then(|token| self.keys.get(token))
            .cloned();
        secrets.add(&key);
        self.keys
            .insert(key.clone(), me.unwrap_or_else(|| json!({"id": "user-1"})));
        self.minted.insert(id.clone(), key.clone());
        Reply::json(
            201,
            json!({"id": id, "name": name, "redacted_api_key": key}).to_string(),
        )
    }
}

/// The response has the new commit and the old phase, as the service's own.
fn update(deployment: &mut Deployment, request: &Request) -> Reply {
    let body = request.json().unwrap_or_default();
    if let Some(git_ref) = body["git_ref"].as_str() {
        let Some(sha) = deployment.refs.get(git_ref) else {
            return Reply::detail(400, &format!("Could not resolve ref '{git_ref}'"));
        };
        deployment.json["git_ref"] = json!(git_ref);
        deployment.json["git_sha"] = json!(sha);
        deployment.json["suspended"] = json!(false);
    }
    if let Some(suspended) = body["suspended"].as_bool() {
        deployment.json["suspended"] = json!(suspended);
    }
    ok(&deployment.json)
}

fn rollback(deployment: &mut Deployment, request: &Request) -> Reply {
    let Some(sha) = request
        .json()
        .and_then(|body| body["git_sha"].as_str().map(str::to_string))
    else {
        return missing("git_sha");
    };
    deployment.json["git_sha"] = json!(sha);
    deployment.history.insert(
        0,
        json!({"git_sha": sha, "image_tag": null, "released_at": "2026-01-03T12:00:00Z"}),
    );
    ok(&deployment.json)
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body.to_string())
}

/// How the service words a field that is not there.
fn missing(field: &str) -> Reply {
    let detail =
        json!([{"type": "missing", "loc": ["body", field], "msg": "Field required", "input": {}}]);
    Reply::json(422, json!({ "detail": detail }).to_string())
}

fn event(line: &Value) -> Vec<u8> {
    format!("event: log\ndata: {line}\n\n").into_bytes()
}

/// A running control plane.
pub struct ControlPlane {
    server: Server,
    world: Arc<Mutex<World>>,
    secrets: Secrets,
}

impl ControlPlane {
    pub fn start(world: World) -> ControlPlane {
        let secrets = Secrets::default();
        for key in world.keys.keys() {
            secrets.add(key);
        }
        let world = Arc::new(Mutex::new(world));
        let (answering, minted) = (world.clone(), secrets.clone());
        let server = Server::start(move |request| lock(&answering).answer(request, &minted));
        ControlPlane {
            server,
            world,
            secrets,
        }
    }

    /// What it knows, to look at or to change. Let go of it before the next request.
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Writes a line to a deployment's log; who follows it gets it at once.
    pub fn log(&self, id: &str, text: &str) {
        let mut world = self.world();
        let deployment = world
            .deployments
            .iter_mut()
            .find(|d| d.id == id)
            .expect("a deployment of that id");
        let line = deployment.log_line(text);
        deployment.logs.push(line.clone());
        world
            .followers
            .retain(|(followed, follower)| followed != id || follower.send(event(&line)).is_ok());
    }

    /// Ends the streams of all that follow a log, as a new rollout does.
    pub fn end_logs(&self) {
        self.world().followers.clear();
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Its requests and connections.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The keys it accepts or made.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
