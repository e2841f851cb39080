//! A crate's arrows, from its syntax trees.
//!
//! In comes the crate's first file; its `mod` lines lead to the others. Names are followed through `use` to where they
//! are defined; one that a macro makes is taken to stand where it is asked for. A method names no file and is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

use super::Graph;

/// Re-exports that are followed one after the other, before it is a loop of them.
const HOPS_MAX: usize = 16;

/// One module: a file, or a `mod x { … }` in one.
#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What its items are called.
    defined: BTreeSet<String>,
    /// What `use` brings, and whether it is handed on.
    used: Vec<Used>,
    /// Paths in its code, as they are written.
    paths: Vec<Vec<String>>,
}

struct Used {
    name: String,
    path: Vec<String>,
    handed_on: bool,
}

/// Where a path leads.
enum Found {
    Item(usize, String),
    Module,
}

#[derive(Default)]
struct Crate {
    root: PathBuf,
    modules: Vec<Module>,
}

/// The modules of a crate, from its first file on.
///
/// # Panics
/// When a file cannot be read as Rust.
#[must_use]
pub fn read(root: &Path, first: &str) -> Graph {
    let mut all = Crate {
        root: root.to_owned(),
        ..Crate::default()
    };
    let path = root.join(first);
    let dir = path.parent().unwrap_or(root).to_owned();
    all.file(&path, &dir, None);
    all.graph()
}

impl Crate {
    fn file(&mut self, path: &Path, dir: &Path, parent: Option<usize>) -> usize {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tree =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(&self.root).unwrap_or(path);
        let name = name.to_string_lossy().into_owned();
        self.module(name, tree.items, dir, parent)
    }

    /// Reads a module; `dir` is where the files of its children are.
    fn module(
        &mut self,
        file: String,
        items: Vec<Item>,
        dir: &Path,
        parent: Option<usize>,
    ) -> usize {
        let index = self.modules.len();
        self.modules.push(Module {
            file: file.clone(),
            parent,
            ..Module::default()
        });
        for item in items {
            if is_test(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let below = dir.join(&name);
                    let child = match child.content {
                        Some((_, items)) => self.module(file.clone(), items, &below, Some(index)),
                        None => {
                            let beside = dir.join(format!("{name}.rs"));
                            let path = match beside.is_file() {
                                true => beside,
                                false => below.join("mod.rs"),
                            };
                            self.file(&path, &below, Some(index))
                        }
                    };
                    self.modules[index].children.insert(name, child);
                }
                Item::Use(one) => {
                    let handed_on = !matches!(one.vis, Visibility::Inherited);
                    let mut found = Vec::new();
                    leaves(&one.tree, &mut Vec::new(), &mut found);
                    let used = found.into_iter().map(|(name, path)| Used {
                        name,
                        path,
                        handed_on,
                    });
                    self.modules[index].used.extend(used);
                }
                item => {
                    let module = &mut self.modules[index];
                    module.defined.extend(name_of(&item));
                    paths_in(item.to_token_stream(), &mut module.paths);
                }
            }
        }
        index
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        for (index, module) in self.modules.iter().enumerate() {
            let written: BTreeSet<&str> = module
                .paths
                .iter()
                .filter_map(|path| path.first().map(String::as_str))
                .collect();
            // What is handed on and used here too is an arrow like any other.
            let used = module
                .used
                .iter()
                .filter(|one| !one.handed_on || written.contains(one.name.as_str()));
            let used = used.map(|one| &one.path);
            for path in used.chain(&module.paths) {
                if let Some(Found::Item(at, name)) = self.resolve(index, path, HOPS_MAX) {
                    graph.add(&module.file, &self.modules[at].file, &name);
                }
            }
        }
        graph
    }

    /// Follows a path from a module to who defines what it names.
    fn resolve(&self, from: usize, path: &[String], hops: usize) -> Option<Found> {
        let hops = hops.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let at = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.modules[from].parent?,
            _ => return self.member(from, path, hops),
        };
        match rest {
            [] => Some(Found::Module),
            [next, ..] if next == "super" => self.resolve(at, rest, hops),
            _ => self.member(at, rest, hops).or_else(|| {
                // A name that a macro makes there.
                Some(Found::Item(at, rest[0].clone()))
            }),
        }
    }

    /// A path that begins with a member of this module.
    fn member(&self, at: usize, path: &[String], hops: usize) -> Option<Found> {
        let module = &self.modules[at];
        let (first, rest) = path.split_first()?;
        if let Some(child) = module.children.get(first) {
            return match rest {
                [] => Some(Found::Module),
                _ => self
                    .member(*child, rest, hops)
                    .or_else(|| Some(Found::Item(*child, rest[0].clone()))),
            };
        }
        if module.defined.contains(first) {
            return Some(Found::Item(at, first.clone()));
        }
        // A crate of another name is not looked for here: `use time::OffsetDateTime`.
        let named = module
            .used
            .iter()
            .filter(|one| one.name == *first && one.path[0] != *first);
        let globs = module.used.iter().filter(|one| one.name == "*");
        named
            .map(|one| (one, rest))
            .chain(globs.map(|one| (one, path)))
            .find_map(|(one, rest)| {
                let whole: Vec<String> = one.path.iter().chain(rest).cloned().collect();
                self.resolve(at, &whole, hops)
            })
    }
}

