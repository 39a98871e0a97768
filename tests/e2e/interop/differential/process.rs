//! An oracle that is another program: it reads a line of JSON, and answers with
//! one.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// Asks one process all of it, and gives an answer to each.
pub(crate) fn ask(program: &str, script: &str, questions: &[Value]) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/interop/differential");
    let mut process = Command::new(program)
        .arg(folder.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
    let mut stdin = BufWriter::new(process.stdin.take().unwrap());
    let stdout = BufReader::new(process.stdout.take().unwrap());
    let answers: Vec<Value> = thread::scope(|scope| {
        scope.spawn(move || {
            for question in questions {
                // A process that has ended is found by its missing answers.
                if writeln!(stdin, "{question}").is_err() {
                    return;
                }
            }
            let _ = stdin.flush();
        });
        let lines = stdout.lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect()
    });
    let status = process.wait().unwrap();
    assert!(status.success(), "{program} {script} ended with {status}");
    assert_eq!(answers.len(), questions.len(), "answers of {script}");
    answers
}
