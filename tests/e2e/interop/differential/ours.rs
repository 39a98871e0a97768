//! The engine under test.

use bytes::BytesMut;
use http::header::UPGRADE;
use http::{HeaderMap, Method, StatusCode, Uri};
use protocol::{
    Authority, BodyLength, Error, Event, Exchange, Limits, RequestHead, Scheme, Target,
};

use super::corpus::Case;
use super::verdict::{Ends, Verdict};

pub(crate) fn verdicts(cases: &[Case]) -> Vec<Verdict> {
    cases.iter().map(verdict).collect()
}

fn verdict(case: &Case) -> Verdict {
    let mut exchange = start(case);
    let mut input = BytesMut::from(&case.raw[..]);
    let mut reading = Reading::default();
    let mut ends = Ends::ByItself;
    loop {
        let event = match ends {
            Ends::ByItself => exchange.receive(&mut input),
            _ => exchange.receive_eof(&mut input),
        };
        match event {
            Ok(Some(Event::End)) => return reading.end(ends),
            Ok(Some(event)) => reading.take(event),
            Ok(None) => ends = Ends::AtClose,
            Err(error) => return reading.fail(&error),
        }
    }
}

fn start(case: &Case) -> Exchange {
    let method: Method = case.method.parse().unwrap();
    let mut headers = HeaderMap::new();
    if let Some(upgrade) = &case.upgrade {
        headers.insert(UPGRADE, upgrade.parse().unwrap());
    }
    let uri = Uri::from_static("/");
    let target = match method {
        Method::CONNECT => Target::Authority,
        _ => Target::Origin(&uri),
    };
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let head = RequestHead::new(&method, target, &authority, &headers, BodyLength::None);
    Exchange::start(&head, &Limits::default(), &mut Vec::new()).unwrap()
}

#[derive(Default)]
struct Reading {
    status: Option<StatusCode>,
    body: Vec<u8>,
}

impl Reading {
    fn take(&mut self, event: Event) {
        match event {
            Event::Head(head) => self.status = Some(head.status),
            Event::Data(data) => self.body.extend_from_slice(&data),
            Event::Informational(_) | Event::Trailers(_) | Event::End => {}
        }
    }

    fn end(self, ends: Ends) -> Verdict {
        Verdict::Response {
            status: self.status.unwrap().as_u16(),
            body: self.body,
            ends,
        }
    }

    fn fail(self, error: &Error) -> Verdict {
        let said = error.to_string();
        match self.status {
            Some(status) => Verdict::BodyError {
                status: status.as_u16(),
                said,
            },
            None => Verdict::Error { said },
        }
    }
}
