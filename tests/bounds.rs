//! Waits of a minute: they need the clock and no core, and stand first in the alphabet so that all others run meanwhile.

use std::time::Duration;

use crate::login::setup;
use crate::refresh::{REFUSED, hold_lock, signed_in};
use crate::support::Reply;
use crate::support::provider::refusal;

#[test]
fn nobody_waits_for_ever_for_another_refresh() {
    let setup = signed_in(true);
    let before = setup.store();
    let lock = hold_lock(&setup);
    let output = setup
        .sandbox
        .cmd("projects get")
        .code(3)
        .stderr(&format!(
            "{REFUSED}error: another llamactl is refreshing the login and does not come to an end\n\
            hint: nothing was changed; end that process, then try again\n"
        ))
        .limit(Duration::from_secs(120))
        .run();
    assert!(
        (69..110).contains(&output.took.as_secs()),
        "{:?}",
        output.took
    );
    drop(lock);
    assert_eq!(setup.store(), before);
    assert_eq!(setup.provider.script().refreshes, 0);
}

#[test]
fn a_bad_network_and_a_slow_person() {
    let setup = setup();
    setup.provider.script().polls.extend([
        refusal("authorization_pending"),
        refusal("slow_down"),
        refusal("slow_down"),
        Reply::html(502, "<html>Bad Gateway</html>"),
        Reply::reset(),
    ]);
    setup
        .sandbox
        .cmd("auth login")
        .any_stderr()
        .limit(Duration::from_secs(90))
        .run();
    let script = setup.provider.script();
    let gaps: Vec<f64> = script
        .polled
        .windows(2)
        .map(|two| (two[1] - two[0]).as_secs_f64())
        .collect();
    assert_eq!(gaps.len(), 5);
    for (gap, least) in gaps.iter().zip([1.0, 6.0, 11.0, 11.0, 11.0]) {
        // Never sooner than the RFC allows; later only as far as a busy machine makes it.
        assert!((least..least + 10.0).contains(gap), "{gaps:?}");
    }
}
