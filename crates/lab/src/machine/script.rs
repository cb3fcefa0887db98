//! The script that makes, saves and starts virtual machines: `docker/netem-kernel`, which is part of this program.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

use crate::runner::RunError;

/// The script and the files that it needs, with their paths in the repository.
const FILES: [(&str, &str); 4] = [
    (MAIN, include_str!("../../../../docker/netem-kernel")),
    (
        "docker/common.sh",
        include_str!("../../../../docker/common.sh"),
    ),
    (
        "docker/machine/Dockerfile",
        include_str!("../../../../docker/machine/Dockerfile"),
    ),
    (
        "docker/machine/init",
        include_str!("../../../../docker/machine/init"),
    ),
];
const MAIN: &str = "docker/netem-kernel";
/// The path of another script, for tests of the lab that start no machine.
const OTHER_SCRIPT: &str = "BACKROOM_NETEM_KERNEL";
/// How long the script may take to say whether a machine is saved.
const CACHED_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the script may take to end its machine after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long the last output of the script may take after its end.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(2);

/// The script, and the image of its machine.
#[derive(Clone, Debug)]
pub(super) struct Script {
    path: PathBuf,
    image: String,
    /// The shell command after which the machine is saved.
    setup: Option<String>,
}

impl Script {
    /// The script for a machine that has `image`. Writes it to the user's cache folder if it is not there yet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn new(image: &str) -> anyhow::Result<Self> {
        let path = match env::var_os(OTHER_SCRIPT) {
            Some(path) => path.into(),
            None => install(&cache_folder()?)?,
        };
        let image = image.to_owned();
        Ok(Self {
            path,
            image,
            setup: None,
        })
    }

    /// The script for the machine that has run the shell command `setup`.
    pub(super) fn after(self, setup: String) -> Self {
        Self {
            setup: Some(setup),
            ..self
        }
    }

    /// Whether the machine is saved, so that it starts within seconds.
    pub(super) fn is_cached(&self) -> bool {
        let mut command = self.command(&["--cached"], &[]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            return false;
        };
        let deadline = Instant::now() + CACHED_TIMEOUT;
        let ended = wait(&mut child, || Instant::now() < deadline);
        end(&mut child);
        ended.is_ok_and(|ended| ended) && child.wait().is_ok_and(|status| status.success())
    }

    /// Makes and saves the machine if it is not saved, which takes minutes. The script writes what it does to stderr.
    ///
    /// # Errors
    /// [`RunError`] if that fails or `cancelled` comes first.
    pub(super) fn prepare(&self, cancelled: &CancellationToken) -> Result<(), RunError> {
        if self.is_cached() {
            return Ok(());
        }
        let (mut child, reader) = self.start_preparing().context("cannot start bash")?;
        let ended = wait(&mut child, || !cancelled.is_cancelled());
        end(&mut child);
        let deadline = Instant::now() + LAST_LINES_TIMEOUT;
        while !reader.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        match (ended.context("cannot wait for bash")?, child.wait()) {
            (true, Ok(status)) if status.success() => Ok(()),
            (true, _) => Err(anyhow!(
                "cannot make the virtual machine, see above; use --clock real or --runner sim without it"
            )
            .into()),
            (false, _) => Err(RunError::Cancelled),
        }
    }

    /// Starts to make the machine, and a thread that passes on what the script writes. The script does not get stderr
    /// itself, because it would end if nobody reads that.
    fn start_preparing(&self) -> io::Result<(Child, thread::JoinHandle<()>)> {
        let (output, input) = io::pipe()?;
        let child = self
            .command(&["--prepare"], &[])
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()?;
        Ok((child, thread::spawn(|| forward_to_stderr(output))))
    }

    /// The command that starts `words` in a machine.
    pub(super) fn start(&self, words: &[&str]) -> Command {
        self.command(&[], &[&["--"], words].concat())
    }

    /// bash with the script and `options`. The script has its own process group, and ends if the thread ends that spawns
    /// it, and thus also if the lab is killed.
    fn command(&self, options: &[&str], words: &[&str]) -> Command {
        let mut command = if is_on_path("setpriv") {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "TERM", "bash"]);
            command
        } else {
            Command::new("bash")
        };
        command.arg(&self.path).args(options);
        command.args(["--image", &self.image]);
        if let Some(setup) = &self.setup {
            command.args(["--setup", setup]);
        }
        command.args(words);
        command.process_group(0);
        command
    }
}

