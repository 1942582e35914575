//! The first process of a container inherits what loses its parent there: `pyoco run` takes its exit,
//! so that no dead process stays in the table.

use std::time::Duration;

use signal_hook::consts::SIGCHLD;
use signal_hook::iterator::Signals;

use crate::cli::exit::Failure;
use crate::engine::RunHandle;

/// The pause between two looks: tasks end all the time, and a look costs more than an orphan.
const PAUSE: Duration = Duration::from_millis(100);

/// Hears of the end of processes, where orphans come to us.
pub(super) struct Orphans(Option<Signals>);

impl Orphans {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub(super) fn listen() -> Result<Orphans, Failure> {
        if std::process::id() != 1 {
            return Ok(Orphans(None));
        }
        let cannot = |error| Failure::new(format!("cannot listen for the end of orphans: {error}"));
        Signals::new([SIGCHLD]).map(|signals| Orphans(Some(signals))).map_err(cannot)
    }

    /// Reaps them from now on, and those that were there before.
    pub(super) fn reap_beside(self, handle: RunHandle) {
        let Some(mut signals) = self.0 else { return };
        let look = move || {
            loop {
                while handle.reap_orphans() {
                    std::thread::sleep(PAUSE);
                }
                std::thread::sleep(PAUSE);
                signals.wait();
            }
        };
        // Without a thread they stay in the table until we end, and harm nobody else.
        let _ = std::thread::Builder::new().name("orphans".into()).spawn(look);
    }
}
