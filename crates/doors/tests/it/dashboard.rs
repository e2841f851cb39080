//! The dashboard's way in: one-time links, the cookie and what it is good for, the page and its headers.

use serde_json::{Value, json};
use testkit::Dial;
use wire::CommandSpec;

use crate::client::{Answer, Client};
use crate::socket::Socket;
use crate::{House, call, shape};

/// A browser that has signed in.
struct Browser {
    client: Client,
    cookie: String,
    own: String,
}

impl Browser {
    async fn of(house: &House) -> Self {
        let key = key_of(house).await;
        let (answer, cookie) = sign_in(house, &key).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Self {
            client: house.stranger(),
            cookie: cookie.unwrap(),
            own: format!("http://{}", house.address),
        }
    }

    /// With the cookie and these headers.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/json"),
        ];
        all.extend(headers);
        self.client.send(method, path, &all, body.as_bytes()).await
    }

    /// As its own page asks.
    async fn page(&self, method: &str, path: &str, body: &str) -> Answer {
        let signs: &[(&str, &str)] = match method {
            "GET" => &[("sec-fetch-site", "same-origin")],
            _ => &[("origin", &self.own)],
        };
        self.send(method, path, signs, body).await
    }
}

async fn key_of(house: &House) -> String {
    let made = house.owner().post("/v1/dashboard/links", &json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let key = url.strip_prefix(&format!("http://{}/#key=", house.address));
    key.unwrap().to_owned()
}

async fn sign_in(house: &House, key: &str) -> (Answer, Option<String>) {
    let own = format!("http://{}", house.address);
    let headers = [
        ("origin", own.as_str()),
        ("content-type", "application/json"),
    ];
    let body = json!({ "key": key }).to_string();
    let answer = house
        .stranger()
        .send("POST", "/v1/dashboard/session", &headers, body.as_bytes())
        .await;
    let cookie = answer
        .header("set-cookie")
        .and_then(|cookie| cookie.split(';').next())
        .map(str::to_owned);
    (answer, cookie)
}

#[tokio::test]
async fn a_link_signs_one_browser_in_once() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let key = key_of(&house).await;
    let (answer, _) = sign_in(&house, &key).await;
    assert_eq!(
        (answer.status, &answer.json()["caller"]),
        (201, &json!("dashboard"))
    );
    let cookie = answer.header("set-cookie").unwrap();
    for mark in [
        &format!("kapelle-{}=", house.address.port()),
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=604800",
    ] {
        assert!(cookie.contains(mark), "{cookie}: {mark}");
    }
    assert!(!cookie.contains(&key) && !cookie.contains("Domain"));
    let (again, none) = sign_in(&house, &key).await;
    assert_eq!(
        (shape(&again), none),
        ("401 unauthenticated".to_owned(), None)
    );

    let browser = Browser::of(&house).await;
    let who = browser.page("GET", "/v1/dashboard/session", "").await;
    assert_eq!(
        (who.status, &who.json()["caller"]),
        (200, &json!("dashboard"))
    );
    assert!(
        who.json()["token_file"]
            .as_str()
            .unwrap()
            .ends_with("owner")
    );
    let body = call("toy.echo", json!({})).to_string();
    let ran = browser.page("POST", "/v1/calls", &body).await.json();
    assert_eq!(
        (&ran["status"], &ran["caller"]),
        (&json!("succeeded"), &json!("dashboard"))
    );
    // The history tells the page from the terminal.
    let calls = house.owner().get("/v1/calls").await.json();
    assert_eq!(calls["calls"][0]["caller"], "dashboard");
    bridge.round_trip().await;

    let out = browser.page("DELETE", "/v1/dashboard/session", "").await;
    assert_eq!(out.status, 200);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    let after = browser.page("GET", "/v1/instances", "").await;
    assert_eq!(shape(&after), "401 unauthenticated");
    assert!(
        after.json()["hint"]
            .as_str()
            .unwrap()
            .contains("kapelle dashboard")
    );
}

