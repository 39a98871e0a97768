//! What holds for every message: read back, it is what was written.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Exchange, Host, Limits, Outcome, RequestHead, Scheme, Target,
};
use proptest::prelude::*;

use crate::fuzz::drive::{Then, read};
use crate::fuzz::strict;
use crate::scenario::Scenario;

fn fields() -> impl Strategy<Value = HeaderMap> {
    let name = "x-[a-z0-9!#$%&'*+.^_`|~-]{0,12}";
    let value = "[!-~\u{a1}-\u{17f}]([ -~\t]{0,20}[!-~])?";
    proptest::collection::vec((name, value), 0..6).prop_map(|lines| {
        lines
            .into_iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    })
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)
}

proptest! {
    #[test]
    fn a_request_is_read_back_as_it_was_given(
        method in "[A-Z]{1,8}".prop_filter("special", |method| method != "CONNECT"),
        target in "/[!-~&&[^#]]{0,20}",
        headers in fields(),
        trailers in fields(),
        pieces in pieces(),
        is_known in any::<bool>(),
    ) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let Ok(uri) = Uri::try_from(&target) else { return Ok(()); };
        let (authority, _) = Authority::parse("a.test:81", Scheme::Http).unwrap();
        let body = pieces.concat();
        let length = if is_known { BodyLength::Known(body.len() as u64) } else { BodyLength::Chunked };
        let head = RequestHead::new(&method, Target::Origin(&uri), &authority, &headers, length);
        let mut out = Vec::new();
        let mut exchange = Exchange::start(&head, &Limits::default(), &mut out).unwrap();
        for piece in &pieces {
            let frame = exchange.frame(piece.len()).unwrap();
            out.extend_from_slice(frame.before());
            out.extend_from_slice(piece);
            out.extend_from_slice(frame.after());
        }
        let trailers = (!is_known).then_some(&trailers);
        exchange.finish(trailers, &mut out).unwrap();

        let read = strict::request(&out).unwrap();
        prop_assert_eq!(read.method, method.as_str().as_bytes());
        prop_assert_eq!(read.body, body);
        let framing = 2;
        prop_assert_eq!(read.fields.len(), headers.len() + framing);
        for (name, value) in &headers {
            let line = (name.as_str().as_bytes(), value.as_bytes());
            prop_assert!(read.fields.contains(&line));
        }
        prop_assert_eq!(read.trailers.len(), trailers.map_or(0, HeaderMap::len));
    }

    #[test]
    fn a_response_is_read_back_as_it_was_written(
        status in 200..600_u16,
        headers in fields(),
        trailers in fields(),
        pieces in pieces(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        prop_assume!(status != 204 && status != 304);
        let text = chunked_response(status, &headers, &pieces, &trailers);
        let exchange = Scenario::get().start().exchange;
        let reading = read(exchange, 10_000, cut(&text, &cuts), Then::KeepOpen);
        prop_assert_eq!(reading.outcome, Outcome::Reusable);
        prop_assert_eq!(reading.heads[0].status.as_u16(), status);
        for name in headers.keys() {
            let read: Vec<_> = reading.heads[0].headers.get_all(name).iter().collect();
            let written: Vec<_> = headers.get_all(name).iter().collect();
            prop_assert_eq!(read, written);
        }
        prop_assert_eq!(reading.body, pieces.concat());
        prop_assert_eq!(reading.trailers.unwrap_or_default(), trailers);
    }

    #[test]
    fn an_authority_is_printed_so_that_it_reads_the_same(
        host in "([A-Za-z0-9_][A-Za-z0-9_-]{0,10}\\.){0,3}[A-Za-z][A-Za-z0-9]{0,5}\\.?",
        port in any::<u16>(),
    ) {
        let text = format!("{host}:{port}");
        let (authority, _) = Authority::parse(&text, Scheme::Https).unwrap();
        let printed = authority.to_string();
        let (again, _) = Authority::parse(&printed, Scheme::Https).unwrap();
        prop_assert_eq!(&authority, &again);
        prop_assert_eq!(authority.host(), &Host::Name(host.to_ascii_lowercase().into()));
        prop_assert_eq!(authority.port(), port);
    }

    #[test]
    fn any_text_is_an_authority_or_an_error(text in ".{0,40}") {
        if let Ok((authority, _)) = Authority::parse(&text, Scheme::Http) {
            let printed = authority.to_string();
            prop_assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(Authority::parse(&printed, Scheme::Http).is_ok());
        }
    }
}

fn chunked_response(
    status: u16,
    headers: &HeaderMap,
    pieces: &[Vec<u8>],
    trailers: &HeaderMap,
) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {status} Some reason\r\ntransfer-encoding: chunked\r\n").into_bytes();
    write_fields(headers, &mut text);
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        text.extend_from_slice(format!("{:X};n=\"v\"\r\n", piece.len()).as_bytes());
        text.extend_from_slice(piece);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n");
    write_fields(trailers, &mut text);
    text
}

fn write_fields(fields: &HeaderMap, text: &mut Vec<u8>) {
    for (name, value) in fields {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b":");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b" \r\n");
    }
    text.extend_from_slice(b"\r\n");
}

fn cut<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}
