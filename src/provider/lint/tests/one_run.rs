//! Every mistake at once, and none that only follows from another.

use super::{GOOD, codes};

#[test]
fn mistakes_of_every_kind_are_told_in_one_run() {
    let text = GOOD
        .replace("https://acme.example/docs", "http://acme.example/docs")
        .replace("categories =", "ctegories =")
        .replace("shop = {", "idle = { label = \"Idle\" }\nshop = {")
        .replace("https://{shop}.acme.example/token", "https://{shop}/token")
        .replace("token_params =", "error_map = { gone = \"refusd\" }\ntoken_params =");
    assert_eq!(
        codes(&text),
        ["bad-url", "unknown-key", "unused-variable", "host-not-pinned", "unknown-word"]
    );
    let base = text.replace("base_url = \"https://{shop}.acme", "base_url = \"https://{shop.acme");
    assert!(codes(&base).contains(&"bad-template") && codes(&base).contains(&"host-not-pinned"));
}

#[test]
fn what_only_follows_from_a_mistake_is_not_told() {
    for (old, new) in [
        ("headers = { X-Key", "headrs = { X-Key"),
        ("[variables]", "[variabls]"),
        ("[check]", "[chek]"),
        ("key = { label = \"Key\", secret", "key = { label = \"Key\", secrt"),
        ("name = \"Acme\"", "nam = \"Acme\""),
    ] {
        assert!(GOOD.contains(old), "nothing to replace: {old}");
        assert_eq!(codes(&GOOD.replacen(old, new, 1)), ["unknown-key"], "{new}");
    }
    let pattern = "shop = { label = \"Shop\", example = \"acme\", pattern = \"(\"";
    let text = GOOD.replacen("shop = { label = \"Shop\", example = \"acme\"", pattern, 1);
    assert_eq!(codes(&text), ["bad-pattern"]);
    let orphan = "extend = \"google\"\nname = \"Orphan\"\n";
    assert_eq!(codes(orphan), ["unknown-key"]);
}

#[test]
fn a_syntax_error_hides_no_other_mistake() {
    let text = GOOD
        .replace("shop = {", "idle = { label = \"Idle\" }\nshop = {")
        .replace("https://{shop}.acme.example/token", "https://{shop}/token");
    let others = ["unused-variable", "host-not-pinned"];
    assert_eq!(codes(&text), others);
    assert_eq!(codes(&format!("{text}bogus =\n")), [others[0], others[1], "syntax"]);
    let first = text.replacen("name = \"Acme\"", "name = \"Acme", 1).replacen("[api_key]", "[api_key", 1);
    assert_eq!(codes(&first), ["syntax", others[0], others[1], "syntax"]);
}

#[test]
fn what_only_follows_from_a_syntax_error_is_not_told() {
    for (old, new) in [
        ("[check]", "[check"),
        ("[oauth2]", "[oauth2"),
        ("[variables]", "[variables"),
        ("name = \"Acme\"", "name = \"Acme"),
        ("name = \"Acme\"", "name ="),
        ("[\"crm\"]", "[\"crm\""),
        ("path = \"/me\"", "path \"/me\""),
        ("label = \"Key\", secret = true }", "label = \"Key\", secret = true"),
        ("label = \"Shop\",", "label = ,"),
        ("path = \"/me\"", "path = \"/me\"\n[check]\npath = \"/you\""),
    ] {
        assert!(GOOD.contains(old), "nothing to replace: {old}");
        assert_eq!(codes(&GOOD.replacen(old, new, 1)), ["syntax"], "{new}");
    }
}