#[tokio::test]
async fn the_cookie_counts_only_for_what_its_own_page_asks() {
    let house = House::open().await;
    let bridge = house.echo().await;
    let browser = Browser::of(&house).await;
    let port = house.address.port();
    let body = call("toy.echo", json!({})).to_string();
    let neighbour = format!("http://localhost:{port}");
    let elsewhere = format!("http://127.0.0.1:{}", port ^ 1);
    // Another name of this very hub is another origin, and other ports of this machine are the same site.
    let signs: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", &neighbour)],
        &[("origin", &elsewhere)],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", &neighbour), ("sec-fetch-site", "same-origin")],
    ];
    for headers in signs {
        for (method, path) in [
            ("POST", "/v1/calls"),
            ("GET", "/v1/calls"),
            ("GET", "/v1/blobs/sha256:00"),
            ("GET", "/v1/events"),
            ("POST", "/v1/instances"),
            ("POST", "/v1/stop"),
            ("DELETE", "/v1/dashboard/session"),
            ("GET", "/v1/dashboard/session"),
        ] {
            let answer = browser.send(method, path, headers, &body).await;
            assert_eq!(
                shape(&answer),
                "403 origin_refused",
                "{method} {path} {headers:?}"
            );
        }
    }
    // Fetch metadata alone is enough to look, not to do.
    for (method, path) in [
        ("POST", "/v1/calls"),
        ("POST", "/v1/stop"),
        ("PUT", "/v1/blobs"),
        ("DELETE", "/v1/instances/toy"),
    ] {
        let answer = browser
            .send(method, path, &[("sec-fetch-site", "same-origin")], &body)
            .await;
        assert_eq!(shape(&answer), "403 origin_refused", "{method} {path}");
    }
    let form = browser
        .client
        .send(
            "POST",
            "/v1/calls",
            &[
                ("cookie", &browser.cookie),
                ("origin", &browser.own),
                ("content-type", "text/plain"),
            ],
            body.as_bytes(),
        )
        .await;
    assert_eq!(shape(&form), "415 media_type_unsupported");
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty(), "nothing ran");
    assert_eq!(browser.page("GET", "/v1/calls", "").await.status, 200);
}

