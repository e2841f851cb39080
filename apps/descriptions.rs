//! Reads the command descriptions of an app, as they are embedded in the binary.

use std::path::Path;

use wire::CommandSpec;

/// Every command that these files describe. One that cannot be read is left out and told: a test of each app reads all of
/// them.
pub(crate) fn read(files: &[(&str, &str)]) -> Vec<CommandSpec> {
    let specs = files.iter().flat_map(|(path, text)| {
        let noun = Path::new(path)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        CommandSpec::from_toml(&noun.unwrap_or_default(), text).unwrap_or_else(|error| {
            tracing::error!(%error, "a command description cannot be used");
            Vec::new()
        })
    });
    specs.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use wire::CommandSpec;

    use crate::embedded::{BLENDER_COMMANDS, COMFYUI_COMMANDS};

    #[test]
    fn every_description_can_be_used_and_says_enough() {
        for files in [BLENDER_COMMANDS, COMFYUI_COMMANDS] {
            let mut names = HashSet::new();
            for (path, text) in files {
                let noun = Path::new(path).file_stem().unwrap().to_string_lossy();
                let specs = CommandSpec::from_toml(&noun, text);
                for spec in specs.unwrap_or_else(|error| panic!("{path}: {error}")) {
                    assert!(names.insert(spec.name.clone()), "{} twice", spec.name);
                    says_enough(&spec);
                }
            }
            assert!(!names.is_empty());
        }
    }

    fn says_enough(spec: &CommandSpec) {
        let name = &spec.name;
        assert!(
            spec.summary.ends_with('.'),
            "{name}: a summary is a sentence"
        );
        for (argument, schema) in spec.properties() {
            assert!(
                schema.get("description").is_some(),
                "{name}: `{argument}` has no doc"
            );
        }
        let required = spec.args.get("required").and_then(|all| all.as_array());
        for argument in required.into_iter().flatten() {
            let example = spec.example.as_ref();
            let example = example.unwrap_or_else(|| panic!("{name} has no example"));
            let argument = argument.as_str().unwrap();
            assert!(
                example.contains_key(argument),
                "{name}: the example lacks {argument}"
            );
        }
    }
}
