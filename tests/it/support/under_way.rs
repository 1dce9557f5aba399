//! Requests that are under way at the fake: waiting until they are there, and hanging up meanwhile. What they are is the
//! story's own.

use std::fmt::Debug;

use vouchsafe::demo::fake::Counters;

use super::app::TestApp;
use super::wait::eventually;

impl TestApp {
    /// Waits until the fake has counted so many of what `count` reads.
    pub(crate) async fn counted(&self, wanted: u64, count: impl Fn(&Counters) -> u64) {
        eventually("requests at the app", async || match count(&self.fake.counters()) {
            there if there == wanted => Ok(()),
            there => Err(there),
        })
        .await;
    }

    /// Sends a request, and hangs up when the fake has counted one more of what `count` reads.
    ///
    /// # Panics
    /// When it is answered before.
    pub(crate) async fn hang_up<T: Debug>(
        &self,
        request: impl Future<Output = T>,
        count: impl Fn(&Counters) -> u64,
    ) {
        let before = count(&self.fake.counters());
        tokio::select! {
            answer = request => panic!("the app did not answer yet: {answer:?}"),
            () = self.counted(before + 1, count) => {}
        }
    }
}
