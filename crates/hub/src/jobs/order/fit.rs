//! What jobs need and what instances are, and which of them fit.

use wire::job::Select;
use wire::{AppId, InstanceName, Mode};

/// What an instance must have to run a job. Equal needs share a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Needs {
    pub app: AppId,
    pub instance: Option<InstanceName>,
    pub version: Option<String>,
    pub mode: Option<Mode>,
    pub label: Option<String>,
    pub file: Option<String>,
}

/// What an instance is.
#[derive(Clone, Debug)]
pub struct Offer {
    pub app: AppId,
    pub instance: InstanceName,
    pub version: Option<String>,
    pub mode: Mode,
    pub labels: Vec<String>,
    pub file: Option<String>,
    /// It gets only what names it.
    pub is_reserved: bool,
}

impl Offer {
    /// Whether it is what is asked for.
    pub fn fits(&self, wanted: &Select) -> bool {
        if self.is_reserved {
            return false;
        }
        let version = |wanted: &String| {
            let own = self.version.as_deref().map_or(Vec::new(), prefixes);
            own.contains(wanted)
        };
        wanted.version.as_ref().is_none_or(version)
            && wanted.mode.is_none_or(|mode| mode == self.mode)
            && wanted
                .label
                .as_ref()
                .is_none_or(|label| self.labels.contains(label))
            && wanted
                .file
                .as_ref()
                .is_none_or(|file| self.file.as_ref() == Some(file))
    }

    /// All needs that this instance meets; some dozens.
    pub(super) fn meets(&self) -> impl Iterator<Item = Needs> {
        fn or_none<T: Clone>(all: &[T]) -> Vec<Option<T>> {
            all.iter().cloned().map(Some).chain([None]).collect()
        }
        let versions = or_none(&self.version.as_deref().map_or(Vec::new(), prefixes));
        let labels = or_none(&self.labels);
        let files = or_none(self.file.as_slice());
        let mut fits = Vec::new();
        let by_name = [Some(self.instance.clone()), None];
        let by_name = &by_name[..if self.is_reserved { 1 } else { 2 }];
        for instance in by_name {
            for version in &versions {
                for mode in [Some(self.mode), None] {
                    for label in &labels {
                        for file in &files {
                            fits.push(Needs {
                                app: self.app.clone(),
                                instance: instance.clone(),
                                version: version.clone(),
                                mode,
                                label: label.clone(),
                                file: file.clone(),
                            });
                        }
                    }
                }
            }
        }
        fits.into_iter()
    }
}

/// `4.5.3` is also `4.5` and `4`.
fn prefixes(version: &str) -> Vec<String> {
    let dots = version.match_indices('.').map(|(at, _)| at);
    dots.chain([version.len()])
        .map(|end| version[..end].to_owned())
        .collect()
}
