//! Nobody comes near without the right host, origin, token and content type; and nothing runs for them.

use serde_json::json;

use crate::{House, call, shape};

/// Every route with a method that it takes.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/calls"),
    ("GET", "/v1/calls"),
    ("GET", "/v1/calls/call_x"),
    ("DELETE", "/v1/calls/call_x"),
    ("GET", "/v1/calls/call_x/events"),
    ("GET", "/v1/calls/call_x/picture"),
    ("GET", "/v1/apps"),
    ("GET", "/v1/apps/toy/commands"),
    ("GET", "/v1/apps/toy/commands/toy.echo"),
    ("GET", "/v1/apps/toy/programs"),
    ("POST", "/v1/apps/toy/programs"),
    ("GET", "/v1/instances"),
    ("POST", "/v1/instances"),
    ("GET", "/v1/instances/toy"),
    ("DELETE", "/v1/instances/toy"),
    ("GET", "/v1/instances/toy/state"),
    ("GET", "/v1/instances/toy/picture"),
    ("GET", "/v1/recovery"),
    ("POST", "/v1/dashboard/links"),
    ("GET", "/v1/dashboard/session"),
    ("DELETE", "/v1/dashboard/session"),
    ("PUT", "/v1/blobs"),
    ("GET", "/v1/blobs/sha256:00"),
    ("GET", "/v1/tokens"),
    ("POST", "/v1/tokens"),
    ("DELETE", "/v1/tokens/x"),
    ("POST", "/v1/stop"),
    ("GET", "/openapi.json"),
];

#[tokio::test]
async fn every_route_but_healthz_wants_a_token() {
    let house = House::open().await;
    for (method, path) in ROUTES {
        let json = [("content-type", "application/json")];
        let answer = house.stranger().send(method, path, &json, b"{}").await;
        assert_eq!(shape(&answer), "401 unauthenticated", "{method} {path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(
            answer.json()["hint"]
                .as_str()
                .unwrap()
                .contains("kapelle token")
        );
    }
    let health = house.stranger().get("/healthz").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &json!("ok"))
    );
    assert_eq!(
        house.owner().get("/v1/apps").await.status,
        200,
        "nobody has stopped it"
    );
}

#[tokio::test]
async fn a_wrong_token_is_as_good_as_none() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let right = house.owner().token.unwrap();
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {right}"),
        format!("Bearer {}", &right[1..]),
        format!("Bearer {right}0"),
        format!("Bearer {}", house.hub.bridge_token()),
        right.clone(),
    ];
    for value in wrong {
        let headers = [
            ("authorization", value.as_str()),
            ("content-type", "application/json"),
        ];
        let body = call("toy.echo", json!({})).to_string();
        let answer = house
            .owner()
            .send("POST", "/v1/calls", &headers, body.as_bytes())
            .await;
        assert_eq!(shape(&answer), "401 unauthenticated", "{value}");
    }
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    let headers = [("authorization", format!("bearer {right}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        house
            .owner()
            .send("GET", "/v1/apps", &headers, b"")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_page_of_another_origin_runs_nothing_whatever_it_knows() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let body = call("toy.echo", json!({})).to_string();
    let port = house.address.port();
    let foreign = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        "http://127.0.0.1".to_owned(),
        format!("http://localhost:{}", port ^ 1),
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}@evil.example"),
    ];
    for origin in foreign {
        let headers = [
            ("origin", origin.as_str()),
            ("content-type", "application/json"),
        ];
        for (method, path) in ROUTES
            .iter()
            .chain(&[("GET", "/healthz"), ("GET", "/nowhere")])
        {
            let answer = house
                .owner()
                .send(method, path, &headers, body.as_bytes())
                .await;
            assert_eq!(
                shape(&answer),
                "403 origin_refused",
                "{origin} {method} {path}"
            );
            assert!(
                !answer
                    .headers
                    .iter()
                    .any(|(name, _)| name.starts_with("access-control"))
            );
        }
    }
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    for own in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
    ] {
        let headers = [("origin", own.as_str())];
        assert_eq!(
            house
                .owner()
                .send("GET", "/v1/apps", &headers, b"")
                .await
                .status,
            200,
            "{own}"
        );
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_hub_gets_nothing() {
    let house = House::open().await;
    let port = house.address.port();
    let foreign = [
        String::new(),
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("10.0.0.1:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.nip.io:{port}"),
    ];
    for host in foreign {
        for path in ["/healthz", "/v1/apps", "/openapi.json", "/nowhere"] {
            let answer = house
                .owner()
                .send("GET", path, &[("host", host.as_str())], b"")
                .await;
            assert_eq!(shape(&answer), "403 host_refused", "{host} {path}");
        }
    }
    for host in [
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
    ] {
        let answer = house
            .owner()
            .send("GET", "/v1/apps", &[("host", host.as_str())], b"")
            .await;
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_json_is_refused_before_it_is_read() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let body = call("toy.echo", json!({})).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/json",
        "",
    ] {
        for path in ["/v1/calls", "/v1/instances", "/v1/tokens", "/v1/stop"] {
            let headers = [("content-type", kind)];
            let answer = house
                .owner()
                .send("POST", path, &headers, body.as_bytes())
                .await;
            assert_eq!(
                shape(&answer),
                "415 media_type_unsupported",
                "{kind} {path}"
            );
        }
    }
    let none = house
        .owner()
        .send("POST", "/v1/calls", &[], body.as_bytes())
        .await;
    assert_eq!(shape(&none), "415 media_type_unsupported");
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        let headers = [("content-type", kind)];
        let answer = house
            .owner()
            .send("POST", "/v1/calls", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn what_there_is_not_is_a_problem_that_names_it() {
    let house = House::open().await;
    for (method, path) in [
        ("POST", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/calls"),
        ("PUT", "/v1/calls"),
        ("PATCH", "/v1/instances/toy"),
        ("POST", "/healthz"),
        ("DELETE", "/v1/blobs/sha256:00"),
        ("OPTIONS", "/v1/calls"),
        ("TRACE", "/v1/calls"),
        ("BREW", "/v1/calls"),
    ] {
        let json = [("content-type", "application/json")];
        let answer = house.owner().send(method, path, &json, b"").await;
        assert_eq!(shape(&answer), "404 route_unknown", "{method} {path}");
        let problem = answer.json();
        assert!(
            problem["message"].as_str().unwrap().contains(method),
            "{problem}"
        );
        assert!(problem["hint"].as_str().unwrap().contains("/openapi.json"));
    }
}
