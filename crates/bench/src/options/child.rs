//! What this program tells its children.

use super::words::Words;
use super::{Command, gauge};
use crate::Failure;
use crate::budgets::HotPath;
use crate::clients::{self, Client};
use crate::cpu::Cores;
use crate::load::Load;
use crate::scenarios::head_parse::{Heads, Reader, Shape};

/// The words by which [`parse`](super::parse) gives back `Command::Load`.
pub(crate) fn load_words(client: &Client, load: &Load) -> Result<Vec<String>, Failure> {
    let words = [
        "--child",
        "load",
        client.name,
        &serde_json::to_string(load)?,
    ];
    Ok(words.map(str::to_owned).into())
}

/// The words by which [`parse`](super::parse) gives back `Command::Serve`.
pub(crate) fn serve_words(cores: Cores) -> [&'static str; 3] {
    ["--child", "serve", cores.name()]
}

/// The words by which [`parse`](super::parse) gives back `Command::ReadHeads`.
pub(crate) fn heads_words(heads: Heads) -> Vec<String> {
    let Heads {
        reader,
        shape,
        count,
    } = heads;
    let count = count.to_string();
    ["--child", "heads", reader.name(), shape.name(), &count]
        .map(str::to_owned)
        .into()
}

/// The words by which [`parse`](super::parse) gives back `Command::Walk`.
pub(crate) fn hot_words(path: HotPath, count: usize) -> Vec<String> {
    let count = count.to_string();
    ["--child", "walk", path.name(), &count]
        .map(str::to_owned)
        .into()
}

pub(super) fn parse(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    match words.word()?.as_str() {
        "serve" => words.value().map(Command::Serve),
        "read" => gauge::read(words),
        "heads" => heads(words).map(Command::ReadHeads),
        "load" => load(words),
        "walk" => walk(words),
        _ => Err("an unknown child".into()),
    }
}

fn heads(mut words: Words<impl Iterator<Item = String>>) -> Result<Heads, Failure> {
    let (reader, shape) = (words.word()?, words.word()?);
    Ok(Heads {
        reader: Reader::ALL
            .into_iter()
            .find(|known| known.name() == reader)
            .ok_or("an unknown reader")?,
        shape: Shape::ALL
            .into_iter()
            .find(|known| known.name() == shape)
            .ok_or("an unknown shape")?,
        count: words.value()?,
    })
}

fn load(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    let client = clients::find(&words.word()?).ok_or("an unknown client")?;
    let load = serde_json::from_str(&words.word()?)?;
    Ok(Command::Load { client, load })
}

fn walk(mut words: Words<impl Iterator<Item = String>>) -> Result<Command, Failure> {
    let name = words.word()?;
    let mut all = HotPath::ALL.into_iter();
    let path = all.find(|path| path.name() == name);
    Ok(Command::Walk(
        path.ok_or("an unknown hot path")?,
        words.value()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::{heads_words, load_words};
    use crate::clients;
    use crate::drive::tests::load;
    use crate::load::{Action, Load, Road};
    use crate::options::{Command, parse};
    use crate::scenarios::head_parse::{Heads, Reader, Shape};

    #[test]
    fn heads_are_counted_in_a_child_that_is_told_which() {
        let heads = Heads {
            reader: Reader::Preparation,
            shape: Shape::NewLast,
            count: 7,
        };
        let Ok(Command::ReadHeads(told)) = parse(heads_words(heads).into_iter()) else {
            panic!("it should be understood");
        };
        assert_eq!(told, heads);
    }

    #[test]
    fn a_child_is_told_the_whole_load() {
        let certificate = vec![1, 2, 255];
        let load = Load {
            road: Road::Tls { certificate },
            action: Action::Upload { bytes: 7 },
            ..load()
        };
        let words = load_words(&clients::ALL[0], &load).unwrap();
        let Ok(Command::Load { client, load: told }) = parse(words.into_iter()) else {
            panic!("it should be understood");
        };
        assert_eq!(client.name, clients::ALL[0].name);
        assert_eq!(told, load);
    }
}
