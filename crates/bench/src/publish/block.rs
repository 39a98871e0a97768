//! The figures in README.md: what stands between two marks there is written here.

use super::pictures::pictures;
use super::promises;
use super::sources::{Source, client_field, cpu, cpu_ratio};
use crate::Failure;
use crate::record::Record;

/// The text with another block between its marks.
pub(super) fn renew(text: &str, block: &str) -> Result<String, Failure> {
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("README.md has no mark of figures")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the figures in README.md have no end")?;
    Ok(format!("{before}{BEGIN}\n{block}{END}{after}"))
}

pub(super) fn block(record: &Record, charts: &str) -> String {
    let about = &record.about;
    let mut text = format!(
        "One run of {} on {} ({}).\n{}\n\
         CPU is the client's own, user and system, over loopback; on one worker thread\n\
         where nothing else is said.\n{}\n\
         [BENCHMARKS.md](BENCHMARKS.md) has all figures and settings, what was promised and\n\
         what is missed, and how to repeat it: `cargo run --release -p bench -- --publish`.\n\n{}",
        about.date,
        about.machine,
        about.system,
        record.others(),
        promises::summary(record),
        table(record),
    );
    for picture in pictures(record)
        .iter()
        .filter(|picture| IN_README.contains(&picture.file))
    {
        text += &format!("\n![{}]({charts}{})\n", picture.title, picture.file);
    }
    text
}

fn table(record: &Record) -> String {
    let mut text = String::from(
        "A `GET` of 100 bytes, 64 in flight:\n\n\
         | client | CPU a request | to the bare socket | to hyper-util | heap allocations | system calls |\n\
         |---|---|---|---|---|---|\n",
    );
    for (client, name) in CLIENTS {
        let source = Source {
            part: "small-get",
            case: "64 at a time",
            client,
        };
        let field = |field: &str| client_field(record, source, field);
        let to = |client| Some(cpu_ratio(record, source, client)?.median);
        let told = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        text += &format!(
            "| {name} | {} us | {} | {} | {} | {} |\n",
            told(cpu(record, source), 1),
            told(to("bare"), 2),
            told(to("hyper-util"), 2),
            told(field("allocations"), 0),
            told(field("syscalls_total"), 1),
        );
    }
    text
}

const CLIENTS: [(&str, &str); 6] = [
    ("bare", "bare tokio socket"),
    ("postrider", "**postrider**"),
    ("hyper", "hyper, one connection each"),
    ("hyper-util", "hyper-util"),
    ("reqwest", "reqwest"),
    ("ureq", "ureq"),
];

const IN_README: [&str; 4] = [
    "small-get.svg",
    "bodies.svg",
    "idle-memory.svg",
    "stale-drops.svg",
];

const BEGIN: &str = "<!-- figures: written by the bench -->";
const END: &str = "<!-- end of figures -->";

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, renew};

    #[test]
    fn only_what_stands_between_the_marks_is_written() {
        let old = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = renew(&old, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert!(renew("no marks", "new\n").is_err());
    }
}
