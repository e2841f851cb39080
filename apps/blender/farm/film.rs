//! A film of the frames that are there, by the `ffmpeg` on PATH, or else by a worker's own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;
use wire::{Code, InstanceName, Problem};

use super::state::Farm;
use super::worker::told_to_end;

/// Bytes of ffmpeg's last words that a problem quotes.
const WORDS_BYTES_MAX: usize = 600;

pub(super) const FILM: &str = "film.mp4";

impl Farm {
    /// The film's path.
    pub(super) async fn film(
        &self,
        worker: &InstanceName,
        pictures: &[PathBuf],
        fps: f64,
    ) -> Result<PathBuf, Problem> {
        let path = self.request.out.join(FILM);
        let why_not = match on_path("ffmpeg") {
            None => "there is no ffmpeg on PATH".to_owned(),
            Some(program) => {
                let made = tokio::select! {
                    made = by_ffmpeg(&program, pictures, fps, &path) => made,
                    () = self.context.ends().cancelled() => return Err(told_to_end()),
                };
                match made {
                    Ok(()) => return Ok(path),
                    Err(problem) => problem.message,
                }
            }
        };
        self.context.log(
            "info",
            format!("The film is made by Blender's own FFMPEG: {why_not}."),
        );
        let args = json!({"files": pictures, "path": path, "fps": fps, "overwrite": true});
        self.ask(worker, "render.film", args).await?;
        Ok(path)
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path)
        .map(|dir| dir.join(&name))
        .find(|program| program.is_file())
}

async fn by_ffmpeg(
    program: &Path,
    pictures: &[PathBuf],
    fps: f64,
    film: &Path,
) -> Result<(), Problem> {
    let failed = |why: String| Problem::new(Code::CALL_FAILED, format!("ffmpeg failed: {why}"));
    let hidden = |name: &str| film.with_file_name(name);
    let (list, part) = (hidden(".film.list.part"), hidden(".film.mp4.part"));
    std::fs::write(&list, list_of(pictures, fps)).map_err(|error| failed(error.to_string()))?;
    let is_linear = pictures[0].extension().is_some_and(|it| it == "exr");
    let mut command = Command::new(program);
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    if is_linear {
        // Light as it is: without it the film would be dark.
        command.args(["-apply_trc", "iec61966_2_1"]);
    }
    command
        .args(["-f", "concat", "-safe", "0", "-i"])
        .arg(&list)
        .args(["-r", &fps.to_string()])
        // The codec wants even sides; players want these colours.
        .args(["-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p"])
        .args(["-c:v", "libx264", "-crf", "18", "-movflags", "+faststart"])
        .args(["-f", "mp4"])
        .arg(&part)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let ended = command.output().await;
    std::fs::remove_file(&list).ok();
    let ended = ended.map_err(|error| failed(error.to_string()))?;
    if ended.status.success() {
        return std::fs::rename(&part, film).map_err(|error| failed(error.to_string()));
    }
    std::fs::remove_file(&part).ok();
    let words = String::from_utf8_lossy(&ended.stderr);
    let from = words.len().saturating_sub(WORDS_BYTES_MAX);
    Err(failed(
        words[words.ceil_char_boundary(from)..].trim().to_owned(),
    ))
}

/// What ffmpeg's `concat` reads.
fn list_of(pictures: &[PathBuf], fps: f64) -> String {
    let mut list = String::from("ffconcat version 1.0\n");
    for picture in pictures {
        let quoted = picture.to_string_lossy().replace('\'', r"'\''");
        writeln!(list, "file '{quoted}'\nduration {:.9}", 1.0 / fps).ok();
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffmpeg_is_told_names_with_quotes() {
        let list = list_of(&["/a/it's.png".into()], 25.0);
        assert_eq!(
            list,
            "ffconcat version 1.0\nfile '/a/it'\\''s.png'\nduration 0.040000000\n"
        );
    }
}
