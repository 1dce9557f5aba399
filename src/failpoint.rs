//! Named places at which fault tests kill, stop, delay or fail the process. Only the feature `failpoints` compiles
//! them in, and no release has it. `VOUCHSAFE_FAILPOINTS` sets them: `refresh::after_claim=kill;refresh::parsed=delay(50)@2`.

/// Marks a place, or one that counts where a condition holds. Without the feature it is nothing.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::reach($name)?;
    };
    ($name:literal if $condition:expr) => {
        #[cfg(feature = "failpoints")]
        if $condition {
            $crate::failpoint::reach($name)?;
        }
        #[cfg(not(feature = "failpoints"))]
        let _ = $condition;
    };
}

pub(crate) use failpoint;

/// A place failed because a test wants it.
#[cfg(feature = "failpoints")]
#[derive(Debug, thiserror::Error)]
#[error("the failure point {0} failed")]
pub struct Injected(&'static str);

#[cfg(feature = "failpoints")]
impl From<Injected> for std::io::Error {
    fn from(injected: Injected) -> Self {
        Self::other(injected)
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, reach};

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use nix::sys::signal::{Signal, raise};

    use super::Injected;

    /// Sets the places that `text` names, and no other: `name=kill|stop|error|delay(ms)`, each with `@n` for the n-th
    /// time only, separated by `;`.
    ///
    /// # Errors
    /// The part that can't be read.
    pub fn arm(text: &str) -> Result<(), String> {
        for (name, _) in fail::list() {
            fail::remove(name);
        }
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let unreadable = || format!("unreadable failure point: {part}");
            let (name, action) = part.split_once('=').ok_or_else(unreadable)?;
            let (action, turn) = match action.split_once('@') {
                Some((action, turn)) => (action, Some(turn.parse::<u32>().map_err(|_| unreadable())?)),
                None => (action, None),
            };
            set(name, action, turn).ok_or_else(unreadable)?;
        }
        Ok(())
    }

    fn set(name: &str, action: &str, turn: Option<u32>) -> Option<()> {
        let signal = match action {
            "error" => {
                let skipped =
                    turn.map_or_else(String::new, |turn| format!("{}*off->1*", turn.saturating_sub(1)));
                return fail::cfg(name, &format!("{skipped}return")).ok();
            }
            "kill" => Some(Signal::SIGKILL),
            "stop" => Some(Signal::SIGSTOP),
            _ => None,
        };
        let delay = if signal.is_some() {
            Duration::ZERO
        } else {
            let millis = action.strip_prefix("delay(")?.strip_suffix(')')?;
            Duration::from_millis(millis.parse().ok()?)
        };
        let times = AtomicU32::new(0);
        fail::cfg_callback(name, move || {
            let time = times.fetch_add(1, Ordering::SeqCst) + 1;
            if turn.is_some_and(|turn| turn != time) {
                return;
            }
            match signal {
                // To this very thread: one to the process may reach another thread first, while this one goes on.
                Some(signal) => drop(raise(signal)),
                None => wait(delay),
            }
        })
        .ok()
    }

    #[expect(clippy::disallowed_methods, reason = "a test wants this place to take time")]
    fn wait(delay: Duration) {
        std::thread::sleep(delay);
    }

    /// Does what a test set for `name`.
    ///
    /// # Errors
    /// [`Injected`].
    pub fn reach(name: &'static str) -> Result<(), Injected> {
        fail::fail_point!(name, |_| Err(Injected(name)));
        Ok(())
    }
}
