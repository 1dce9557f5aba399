//! What somebody had before them when they changed a thing. It is compared under the lock of the row, so that nobody
//! writes over what they have not seen; what the rows are it must not know.

use vouchsafe_entity::millis::Millis;

use super::{Code, Error};

/// When a thing had last changed as somebody saw it; none where it was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(pub Option<Millis>);

impl Seen {
    /// Goes on where a row that the caller holds, and that last changed at `changed`, is as it was seen, or where nobody
    /// says what they saw.
    ///
    /// # Errors
    /// [`Code::ChangedMeanwhile`].
    pub(super) fn ensure(seen: Option<Self>, changed: Option<Millis>) -> Result<(), Error> {
        match seen {
            Some(Self(at)) if at != changed => {
                let detail = "Somebody changed it meanwhile. Read it again before you change it.";
                Err(Error::refused(Code::ChangedMeanwhile, detail))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_moment_is_a_change_and_who_saw_nothing_is_not_asked() {
        let (one, other) = (Some(Millis(1)), Some(Millis(2)));
        for (seen, changed, fits) in [
            (None, one, true),
            (Some(Seen(one)), one, true),
            (Some(Seen(None)), None, true),
            (Some(Seen(one)), other, false),
            (Some(Seen(other)), one, false),
            (Some(Seen(None)), one, false),
            (Some(Seen(one)), None, false),
        ] {
            let refusal = Seen::ensure(seen, changed).err().and_then(|error| error.code());
            assert_eq!(refusal, (!fits).then_some(Code::ChangedMeanwhile), "{seen:?} {changed:?}");
        }
    }
}
