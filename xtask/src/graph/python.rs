//! Python's arrows, from its import lines.
//!
//! In come folders, each a package or a shelf of modules; out go arrows for `import` and `from … import …`, at the top of
//! a file and within functions. What stands in a text or a comment is no import. Relative names are read from the folder
//! of the file; others that name no module of these folders belong to somebody else. The `tests` folders are left out.

use std::collections::BTreeMap;
use std::path::Path;

use super::Graph;
use crate::below;

/// Modules by the parts of their name.
type Modules = BTreeMap<Vec<String>, String>;

/// The Python modules of folders that import from each other.
#[must_use]
pub fn read(root: &Path, folders: &[&str]) -> Graph {
    let mut modules = Modules::new();
    for folder in folders {
        let shelf = root.join(folder);
        let package = shelf
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for path in below(&shelf) {
            let inside = path
                .strip_prefix(&shelf)
                .unwrap_or(&path)
                .with_extension("");
            let parts = inside
                .iter()
                .map(|part| part.to_string_lossy().into_owned());
            let mut name: Vec<String> = std::iter::once(package.clone()).chain(parts).collect();
            let is_test = name.iter().any(|part| part == "tests");
            if is_test || path.extension().is_none_or(|extension| extension != "py") {
                continue;
            }
            name.retain(|part| part != "__init__");
            let file = path.strip_prefix(root).unwrap_or(&path);
            modules.insert(name, file.to_string_lossy().into_owned());
        }
    }
    let mut graph = Graph::default();
    for (name, file) in &modules {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let package = match file.ends_with("__init__.py") {
            true => &name[..],
            false => &name[..name.len() - 1],
        };
        for import in imports(&text) {
            for (to, what) in lead(&modules, package, &import) {
                graph.add(file, to, what);
            }
        }
    }
    graph
}

/// One import: the dots before the name, its parts, and what is taken from it.
#[derive(Debug, PartialEq)]
struct Import {
    dots: usize,
    of: Vec<String>,
    taken: Vec<String>,
}

/// The files that an import leads to, with the names that are taken.
fn lead<'a>(
    modules: &'a Modules,
    package: &[String],
    import: &'a Import,
) -> Vec<(&'a str, &'a str)> {
    let up = import.dots.saturating_sub(1);
    let base: Vec<String> = match import.dots {
        0 => Vec::new(),
        _ => package[..package.len().saturating_sub(up)].to_vec(),
    };
    let whole: Vec<String> = base.into_iter().chain(import.of.iter().cloned()).collect();
    let mut found = Vec::new();
    for name in &import.taken {
        let child: Vec<String> = whole.iter().chain([name]).cloned().collect();
        if let Some(file) = modules.get(&child).or_else(|| modules.get(&whole)) {
            found.push((file.as_str(), name.as_str()));
        }
    }
    if import.taken.is_empty()
        && let (Some(file), Some(last)) = (modules.get(&whole), import.of.last())
    {
        found.push((file.as_str(), last.as_str()));
    }
    found
}

fn imports(text: &str) -> Vec<Import> {
    let code = without_texts(text);
    let mut found = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim().to_owned();
        let is_import = line.starts_with("import ") || line.starts_with("from ");
        while is_import && (line.ends_with('\\') || line.contains('(') && !line.contains(')')) {
            let Some(next) = lines.next() else { break };
            line = format!("{} {}", line.trim_end_matches('\\'), next.trim());
        }
        for statement in line.split(';').map(str::trim) {
            found.extend(import(statement));
        }
    }
    found
}

/// One statement: `import a.b as c, d` has several.
fn import(statement: &str) -> Vec<Import> {
    let parts = |name: &str| {
        name.split('.')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let named = |list: &str| -> Vec<String> {
        list.trim_matches(|letter| "() ".contains(letter))
            .split(',')
            .filter_map(|one| one.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    if let Some(list) = statement.strip_prefix("import ") {
        let all = named(list).into_iter();
        return all
            .map(|name| Import {
                dots: 0,
                of: parts(&name),
                taken: Vec::new(),
            })
            .collect();
    }
    let Some((of, list)) = statement
        .strip_prefix("from ")
        .and_then(|rest| rest.split_once(" import "))
    else {
        return Vec::new();
    };
    let of = of.trim();
    let dots = of.len() - of.trim_start_matches('.').len();
    vec![Import {
        dots,
        of: parts(of),
        taken: named(list),
    }]
}

/// The code with its texts and comments left out; the lines stay.
fn without_texts(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = match letter {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let is_long = rest.starts_with("\"\"\"") || rest.starts_with("'''");
                text_end(rest, &rest[..if is_long { 3 } else { 1 }])
            }
            _ => 0,
        };
        if skipped == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().filter(|letter| *letter == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// Where a text that begins here with this mark ends.
fn text_end(text: &str, mark: &str) -> usize {
    let mut at = mark.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(mark) {
            return at + mark.len();
        }
        let letter = rest.chars().next().map_or(1, char::len_utf8);
        at += match rest.starts_with('\\') {
            true => letter + rest[letter..].chars().next().map_or(0, char::len_utf8),
            false => letter,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_as_python_reads_them() {
        let text = "\"\"\"from x import y\"\"\"\nimport os, a.b as c  # import d\nfrom . import (\n    one,\n    two as three,\n)\n\
                    def f():\n    from ..up.side import name\n    return 'import no', \"it's\"\nfrom .q import r\n";
        let import = |dots, of: &[&str], taken: &[&str]| Import {
            dots,
            of: of.iter().map(|part| (*part).to_owned()).collect(),
            taken: taken.iter().map(|part| (*part).to_owned()).collect(),
        };
        assert_eq!(
            imports(text),
            [
                import(0, &["os"], &[]),
                import(0, &["a", "b"], &[]),
                import(1, &[], &["one", "two"]),
                import(2, &["up", "side"], &["name"]),
                import(1, &["q"], &["r"]),
            ]
        );
    }
}
