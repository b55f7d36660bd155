//! Any `profiles.json`: no panic, and what was read is written so that it reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llamactl::store::Store;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(store) = serde_json::from_str::<Store>(text) else {
        return;
    };
    let written = serde_json::to_string(&store).expect("it can be written");
    let again: Store = serde_json::from_str(&written).expect("it can be read again");
    assert_eq!(serde_json::to_string(&again).expect("written"), written);
    for url in again.urls() {
        let env = again.environment(&url).expect("it is listed");
        let name = env.free_name("default");
        assert!(env.profile(&name).is_none());
    }
    assert_eq!(again.current().api_url, again.current_url());
});
