//! A render farm as it happens: one bar for all frames with the estimate, a line for each worker, the last picture.
//!
//! In come the progress of `render.farm` and its logs; out goes what a person watches on stderr. Where nobody
//! watches, a line for every tenth of the way.

use client::follow::Watcher;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use terminal::live::{BAR_STEPS, Live, say_log, steps};
use terminal::screen::set_message;
use terminal::ui::Ui;
use wire::Progress;

/// Workers with a line of their own; a terminal is not much higher.
const LINES_MAX: usize = 16;

pub(super) struct FarmLive {
    ui: Ui,
    plain: Live,
    drawn: Option<Drawn>,
}

struct Drawn {
    all: MultiProgress,
    whole: ProgressBar,
    workers: Vec<ProgressBar>,
    last: ProgressBar,
}

impl FarmLive {
    pub(super) fn new(ui: Ui) -> Self {
        Self {
            ui,
            plain: Live::without_output(ui),
            drawn: None,
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&mut self) {
        if let Some(drawn) = self.drawn.take() {
            drawn.all.clear().ok();
        }
    }
}

impl Watcher for FarmLive {
    fn output(&mut self, stream: &str, text: &str) {
        if self.ui.json || stream != "log" {
            return;
        }
        let ui = self.ui;
        match &self.drawn {
            Some(drawn) => drawn.all.suspend(|| say_log(ui, text)),
            None => say_log(ui, text),
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if !self.ui.is_attended() {
            self.plain.progress(progress);
            return;
        }
        self.drawn.get_or_insert_with(Drawn::new).draw(progress);
    }
}

impl Drawn {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let whole = all.add(ProgressBar::new(BAR_STEPS));
        style(&whole, "{bar:30} {percent:>3} %  {elapsed}  {wide_msg}");
        let last = all.add(ProgressBar::new_spinner());
        style(&last, "{wide_msg}");
        Self {
            all,
            whole,
            workers: Vec::new(),
            last,
        }
    }

    fn draw(&mut self, progress: &Progress) {
        if let Some(fraction) = progress.fraction {
            self.whole.set_position(steps(fraction, BAR_STEPS));
        }
        set_message(&self.whole, &progress.text);
        let Some(details) = &progress.details else {
            return;
        };
        let workers = details.get("workers").and_then(Value::as_array);
        for (number, worker) in workers.into_iter().flatten().take(LINES_MAX).enumerate() {
            if number == self.workers.len() {
                let bar = self
                    .all
                    .insert_before(&self.last, ProgressBar::new(BAR_STEPS));
                style(&bar, "  {bar:12} {wide_msg}");
                self.workers.push(bar);
            }
            let part = worker["part"].as_f64().unwrap_or_default();
            self.workers[number].set_position(steps(part, BAR_STEPS));
            set_message(&self.workers[number], &line_of(worker));
        }
        if let Some(last) = details.get("last").and_then(Value::as_str) {
            set_message(&self.last, &format!("  {last}"));
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
}

/// `castle-1  frame 12, sample 8 of 64  (5 done)`
fn line_of(worker: &Value) -> String {
    let name = worker["name"].as_str().unwrap_or_default();
    let state = worker["state"].as_str().unwrap_or_default();
    let doing = match (state, worker["frame"].as_i64()) {
        ("rendering", Some(frame)) => match (&worker["samples"][0], &worker["samples"][1]) {
            (Value::Number(done), Value::Number(all)) => {
                format!("frame {frame}, sample {done} of {all}")
            }
            _ => format!("frame {frame}"),
        },
        ("finishing", _) => worker["what"].as_str().unwrap_or_default().to_owned(),
        ("lost", _) => format!("lost: {}", worker["why"].as_str().unwrap_or_default()),
        _ => state.to_owned(),
    };
    format!("{name}  {doing}  ({} done)", worker["done"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_worker_is_a_line() {
        let line = |worker: Value| line_of(&worker);
        let told = json!({"name": "a-1", "state": "rendering", "frame": -3, "samples": [8, 64], "done": 5});
        assert_eq!(line(told), "a-1  frame -3, sample 8 of 64  (5 done)");
        let told = json!({"name": "a-1", "state": "rendering", "frame": 3, "done": 0});
        assert_eq!(line(told), "a-1  frame 3  (0 done)");
        let told = json!({"name": "a-2", "state": "starting", "done": 0, "start": 2});
        assert_eq!(line(told), "a-2  starting  (0 done)");
    }
}
