//! Which deployment a database belongs to. Two hubs on copies of one database would spend the same refresh tokens,
//! so only the one that adopted it may refresh (`refresh.md`, section 7).

use vouchsafe_entity::millis::Millis;

/// What tells one deployment from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// What browsers and apps see; none where the hub takes any free port, which says nothing.
    pub public_url: Option<String>,
    /// What tells the place of the database from that of a copy.
    pub place: String,
}

/// The deployment that a database belongs to.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// Its home.
    pub home: Home,
    /// Since when.
    pub adopted_at: Millis,
}

impl Home {
    /// What makes this another home than `adopted`, in words; none where it is the same.
    pub fn difference(&self, adopted: &Self) -> Option<String> {
        let mut words = Vec::new();
        if self.place != adopted.place {
            words.push("the database was copied, restored or moved".to_owned());
        }
        if let (Some(now), Some(before)) = (&self.public_url, &adopted.public_url)
            && now != before
        {
            words.push(format!("the public URL was {before} and is {now}"));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(public_url: Option<&str>, place: &str) -> Home {
        Home { public_url: public_url.map(str::to_owned), place: place.to_owned() }
    }

    #[test]
    fn a_home_differs_by_place_or_by_address() {
        let here = home(Some("https://hub.acme.test/"), "a");
        assert_eq!(here.difference(&here), None);
        assert_eq!(here.difference(&home(None, "a")), None, "a free port says nothing");
        let moved = here.difference(&home(Some("https://hub.acme.test/"), "b")).unwrap();
        assert!(moved.contains("copied") && !moved.contains("URL"), "{moved}");
        let renamed = here.difference(&home(Some("https://old.acme.test/"), "a")).unwrap();
        assert!(renamed.contains("was https://old.acme.test/ and is https://hub.acme.test/"), "{renamed}");
        assert!(here.difference(&home(Some("https://old.acme.test/"), "b")).unwrap().contains("; "));
    }
}
