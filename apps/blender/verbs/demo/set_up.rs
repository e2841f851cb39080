//! A Blender to play in: the one that is there, else its wheel in a folder of our own.

use std::time::Instant;

use hub::home::Home;
use indicatif::{ProgressBar, ProgressStyle};
use terminal::ago::size;
use terminal::session::Session;
use terminal::ui::Ui;
use wire::Problem;

use super::report::{self, Done};
use crate::blender::{self, Step};

const MB: u64 = 1_000_000;

/// Makes sure that a Blender can be started, unless the hub is one elsewhere that sees to it itself.
///
/// # Errors
/// `start_failed` when there is neither a Blender nor a Python that its wheel exists for.
pub(super) fn blender(session: &Session, done: &mut Vec<Done>) -> Result<(), Box<Problem>> {
    if session.has_address() || blender::find(&Home::open(session.home.path())?).is_some() {
        return Ok(());
    }
    let began = Instant::now();
    let mut telling = Telling::new(session.ui);
    blender::set_up_wheel(&Home::open(session.home.path())?, &mut |step| {
        telling.tell(step);
    })?;
    telling.end();
    report::tell(
        session.ui,
        done,
        "set up",
        "Blender's wheel".to_owned(),
        0,
        began,
    );
    Ok(())
}

struct Telling {
    ui: Ui,
    bar: Option<ProgressBar>,
    told_tenths: u64,
}

impl Telling {
    fn new(ui: Ui) -> Self {
        Self {
            ui,
            bar: None,
            told_tenths: 0,
        }
    }

    fn tell(&mut self, step: Step) {
        match step {
            Step::Chosen {
                wheel,
                python,
                download_mb,
                disk_mb,
            } => self.ui.say(format_args!(
                "no Blender found; setting up bpy {wheel} for {}: {} to download, {} on disk",
                python.display(),
                size(u64::from(download_mb) * MB),
                size(u64::from(disk_mb) * MB)
            )),
            Step::Environment => self.ui.say("making a Python environment"),
            Step::Download { done, total } => self.download(done, total),
            Step::Unpack => {
                self.end();
                self.ui.say("unpacking");
            }
            Step::Try => self.ui.say("trying it"),
            Step::Ready { python, version } => {
                self.ui.say(format_args!(
                    "Blender {version} is ready in {}",
                    python.display()
                ));
            }
        }
    }

    /// Small packages come with the large one; only that is worth a bar.
    fn download(&mut self, done: u64, total: u64) {
        if total < 10 * MB {
            return;
        }
        if self.ui.is_attended() {
            let bar = self.bar.get_or_insert_with(|| {
                let bar = ProgressBar::new(total);
                if let Ok(style) = ProgressStyle::with_template(
                    "{bar:30} {percent:>3} %  {bytes} of {total_bytes}  {eta} left",
                ) {
                    bar.set_style(style.progress_chars("━╸─"));
                }
                bar
            });
            bar.set_position(done);
            return;
        }
        let tenths = done * 10 / total;
        if tenths > self.told_tenths {
            self.told_tenths = tenths;
            self.ui
                .say(format_args!("{} % of {}", tenths * 10, size(total)));
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
