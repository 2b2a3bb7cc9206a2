//! Child processes that are stopped in order, killed when asked, and never left behind.

use std::{
    fs::{self, File, OpenOptions},
    net::Ipv4Addr,
    ops::Range,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        Mutex, MutexGuard,
    },
    time::{Duration, Instant},
};

use anyhow::{bail, Context, Result};
use rustix::process::{kill_process, Pid, Signal};

/// How long a process may take to stop after SIGTERM.
pub const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How to start a process, as often as needed.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it is called in messages; its log is `<name>.log`.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// Where its log goes; a restart appends.
    pub log: PathBuf,
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    /// How it was started.
    pub program: Program,
    child: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// We ended it, so that its end is no failure.
    ended_by_us: bool,
}

impl Program {
    /// A program that logs to `<logs>/<name>.log`.
    pub fn new(name: &str, path: &Path, logs: &Path) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            log: logs.join(name).with_extension("log"),
        }
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts it.
    pub fn start(&self) -> Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.path)
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own, so that Ctrl-C reaches only us and we stop the others in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} ({})", self.name, self.path.display()))?;
        Ok(Process { program: self.clone(), child: Mutex::new(Running { child, ended_by_us: false }) })
    }
}

impl Process {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.running().child.id()
    }

    /// Fails with the end of its log if it ended by itself.
    pub fn check(&self) -> Result<()> {
        let mut running = self.running();
        match running.child.try_wait()? {
            Some(status) if !running.ended_by_us => {
                bail!("{} ended ({status}); its log ends:\n{}", self.program.name, self.log_tail())
            }
            _ => Ok(()),
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.program.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// SIGKILL: no goodbye, nothing flushed.
    pub fn kill(&self) -> Result<ExitStatus> {
        let mut running = self.running();
        running.ended_by_us = true;
        running.child.kill()?;
        Ok(running.child.wait()?)
    }

    /// SIGTERM, without waiting for the end.
    pub fn terminate(&self) -> Result<()> {
        let mut running = self.running();
        running.ended_by_us = true;
        if running.child.try_wait()?.is_none() {
            let pid = i32::try_from(running.child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
            kill_process(pid, Signal::TERM)?;
        }
        Ok(())
    }

    /// SIGTERM, then waits; fails and kills if it is not gone within `limit`. Returns how long it took.
    pub async fn stop(&self, limit: Duration) -> Result<Duration> {
        let begin = Instant::now();
        self.terminate()?;
        while self.running().child.try_wait()?.is_none() {
            if begin.elapsed() > limit {
                self.kill()?;
                bail!("{} did not stop within {limit:?} of SIGTERM and was killed", self.program.name);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(begin.elapsed())
    }

    /// Starts the same program again after its end.
    pub fn restart(&mut self) -> Result<()> {
        if self.running().child.try_wait()?.is_none() {
            bail!("{} is still running", self.program.name);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.program.log)?;
        write_mark(&log)?;
        *self = self.program.start()?;
        Ok(())
    }
}

fn write_mark(mut log: &File) -> Result<()> {
    use std::io::Write;
    writeln!(log, "---- started again ----")?;
    Ok(())
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; a process that is gone is what we want.
        let mut running = self.running();
        let _ = running.child.kill();
        let _ = running.child.wait();
    }
}

/// A TCP port that nobody listens on now, another one at each call. Not one that systems give to outgoing connections: one of
/// those could take it before the process listens that it is for.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const PORTS: Range<u32> = 10_000..32_000;
    // Tests that run at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(1009);
    for _ in PORTS {
        let turn = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + turn % (PORTS.end - PORTS.start))?;
        if std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no TCP port between {} and {} is free", PORTS.start, PORTS.end)
}

/// The folder with this build's executables.
pub fn binaries() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let mut folder = exe.parent().context("an executable lies in a folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("deps lies in the target folder")?;
    }
    Ok(folder.into())
}

/// One executable of this build.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = binaries()?.join(name);
    if !path.exists() {
        bail!("{} is not built; remedy: cargo build --workspace", path.display());
    }
    Ok(path)
}
