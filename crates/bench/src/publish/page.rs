//! The whole report as one page.

use super::pictures::pictures;
use super::promises;
use crate::part::Part;
use crate::record::{Answer, Record};

/// `charts` is the folder of the pictures, as seen from the page.
pub(super) fn page(record: &Record, charts: &str) -> String {
    let parts = [
        "# Benchmarks\n".to_owned(),
        about(record),
        METHOD.to_owned(),
        promises::section(record),
        shown(record, charts),
        "## All figures\n".to_owned(),
    ];
    let answers = record.answers.iter().map(answer);
    let all: Vec<_> = parts
        .into_iter()
        .chain(answers)
        .chain([settings(record)])
        .collect();
    all.join("\n")
}

fn about(record: &Record) -> String {
    let about = &record.about;
    format!(
        "- date: {}\n- machine: {}\n- system: {}\n- compiler: {}\n\
         - versions: {}\n- one run of {} minutes; to repeat it:\n  \
         `cargo run --release -p bench -- --publish{}`, which writes this page and its pictures\n\n{}",
        about.date,
        about.machine,
        about.system,
        about.compiler,
        about.versions,
        record.seconds().div_ceil(60),
        asked(record),
        record.others() + "\n",
    )
}

/// So that a page of a part of a run says how it came about.
fn asked(record: &Record) -> String {
    match &record.about.asked {
        asked if asked.is_narrowed() => format!(" --partial {}", asked.told()),
        _ => String::new(),
    }
}

fn shown(record: &Record, charts: &str) -> String {
    let pictures = pictures(record);
    let links = pictures.iter().map(|picture| {
        let (title, file) = (picture.title, picture.file);
        format!("![{title}]({charts}{file})\n")
    });
    links.collect::<Vec<_>>().join("\n")
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Answered { part, seconds } => {
            let (name, text) = (&part.name, part.text.trim_end());
            format!("### {name}\n\nIt took {seconds} s.\n\n```text\n{text}\n```\n")
        }
        Answer::Skipped { name, because } => format!("### {name}\n\nSkipped: {because}\n"),
    }
}

/// Of the clients that took part, as the record has them.
fn settings(record: &Record) -> String {
    let mut text = "## Settings of the clients\n\n".to_owned();
    let mut told = Vec::new();
    let cases = |part: &Part| part.document["cases"].as_array().cloned();
    let cases = record.parts().filter_map(cases).flatten();
    for client in cases
        .filter_map(|case| case["clients"].as_array().cloned())
        .flatten()
    {
        if let (Some(name), Some(settings)) =
            (client["client"].as_str(), client["settings"].as_str())
            && !told.iter().any(|known| known == name)
        {
            text += &format!("- **{name}**: {settings}\n");
            told.push(name.to_owned());
        }
    }
    text
}

const METHOD: &str = "\
## How it is measured

The server is a process of its own, and so is each client in each round. Rounds are
interleaved: every client once, then every client again, beginning with another one each time;
what is told are medians of the rounds, and beside them half of what the middle half of the
rounds spans (+-). A ratio is formed in each round, of two clients that were measured one soon
after the other, and then told in the same way: what drifts from round to round is not in it.
Every single round is in report.json.

With one worker thread the client is kept on the first core and the server on the last (\"cores
apart\"); with two the system places both. A server on a core of its own never sleeps: a client
that writes to a sleeping thread pays for waking it, the more often, the longer it leaves it
without work, and in a virtual machine dearly. (nginx, by which our server is checked, sleeps as
it likes.) CPU is `getrusage` of the client's process around the measured requests: the kernel
measures user and system time together and only estimates how they divide, so that the share of
the median round is told. It is taken after a warm-up that has opened the connections;
many-origins has no warm-up, and opening is part of it. Heap and system calls are counted in
runs of their own, so that counting does not cost time.

Every client sends the same request's line and fields (a test compares them) and reads the
whole body into the same form.

Over TLS all have one certificate, AES-256-GCM and X25519. The server counts connections and
handshakes: a case of fresh-connections fails unless there was one connection for each request,
and with TLS one handshake of the case's kind (of those that resume, the first in each place is
full). Where connections are kept, handshakes are not looked at, but a case fails unless there
is about one connection for each request in flight, or for each origin: half of that at least
(of ureq's threads not all get a turn before others are done), three times at most (hyper-util and reqwest dial while they wait for another's and keep both).

In tls-download one copy inside rustls, of a decrypted record into its vector, takes up to 20
times as long where source and destination lie 1 to 15 bytes apart modulo 4096: seen with glibc
2.36, which copies more than 2 KiB by `rep movsb`, on a Zen 4. The heap's layout decides that,
so a process is fast or slow for all its life, whichever client it runs. The case \"copied
without rep movsb\" runs all clients alike with
`GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=268435456`, so that it compares clients and
not their luck.

The bare socket is no client but the limit: fixed bytes out, and the least scan that finds the
end of the answer.
";
