//! What dials the bridge port and is no good bridge gets a sentence, and the hub lives.

use serde_json::{Value, json};
use testkit::{Dial, Ended as _, Refused, Said, Socket, TestHub, bridge_proof, hub_proof};
use wire::frame::{FRAME_BYTES_MAX, encode_message};
use wire::{Code, Status};

const NONCE: &str = "00112233445566778899aabbccddeeff";

async fn said_to(hub: &TestHub, bytes: &[u8]) -> Said {
    let mut socket = Socket::dial(hub.addr).await;
    socket.send_bytes(bytes).await;
    socket.until_closed().await
}

async fn still_works(hub: &TestHub) {
    let bridge = Dial::new(hub).echo().await.unwrap();
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
    bridge.bye().await;
    hub.wait_for("it has left", |hub| {
        hub.instances().is_empty().then_some(())
    })
    .await;
}

fn hello() -> Value {
    json!({"t": "hello", "magic": "kapelle", "protocol": 1, "nonce": NONCE})
}

fn proof(hub: &TestHub, hub_nonce: &str) -> Value {
    json!({
        "t": "proof", "proof": bridge_proof(&hub.bridge_token(), NONCE, hub_nonce),
        "app": "toy", "session": NONCE, "name": null, "launch": null, "version": null,
        "bridge_version": null, "pid": null, "mode": "background", "file": null, "host": {},
        "calls": {"running": [], "queued": [], "ended": []},
    })
}

/// The code of the refusal, and a part of its sentence.
async fn is_refused(hub: &TestHub, bytes: &[u8], code: Code, sentence: &str) {
    let said = said_to(hub, bytes).await;
    let (its_code, message) = said
        .refusal()
        .unwrap_or_else(|| panic!("no refusal: {said:?}"));
    assert_eq!(its_code, code.as_str(), "{message}");
    assert!(message.contains(sentence), "{message}");
    assert!(message.ends_with('.'), "a whole sentence: {message}");
}

#[tokio::test]
async fn http_gets_http_with_the_right_address() {
    let hub = TestHub::start().await;
    for request in [
        "GET /v1/apps HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/calls HTTP/1.1\r\n\r\n{}",
    ] {
        let said = said_to(&hub, request.as_bytes()).await;
        assert!(said.text.starts_with("HTTP/1.1 400 "), "{said:?}");
        assert!(said.text.contains("run/hub.json"), "{said:?}");
    }
    still_works(&hub).await;
}

#[tokio::test]
async fn other_dialects_and_broken_frames_get_a_sentence() {
    let hub = TestHub::start().await;
    let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    let framed = |payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[..], payload].concat()
    };
    let cases: [(Vec<u8>, &str); 7] = [
        (br#"{"type": "ping"}"#.to_vec(), "bare JSON"),
        (too_long.to_vec(), "exceeds the limit"),
        (vec![0, 0, 0, 0], "empty frame"),
        (framed(b"hello"), "neither a JSON object nor a blob"),
        (framed(b"{\"t\": "), "not valid JSON"),
        (framed(b"{\"a\": 1}"), "no `t`"),
        (framed(b"\x01\x00\x00"), "blob piece"),
    ];
    for (bytes, sentence) in cases {
        is_refused(&hub, &bytes, Code::FRAME_MALFORMED, sentence).await;
    }
    still_works(&hub).await;
}

