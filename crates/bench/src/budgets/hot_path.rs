//! Loops in memory, without a system call: their instructions can be counted.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Uri};
use pool::Pool;
use protocol::{Authority, BodyLength, Exchange, Limits, RequestHead, Scheme, Target};
use tokio::runtime::Builder;

use super::memory_stream::{ANSWER, BODY, MemoryStream};
use crate::Failure;
use crate::gauges::pool_scale::{self, Horse};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HotPath {
    /// A request with three fields becomes bytes.
    Encode,
    /// The bytes of a small response become a head, a body and an end.
    Decode,
    /// What goes before that: the request is begun, and the bytes are laid out.
    Preparation,
    /// A connection is checked out of the pool and returned.
    Checkout,
    /// A whole GET by the client, over a stream in memory.
    Exchange,
}

impl HotPath {
    pub(crate) const ALL: [Self; 5] = [
        Self::Encode,
        Self::Decode,
        Self::Preparation,
        Self::Checkout,
        Self::Exchange,
    ];

    /// Those that have a budget.
    pub(crate) const BUDGETED: [Self; 4] =
        [Self::Encode, Self::Decode, Self::Checkout, Self::Exchange];

    /// The path that is its beginning and no part of what is asked.
    pub(crate) fn preparation(self) -> Option<Self> {
        matches!(self, Self::Decode).then_some(Self::Preparation)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Preparation => "preparation",
            Self::Checkout => "checkout",
            Self::Exchange => "exchange",
        }
    }

    /// Goes it so often.
    pub(crate) fn walk(self, count: usize) -> Result<(), Failure> {
        match self {
            Self::Encode => encode(count),
            Self::Decode => decode(count),
            Self::Preparation => prepare(count),
            Self::Checkout => checkout(count),
            Self::Exchange => exchange(count),
        }
    }
}

/// What exchanges are started with.
struct Engine {
    authority: Authority<'static>,
    url: Uri,
    headers: HeaderMap,
    limits: Limits,
    request: Vec<u8>,
}

impl Engine {
    fn new(headers: HeaderMap) -> Result<Self, Failure> {
        let (authority, _) = Authority::parse("a.test", Scheme::Http)?;
        Ok(Self {
            authority,
            url: Uri::from_static("/orders/48151623?expand=items"),
            headers,
            limits: Limits::default(),
            request: Vec::new(),
        })
    }

    fn start(&mut self) -> Result<Exchange, Failure> {
        self.request.clear();
        let request = RequestHead::new(
            &Method::GET,
            Target::Origin(&self.url),
            &self.authority,
            &self.headers,
            BodyLength::None,
        );
        Ok(Exchange::start(&request, &self.limits, &mut self.request)?)
    }
}

fn encode(count: usize) -> Result<(), Failure> {
    let headers = [
        (ACCEPT, HeaderValue::from_static("*/*")),
        (USER_AGENT, HeaderValue::from_static("orders/1.7")),
        (AUTHORIZATION, HeaderValue::from_static("Bearer 0a1b2c3d")),
    ];
    let mut engine = Engine::new(headers.into_iter().collect())?;
    for _ in 0..count {
        black_box(engine.start()?);
        black_box(&engine.request);
    }
    Ok(())
}

fn decode(count: usize) -> Result<(), Failure> {
    let mut engine = Engine::new(HeaderMap::new())?;
    for _ in 0..count {
        let mut exchange = engine.start()?;
        let mut input = BytesMut::from(black_box(ANSWER));
        while let Some(event) = exchange.receive(&mut input)? {
            black_box(event);
        }
    }
    Ok(())
}

fn prepare(count: usize) -> Result<(), Failure> {
    let mut engine = Engine::new(HeaderMap::new())?;
    for _ in 0..count {
        black_box(engine.start()?);
        black_box(BytesMut::from(black_box(ANSWER)));
    }
    Ok(())
}

fn checkout(count: usize) -> Result<(), Failure> {
    let (runtime, pool): (_, Pool<Arc<str>, Horse>) = pool_scale::fill(100, 1)?;
    let origins: Vec<_> = (0..64).map(pool_scale::origin).collect();
    let _here = runtime.enter();
    let mut turns = origins.iter().cycle().take(count);
    turns.try_for_each(|origin| pool_scale::ride(&pool, origin))
}

fn exchange(count: usize) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = postrider::Client::builder()
            .connect_with(|_| async { Ok(MemoryStream::default()) })
            .build()?;
        let uri = Uri::from_static("http://a.test/orders/48151623");
        for _ in 0..count {
            let request = client.get(uri.clone());
            let request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
            let body = request.send().await?.bytes().await?;
            if body.len() != BODY {
                return Err("a body that is cut short".into());
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::HotPath;

    #[test]
    fn every_hot_path_can_be_walked() {
        for path in HotPath::ALL {
            path.walk(200).unwrap();
        }
    }
}