#[tokio::test]
async fn nothing_else_signs_in() {
    let house = House::open().await;
    let key = key_of(&house).await;
    let body = json!({ "key": key }).to_string();
    let own = format!("http://{}", house.address);
    let json_type = ("content-type", "application/json");
    let post = async |headers: &[(&str, &str)], body: &str| {
        let answer = house
            .stranger()
            .send("POST", "/v1/dashboard/session", headers, body.as_bytes())
            .await;
        assert_eq!(answer.header("set-cookie"), None);
        shape(&answer)
    };
    // A form of another page, a program without a browser's word, fetch metadata alone.
    assert_eq!(post(&[json_type], &body).await, "403 origin_refused");
    assert_eq!(
        post(&[json_type, ("origin", "null")], &body).await,
        "403 origin_refused"
    );
    assert_eq!(
        post(&[json_type, ("sec-fetch-site", "same-origin")], &body).await,
        "403 origin_refused"
    );
    let typed = [("origin", own.as_str()), ("content-type", "text/plain")];
    assert_eq!(post(&typed, &body).await, "415 media_type_unsupported");
    let right = [("origin", own.as_str()), json_type];
    assert_eq!(post(&right, r#"{"key":""}"#).await, "401 unauthenticated");
    assert_eq!(post(&right, r#"{"key":1}"#).await, "400 body_malformed");
    assert_eq!(
        post(&right, r#"{"key":"x","y":1}"#).await,
        "400 body_malformed"
    );
    let long = json!({"key": "x".repeat(2000)}).to_string();
    assert_eq!(post(&right, &long).await, "413 body_too_large");
    // The link is still good after all that.
    assert_eq!(sign_in(&house, &key).await.0.status, 201);
    // A wrong cookie is no cookie, and one of another hub is none of ours.
    for cookie in ["", "x", &"0".repeat(64)] {
        let pair = format!("kapelle-{}={cookie}", house.address.port());
        let answer = house
            .stranger()
            .send(
                "GET",
                "/v1/calls",
                &[("cookie", &pair), ("sec-fetch-site", "same-origin")],
                b"",
            )
            .await;
        assert_eq!(shape(&answer), "401 unauthenticated", "{pair}");
    }
}

#[tokio::test]
async fn links_are_made_by_who_may_administer_and_by_no_session() {
    let house = House::open().await;
    let writer = house
        .caller("writer", &["read", "write", "code"], &[])
        .await;
    let answer = writer.post("/v1/dashboard/links", &json!({})).await;
    assert_eq!(shape(&answer), "403 forbidden");
    let browser = Browser::of(&house).await;
    let answer = browser.page("POST", "/v1/dashboard/links", "{}").await;
    assert_eq!(shape(&answer), "403 forbidden");
    let taken = house
        .owner()
        .post(
            "/v1/tokens",
            &json!({"name": "dashboard", "scopes": ["read"], "ask": []}),
        )
        .await;
    assert_eq!(shape(&taken), "409 name_taken");

    // What a session may, its maker may; and it ends with its maker's token.
    let td = house.caller("td", &["read", "admin"], &[]).await;
    let made = td.post("/v1/dashboard/links", &json!({})).await.json();
    let key = made["url"]
        .as_str()
        .unwrap()
        .split("key=")
        .nth(1)
        .unwrap()
        .to_owned();
    let (answer, cookie) = sign_in(&house, &key).await;
    assert_eq!(answer.json()["caller"], "dashboard:td");
    let of_td = Browser {
        cookie: cookie.unwrap(),
        ..browser
    };
    assert_eq!(
        shape(&of_td.page("DELETE", "/v1/instances/toy", "").await),
        "403 forbidden"
    );
    house.owner().delete("/v1/tokens/td").await;
    let after = of_td.page("GET", "/v1/instances", "").await;
    assert_eq!(shape(&after), "401 unauthenticated");
}

#[tokio::test]
async fn agents_and_who_has_a_token_are_not_served_by_the_cookie() {
    let house = House::open().await;
    let browser = Browser::of(&house).await;
    for path in ["/mcp", "/mcp/toy"] {
        let answer = browser.page("POST", path, "{}").await;
        assert_eq!(shape(&answer), "401 unauthenticated", "{path}");
    }
    // A token counts before a cookie, a false one too.
    let headers = [
        ("authorization", "Bearer nonsense"),
        ("origin", browser.own.as_str()),
    ];
    let answer = browser.send("GET", "/v1/calls", &headers, "").await;
    assert_eq!(shape(&answer), "401 unauthenticated");
    let owner = house.owner().delete("/v1/dashboard/session").await;
    assert_eq!(shape(&owner), "400 arguments_invalid");
}

#[tokio::test]
async fn the_websocket_takes_the_cookie_with_its_own_origin_only() {
    let house = House::open().await;
    let browser = Browser::of(&house).await;
    let cookie = ("cookie", browser.cookie.as_str());
    let neighbour = format!("http://localhost:{}", house.address.port());
    let refused: [(&[(&str, &str)], u16); 5] = [
        (&[cookie], 403),
        (&[cookie, ("origin", &neighbour)], 403),
        (&[cookie, ("origin", "http://evil.example")], 403),
        (&[cookie, ("origin", "null")], 403),
        (
            &[("cookie", "kapelle-1=x"), ("origin", "http://evil.example")],
            403,
        ),
    ];
    for (headers, status) in refused {
        let opened = Socket::open(house.address, headers).await;
        assert_eq!(opened.err(), Some(status), "{headers:?}");
    }
    let wrong = format!("kapelle-{}=nonsense", house.address.port());
    let headers = [("cookie", wrong.as_str()), ("origin", browser.own.as_str())];
    assert_eq!(Socket::open(house.address, &headers).await.err(), Some(401));

    let headers = [cookie, ("origin", browser.own.as_str())];
    let mut socket = Socket::open(house.address, &headers).await.unwrap();
    let welcome = socket.next().await;
    assert_eq!(
        (&welcome["type"], &welcome["caller"]),
        (&json!("welcome"), &json!("dashboard"))
    );
    let topics = json!({"type": "subscribe", "id": "f", "topics": ["calls", "instances", "state"]});
    assert_eq!(socket.ask(&topics).await["type"], "subscribed");
    assert_eq!(socket.next().await["type"], "resync");
    // Signed out elsewhere, it hears nothing more.
    browser.page("DELETE", "/v1/dashboard/session", "").await;
    socket.send(&json!({"type": "ping"})).await;
    let ((code, _), before) = socket.until_closed().await;
    assert_eq!(code, 4401);
    let last: &Value = before.last().unwrap();
    assert!(
        last["problem"]["hint"]
            .as_str()
            .unwrap()
            .contains("kapelle dashboard")
    );
}

#[tokio::test]
async fn the_page_keeps_to_itself() {
    let house = House::open().await;
    let page = house.stranger().get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{policy}: {part}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"));
    let html = String::from_utf8(page.body.clone()).unwrap();
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "no outside requests"
    );
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains("onload="));
    for part in html.split('"').filter(|part| part.starts_with("/assets/")) {
        let asset = house.stranger().get(part).await;
        assert_eq!(asset.status, 200, "{part}");
        assert_eq!(
            asset.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", policy),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(asset.header(name), Some(value), "{part}");
        }
    }
    let unknown = house.stranger().get("/assets/nothing.js").await;
    assert_eq!(shape(&unknown), "404 route_unknown");
    for strange in [
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/index.html",
    ] {
        assert_eq!(house.stranger().get(strange).await.status, 404, "{strange}");
    }
    let foreign = [("host", "evil.example")];
    let answer = house.stranger().send("GET", "/", &foreign, b"").await;
    assert_eq!(shape(&answer), "403 host_refused");
}

#[tokio::test]
async fn the_page_travels_compressed_and_once() {
    let house = House::open().await;
    let html = String::from_utf8(house.stranger().get("/").await.body).unwrap();
    let script = html
        .split('"')
        .find(|part| part.starts_with("/assets/") && part.ends_with(".js"))
        .unwrap();
    let plain = house.stranger().get(script).await;
    assert_eq!(plain.header("content-encoding"), None);
    for (asked, coding) in [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("gzip;q=1, br;q=0", "gzip"),
    ] {
        let headers = [("accept-encoding", asked)];
        let packed = house.stranger().send("GET", script, &headers, b"").await;
        assert_eq!(packed.header("content-encoding"), Some(coding), "{asked}");
        assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
        assert!(packed.body.len() * 2 < plain.body.len());
        let tag = packed.header("etag").unwrap();
        assert_ne!(Some(tag), plain.header("etag"));
        let again = house
            .stranger()
            .send(
                "GET",
                script,
                &[("accept-encoding", asked), ("if-none-match", tag)],
                b"",
            )
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn a_picture_in_the_blobs_says_that_it_is_one_and_nothing_else_does() {
    let house = House::open().await;
    let png = b"\x89PNG\r\n\x1a\n then more".as_slice();
    for (bytes, kind) in [
        (png, "image/png"),
        (b"\xff\xd8\xff\xe0 then more".as_slice(), "image/jpeg"),
        (b"RIFF0000WEBP".as_slice(), "image/webp"),
        (
            b"<!doctype html><script>alert(1)</script>".as_slice(),
            "application/octet-stream",
        ),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>".as_slice(),
            "application/octet-stream",
        ),
        (b"short".as_slice(), "application/octet-stream"),
    ] {
        let stored = house.owner().put("/v1/blobs", bytes).await.json();
        let path = format!("/v1/blobs/{}", stored["$blob"].as_str().unwrap());
        let read = house.owner().get(&path).await;
        assert_eq!(read.header("content-type"), Some(kind));
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(read.body, bytes);
    }
}

#[tokio::test]
async fn a_picture_is_taken_once_for_all_who_look_and_never_of_a_busy_program() {
    let house = House::open().await;
    let specs = CommandSpec::from_toml(
        "viewport",
        "summary='Looks'\n[screenshot]\nsummary='Looks.'\neffect='read'\nrole='look'\n[screenshot.args.width]\ntype='integer'\n",
    );
    let mut lens = Dial::new(&house.hub)
        .app("lens")
        .name("lens")
        .commands(specs.unwrap())
        .by_hand()
        .await
        .unwrap();
    let look = || async { house.owner().get("/v1/instances/lens/picture").await.json() };
    // A caller of its own keeps it busy: whoever looks then gets what there is.
    let busy = json!({"app": "lens", "command": "viewport.screenshot", "args": {}, "wait": false});
    house.owner().post("/v1/calls", &busy).await;
    let call = lens.next_call().await;
    lens.started(&call.id).await;
    lens.round_trip().await;
    assert_eq!(look().await["picture"], Value::Null);
    lens.answer(&call.id, json!({})).await;
    lens.round_trip().await;
    let state = || async {
        let view = house.owner().get("/v1/instances/lens").await.json();
        json!([view["state"], view["since"], view["running"]])
    };
    let before = state().await;
    assert_eq!(
        (&before[0], &before[2]),
        (&json!("idle"), &Value::Null),
        "{before}"
    );
    // Two who look at the same time cost one call.
    let answers = async {
        let call = lens.next_call().await;
        assert_eq!(call.args["width"], 720);
        lens.started(&call.id).await;
        // It is nobody's work: the instance is as idle as before, and since when it was.
        assert_eq!(state().await, before);
        let other = look().await;
        let image = json!({"image": {"$blob": "sha256:00", "width": 720, "height": 540}});
        lens.answer(&call.id, image).await;
        other
    };
    let (first, other) = tokio::join!(look(), answers);
    assert_eq!(first["picture"]["$blob"], "sha256:00");
    assert_eq!(other["picture"], Value::Null, "it was still being taken");
    assert_eq!(look().await["picture"], first["picture"]);
    lens.round_trip().await;
    assert_eq!(lens.calls().len(), 2);
    assert_eq!(state().await, before);
    // The page leaves it out of what was done.
    let calls = house.owner().get("/v1/calls?instance=lens").await.json();
    assert_eq!(calls["calls"][0]["correlation_id"], "picture");
    assert_eq!(calls["calls"][1]["correlation_id"], Value::Null);

    // The toy has no such command: it says so.
    let bridge = house.echo().await;
    let answer = house.owner().get("/v1/instances/toy/picture").await;
    assert_eq!(shape(&answer), "400 not_supported");
    assert!(
        answer.json()["message"]
            .as_str()
            .unwrap()
            .contains("`look`")
    );
    bridge.round_trip().await;
    assert!(bridge.calls().is_empty());
    let unknown = house.owner().get("/v1/instances/nobody/picture").await;
    assert_eq!(shape(&unknown), "404 instance_unknown");
    let nobody = house.caller("nobody", &["write"], &[]).await;
    let refused = nobody.get("/v1/instances/toy/picture").await;
    assert_eq!(shape(&refused), "403 forbidden");
}

#[tokio::test]
async fn programs_to_install_in_are_for_who_may_administer() {
    let house = House::open().await;
    let listed = house.owner().get("/v1/apps/toy/programs").await;
    assert_eq!(
        (listed.status, listed.json()),
        (200, json!({"programs": []}))
    );
    let other = json!({"program": "/bin/sh"});
    let answer = house.owner().post("/v1/apps/toy/programs", &other).await;
    assert_eq!(answer.code(), "file_not_found");
    let writer = house
        .caller("writer", &["read", "write", "code"], &[])
        .await;
    for answer in [
        writer.get("/v1/apps/toy/programs").await,
        writer.post("/v1/apps/toy/programs", &other).await,
    ] {
        assert_eq!(shape(&answer), "403 forbidden");
    }
    let unknown = house.owner().get("/v1/apps/nothing/programs").await;
    assert_eq!(shape(&unknown), "404 app_unknown");
}
