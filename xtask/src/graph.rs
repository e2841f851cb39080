//! Which file takes names from which, as the code itself says it, and the circles in that.
//!
//! In comes a Rust crate or a folder of Python modules; out come arrows from file to file with the names that ride on
//! them, and the circles: files from which one comes back to where one was. The rule:
//!
//! - An arrow runs to the file that *defines* a name. What a room only hands on (`pub use`, a module's name on the way
//!   to something in it, a Python package's `__init__`) is passed through: it is no arrow of who hands it on.
//! - `mod child;` is no arrow. A parent that uses what a child defines has an arrow to the child, and a child that uses
//!   what its parent defines has one to the parent; with both there is a circle.
//! - Imports within a function count like those at the top. Tests don't count.
//! - A method call names no file and is no arrow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub mod python;
pub mod rust;

/// Arrows from file to file, by their paths from the root, with the names that are taken.
#[derive(Debug, Default)]
pub struct Graph {
    arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Graph {
    fn add(&mut self, from: &str, to: &str, name: &str) {
        if from != to {
            let names = self.arrows.entry(from.to_owned()).or_default();
            let names = names.entry(to.to_owned()).or_default();
            names.insert(name.to_owned());
        }
    }

    /// The files of each circle.
    #[must_use]
    pub fn circles(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> = self
            .arrows
            .keys()
            .map(|file| (file.as_str(), self.reached_from(file)))
            .collect();
        let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
        let mut circles: Vec<BTreeSet<String>> = Vec::new();
        for file in reached.keys().filter(|file| reaches(file, file)) {
            if circles.iter().any(|circle| circle.contains(*file)) {
                continue;
            }
            let back = reached
                .keys()
                .filter(|other| reaches(file, other) && reaches(other, file));
            circles.push(back.map(|other| (*other).to_owned()).collect());
        }
        circles
    }

    fn reached_from(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.of(file).collect();
        while let Some(one) = next.pop() {
            if reached.insert(one) {
                next.extend(self.of(one));
            }
        }
        reached
    }

    fn of(&self, file: &str) -> impl Iterator<Item = &str> {
        self.arrows
            .get(file)
            .into_iter()
            .flat_map(|all| all.keys().map(String::as_str))
    }

    /// The arrows among some files, one a line, with what rides on them.
    #[must_use]
    pub fn told(&self, files: &BTreeSet<String>) -> String {
        let mut told = String::new();
        for (from, all) in self.arrows.iter().filter(|(from, _)| files.contains(*from)) {
            for (to, names) in all.iter().filter(|(to, _)| files.contains(*to)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let _ = writeln!(told, "{from} -> {to}: {}", names.join(", "));
            }
        }
        told
    }
}