/// The names that a `use` brings, each with its whole path.
fn leaves(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group
            .items
            .iter()
            .for_each(|one| leaves(one, before, found)),
        UseTree::Glob(_) => found.push(("*".to_owned(), before.clone())),
        UseTree::Name(name) if name.ident == "self" => {
            let own = before.last().cloned().unwrap_or_default();
            found.push((own, before.clone()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push((name.clone(), with(before, name)));
        }
        UseTree::Rename(rename) => {
            let of = rename.ident.to_string();
            let path = if of == "self" {
                before.clone()
            } else {
                with(before, of)
            };
            found.push((rename.rename.to_string(), path));
        }
    }
}

fn with(before: &[String], last: String) -> Vec<String> {
    before.iter().cloned().chain([last]).collect()
}

/// All paths in some code, with those in macros, and the `use` of functions.
fn paths_in(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    let mut path: Vec<String> = Vec::new();
    // Colons since the last name, and whether a dot stands before the next one.
    let (mut colons, mut dot) = (0, false);
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                if colons != 2 || path.is_empty() {
                    found.extend((!path.is_empty()).then(|| std::mem::take(&mut path)));
                }
                if !dot {
                    path.push(name.to_string());
                }
                (colons, dot) = (0, false);
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
            TokenTree::Punct(mark) => {
                found.extend((!path.is_empty()).then(|| std::mem::take(&mut path)));
                dot = mark.as_char() == '.';
                colons = 0;
            }
            TokenTree::Group(group) => {
                let mut inner = Vec::new();
                paths_in(group.stream(), &mut inner);
                if colons == 2 && !path.is_empty() {
                    // `use a::{b, c};` within a function.
                    found.extend(
                        inner
                            .iter()
                            .map(|one| path.iter().chain(one).cloned().collect()),
                    );
                } else {
                    found.extend(inner);
                }
                found.extend((!path.is_empty()).then(|| std::mem::take(&mut path)));
                (colons, dot) = (0, false);
            }
            TokenTree::Literal(_) => {
                found.extend((!path.is_empty()).then(|| std::mem::take(&mut path)));
                (colons, dot) = (0, false);
            }
        }
    }
    found.extend((!path.is_empty()).then_some(path));
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(one) => &one.ident,
        Item::Enum(one) => &one.ident,
        Item::Fn(one) => &one.sig.ident,
        Item::Macro(one) => one.ident.as_ref()?,
        Item::Static(one) => &one.ident,
        Item::Struct(one) => &one.ident,
        Item::Trait(one) => &one.ident,
        Item::Type(one) => &one.ident,
        Item::Union(one) => &one.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(one) => &one.attrs,
        Item::Enum(one) => &one.attrs,
        Item::Fn(one) => &one.attrs,
        Item::Impl(one) => &one.attrs,
        Item::Macro(one) => &one.attrs,
        Item::Mod(one) => &one.attrs,
        Item::Static(one) => &one.attrs,
        Item::Struct(one) => &one.attrs,
        Item::Trait(one) => &one.attrs,
        Item::Type(one) => &one.attrs,
        Item::Use(one) => &one.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|one| {
        let text = one.to_token_stream().to_string();
        text == "# [cfg (test)]" || text == "# [test]"
    })
}
