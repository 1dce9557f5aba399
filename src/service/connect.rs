//! x
use super::{Error, Hub};
#[derive(Default)]
pub(super) struct Signals;
impl Hub {
    pub(super) async fn drop_unconfirmed(&self) -> Result<(), Error> {
        Ok(())
    }
}