/// Writes `input` to stderr until it ends. A closed or full stderr loses it.
fn forward_to_stderr(mut input: impl Read) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = input.read(&mut buffer) {
        let _ = io::stderr().lock().write_all(&buffer[..length]);
    }
}

/// Waits until `child` ends or `keep_going` returns false. Returns whether it has ended.
fn wait(child: &mut Child, keep_going: impl Fn() -> bool) -> io::Result<bool> {
    while child.try_wait()?.is_none() {
        if !keep_going() {
            return Ok(false);
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(true)
}

/// Ends the script `child` if it still runs: it gets time to end its machine, then its process group is killed.
pub(super) fn end(child: &mut Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let group = Pid::from_child(child);
    let _ = kill_process(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    if !wait(child, || Instant::now() < deadline).unwrap_or(false) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = child.wait();
    }
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The user's cache folder, by the XDG Base Directory Specification.
fn cache_folder() -> anyhow::Result<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    given("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(given("HOME")?).join(".cache")))
        .context("there is no cache folder for the virtual machine: set HOME or XDG_CACHE_HOME")
}

/// Writes the files below `cache` unless they are there. Returns the path of the script.
fn install(cache: &Path) -> anyhow::Result<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in FILES {
        hasher.update(name.as_bytes()).update(text.as_bytes());
    }
    let hash = &hasher.finalize().to_hex()[..16];
    let folder = cache.join(format!("backroom/netem-kernel/script-{hash}"));
    for (name, text) in FILES {
        let path = folder.join(name);
        write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(folder.join(MAIN))
}

/// Writes an executable file unless it is there. A reader never sees a part of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let unfinished = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(&unfinished, text)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o755))?;
    unfinished.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_written_once_and_mended() {
        let cache = tempfile::tempdir().unwrap();
        let path = install(cache.path()).unwrap();
        assert!(path.ends_with(MAIN));
        let folder = path.parent().unwrap();
        let written = || fs::metadata(&path).unwrap().modified().unwrap();
        let first = written();
        assert_eq!(install(cache.path()).unwrap(), path);
        assert_eq!(written(), first);
        fs::write(folder.join("common.sh"), "torn").unwrap();
        install(cache.path()).unwrap();
        for (name, text) in FILES {
            let file = folder.parent().unwrap().join(name);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
        }
    }

    /// A script that is saved as soon as it was prepared, which does `preparing`.
    fn script(folder: &Path, preparing: &str) -> Script {
        let path = folder.join("script");
        let text = format!(
            "cd '{}'; case $1 in --cached) [ -e saved ];; --prepare) {preparing};; esac",
            folder.display()
        );
        fs::write(&path, text).unwrap();
        Script {
            path,
            image: "image".to_owned(),
            setup: None,
        }
    }

    #[test]
    fn a_machine_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let script = script(folder.path(), "echo once >>saved");
        assert!(!script.is_cached());
        let cancelled = CancellationToken::new();
        script.prepare(&cancelled).unwrap();
        script.prepare(&cancelled).unwrap();
        assert!(script.is_cached());
        let made = fs::read_to_string(folder.path().join("saved")).unwrap();
        assert_eq!(made, "once\n");
    }

    #[test]
    fn a_machine_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let failing = script(folder.path(), "exit 125");
        let failed = failing.prepare(&CancellationToken::new());
        assert!(failed.unwrap_err().to_string().contains("--clock real"));
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let interrupted = script(folder.path(), "exec sleep 1000").prepare(&cancelled);
        assert!(matches!(interrupted, Err(RunError::Cancelled)));
    }
}
