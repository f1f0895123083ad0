//! How often the process was told to stop, by Ctrl-C or SIGTERM.
//!
//! Signals are the process's, and once heard of they stay with us: where no app listens, they end the process, as they
//! would have by themselves.

use std::sync::{LazyLock, mpsc};
use tokio::sync::watch;

/// How often the process has been told.
static TOLD: LazyLock<watch::Sender<u32>> = LazyLock::new(|| {
    // On a thread of its own: a handler that blocks its thread may block the one that the runtime hears of signals by.
    let (ready, heard) = mpsc::channel();
    let thread = std::thread::Builder::new().name("slipstream-signals".to_owned());
    match thread.spawn(move || listen(ready)) {
        // From here on a signal is heard; an error means that none can be.
        Ok(_) => drop(heard.recv()),
        Err(error) => {
            tracing::warn!(%error, "signals end the process at once: there is no thread to hear them");
        }
    }
    watch::channel(0).0
});

/// What one app hears, from now on.
#[derive(Clone)]
pub(super) struct Signals {
    told: watch::Receiver<u32>,
    before: u32,
}

impl Signals {
    pub(super) fn hear() -> Self {
        let told = TOLD.subscribe();
        let before = *told.borrow();
        Signals { told, before }
    }

    /// Ends when the process has been told so often.
    pub(super) async fn came(mut self, times: u32) {
        let before = self.before;
        // The sender is never dropped.
        let _ = self.told.wait_for(|told| told.wrapping_sub(before) >= times).await;
    }
}

fn listen(ready: mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(listening(ready));
}

/// An app is told; without one the process ends, with the code that a shell gives for the signal.
fn tell(code: i32) {
    if TOLD.receiver_count() == 0 {
        std::process::exit(code);
    }
    TOLD.send_modify(|told| *told = told.wrapping_add(1));
}

/// Of a process that was interrupted.
const INTERRUPTED: i32 = 130;

#[cfg(unix)]
async fn listening(ready: mpsc::Sender<()>) {
    /// Of a process that was asked to end.
    const TERMINATED: i32 = 143;
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let _ = ready.send(()); // it waits for this
    loop {
        tokio::select! {
            _ = interrupt.recv() => tell(INTERRUPTED),
            _ = terminate.recv() => tell(TERMINATED),
        }
    }
}

#[cfg(not(unix))]
async fn listening(ready: mpsc::Sender<()>) {
    drop(ready);
    while tokio::signal::ctrl_c().await.is_ok() {
        tell(INTERRUPTED);
    }
}
