//! An app that nobody here has heard of says what its commands are to everybody: it gets a picture, an undo and a
//! documentation tool without a line of ours.

use serde_json::{Value, json};
use testkit::{Dial, FakeBridge, Reply};
use wire::CommandSpec;

use crate::mcp_client::Modern;
use crate::{House, shape};

fn command(name: &str, effect: &str, role: &str, properties: Value) -> CommandSpec {
    let args = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let spec = json!({"name": name, "summary": name, "effect": effect, "role": role, "args": args});
    serde_json::from_value(spec).unwrap()
}

fn commands() -> Vec<CommandSpec> {
    let word = json!({"type": "string"});
    vec![
        command(
            "canvas.show",
            "read",
            "look",
            json!({"width": {"type": "integer"}, "view": word}),
        ),
        command(
            "canvas.tiles",
            "read",
            "sheet",
            json!({"views": {"type": "array", "items": word}}),
        ),
        command("edit.back", "write", "undo", json!({})),
        command("edit.without", "write", "revert", json!({"id": word})),
        command("help.look_up", "read", "docs", json!({"query": word})),
        command("help.page", "read", "docs", json!({"name": word})),
        command("script.play", "code", "code", json!({"code": word})),
        command("paint.dab", "write", "brush", json!({})),
    ]
}

async fn easel(house: &House) -> FakeBridge {
    Dial::new(&house.hub)
        .app("easel")
        .name("easel")
        .commands(commands())
        .connect(|call| match call.command.as_str() {
            "canvas.show" => {
                Reply::Value(json!({"image": {"$blob": "sha256:00", "width": 4, "height": 3}}))
            }
            "edit.without" => {
                Reply::Value(json!({"undone": [{"label": "dab", "call": call.args["id"]}]}))
            }
            other => Reply::Value(json!({"ran": other, "args": call.args})),
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn tools_and_pictures_ask_for_a_role() {
    let house = House::open().await;
    let _bridge = easel(&house).await;
    let client = Modern::new(house.owner());
    for (tool, args, runs) in [
        ("code", json!({"code": "dab()"}), "script.play"),
        ("docs", json!({"query": "dab"}), "help.look_up"),
        ("docs", json!({"name": "dab"}), "help.page"),
        ("undo", json!({}), "edit.back"),
        ("screenshot", json!({"views": ["a", "b"]}), "canvas.tiles"),
    ] {
        let mut args = args;
        args["app"] = json!("easel");
        let told = client.tool(tool, args).await["structuredContent"].clone();
        assert_eq!(told["command"], runs, "{tool}: {told}");
        assert_eq!(told["value"]["ran"], runs, "{tool}: {told}");
    }
    let shown = client
        .tool(
            "screenshot",
            json!({"app": "easel", "views": ["top"], "width": 40}),
        )
        .await;
    assert_eq!(
        shown["structuredContent"]["command"], "canvas.show",
        "{shown}"
    );
    let picture = house
        .owner()
        .get("/v1/instances/easel/picture")
        .await
        .json();
    assert_eq!(picture["picture"]["$blob"], "sha256:00", "{picture}");
}

#[tokio::test]
async fn what_a_role_takes_back_is_noted_with_the_call_that_made_it() {
    let house = House::open().await;
    let _bridge = easel(&house).await;
    let owner = house.owner();
    let dab = json!({"app": "easel", "command": "paint.dab", "args": {}});
    let made = owner.post("/v1/calls", &dab).await.json()["call_id"].clone();
    let undone = Modern::new(house.owner())
        .tool("undo", json!({"app": "easel", "call": made}))
        .await;
    let by = undone["structuredContent"]["call_id"].clone();
    let call = owner
        .get(&format!("/v1/calls/{}", made.as_str().unwrap()))
        .await
        .json();
    assert_eq!((&call["undone_by"], by.is_string()), (&by, true), "{call}");
}

#[tokio::test]
async fn the_commands_of_a_role_are_listed_and_one_that_is_missing_is_told_with_those_there_are() {
    let house = House::open().await;
    let _bridge = easel(&house).await;
    let owner = house.owner();
    let listed = owner.get("/v1/apps/easel/commands?role=docs").await.json();
    let names: Vec<&Value> = listed["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["help.look_up", "help.page"]);
    let missing = owner.get("/v1/apps/easel/commands?role=redo").await;
    assert_eq!(shape(&missing), "400 not_supported");
    let hint = missing.json()["hint"].as_str().unwrap().to_owned();
    assert!(
        hint.contains("`brush`") && hint.contains("`undo`"),
        "{hint}"
    );
    let misspelt = owner.get("/v1/apps/easel/commands?rôle=redo").await;
    assert_eq!(shape(&misspelt), "400 arguments_invalid");
}

#[tokio::test]
async fn no_picture_is_taken_unasked_by_a_command_that_does_more_than_look() {
    let house = House::open().await;
    let _bridge = Dial::new(&house.hub)
        .app("trap")
        .name("trap")
        .commands(vec![command("wall.fall", "destructive", "look", json!({}))])
        .connect(|_| panic!("it was called"))
        .await
        .unwrap();
    let refused = house.owner().get("/v1/instances/trap/picture").await;
    assert_eq!(shape(&refused), "400 not_supported");
}

#[tokio::test]
async fn a_bridge_that_says_nothing_of_roles_has_them_by_name() {
    let house = House::open().await;
    let mut plain = command("code.run", "code", "", json!({"code": {"type": "string"}}));
    plain.role = None;
    let _bridge = Dial::new(&house.hub)
        .app("elder")
        .name("elder")
        .commands(vec![plain])
        .echo()
        .await
        .unwrap();
    let arguments = json!({"app": "elder", "code": "1"});
    let told = Modern::new(house.owner()).tool("code", arguments).await;
    assert_eq!(told["structuredContent"]["command"], "code.run", "{told}");
}
