//! `environments get`: lists the environments, or shows one.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::select;
use crate::error::Result;
use crate::term::output::{self, Doc, Format, yes_no};
use crate::url::ApiUrl;

struct Args {
    url: Option<ApiUrl>,
    format: Format,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        Ok(Args {
            url: super::url(given)?,
            format: Format::of(given),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let store = app.profiles()?;
    let current = store.current_url();
    let urls = match &args.url {
        Some(url) if store.environment(url).is_none() => {
            return Err(select::no_such_environment(&store, url));
        }
        Some(url) => vec![url.clone()],
        None => store.urls(),
    };
    let shown: Vec<(ApiUrl, bool)> = urls
        .into_iter()
        .map(|url| {
            let requires_auth = store.environment(&url).is_none_or(|env| env.requires_auth);
            (url, requires_auth)
        })
        .collect();
    let document = |(url, requires_auth): &(ApiUrl, bool)| {
        Doc::Fields(vec![
            ("api_url", url.as_str().into()),
            ("requires_auth", (*requires_auth).into()),
            ("active", (*url == current).into()),
        ])
    };
    let doc = match (&args.url, &shown[..]) {
        (Some(_), [one]) => document(one),
        _ => Doc::List(shown.iter().map(document).collect()),
    };
    if let Some(text) = doc.render(args.format) {
        return output::data(&text);
    }
    let rows: Vec<[String; 3]> = shown
        .iter()
        .map(|(url, requires_auth)| {
            [
                url.to_string(),
                yes_no(*requires_auth).to_string(),
                yes_no(*url == current).to_string(),
            ]
        })
        .collect();
    output::text(&output::table(
        ["API_URL", "REQUIRES_AUTH", "ACTIVE"],
        &rows,
    ))
}
