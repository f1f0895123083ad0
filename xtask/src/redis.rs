//! A Redis for tests and recipes: the one that `REDIS_URL` names, or one of our own that goes with us.

use crate::machine;
use anyhow::{Context, Result, bail};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct Redis {
    pub(crate) url: String,
    ours: Option<(Child, TempDir)>,
}

impl Redis {
    pub(crate) fn start() -> Result<Self> {
        if let Ok(url) = std::env::var("REDIS_URL") {
            return Ok(Redis { url, ours: None });
        }
        if !machine::found("redis-server") {
            bail!("no redis-server: install it (Debian: apt-get install redis-server), or set REDIS_URL");
        }
        let dir = tempfile::tempdir().context("no temporary folder for redis")?;
        let [port] = machine::free_ports()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(dir.path());
        let child = command.stdout(Stdio::null()).spawn().context("cannot start redis-server")?;
        // From here on the guard ends it, also if it never answers.
        let redis = Redis { url: format!("redis://127.0.0.1:{port}"), ours: Some((child, dir)) };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !machine::answers(&format!("127.0.0.1:{port}")) {
            if Instant::now() > deadline {
                bail!("redis-server does not answer on port {port} after 10 s: run it by hand to see why");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some((child, _dir)) = &mut self.ours {
            // It keeps nothing, and may have ended already: either way it is gone afterwards.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
