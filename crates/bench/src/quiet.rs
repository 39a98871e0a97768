//! What else the machine does while it is measured.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

/// One round, in seconds of CPU of all cores together.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Disturbance {
    /// Of the wall clock.
    seconds: f64,
    /// What programs took that are not the bench's.
    others: f64,
    /// What the host gave to other machines.
    stolen: f64,
}

impl Disturbance {
    /// How many cores others had, on the average.
    pub(crate) fn cores(self) -> f64 {
        (self.others + self.stolen) / self.seconds.max(MOMENT.as_secs_f64())
    }
}

/// Between the rounds: no child of ours runs but a server that waits.
pub(crate) struct Watch {
    begun: Instant,
    before: Reading,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            before: Reading::take(),
        }
    }

    pub(crate) fn end(self) -> Disturbance {
        let after = Reading::take();
        let busy = after.busy - self.before.busy;
        Disturbance {
            seconds: self.begun.elapsed().as_secs_f64(),
            // Ticks are counted by chance: others never take less than nothing.
            others: (busy - (after.ours - self.before.ours)).max(0.0),
            stolen: (after.stolen - self.before.stolen).max(0.0),
        }
    }
}

/// Waits until others leave the machine alone, but not for long: building the bench itself has just
/// kept it busy.
pub(crate) fn await_quiet() {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let watch = Watch::begin();
        std::thread::sleep(MOMENT);
        let cores = watch.end().cores();
        if cores < QUIET {
            return;
        }
        eprintln!("others have {cores:.2} cores: waiting for a quiet machine");
    }
}

/// Seconds of CPU since the machine's start.
struct Reading {
    busy: f64,
    stolen: f64,
    /// Of this process and all below it, those included that ended.
    ours: f64,
}

impl Reading {
    fn take() -> Self {
        let second = match sysconf(SysconfVar::CLK_TCK) {
            Ok(Some(ticks)) => ticks as f64,
            _ => 100.0,
        };
        let (busy, stolen) = machine(&fs::read_to_string("/proc/stat").unwrap_or_default());
        Self {
            busy: busy as f64 / second,
            stolen: stolen as f64 / second,
            ours: family(std::process::id(), &processes()) as f64 / second,
        }
    }
}

/// Busy and stolen ticks by the first line of `/proc/stat`: user, nice, system, idle, iowait, irq,
/// softirq, steal.
fn machine(text: &str) -> (u64, u64) {
    let line = text.lines().next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = line.filter_map(|word| word.parse().ok()).collect();
    match ticks.as_slice() {
        [user, nice, system, _, _, irq, softirq, steal, ..] => {
            (user + nice + system + irq + softirq, *steal)
        }
        _ => (0, 0),
    }
}

/// A process's parent, and the ticks of itself and of its children that ended.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Process {
    parent: u32,
    ticks: u64,
}

fn processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let known = ids.filter_map(|id: u32| {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, process(&text)?))
    });
    known.collect()
}

/// `/proc/ID/stat`; the name in brackets may hold anything.
fn process(text: &str) -> Option<Process> {
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    // user, system, and both of the children: fields 14 to 17, the state being the third.
    let ticks = words
        .get(11..15)?
        .iter()
        .filter_map(|word| word.parse::<u64>().ok());
    Some(Process {
        parent: words.get(1)?.parse().ok()?,
        ticks: ticks.sum(),
    })
}

/// The ticks of one and all below it.
fn family(head: u32, all: &HashMap<u32, Process>) -> u64 {
    let own = all.get(&head).map_or(0, |process| process.ticks);
    let children = all.iter().filter(|(_, process)| process.parent == head);
    own + children.map(|(&child, _)| family(child, all)).sum::<u64>()
}

/// So many cores for others are a quiet machine.
const QUIET: f64 = 0.5;
const MOMENT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Disturbance, Process, family, machine, process};

    #[test]
    fn what_waits_is_not_busy() {
        let line = "cpu  10 20 30 1000 2000 4 5 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(machine(line), (69, 7));
        assert_eq!(machine(""), (0, 0));
    }

    #[test]
    fn a_name_with_brackets_and_blanks_does_no_harm() {
        let line = "12 (a) b (c) S 3 12 12 0 -1 0 1 2 3 4 100 20 7 1 20 0 1 0";
        let (parent, ticks) = (3, 128);
        assert_eq!(process(line), Some(Process { parent, ticks }));
    }

    #[test]
    fn a_family_is_all_below_its_head() {
        let process = |parent, ticks| Process { parent, ticks };
        let all: HashMap<_, _> = [
            (1, process(0, 1000)),
            (2, process(1, 10)),
            (3, process(2, 5)),
            (4, process(3, 2)),
            (5, process(1, 500)),
        ]
        .into();
        assert_eq!(family(2, &all), 17);
    }

    #[test]
    fn stolen_time_is_others_too() {
        let round = Disturbance {
            seconds: 4.0,
            others: 1.0,
            stolen: 1.0,
        };
        assert!((round.cores() - 0.5).abs() < 1e-9);
    }
}
