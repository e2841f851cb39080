//! The options of every verb.
//!
//! Doc comments here are the help that people read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Their heading in the help.
pub const GLOBAL_OPTIONS: &str = "Global options";

/// Options of every verb.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = GLOBAL_OPTIONS)]
pub struct Global {
    /// Print exactly one JSON document on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but errors on stderr.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// When to use colour; `NO_COLOR` is respected.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = false
    )]
    pub color: Color,
    /// Where Kapelle keeps its state [default: ~/.kapelle]
    #[arg(long, global = true, value_name = "DIR", env = "KAPELLE_HOME", hide_env_values = true, value_hint = clap::ValueHint::DirPath)]
    pub home: Option<PathBuf>,
    /// Use the hub at this address instead of starting one. The token comes from `KAPELLE_TOKEN` or the home folder.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "KAPELLE_URL",
        hide_env_values = true
    )]
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}
