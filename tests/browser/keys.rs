//! Keys and passwords: typed into the modal, tested by the hub, and never left in the page.
