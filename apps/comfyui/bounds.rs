//! The bounds of reading, converting and checking workflows. What is given comes from anybody.

/// A workflow's file, in bytes: the largest published one has under one million.
pub(super) const WORKFLOW_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A file with `/object_info`, in bytes: that of 800 nodes has 1.4 million, thousands of model names come on top.
pub(super) const OBJECT_INFO_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Nodes of one workflow as it lies in the file, notes and subgraphs included. The largest published one has 211.
pub(super) const NODES_MAX: usize = 20_000;
/// Nodes that a workflow may come to when its subgraphs are unfolded: a few small ones inside each other come to millions.
pub(super) const NODES_UNFOLDED_MAX: usize = 20_000;
/// How deep subgraphs may lie inside each other.
pub(super) const SUBGRAPH_DEPTH_MAX: usize = 32;
/// Nodes without work of their own (reroutes, bypassed ones, borders of subgraphs) that one link may lead through.
pub(super) const LINK_STEPS_MAX: usize = 1_000;
/// How deep the inputs of a node may lie inside each other (a choice within a choice).
pub(super) const INPUT_DEPTH_MAX: usize = 8;
/// Inputs of one node, those within choices included.
pub(super) const INPUTS_MAX: usize = 2_000;
/// Notes (warnings, faults) in one answer; the rest is counted.
pub(super) const NOTES_MAX: usize = 500;
/// Letters of a stranger's value that are quoted.
pub(super) const QUOTED_CHARS_MAX: usize = 120;
/// Allowed values that are listed in a message.
pub(super) const LISTED_MAX: usize = 20;
/// What a server takes as one graph unless it was started with another `--max-upload-size`, in bytes.
pub(super) const GRAPH_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Names that are compared in one check to find near ones: some hundred models that are missing, of thousands.
pub(super) const NAMES_COMPARED_MAX: usize = 500_000;
/// Letters of a name that are compared.
pub(super) const NAME_CHARS_MAX: usize = 200;
