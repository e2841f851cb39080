//! The MCP clients that are known: where each keeps its servers on each system, and in which form.
//! All of it is data; what is done with it stands in the rooms beside this one.
//!
//! Paths begin with a place that [`super::machine::Machine`] knows: `~` the home folder, `$CONFIG` the XDG
//! folder (`~/.config`), `$SUPPORT` macOS's Application Support, `$APPDATA` Windows' roaming data, `$PACKAGES`
//! where Windows keeps the data of packaged (MSIX) programs. Of several paths the first that exists is used, else the
//! first. A packaged program reads its own folder and nothing else: where that is, its file need not exist.

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    /// The word of the command line.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The program on the PATH that tells that the client is here, besides its folder.
    pub(crate) program: Option<&'static str>,
    pub(crate) linux: &'static [&'static str],
    pub(crate) macos: &'static [&'static str],
    pub(crate) windows: &'static [&'static str],
    /// A variable that moves the client's folder, and the file in it.
    pub(crate) moved_by: Option<(&'static str, &'static str)>,
    pub(crate) form: Form,
    /// What a person does so that the client sees the entry.
    pub(crate) then: &'static str,
}

/// How the entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, under this member: command, args, env.
    Json(&'static str),
    /// The same with `"type": "stdio"`.
    TypedJson(&'static str),
    /// opencode's: type local, the command as one list, `environment`.
    Opencode,
    /// codex's: `[mcp_servers.NAME]` in TOML.
    Toml,
}

const DOT_CLAUDE: &[&str] = &["~/.claude.json"];
const CURSOR: &[&str] = &["~/.cursor/mcp.json"];
const CODEX: &[&str] = &["~/.codex/config.toml"];
const WINDSURF: &[&str] = &["~/.codeium/windsurf/mcp_config.json"];
const GEMINI: &[&str] = &["~/.gemini/settings.json"];
const ZED: &[&str] = &["$CONFIG/zed/settings.json"];
const OPENCODE: &[&str] = &[
    "$CONFIG/opencode/opencode.json",
    "$CONFIG/opencode/opencode.jsonc",
];

/// All of them, in the order in which they are listed.
pub(crate) const CLIENTS: &[Client] = &[
    Client {
        id: "claude-desktop",
        title: "Claude Desktop",
        program: None,
        linux: &["$CONFIG/Claude/claude_desktop_config.json"],
        macos: &["$SUPPORT/Claude/claude_desktop_config.json"],
        // Its installer has been a package since February 2026.
        windows: &[
            "$PACKAGES/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
            "$APPDATA/Claude/claude_desktop_config.json",
        ],
        moved_by: None,
        form: Form::Json("mcpServers"),
        then: "quit Claude Desktop and start it again",
    },
    Client {
        id: "claude-code",
        title: "Claude Code",
        program: Some("claude"),
        linux: DOT_CLAUDE,
        macos: DOT_CLAUDE,
        windows: DOT_CLAUDE,
        moved_by: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        form: Form::TypedJson("mcpServers"),
        then: "start a new session; /mcp shows the server",
    },
    Client {
        id: "cursor",
        title: "Cursor",
        program: Some("cursor"),
        linux: CURSOR,
        macos: CURSOR,
        windows: CURSOR,
        moved_by: None,
        form: Form::Json("mcpServers"),
        then: "restart Cursor, or switch the server on in its MCP settings",
    },
    Client {
        id: "vscode",
        title: "VS Code",
        program: Some("code"),
        linux: &["$CONFIG/Code/User/mcp.json"],
        macos: &["$SUPPORT/Code/User/mcp.json"],
        windows: &["$APPDATA/Code/User/mcp.json"],
        moved_by: None,
        form: Form::TypedJson("servers"),
        then: "run `MCP: List Servers` in VS Code and start kapelle",
    },
    Client {
        id: "codex",
        title: "Codex",
        program: Some("codex"),
        linux: CODEX,
        macos: CODEX,
        windows: CODEX,
        moved_by: Some(("CODEX_HOME", "config.toml")),
        form: Form::Toml,
        then: "start a new session; /mcp shows the server",
    },
    Client {
        id: "windsurf",
        title: "Windsurf",
        program: Some("windsurf"),
        linux: WINDSURF,
        macos: WINDSURF,
        windows: WINDSURF,
        moved_by: None,
        form: Form::Json("mcpServers"),
        then: "press refresh in Windsurf's MCP settings",
    },
    Client {
        id: "zed",
        title: "Zed",
        program: Some("zed"),
        linux: ZED,
        // Zed looks there on macOS too, not in Application Support.
        macos: &["~/.config/zed/settings.json"],
        windows: &["$APPDATA/Zed/settings.json"],
        moved_by: None,
        form: Form::Json("context_servers"),
        then: "nothing: Zed picks it up by itself",
    },
    Client {
        id: "opencode",
        title: "opencode",
        program: Some("opencode"),
        linux: OPENCODE,
        macos: OPENCODE,
        windows: OPENCODE,
        moved_by: Some(("OPENCODE_CONFIG_DIR", "opencode.json")),
        form: Form::Opencode,
        then: "start a new session",
    },
    Client {
        id: "gemini-cli",
        title: "Gemini CLI",
        program: Some("gemini"),
        linux: GEMINI,
        macos: GEMINI,
        windows: GEMINI,
        moved_by: None,
        form: Form::Json("mcpServers"),
        then: "start a new session; /mcp shows the server",
    },
];

/// The client of that name.
pub(crate) fn named(id: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.id == id)
}
