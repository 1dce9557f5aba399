//! Long histories of three replicas, each from a seed alone (`refresh.md`, section 11, R15). The exhaustive search sees
//! every way through a few faults; this goes far along a few ways through many.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::world::World;
use super::*;

const REPLICAS: usize = 3;
/// Far more than a search could exhaust. Two false refusals in a row are taken for a true one (section 5, step 11).
const LEFT: Left =
    Left { claims: 60, crashes: 6, hosts: 1, losses: 4, unsent: 4, refusals: 1, controls: 3, unheard: 4 };
const LONGEST: usize = 600;

/// What a history came to.
struct Told {
    steps: usize,
    fault: Option<(&'static str, Vec<Step>)>,
}

/// One history. The same seed tells the same one.
fn simulate(seed: u64, without: Without) -> Told {
    let mut random = StdRng::seed_from_u64(seed);
    let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
    let mut world = World::new(kind, without, REPLICAS, LEFT);
    let mut way = Vec::new();
    while way.len() < LONGEST {
        let mut nexts = world.nexts();
        let stuck = world.is_stuck(&nexts).then_some("a credential is stuck");
        if let Some(fault) = world.fault().or(stuck) {
            return Told { steps: way.len(), fault: Some((fault, way)) };
        }
        if nexts.is_empty() {
            break;
        }
        // What goes wrong is rarer than what goes on, or nothing would ever be renewed.
        let at = loop {
            let at = random.random_range(0..nexts.len());
            if nexts[at].0.goes_on() || random.random_ratio(1, 8) {
                break at;
            }
            if !nexts.iter().any(|(step, _)| step.goes_on()) {
                break at;
            }
        };
        let (step, next) = nexts.swap_remove(at);
        way.push(step);
        world = next;
    }
    Told { steps: way.len(), fault: None }
}

impl Step {
    fn goes_on(self) -> bool {
        !matches!(
            self,
            Self::Crash(_)
                | Self::LoseHost(_)
                | Self::ClaimUnheard(_)
                | Self::NotSent(_)
                | Self::Lose(_)
                | Self::LoseAndArrive(_)
                | Self::RefuseFalsely(_)
                | Self::Reconnect
                | Self::Delete
        )
    }
}

fn seeds() -> std::ops::Range<u64> {
    if is_nightly() { 0..10_000 } else { 0..200 }
}

#[test]
fn r15_no_history_of_three_replicas_loses_or_breaks_anything() {
    let mut steps = 0;
    for seed in seeds() {
        let told = simulate(seed, Without::Nothing);
        assert!(told.fault.is_none(), "seed {seed}: {:?}", told.fault);
        steps += told.steps;
    }
    println!("R15: {} histories, {steps} steps: 0 violations", seeds().count());
    assert!(steps > 20 * seeds().count(), "{steps} steps are no histories");
}

#[test]
fn r15_the_same_seed_tells_the_same_history() {
    for seed in 0..20 {
        let ways = [(); 2].map(|()| format!("{:?}", simulate(seed, Without::CompareAndSet).fault));
        assert_eq!(ways[0], ways[1]);
    }
}

#[test]
fn r15_without_the_journal_or_the_compare_and_set_some_history_does_harm() {
    for without in [Without::Journal, Without::CompareAndSet, Without::LateAnswers] {
        let harmed = (0..200).filter(|seed| simulate(*seed, without).fault.is_some()).count();
        println!("R15 without {without:?}: {harmed} of 200 histories do harm");
        assert!(harmed > 0, "{without:?}");
    }
}
