//! An exchange over a blocking socket: the engine needs no runtime.
//!
//!     cargo run -p postrider-protocol --example blocking -- example.com /

#![expect(clippy::disallowed_types, reason = "the wall is around the library")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use http::{HeaderMap, Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Event, Exchange, Limits, RequestHead, Scheme, Target,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments
        .next()
        .ok_or("usage: blocking HOST[:PORT] [PATH]")?;
    let path: Uri = arguments.next().as_deref().unwrap_or("/").parse()?;

    let (authority, _) = Authority::parse(&host, Scheme::Http)?;
    let headers = HeaderMap::new();
    let target = Target::Origin(&path);
    let head = RequestHead::new(&Method::GET, target, &authority, &headers, BodyLength::None);
    let mut request = Vec::new();
    let mut exchange = Exchange::start(&head, &Limits::default(), &mut request)?;

    let mut stream = TcpStream::connect(format!("{}:{}", authority.host(), authority.port()))?;
    stream.write_all(&request)?;
    let mut input = BytesMut::new();
    let mut scratch = [0; 16 * 1024];
    let mut is_open = true;
    loop {
        let event = match is_open {
            true => exchange.receive(&mut input)?,
            false => exchange.receive_eof(&mut input)?,
        };
        match event {
            Some(Event::Head(head)) => eprintln!("{:?} {}", head.version, head.status),
            Some(Event::Data(data)) => std::io::stdout().write_all(&data)?,
            Some(Event::Informational(_) | Event::Trailers(_)) => {}
            Some(Event::End) => break,
            None => {
                let read = stream.read(&mut scratch)?;
                input.extend_from_slice(&scratch[..read]);
                is_open = read > 0;
            }
        }
    }
    eprintln!("{:?}", exchange.outcome(&input));
    Ok(())
}
