use std::cell::RefCell;

use super::*;

fn list(domains: &[&str], ndots: usize) -> SearchList {
    let parse = |domain: &&str| Name::from_ascii(domain).unwrap();
    SearchList {
        domains: domains.iter().map(parse).collect(),
        ndots,
    }
}

fn names(list: &SearchList, name: &str) -> Vec<String> {
    list.names(name).iter().map(Name::to_string).collect()
}

#[test]
fn a_short_name_is_searched_for_before_it_is_taken_as_it_is() {
    let list = list(&["one.test", "two.test."], 1);
    assert_eq!(names(&list, "a"), ["a.one.test.", "a.two.test.", "a."]);
    assert_eq!(
        names(&list, "a.b"),
        ["a.b.", "a.b.one.test.", "a.b.two.test."]
    );
    let far = self::list(&["one.test"], 5);
    assert_eq!(names(&far, "a.b"), ["a.b.one.test.", "a.b."]);
}

#[test]
fn a_full_name_is_never_searched_for() {
    let list = list(&["one.test"], 5);
    assert_eq!(names(&list, "a.test."), ["a.test."]);
    assert_eq!(names(&self::list(&[], 1), "a"), ["a."]);
}

#[test]
fn localhost_and_what_is_below_it_stays_here() {
    let list = list(&["one.test"], 5);
    assert_eq!(names(&list, "localhost"), ["localhost."]);
    assert_eq!(names(&list, "a.LocalHost"), ["a.LocalHost."]);
}

#[test]
fn what_is_no_name_is_asked_for_nowhere() {
    let list = list(&["one.test"], 1);
    let long = "x".repeat(64);
    for name in ["a..b", r"a\.b", r"\097", long.as_str()] {
        assert_eq!(names(&list, name), [""; 0], "{name}");
    }
}

/// Names of digits are names.
#[test]
fn numbers_in_disguise_are_asked_for_as_names() {
    for name in ["127.1", "2130706433", "0x7f.1"] {
        assert_eq!(names(&list(&[], 1), name), [format!("{name}.")]);
    }
}

/// What the name servers know of a name.
#[derive(Clone, Copy)]
enum Known {
    Address,
    NoAddress,
    NoName,
    ServerFailure,
    Silence,
}

/// Runs both sides over the names `1.`, `2.` and so on. Tells what each came to, and how many
/// names it has asked for.
async fn search(one: &[Known], other: &[Known]) -> [(String, usize); 2] {
    let [mine, theirs] = Search::pair();
    let (one, other) = tokio::join!(side(mine, one), side(theirs, other));
    [one, other]
}

async fn side(search: Search, known: &[Known]) -> (String, usize) {
    let names = (1..=known.len()).map(|n| Name::from_ascii(format!("{n}.")).unwrap());
    let asked = RefCell::new(0);
    let ask = |_| {
        let n = asked.replace_with(|n| *n + 1);
        let known = known[n];
        async move {
            tokio::task::yield_now().await;
            match known {
                Address => Ok(vec![SocketAddr::from(([192, 0, 2, n as u8 + 1], 0))]),
                NoAddress => Err(Nothing::NoAddress),
                NoName => Err(Nothing::NoName),
                ServerFailure => Err(Nothing::Failed(io::Error::other("oh"))),
                Silence => Err(Nothing::Failed(io::ErrorKind::TimedOut.into())),
            }
        }
    };
    let told = match search.run(names.collect(), ask).await {
        Ok(addrs) => addrs.iter().map(|addr| addr.ip().to_string()).collect(),
        Err(error) => error.kind().to_string(),
    };
    (told, asked.take())
}

use Known::{Address, NoAddress, NoName, ServerFailure, Silence};

fn told(one: (&str, usize), other: (&str, usize)) -> [(String, usize); 2] {
    [one, other].map(|(text, asked)| (text.to_owned(), asked))
}

#[tokio::test]
async fn the_first_name_with_an_address_is_the_answer() {
    assert_eq!(
        search(&[NoName, Address, Address], &[NoName, Address, Address]).await,
        told(("192.0.2.2", 2), ("192.0.2.2", 2))
    );
}

/// Otherwise one answer would lead to two hosts.
#[tokio::test]
async fn a_family_does_not_go_on_where_the_other_has_found() {
    for missing in [NoAddress, NoName] {
        let [one, other] = search(&[missing, Address], &[Address, Address]).await;
        assert_eq!(other, ("192.0.2.1".to_owned(), 1));
        assert_eq!(one.1, 1, "{one:?}");
    }
}

#[tokio::test]
async fn a_name_without_any_address_is_passed_over() {
    assert_eq!(
        search(&[NoAddress, NoAddress], &[NoName, Address]).await,
        told(("", 2), ("192.0.2.2", 2))
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist_anywhere_is_not_found() {
    let not_found = "entity not found";
    assert_eq!(
        search(&[NoName, NoName], &[NoName, NoAddress]).await,
        told((not_found, 2), ("", 2))
    );
}

#[tokio::test]
async fn a_failure_is_told_unless_a_later_name_has_an_address() {
    assert_eq!(
        search(&[ServerFailure, NoName], &[ServerFailure, Address]).await,
        told(("other error", 2), ("192.0.2.2", 2))
    );
}

#[tokio::test]
async fn silence_ends_the_search_of_both() {
    assert_eq!(
        search(&[Silence, Address], &[NoName, Address]).await,
        told(("timed out", 1), ("entity not found", 1))
    );
}

#[tokio::test]
async fn a_side_that_is_given_up_does_not_hold_up_the_other() {
    let [mine, theirs] = Search::pair();
    drop(theirs);
    let (told, asked) = side(mine, &[NoAddress, Address]).await;
    assert_eq!((told.as_str(), asked), ("", 1));
}

#[tokio::test]
async fn a_family_alone_is_searched_for_as_far_as_it_goes() {
    let found = side(Search::alone(), &[NoName, NoAddress, Address]).await;
    assert_eq!(found, ("192.0.2.3".to_owned(), 3));
}
