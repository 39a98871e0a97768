//! How a run is told: the report beside its figures, and the pages of the repository.

mod block;
mod page;
mod pictures;
mod promises;
mod sources;

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::chart;
use crate::places;
use crate::publish::pictures::pictures;
use crate::record::Record;

/// `report.md`, and a picture of each answer and of each selection.
pub(crate) fn report(record: &Record, folder: &Path) -> Result<(), Failure> {
    for part in record.parts().filter(|part| !part.charts.is_empty()) {
        let picture = chart::svg(&part.name, &part.about, &part.charts);
        fs::write(folder.join(format!("all-of-{}.svg", part.name)), picture)?;
    }
    draw(record, folder)?;
    fs::write(folder.join("report.md"), page::page(record, ""))?;
    Ok(())
}

/// `BENCHMARKS.md`, the block of figures in `README.md`, and the selected pictures.
pub(crate) fn publish(record: &Record) -> Result<(), Failure> {
    let here = places::here();
    let (top, charts) = (here.join("../.."), here.join("charts"));
    fs::create_dir_all(&charts)?;
    draw(record, &charts)?;
    fs::write(top.join("BENCHMARKS.md"), page::page(record, CHARTS))?;
    let readme = top.join("README.md");
    let text = fs::read_to_string(&readme)?;
    fs::write(readme, block::renew(&text, &block::block(record, CHARTS))?)?;
    println!(
        "BENCHMARKS.md, README.md and {CHARTS} show the run of {}",
        record.about.date
    );
    Ok(())
}

fn draw(record: &Record, folder: &Path) -> Result<(), Failure> {
    for picture in pictures(record) {
        let drawn = chart::svg(picture.title, &picture.about, &picture.charts);
        fs::write(folder.join(picture.file), drawn)?;
    }
    Ok(())
}

/// As seen from the top.
const CHARTS: &str = "crates/bench/charts/";
