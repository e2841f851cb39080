use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use client::{Client, problems};
use serde_json::json;
use terminal::answer::{Answered, Shown, Spoken};
use terminal::ids;
use terminal::screen::{self, Stream};
use terminal::session::Session;
use wire::Problem;

/// Read and store blobs: values too large for a call
#[derive(Args, Debug)]
pub struct Blob {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Get(Get),
    /// Store a file and print its name
    Put {
        /// The file.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Write a blob to a file or to stdout
#[derive(Args, Debug)]
struct Get {
    /// The blob's name, `sha256:…`, or its beginning.
    name: String,
    /// The file to write; it must not exist [default: stdout]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

impl Blob {
    pub(crate) fn run(self, session: &Session) -> Answered {
        let client = session.hub()?;
        match self.what {
            What::Get(words) => words.run(session, &client),
            What::Put { file } => put(&client, &file),
        }
    }
}

impl Get {
    fn run(self, session: &Session, client: &Client) -> Answered {
        let name = ids::blob(&self.name)?;
        let Some(path) = self.out else {
            if Stream::Out.is_terminal() {
                return Err(problems::usage(
                    "A blob is not written to a terminal.",
                    format!("Write it to a file: kapelle blob get {} -o FILE", self.name),
                ));
            }
            let mut bytes = client.blob(name)?;
            return match screen::bytes(&mut bytes) {
                // Its reader has seen enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(problems::file(
                    "stdout".as_ref(),
                    "cannot be written",
                    &error,
                )),
                _ => Ok(Box::new(Spoken)),
            };
        };
        let mut bytes = client.blob(name)?;
        let written = write_new(&path, &mut bytes)?;
        session.ui.say(format_args!("{written} bytes"));
        let document = json!({"path": std::path::absolute(&path).unwrap_or_else(|_| path.clone()), "bytes": written});
        Ok(Shown::boxed(document, move |out| {
            writeln!(out, "{}", path.display())
        }))
    }
}

/// A file that was there stays as it is, and so does none that was only begun.
fn write_new(path: &std::path::Path, bytes: &mut dyn io::Read) -> Result<u64, Box<Problem>> {
    let cannot = |error: io::Error| problems::file(path, "cannot be written", &error);
    let mut file = File::create_new(path).map_err(cannot)?;
    io::copy(bytes, &mut file).map_err(|error| {
        std::fs::remove_file(path).ok();
        cannot(error)
    })
}

fn put(client: &Client, path: &std::path::Path) -> Answered {
    let file = File::open(path).map_err(|error| problems::file(path, "cannot be read", &error))?;
    let document = client.put_blob(file)?;
    let name = document["$blob"].as_str().unwrap_or_default().to_owned();
    Ok(Shown::boxed(document, move |out| writeln!(out, "{name}")))
}
