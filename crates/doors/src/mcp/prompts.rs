//! Prompts that a person picks in their client. They name tools and no app.

use hub::Hub;
use hub::callers::Caller;
use hub::store::CallsWanted;
use rmcp::ErrorData;
use rmcp::model::{
    GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role,
};
use wire::Status;

use hub::policy::{Seen, may_see};

pub(crate) fn list() -> Vec<Prompt> {
    let argument = |name: &str, about: &str, required: bool| {
        PromptArgument::new(name)
            .with_description(about)
            .with_required(required)
    };
    vec![
        Prompt::new(
            "look_around",
            Some("A short summary of what is open and what is in it."),
            None::<Vec<PromptArgument>>,
        ),
        Prompt::new(
            "make_a_scene",
            Some("Build what is described, step by step, checking each one."),
            Some(vec![argument("brief", "What to build.", true)]),
        ),
        Prompt::new(
            "what_went_wrong",
            Some("Explain the last call that failed, and fix it."),
            None::<Vec<PromptArgument>>,
        ),
    ]
}

/// # Errors
/// When there is no such prompt, or an argument is missing.
pub(crate) fn get(
    hub: &Hub,
    caller: &Caller,
    request: &GetPromptRequestParams,
) -> Result<GetPromptResult, ErrorData> {
    let text = match request.name.as_str() {
        "look_around" => "Tell me in a few sentences which programs are open and what is in them. \
         Use `status`, `state` and, if there is something to see, `screenshot`. Change nothing."
            .to_owned(),
        "make_a_scene" => make_a_scene(request)?,
        "what_went_wrong" => what_went_wrong(hub, caller),
        other => {
            return Err(ErrorData::invalid_params(
                format!("There is no prompt `{other}`."),
                None,
            ));
        }
    };
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(
        Role::User,
        text,
    )]))
}

fn make_a_scene(request: &GetPromptRequestParams) -> Result<String, ErrorData> {
    let brief = request
        .arguments
        .as_ref()
        .and_then(|given| given.get("brief"))
        .and_then(|brief| brief.as_str());
    let Some(brief) = brief.filter(|brief| !brief.trim().is_empty()) else {
        return Err(ErrorData::invalid_params(
            "`make_a_scene` needs the argument `brief`.",
            None,
        ));
    };
    Ok(format!(
        "Build this in the open program: {brief}\nFirst check what is there (`state`). Plan the \
         parts with their sizes and positions, then make them one by one: `find` names the \
         command for each step, and `code` does what no command does. After each part, look at it \
         with `screenshot`, compare it with the plan, and fix anything that floats, overlaps or \
         has the wrong size before you go on. Give things plain names. At the end, show one \
         picture and say what you made."
    ))
}

fn what_went_wrong(hub: &Hub, caller: &Caller) -> String {
    /// Calls that are looked through for one that failed.
    const LOOKED_THROUGH: usize = 100;
    let wanted = CallsWanted {
        limit: LOOKED_THROUGH,
        ..CallsWanted::default()
    };
    let (_, calls) = hub.history(&wanted);
    let failed = calls.iter().find(|call| {
        !matches!(
            call.status(),
            Status::Succeeded | Status::Queued | Status::Running
        ) && may_see(caller, Seen::Call(call)).is_ok()
    });
    match failed {
        Some(call) => format!(
            "The call {} (`{}`) ended as {}. Read it with `history {{\"call_id\": \"{}\"}}`, \
             explain in plain words what went wrong, check how things are now (`state`), and \
             propose the smallest step that fixes it. Do it once I agree.",
            call.id,
            call.command,
            call.status().as_str(),
            call.id
        ),
        None => {
            "Nothing has failed as far as the hub remembers. Briefly tell me what `history` shows."
                .to_owned()
        }
    }
}
