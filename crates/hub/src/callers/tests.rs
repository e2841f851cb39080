use super::*;

#[test]
fn an_agents_client_is_narrower_than_who_started_it() {
    let agent = Caller::owner().as_mcp_client("Claude Code\n");
    assert_eq!(agent.name.as_str(), "mcp:Claude-Code-");
    assert!(!agent.is_owner() && !agent.scopes.has(Scope::Admin));
    assert!(agent.scopes.has(Scope::Code) && agent.asks.has(Scope::Destructive));
    assert_eq!(
        Caller::owner().as_mcp_client("").name.as_str(),
        "mcp:client"
    );
    let page = Caller::owner().as_dashboard();
    assert!(page.name.as_str() == "dashboard" && !page.is_owner());
    assert!(page.scopes.has(Scope::Admin));
    let viewer = Caller {
        scopes: [Scope::Read].into_iter().collect(),
        ..Caller::known_as(CallerId::new("viewer#1f"))
    };
    let agent = viewer.as_mcp_client("x");
    assert_eq!((agent.name.as_str(), &agent.id), ("viewer", &viewer.id));
    assert!(agent.scopes.has(Scope::Read) && !agent.scopes.has(Scope::Destructive));
}

#[test]
fn tokens_are_made_used_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let callers = Callers::open(&home).unwrap();
    let owner = home.secret(&home.owner_token_file()).unwrap();
    assert_eq!(callers.authenticate(&owner), Some(Caller::owner()));
    assert_eq!(callers.authenticate("guess"), None);
    assert_eq!(callers.authenticate(""), None);

    let view = TokenView {
        name: "viewer".into(),
        scopes: [Scope::Read].into_iter().collect(),
        ask: Scopes::NONE,
        expires_at: None,
    };
    let secret = callers.create(&view).unwrap();
    let again = Callers::open(&home).unwrap();
    let caller = again.authenticate(&secret).unwrap();
    assert!(caller.scopes.has(Scope::Read) && !caller.scopes.has(Scope::Code));
    assert_eq!(callers.create(&view).unwrap_err().code, Code::NAME_TAKEN);
    // Who asked for work is looked up again when it runs.
    let page = caller.as_dashboard();
    assert_eq!(page.name.as_str(), "dashboard:viewer");
    assert_eq!(callers.known(&page.id), Some(page.clone()));
    callers.revoke("viewer").unwrap();
    assert_eq!(callers.known(&page.id), None);
    assert_eq!(callers.authenticate(&secret), None);
    assert_eq!(
        callers.revoke("viewer").unwrap_err().code,
        Code::TOKEN_UNKNOWN
    );
}

#[test]
fn a_later_token_of_the_same_name_is_another_caller() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(dir.path()).unwrap();
    let callers = Callers::open(&home).unwrap();
    let view = TokenView {
        name: "agent".into(),
        scopes: [Scope::Read].into_iter().collect(),
        ask: Scopes::NONE,
        expires_at: None,
    };
    let make = || {
        let secret = callers.create(&view).unwrap();
        callers.authenticate(&secret).unwrap()
    };
    let first = make();
    assert_eq!(callers.known(&first.id), Some(first.clone()));
    callers.revoke("agent").unwrap();
    let second = make();
    assert_eq!(first.name, second.name);
    assert_ne!(first.id, second.id);
    for before in [first.clone(), first.as_dashboard()] {
        assert_eq!(callers.known(&before.id), None);
        assert_eq!(callers.now(&before).unwrap_err().code, Code::FORBIDDEN);
    }
    let again = Callers::open(&home).unwrap();
    assert_eq!(
        again.known(&second.id),
        Some(second),
        "it is the same to the next hub"
    );
    assert_eq!(callers.known(&CallerId::of_name("agent")), None);
    assert_eq!(callers.known(&CallerId::new("agent")), None);
}
