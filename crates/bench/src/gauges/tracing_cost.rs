use std::fs;

use super::program::{self, Program, Runtime};
use crate::Failure;
use crate::gauge::{Figures, Gauge, Row};
use crate::instructions;

/// What tracing costs those who do not listen. A GET in memory is all client: over a socket, the
/// same instructions are a smaller share.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "tracing-cost",
        about: "a GET by postrider over a stream in memory, with tracing and without; a GET that \
                succeeds over a kept connection passes no event or span, so this shows that none \
                was put there, and no more",
        units: &["instructions a GET"],
        count: 1,
        counted: "build",
        rounds: 1,
        once: &[],
        rows: vec![
            Row {
                name: "compiled-out",
                settings: "tracing with release_max_level_off",
                read: |_| read(&COMPILED_OUT),
            },
            Row {
                name: "unheard",
                settings: "tracing as it comes, and no subscriber",
                read: |_| read(&UNHEARD),
            },
        ],
    }
}

fn read(program: &Program) -> Result<Figures, Failure> {
    let place = program.write()?;
    program::build(&place)?;
    let words = |count: usize| vec![count.to_string()];
    let count = instructions::count_of(&program::built(&place), words)?;
    fs::remove_dir_all(place)?;
    Ok(vec![count.counted().ok_or("valgrind is not installed")?])
}

const COMPILED_OUT: Program = Program {
    name: "tracing-compiled-out",
    dependencies: "http = \"1\"
postrider = { path = \"HERE/../postrider\", default-features = false }
tracing = { version = \"0.1\", default-features = false, features = [\"release_max_level_off\"] }",
    runtime: Runtime::Tokio,
    files: FILES,
};

const UNHEARD: Program = Program {
    name: "tracing-unheard",
    dependencies: "http = \"1\"
postrider = { path = \"HERE/../postrider\", default-features = false }",
    runtime: Runtime::Tokio,
    files: FILES,
};

const FILES: &[(&str, &str)] = &[
    ("main.rs", include_str!("programs/exchange.rs")),
    (
        "memory_stream.rs",
        include_str!("../budgets/memory_stream.rs"),
    ),
];
