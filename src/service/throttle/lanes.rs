//! Who waits to call a host. Two lanes lead to one gate, that of renewals and that of the hub's other calls, and only
//! the head of each waits there: where both have one, they take turns. The lane of other calls is made of workspaces
//! in the same way, so that the many calls of one don't keep the only one of another waiting. Each line is first come,
//! first served, and whoever goes away leaves nothing behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vouchsafe_entity::id::WorkspaceId;

/// Whoever holds it is the head of this line.
type Line = tokio::sync::Mutex<()>;

#[derive(Default)]
pub(super) struct Lanes {
    gate: Line,
    renewals: Line,
    own_calls: Line,
    /// Those with a call that waits.
    workspaces: Mutex<HashMap<WorkspaceId, Waiting>>,
}

/// The calls of a workspace that wait.
#[derive(Default)]
struct Waiting {
    calls: usize,
    line: Arc<Line>,
}

/// A place in the line of a workspace.
struct Place<'a> {
    lanes: &'a Lanes,
    workspace: WorkspaceId,
    line: Arc<Line>,
}

impl Lanes {
    /// Comes through the gate by the lane of renewals; `enter` waits there until a call may be made.
    pub(super) async fn renewal<T>(&self, enter: impl Future<Output = T>) -> T {
        let _head = self.renewals.lock().await;
        let _gate = self.gate.lock().await;
        enter.await
    }

    /// The same for another call, of `workspace`.
    pub(super) async fn own_call<T>(&self, workspace: WorkspaceId, enter: impl Future<Output = T>) -> T {
        let place = self.place(workspace);
        let _first = place.line.lock().await;
        let _head = self.own_calls.lock().await;
        let _gate = self.gate.lock().await;
        enter.await
    }

    fn place(&self, workspace: WorkspaceId) -> Place<'_> {
        let mut workspaces = self.workspaces();
        let waiting = workspaces.entry(workspace).or_default();
        waiting.calls += 1;
        Place { lanes: self, workspace, line: Arc::clone(&waiting.line) }
    }

    fn workspaces(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Waiting>> {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many workspaces have a call that waits.
    #[cfg(test)]
    pub(super) fn waiting_workspaces(&self) -> usize {
        self.workspaces().len()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut workspaces = self.lanes.workspaces();
        let Some(waiting) = workspaces.get_mut(&self.workspace) else { return };
        waiting.calls -= 1;
        if waiting.calls == 0 {
            workspaces.remove(&self.workspace);
        }
    }
}