#[tokio::test]
async fn messages_out_of_place_get_a_sentence() {
    let hub = TestHub::start().await;
    let frame = |message: Value| encode_message(&message).unwrap();
    let beat = frame(json!({"t": "beat", "running": null}));
    is_refused(&hub, &beat, Code::FRAME_MALFORMED, "must be `hello`").await;
    let twice = [frame(hello()), frame(hello())].concat();
    is_refused(&hub, &twice, Code::FRAME_MALFORMED, "must be `proof`").await;
    let unknown = frame(json!({"t": "knock"}));
    is_refused(&hub, &unknown, Code::FRAME_MALFORMED, "is malformed").await;
    still_works(&hub).await;
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_hub_has_proved_nothing_to_it() {
    let hub = TestHub::start().await;
    let wrong = "f".repeat(64);
    let problem = Dial::new(&hub)
        .token(&wrong)
        .echo()
        .await
        .err()
        .unwrap()
        .problem();
    assert_eq!(problem.code, Code::HANDSHAKE_REFUSED);
    assert!(problem.hint.unwrap().contains("KAPELLE_HOME"));
    assert!(hub.hub.instances().is_empty());

    let mut socket = Socket::dial(hub.addr).await;
    socket.send(&hello()).await;
    let challenge = socket.message().await.unwrap();
    let nonce = challenge["nonce"].as_str().unwrap();
    assert_eq!(
        challenge["proof"],
        json!(hub_proof(&hub.bridge_token(), NONCE, nonce))
    );
    assert_ne!(challenge["proof"], json!(hub_proof(&wrong, NONCE, nonce)));
    assert!(
        !challenge.to_string().contains(&hub.bridge_token()),
        "the secret is never sent"
    );
    still_works(&hub).await;
}

#[tokio::test]
async fn the_hubs_own_proof_sent_back_is_none() {
    let hub = TestHub::start().await;
    let mut socket = Socket::dial(hub.addr).await;
    socket.send(&hello()).await;
    let challenge = socket.message().await.unwrap();
    let mut mirrored = proof(&hub, challenge["nonce"].as_str().unwrap());
    mirrored["proof"] = challenge["proof"].clone();
    socket.send(&mirrored).await;
    let (code, _) = socket.until_closed().await.refusal().unwrap();
    assert_eq!(code, "handshake_refused");
}

#[tokio::test]
async fn another_version_of_the_protocol_is_told_which_one_is_spoken() {
    let hub = TestHub::start().await;
    let refused = Dial::new(&hub).protocol(2).echo().await.err().unwrap();
    assert!(matches!(refused, Refused::Problem(_)), "{refused:?}");
    let problem = refused.problem();
    assert_eq!(
        (problem.code.clone(), problem.retryable),
        (Code::PROTOCOL_MISMATCH, false)
    );
    assert!(problem.message.contains("version 2") && problem.message.contains("version 1"));
    let foreign = encode_message(&json!({"t": "hello", "magic": "x", "protocol": 1, "nonce": ""}));
    is_refused(&hub, &foreign.unwrap(), Code::PROTOCOL_MISMATCH, "`x`").await;
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go_with_a_sentence() {
    let hub = TestHub::start().await;
    let silent = Socket::dial(hub.addr).await;
    let mut halfway = Socket::dial(hub.addr).await;
    halfway.send(&hello()).await;
    for socket in [silent, halfway] {
        let said = socket.until_closed().await;
        let (code, message) = said
            .refusal()
            .unwrap_or_else(|| panic!("no refusal: {said:?}"));
        assert_eq!(code, "handshake_refused");
        assert!(message.contains("within 5 s"), "{message}");
    }
}

#[tokio::test]
async fn a_frame_that_breaks_off_does_no_harm() {
    let hub = TestHub::start().await;
    let bytes = encode_message(&hello()).unwrap();
    for cut in [1, 3, 4, bytes.len() - 1] {
        let mut socket = Socket::dial(hub.addr).await;
        socket.send_bytes(&bytes[..cut]).await;
        socket.end_writing().await;
        assert_eq!(
            socket.until_closed().await.text,
            "",
            "there is nobody to tell"
        );
    }
    // In the middle of a live link as well.
    let bridge = Dial::new(&hub).echo().await.unwrap();
    bridge.send_bytes(&bytes[..10]).await;
    bridge.drop_link().await;
    hub.wait_for("the end is seen", |hub| {
        (hub.instances()[0].state == wire::InstanceState::Disconnected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn frames_come_in_any_pieces() {
    let hub = TestHub::start().await;
    let mut socket = Socket::dial(hub.addr).await;
    for byte in encode_message(&hello()).unwrap() {
        socket.send_bytes(&[byte]).await;
    }
    let challenge = socket.message().await.unwrap();
    let mut rest = encode_message(&proof(&hub, challenge["nonce"].as_str().unwrap())).unwrap();
    rest.extend(encode_message(&json!({"t": "state", "state": {"revision": 9}})).unwrap());
    rest.extend(encode_message(&json!({"t": "beat"})).unwrap());
    let beat = encode_message(&json!({"t": "beat", "running": null, "waiting": 0})).unwrap();
    let (half, other_half) = beat.split_at(7);
    rest.extend(half);
    socket.send_bytes(&rest).await;
    assert_eq!(socket.message().await.unwrap()["t"], "welcome");
    assert_eq!(socket.message().await.unwrap()["t"], "beat");
    let state = hub.hub.instance_state(&"toy".into()).unwrap();
    assert_eq!(state.revision, 9, "what came with the proof was heard");
    socket.send_bytes(other_half).await;
    assert_eq!(socket.message().await.unwrap()["t"], "beat");
}

#[tokio::test]
async fn a_stranger_cannot_fill_the_memory_before_he_has_proved_anything() {
    let hub = TestHub::start().await;
    // A frame that would be allowed later: its length alone is refused in place of a greeting.
    let long = u32::try_from(FRAME_BYTES_MAX).unwrap().to_be_bytes();
    is_refused(&hub, &long, Code::FRAME_MALFORMED, "exceeds the limit").await;
    still_works(&hub).await;
}

#[tokio::test]
async fn two_hundred_idle_connections_are_no_burden() {
    let hub = TestHub::start().await;
    let mut strangers = Vec::new();
    for _ in 0..200 {
        strangers.push(Socket::dial(hub.addr).await);
    }
    still_works(&hub).await;
    drop(strangers);
    still_works(&hub).await;
}

#[tokio::test]
async fn two_hundred_bridges_are_no_burden() {
    let hub = TestHub::start().await;
    let mut bridges = Vec::new();
    for n in 0..200 {
        bridges.push(Dial::new(&hub).name(&format!("t{n}")).echo().await.unwrap());
    }
    assert_eq!(hub.hub.instances().len(), 200);
    let mut asked = testkit::request("toy.echo", json!({}));
    asked.instance = Some("*".into());
    let Ok(hub::Asked::All(calls)) = hub.hub.ask(&hub::callers::Caller::owner(), asked) else {
        panic!("`*` asks all")
    };
    assert_eq!(calls.len(), 200);
    for call in calls {
        assert!(hub.end_of(&call).await.is(Status::Succeeded));
    }
}

#[tokio::test]
async fn there_is_a_bound_to_instances_with_a_sentence() {
    let hub = TestHub::start().await;
    let mut bridges = Vec::new();
    for n in 0..hub::limits::INSTANCES_MAX {
        bridges.push(Dial::new(&hub).name(&format!("t{n}")).echo().await.unwrap());
    }
    let problem = Dial::new(&hub).echo().await.err().unwrap().problem();
    assert_eq!(problem.code, Code::QUEUE_FULL);
    bridges[7].bye().await;
    hub.wait_for("there is room", |hub| {
        (hub.instances().len() < hub::limits::INSTANCES_MAX).then_some(())
    })
    .await;
    assert!(Dial::new(&hub).echo().await.is_ok());
}

#[tokio::test]
async fn a_bridge_of_another_version_works_and_is_told_of() {
    let hub = TestHub::start().await;
    let bridge = Dial::new(&hub)
        .bridge_version("0.0.9")
        .echo()
        .await
        .unwrap();
    let view = hub.hub.instance(&bridge.instance).unwrap();
    let notice = view.notice.expect("its view says so");
    assert!(
        notice.contains("0.0.9") && notice.contains("0.1.0") && notice.contains("wind it up"),
        "{notice}"
    );
    assert!(hub.run("toy.echo", json!({})).await.is(Status::Succeeded));
    let of_this_build = Dial::new(&hub).echo().await.unwrap();
    let view = hub.hub.instance(&of_this_build.instance).unwrap();
    assert_eq!(view.notice, None);
}

/// As many as there are places and more, each made anew as soon as it is closed.
#[tokio::test]
async fn a_bridge_gets_in_beside_a_flood_of_strangers() {
    let hub = TestHub::start().await;
    let flood: Vec<_> = (0..hub::limits::HANDSHAKES_MAX + 60)
        .map(|number| {
            let address = hub.addr;
            tokio::spawn(async move {
                loop {
                    let mut stranger = Socket::dial(address).await;
                    // Every second one says hello as a bridge does.
                    if number % 2 == 0 {
                        stranger.send(&hello()).await;
                    }
                    stranger.until_closed().await;
                }
            })
        })
        .collect();
    for _ in 0..5 {
        still_works(&hub).await;
    }
    flood.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_large_announcement_is_heard_beside_strangers_that_only_begin_one() {
    let hub = TestHub::start().await;
    let mut strangers = Vec::new();
    for _ in 0..=hub::limits::LARGE_ANNOUNCEMENTS_MAX {
        let mut stranger = Socket::dial(hub.addr).await;
        stranger.send(&hello()).await;
        stranger.message().await.unwrap();
        let length = u32::try_from(hub::limits::ANNOUNCEMENT_BYTES_MAX).unwrap();
        stranger.send_bytes(&length.to_be_bytes()).await;
        stranger.send_bytes(&[b' '; 1_000]).await;
        strangers.push(stranger);
    }
    let mut bridge = Socket::dial(hub.addr).await;
    bridge.send(&hello()).await;
    let challenge = bridge.message().await.unwrap();
    let mut announcement = proof(&hub, challenge["nonce"].as_str().unwrap());
    announcement["host"] = json!({"about": "x".repeat(1_000_000)});
    bridge.send(&announcement).await;
    assert_eq!(bridge.message().await.unwrap()["t"], "welcome");
    drop(strangers);
}

/// A program that the home holds is run by everybody.
#[tokio::test]
async fn a_bridge_is_told_that_nobody_writes_into_its_apps_folder_of_the_home() {
    let hub = TestHub::start().await;
    let mut socket = Socket::dial(hub.addr).await;
    socket.send(&hello()).await;
    let challenge = socket.message().await.unwrap();
    socket
        .send(&proof(&hub, challenge["nonce"].as_str().unwrap()))
        .await;
    let welcome = socket.message().await.unwrap();
    let folders: wire::link::Folders = serde_json::from_value(welcome["folders"].clone()).unwrap();
    let home = hub.home();
    let own = |name: &str| home.join(name).to_string_lossy().into_owned();
    assert!(folders.private.contains(&own("tokens")), "{folders:?}");
    assert!(folders.kept.contains(&own("toy")), "{folders:?}");
}
