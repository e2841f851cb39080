use serde_json::json;

use super::*;
use crate::home::Home;

fn masking() -> (tempfile::TempDir, Masking, String) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let callers = Arc::new(Callers::open(&home).unwrap());
    let owner = home.secret(&home.owner_token_file()).unwrap();
    (dir, Masking::new(callers, "b".repeat(64)), owner)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn known_forms_are_masked_and_ordinary_texts_are_not() {
    let (_dir, masking, owner) = masking();
    let letters = "Abcdefghij0123456789Abcdefghij0123456789";
    let tokens = [
        format!("sk-proj-{letters}"),
        format!("sk_live_{letters}"),
        format!("ghp_{letters}"),
        format!("github_pat_{letters}"),
        format!("glpat-{letters}"),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("xoxb-{letters}"),
        format!("AIza{}", &letters[..35]),
        format!("hf_{letters}"),
        format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{letters}"),
        owner,
        "b".repeat(64),
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----".to_owned(),
    ];
    for token in &tokens {
        let text = format!("key = '{token}' # end");
        assert_eq!(masking.text(&text), "key = '[masked]' # end", "{token}");
    }
    assert_eq!(
        masking.text("Authorization: Bearer abcdefghijklmnop\nnext"),
        "Authorization: Bearer [masked]\nnext"
    );
    assert_eq!(
        masking.text("ftp://me:hunter2@host/x"),
        "ftp://me:[masked]@host/x"
    );
    let hash = "0123456789abcdef".repeat(4);
    for plain in [
        "toy.ops.mesh.primitive_cube_add(location=(0, 0, 1))",
        "the bearer of bad news",
        "task-force-of-many-words-in-one-line",
        "http://127.0.0.1:7420/v1/calls",
        &format!("sha256:{hash}"),
        "call_01JABCDEFGHJKMNPQRSTVWXYZ0",
        "eyJ is how it begins",
    ] {
        assert!(
            matches!(masking.text(plain), Cow::Borrowed(_)) || masking.text(plain) == plain,
            "{plain}"
        );
    }
}

#[test]
fn our_own_tokens_are_masked_also_when_they_were_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let callers = Arc::new(Callers::open(&home).unwrap());
    let masking = Masking::new(Arc::clone(&callers), "b".repeat(64));
    let view = crate::callers::TokenView {
        name: "viewer".into(),
        scopes: crate::callers::Scopes::ALL,
        ask: crate::callers::Scopes::NONE,
        expires_at: None,
    };
    let made = callers.create(&view).unwrap();
    callers.revoke("viewer").unwrap();
    let owner = home.secret(&home.owner_token_file()).unwrap();
    std::fs::remove_file(home.owner_token_file()).unwrap();
    let next = home.secret(&home.owner_token_file()).unwrap();
    for token in [&made, &owner, &next] {
        assert_eq!(
            masking.text(&format!("KAPELLE_TOKEN={token} kapelle")),
            "KAPELLE_TOKEN=[masked] kapelle"
        );
    }
    // One that was made before tokens had a form is known while it counts.
    let formless = "0123456789abcdef".repeat(4);
    std::fs::write(home.owner_token_file(), &formless).unwrap();
    let callers = Arc::new(Callers::open(&home).unwrap());
    let masking = Masking::new(callers, "b".repeat(64));
    assert_eq!(masking.text(&formless), "[masked]");
    for plain in ["kapelle_render", "kapelle_0123456789abcdef"] {
        assert_eq!(masking.text(plain), plain);
    }
}

#[test]
fn marked_fields_are_masked_wherever_the_schema_has_them() {
    let (_dir, masking, _) = masking();
    let schema = json!({"properties": {
        "password": {"type": "string", "writeOnly": true},
        "login": {"type": "object", "properties": {"pin": {"writeOnly": true}, "name": {}}},
        "keys": {"type": "array", "items": {"writeOnly": true}},
        "by_name": {"type": "object", "additionalProperties": {"writeOnly": true}},
        "maybe": {"anyOf": [{"type": "null"}, {"type": "string", "writeOnly": true}]},
        "plain": {}
    }});
    let marked = Marked::of(&schema);
    let args = object(json!({
        "password": "p", "login": {"pin": 1234, "name": "me"}, "keys": ["a", "b"],
        "by_name": {"x": {"deep": 1}}, "maybe": null, "plain": "p"
    }));
    let masked = masking.args(&marked, &args);
    assert_eq!(
        Value::Object(masked),
        json!({
            "password": MASKED, "login": {"pin": MASKED, "name": "me"}, "keys": [MASKED, MASKED],
            "by_name": {"x": MASKED}, "maybe": null, "plain": "p"
        })
    );
    assert_eq!(
        masking.found(&marked, &args),
        ["password", "login", "keys", "by_name"]
    );
    let code = object(json!({"code": "key = 'ghp_Abcdefghij0123456789Abcd'", "password": null}));
    assert_eq!(masking.found(&marked, &code), ["code"]);
    assert!(
        masking
            .found(&marked, &object(json!({"plain": "x"})))
            .is_empty()
    );
}

#[test]
fn an_outcome_without_secrets_is_not_copied() {
    let (_dir, masking, _) = masking();
    let body = |text: &str| {
        let mut outcome = wire::Outcome::without_value(
            wire::Status::Failed,
            Problem::new(wire::Code::CALL_FAILED, "x").detail("at", text),
        );
        outcome.value = json!([text]);
        outcome.output.stdout = text.to_owned();
        Arc::new(OutcomeBody::from(outcome))
    };
    let clean = body("hello");
    assert!(Arc::ptr_eq(&clean, &masking.outcome(&clean)));
    let masked = masking.outcome(&body("xoxb-0123456789abc"));
    let text = serde_json::to_string(&masked).unwrap();
    assert!(
        !text.contains("xoxb") && text.matches(MASKED).count() == 3,
        "{text}"
    );
}
