//! What this process keeps from others on the machine: its memory, in which keys and tokens lie while they are used.
//! It must not know what lies there, and stops no start.

use rustix::process::{Resource, Rlimit, setrlimit};

/// From now on the process leaves no core dump, and others of its user cannot look into it.
pub fn shut_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "others of the same user can look into the memory of this process"
        );
    }
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(error = &error as &dyn std::error::Error, "core dumps can't be turned off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_nothing_of_a_shut_process_is_dumped_or_looked_into() {
        shut_memory();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!(limit, Rlimit { current: Some(0), maximum: Some(0) });
        #[cfg(target_os = "linux")]
        assert_eq!(rustix::process::dumpable_behavior(), Ok(rustix::process::DumpableBehavior::NotDumpable));
    }
}
